from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minikube_py.apis import meta_v1
from minikube_py.apis.rbac_v1 import (
    AggregationRule,
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)
from minikube_py.apis.scheme import deep_copy
from minikube_py.apiserver.authentication import UserInfo
from minikube_py.apiserver.authorization import Attributes, RbacAuthorizer, forbidden

JANE = UserInfo("jane", "", ("dev", "system:authenticated"))


def meta(name: str, namespace: str = "", **labels: str) -> meta_v1.ObjectMeta:
    return meta_v1.ObjectMeta(name=name, namespace=namespace, labels=labels)


def rule(verbs: str, groups: str = "", resources: str = "", names: str = "") -> PolicyRule:
    return PolicyRule(verbs=verbs.split(), api_groups=groups.split(",") , resources=resources.split(), resource_names=names.split())


def ref(kind: str, name: str) -> RoleRef:
    return RoleRef(kind=kind, api_group="rbac.authorization.k8s.io", name=name)


def cluster_role(name: str, *rules: PolicyRule, **labels: str) -> ClusterRole:
    return ClusterRole(metadata=meta(name, **labels), rules=list(rules))


def cluster_binding(name: str, role: str, *subjects: Subject) -> ClusterRoleBinding:
    return ClusterRoleBinding(metadata=meta(name), role_ref=ref("ClusterRole", role), subjects=list(subjects))


def binding(namespace: str, name: str, kind: str, role: str, *subjects: Subject) -> RoleBinding:
    return RoleBinding(metadata=meta(name, namespace), role_ref=ref(kind, role), subjects=list(subjects))


def user(name: str) -> Subject:
    return Subject(kind="User", name=name)


def add(authorizer: RbacAuthorizer, *objects: Any) -> RbacAuthorizer:
    for obj in objects:
        change(authorizer, None, obj)
    return authorizer


def change(authorizer: RbacAuthorizer, old: Any, new: Any) -> None:
    changed = {
        ClusterRole: authorizer.cluster_role_changed, Role: authorizer.role_changed,
        ClusterRoleBinding: authorizer.cluster_role_binding_changed, RoleBinding: authorizer.role_binding_changed,
    }
    changed[type(new if new is not None else old)](old, new)  # type: ignore[operator]


LIST_PODS = Attributes(JANE, "list", "", "v1", "pods", "", "default")


def test_a_cluster_role_binding_holds_everywhere() -> None:
    authorizer = add(RbacAuthorizer(), cluster_role("reader", rule("list", "", "pods")), cluster_binding("b", "reader", user("jane")))
    decision = authorizer.decide(LIST_PODS)
    assert decision.allowed
    assert decision.reason == 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "reader" to User "jane"'
    assert authorizer.decide(replace(LIST_PODS, namespace="")).allowed
    assert not authorizer.decide(replace(LIST_PODS, verb="delete")).allowed
    assert not authorizer.decide(replace(LIST_PODS, user=UserInfo("joe"))).allowed


def test_a_role_binding_holds_in_its_namespace() -> None:
    group = Subject(kind="Group", name="dev")
    authorizer = add(
        RbacAuthorizer(), cluster_role("reader", rule("list", "", "pods")), binding("default", "b", "ClusterRole", "reader", group)
    )
    decision = authorizer.decide(LIST_PODS)
    assert decision.reason == 'RBAC: allowed by RoleBinding "b/default" of ClusterRole "reader" to Group "dev"'
    assert not authorizer.decide(replace(LIST_PODS, namespace="other")).allowed
    assert not authorizer.decide(replace(LIST_PODS, namespace="")).allowed


def test_a_service_account_is_found_in_its_own_namespace() -> None:
    robot = UserInfo("system:serviceaccount:shop:robot", "", ("system:serviceaccounts",))
    subject = Subject(kind="ServiceAccount", name="robot")
    role = Role(metadata=meta("r", "shop"), rules=[rule("list", "", "pods")])
    authorizer = add(RbacAuthorizer(), role, binding("shop", "b", "Role", "r", subject))
    decision = authorizer.decide(replace(LIST_PODS, user=robot, namespace="shop"))
    assert decision.reason == 'RBAC: allowed by RoleBinding "b/shop" of Role "r" to ServiceAccount "robot/shop"'


