from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minikube_py.apis import meta_v1
from minikube_py.apis.rbac_v1 import AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding
from minikube_py.apis.scheme import deep_copy
from minikube_py.apiserver.authentication import UserInfo
from minikube_py.apiserver.authorization import RbacAuthorizer
from minikube_py.apiserver.authorization.coverage import compact, describe, missing_permissions
from minikube_py.apiserver.authorization.escalation import check_escalation
from minikube_py.core.errors import ForbiddenError, InternalError, NotFoundError

from .test_rbac import JANE, add, allows, attributes, binding, cluster_binding, cluster_role, meta, rule, rules, user


def authorizer_of(*held: PolicyRule) -> RbacAuthorizer:
    return add(RbacAuthorizer(), cluster_role("held", *held), cluster_binding("b", "held", user("jane")))


async def check(authorizer: RbacAuthorizer, new: ClusterRole | Role | RoleBinding | ClusterRoleBinding, old: object = None) -> None:
    await check_escalation(JANE, old, new, authorizer, authorizer)  # type: ignore[arg-type]


async def test_permissions_that_are_held_may_be_given() -> None:
    await check(authorizer_of(rule("get list", "", "pods secrets")), Role(metadata=meta("r", "default"), rules=[rule("get", "", "pods")]))


async def test_missing_permissions_are_named_as_upstream_names_them() -> None:
    new = Role(metadata=meta("r", "default"), rules=[rule("get list create", "", "pods"), rule("get", ",apps", "x", "a")])
    with pytest.raises(ForbiddenError) as caught:
        await check(authorizer_of(rule("get", "", "pods")), new)
    assert caught.value.message == (
        'roles.rbac.authorization.k8s.io "r" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant '
        'RBAC permissions not currently held:\n'
        '{APIGroups:[""], Resources:["pods"], Verbs:["list" "create"]}\n'
        '{APIGroups:[""], Resources:["x"], ResourceNames:["a"], Verbs:["get"]}\n'
        '{APIGroups:["apps"], Resources:["x"], ResourceNames:["a"], Verbs:["get"]}'
    )


async def test_masters_and_holders_of_escalate_may_give_anything() -> None:
    new = cluster_role("r", rule("*", "*", "*"))
    await check(authorizer_of(rule("escalate", "rbac.authorization.k8s.io", "clusterroles")), new)
    nobody = RbacAuthorizer()
    await check_escalation(UserInfo("admin", "", ("system:masters",)), None, new, nobody, nobody)
    with pytest.raises(ForbiddenError):
        await check(nobody, new)


async def test_binding_needs_the_roles_permissions_or_the_verb_bind() -> None:
    new = binding("default", "x", "ClusterRole", "power", user("joe"))
    authorizer = add(authorizer_of(rule("get", "", "pods")), cluster_role("power", rule("*", "*", "*")))
    with pytest.raises(ForbiddenError, match=r'rolebindings.rbac.authorization.k8s.io "x" is forbidden'):
        await check(authorizer, new)
    allowed = add(
        authorizer_of(rule("bind", "rbac.authorization.k8s.io", "clusterroles", "power")), cluster_role("power", rule("*", "*", "*"))
    )
    await check(allowed, new)
    with pytest.raises(NotFoundError, match=r'clusterroles.rbac.authorization.k8s.io "ghost" not found'):
        await check(authorizer, binding("default", "x", "ClusterRole", "ghost", user("joe")))
    with pytest.raises(InternalError, match='unsupported role reference kind: "Thing"'):
        await check(authorizer, binding("default", "x", "Thing", "ghost", user("joe")))


async def test_a_label_alone_takes_the_roles_permissions_for_it_may_aggregate_them() -> None:
    old = ClusterRole(metadata=meta("r"), rules=[rule("*", "*", "*")])
    new = deep_copy(old)
    new.metadata.labels["rbac.authorization.k8s.io/aggregate-to-edit"] = "true"
    with pytest.raises(ForbiddenError, match="attempting to grant RBAC permissions not currently held"):
        await check(authorizer_of(rule("update patch", "rbac.authorization.k8s.io", "clusterroles")), new, old)
    await check(authorizer_of(rule("*", "*", "*")), new, old)


async def test_the_garbage_collector_may_drop_finalizers_of_bindings() -> None:
    old = binding("default", "x", "ClusterRole", "ghost", user("joe"))
    old.metadata.finalizers = ["f"]
    new = deep_copy(old)
    new.metadata.finalizers = []
    await check(RbacAuthorizer(), new, old)


async def test_aggregation_takes_all_permissions() -> None:
    new = ClusterRole(metadata=meta("r"))
    new.aggregation_rule = AggregationRule(cluster_role_selectors=[meta_v1.LabelSelector(match_labels={"a": "b"})])
    with pytest.raises(ForbiddenError, match="must have cluster-admin privileges to use the aggregationRule"):
        await check(authorizer_of(rule("get create update", "*", "*")), new)
    await check(authorizer_of(rule("*", "*", "*"), PolicyRule(verbs=["*"], non_resource_urls=["*"])), new)


@settings(max_examples=300, deadline=None)
@given(st.lists(rules, max_size=3), st.lists(rules, min_size=1, max_size=2), st.lists(attributes, min_size=1, max_size=10))
def test_covered_rules_allow_nothing_more(held: list[PolicyRule], wanted: list[PolicyRule], questions: list[object]) -> None:
    missing = missing_permissions(held, wanted)
    assert not missing_permissions([*held, *missing], wanted)
    for question in questions:
        if any(allows(one, question) for one in wanted):  # type: ignore[arg-type]
            assert any(allows(one, question) for one in [*held, *missing])  # type: ignore[arg-type]
            assert any(allows(one, question) for one in [*held, *compact(missing)])  # type: ignore[arg-type]


def test_descriptions_show_paths_too() -> None:
    assert describe(PolicyRule(verbs=["get"], non_resource_urls=["/x"])) == '{NonResourceURLs:["/x"], Verbs:["get"]}'