def test_named_rules_hold_for_those_names_alone() -> None:
    authorizer = add(RbacAuthorizer(), cluster_role("r", rule("get", "", "secrets", "a b")), cluster_binding("b", "r", user("jane")))
    get = Attributes(JANE, "get", "", "v1", "secrets", "", "default", "a")
    assert authorizer.decide(get).allowed
    assert not authorizer.decide(replace(get, name="c")).allowed
    assert not authorizer.decide(replace(get, name="")).allowed


@pytest.mark.parametrize(("resources", "resource", "subresource", "allowed"), [
    ("pods", "pods", "log", False), ("pods/log", "pods", "log", True), ("*/log", "pods", "log", True), ("*", "pods", "log", True),
    ("pods/*", "pods", "log", False), ("*/log", "pods", "", False), ("pods/log", "pods", "", False),
])
def test_subresources_are_resources_of_their_own(resources: str, resource: str, subresource: str, allowed: bool) -> None:
    authorizer = add(RbacAuthorizer(), cluster_role("r", rule("get", "", resources)), cluster_binding("b", "r", user("jane")))
    assert authorizer.decide(Attributes(JANE, "get", "", "v1", resource, subresource, "default", "x")).allowed is allowed


@pytest.mark.parametrize(("url", "path", "allowed"), [
    ("/healthz", "/healthz", True), ("/healthz", "/healthz/etcd", False), ("/healthz/*", "/healthz/etcd", True),
    ("/healthz/*", "/healthz", False), ("*", "/anything", True), ("/api*", "/apis", True),
])
def test_paths_match_whole_or_by_prefix(url: str, path: str, allowed: bool) -> None:
    role = cluster_role("r", PolicyRule(verbs=["get"], non_resource_urls=[url]))
    authorizer = add(RbacAuthorizer(), role, cluster_binding("b", "r", user("jane")))
    assert authorizer.decide(Attributes(JANE, "get", path=path, is_resource=False)).allowed is allowed


def test_changes_count_at_once() -> None:
    role = cluster_role("reader", rule("get", "", "pods"))
    bound = cluster_binding("b", "reader", user("jane"))
    authorizer = add(RbacAuthorizer(), role, bound)
    assert not authorizer.decide(LIST_PODS).allowed
    wider = cluster_role("reader", rule("get list", "", "pods"))
    change(authorizer, role, wider)
    assert authorizer.decide(LIST_PODS).allowed
    other = cluster_binding("b", "reader", user("joe"))
    change(authorizer, bound, other)
    assert not authorizer.decide(LIST_PODS).allowed
    change(authorizer, other, bound)
    change(authorizer, bound, None)
    assert not authorizer.decide(LIST_PODS).allowed


def test_a_missing_role_is_named_in_the_refusal() -> None:
    authorizer = add(RbacAuthorizer(), cluster_binding("b", "ghost", user("jane")))
    decision = authorizer.decide(LIST_PODS)
    assert decision.reason == 'RBAC: clusterrole.rbac.authorization.k8s.io "ghost" not found'
    assert forbidden(LIST_PODS, decision.reason).message == (
        'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default": '
        'RBAC: clusterrole.rbac.authorization.k8s.io "ghost" not found'
    )
    add(authorizer, binding("default", "c", "Role", "spook", user("jane")))
    assert authorizer.decide(LIST_PODS).reason == (
        'RBAC: [clusterrole.rbac.authorization.k8s.io "ghost" not found, role.rbac.authorization.k8s.io "spook" not found]'
    )


def test_aggregated_roles_follow_their_members() -> None:
    view = cluster_role("view")
    view.aggregation_rule = AggregationRule(cluster_role_selectors=[meta_v1.LabelSelector(match_labels={"to-view": "true"})])
    edit = cluster_role("edit")
    edit.aggregation_rule = AggregationRule(cluster_role_selectors=[meta_v1.LabelSelector(match_labels={"to-edit": "true"})])
    view.metadata.labels["to-edit"] = "true"
    authorizer = add(RbacAuthorizer(), view, edit, binding("default", "b", "ClusterRole", "edit", user("jane")))
    assert not authorizer.decide(LIST_PODS).allowed
    member = cluster_role("crd-view", rule("list", "", "pods"))
    member.metadata.labels["to-view"] = "true"
    add(authorizer, member)
    assert authorizer.decide(LIST_PODS).allowed
    change(authorizer, member, None)
    assert not authorizer.decide(LIST_PODS).allowed


def test_asking_about_many_namespaces_costs_no_memory() -> None:
    authorizer = add(RbacAuthorizer(), cluster_role("r", rule("get", "", "pods")), cluster_binding("b", "r", user("jane")))
    for number in range(1000):
        authorizer.decide(replace(LIST_PODS, namespace=f"n{number}"))
    (grants,) = authorizer._users.values()
    assert set(grants.indexes) == {""}


# The same questions answered by going through all bindings and rules one by one.

VERBS, GROUPS, RESOURCES, NAMES = ["get", "list", "*"], ["", "apps", "*"], ["pods", "pods/log", "*/log", "secrets", "*"], ["a", "b"]
NAMESPACES, USERS, USER_GROUPS = ["n1", "n2"], ["jane", "system:serviceaccount:n1:robot"], ["dev", "ops"]
URLS = ["*", "/a", "/a/*", "/b"]


def some(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


rules = st.one_of(
    st.builds(
        PolicyRule, verbs=some(VERBS), api_groups=some(GROUPS), resources=some(RESOURCES),
        resource_names=st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
    ),
    st.builds(PolicyRule, verbs=some(VERBS), non_resource_urls=some(URLS)),
)
subjects = st.one_of(
    st.builds(Subject, kind=st.just("User"), name=st.sampled_from(USERS)),
    st.builds(Subject, kind=st.just("Group"), name=st.sampled_from(USER_GROUPS)),
    st.builds(Subject, kind=st.just("ServiceAccount"), name=st.just("robot"), namespace=st.sampled_from(["", *NAMESPACES])),
)
role_names = st.sampled_from(["r1", "r2", "r3", "sum"])
attributes = st.one_of(
    st.builds(
        Attributes, user=st.builds(UserInfo, name=st.sampled_from(USERS), groups=st.lists(st.sampled_from(USER_GROUPS)).map(tuple)),
        verb=st.sampled_from(["get", "list", "delete"]), api_group=st.sampled_from(["", "apps", "batch"]),
        resource=st.sampled_from(["pods", "secrets"]), subresource=st.sampled_from(["", "log", "status"]),
        namespace=st.sampled_from(["", *NAMESPACES]), name=st.sampled_from(["", *NAMES, "c"]),
    ),
    st.builds(
        Attributes, user=st.builds(UserInfo, name=st.sampled_from(USERS)), verb=st.sampled_from(["get", "list"]),
        path=st.sampled_from(["/a", "/a/x", "/b", "/c"]), is_resource=st.just(False),
    ),
)


def allows(rule: PolicyRule, wanted: Attributes) -> bool:
    """What the documentation says of one rule, word by word."""
    if wanted.verb not in rule.verbs and "*" not in rule.verbs:
        return False
    if not wanted.is_resource:
        return any(url in ("*", wanted.path) or (url.endswith("*") and wanted.path.startswith(url[:-1])) for url in rule.non_resource_urls)
    if wanted.api_group not in rule.api_groups and "*" not in rule.api_groups:
        return False
    resource = f"{wanted.resource}/{wanted.subresource}" if wanted.subresource else wanted.resource
    any_resource = {"*", resource} | ({f"*/{wanted.subresource}"} if wanted.subresource else set())
    return not any_resource.isdisjoint(rule.resources) and (not rule.resource_names or wanted.name in rule.resource_names)


def names(subject: Subject, who: UserInfo, namespace: str) -> bool:
    if subject.kind == "Group":
        return subject.name in who.groups
    if subject.kind == "User":
        return subject.name == who.name
    where = subject.namespace or namespace
    return where != "" and who.name == f"system:serviceaccount:{where}:{subject.name}"


def plain(objects: list[Any], wanted: Attributes) -> bool:
    cluster_roles = {obj.metadata.name: obj.rules for obj in objects if isinstance(obj, ClusterRole)}
    for obj in objects:
        if isinstance(obj, ClusterRole) and obj.aggregation_rule is not None:
            members = [one for one in objects if isinstance(one, ClusterRole) and one.metadata.labels.get("into") == obj.metadata.name]
            cluster_roles[obj.metadata.name] = [rule for one in members for rule in one.rules]
    roles = {(obj.metadata.namespace, obj.metadata.name): obj.rules for obj in objects if isinstance(obj, Role)}
    for obj in objects:
        if not isinstance(obj, (ClusterRoleBinding, RoleBinding)) or obj.role_ref is None:
            continue
        namespace = obj.metadata.namespace
        if isinstance(obj, RoleBinding) and wanted.namespace != namespace:
            continue
        if not any(names(subject, wanted.user, namespace) for subject in obj.subjects):
            continue
        found = cluster_roles.get(obj.role_ref.name) if obj.role_ref.kind == "ClusterRole" else roles.get((namespace, obj.role_ref.name))
        if any(allows(one, wanted) for one in found or ()):
            return True
    return False


@st.composite
def clusters(draw: st.DrawFn) -> list[Any]:
    objects: list[Any] = [
        cluster_role(name, *draw(st.lists(rules, max_size=3)), into=draw(st.sampled_from(["", "sum"]))) for name in ("r1", "r2")
    ]
    objects.append(cluster_role("sum", rule("delete", "*", "*")))  # Rules of its own that an aggregated role does not keep.
    objects[-1].aggregation_rule = AggregationRule(cluster_role_selectors=[meta_v1.LabelSelector(match_labels={"into": "sum"})])
    objects += [
        Role(metadata=meta(name, namespace), rules=draw(st.lists(rules, max_size=3))) for name in ("r1", "r3") for namespace in NAMESPACES
    ]
    for number in range(draw(st.integers(0, 4))):
        who = draw(st.lists(subjects, max_size=3))
        objects.append(cluster_binding(f"c{number}", draw(role_names), *who))
    for number in range(draw(st.integers(0, 5))):
        who, kind = draw(st.lists(subjects, max_size=3)), draw(st.sampled_from(["Role", "ClusterRole"]))
        objects.append(binding(draw(st.sampled_from(NAMESPACES)), f"b{number}", kind, draw(role_names), *who))
    return objects


@settings(max_examples=300, deadline=None)
@given(clusters(), st.lists(attributes, min_size=1, max_size=12), st.data())
def test_the_index_decides_as_the_plain_evaluation_does(objects: list[Any], questions: list[Attributes], data: st.DataObject) -> None:
    authorizer = add(RbacAuthorizer(), *objects)
    for wanted in questions:
        assert authorizer.decide(wanted).allowed is plain(objects, wanted)
    gone = data.draw(st.sampled_from(objects))
    change(authorizer, gone, None)
    left = [obj for obj in objects if obj is not gone]
    for wanted in questions:
        assert authorizer.decide(wanted).allowed is plain(left, wanted)
    changed = data.draw(st.sampled_from(left))
    now = deep_copy(changed)
    if isinstance(now, (ClusterRole, Role)):
        now.rules = data.draw(st.lists(rules, max_size=3))
        if isinstance(now, ClusterRole) and now.aggregation_rule is None:
            now.metadata.labels = {"into": data.draw(st.sampled_from(["", "sum"]))}
    else:
        now.subjects = data.draw(st.lists(subjects, max_size=3))
    change(authorizer, changed, now)
    left = [now if obj is changed else obj for obj in left]
    for wanted in questions:
        assert authorizer.decide(wanted).allowed is plain(left, wanted)
        held = authorizer.subject_rules(wanted.user, wanted.namespace).rules
        assert any(allows(one, wanted) for one in held) is plain(left, wanted)
