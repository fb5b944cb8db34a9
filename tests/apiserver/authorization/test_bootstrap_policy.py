from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
import yaml

from minikube_py.apis import core_v1
from minikube_py.apis.object import Object
from minikube_py.apis.rbac_v1 import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject
from minikube_py.apis.scheme import deep_copy, encode_sorted, to_document
from minikube_py.apiserver.authentication import ANONYMOUS, UserInfo
from minikube_py.apiserver.authorization import Attributes, RbacAuthorizer
from minikube_py.apiserver.authorization.bootstrap_policy import (
    AUTOUPDATE,
    cluster_role_bindings,
    cluster_roles,
    reconcile,
    role_bindings,
    roles,
)
from minikube_py.client.interface import Client

if TYPE_CHECKING:
    from tests.conftest import ControlPlane

AUTHENTICATED = UserInfo("jane", "", ("system:authenticated",))


@pytest.fixture
def authorizer() -> RbacAuthorizer:
    authorizer = RbacAuthorizer()
    for cluster_role in cluster_roles().values():
        authorizer.cluster_role_changed(None, cluster_role)
    for cluster_binding in cluster_role_bindings():
        authorizer.cluster_role_binding_changed(None, cluster_binding)
    for role in roles():
        authorizer.role_changed(None, role)
    for binding in role_bindings():
        authorizer.role_binding_changed(None, binding)
    return authorizer


def path(user: UserInfo, url: str) -> Attributes:
    return Attributes(user, "get", path=url, is_resource=False)


@pytest.mark.parametrize(("attributes", "allowed"), [
    (path(ANONYMOUS, "/healthz"), True), (path(ANONYMOUS, "/version"), True), (path(ANONYMOUS, "/api"), False),
    (path(ANONYMOUS, "/metrics"), False), (path(AUTHENTICATED, "/apis/apps/v1"), True), (path(AUTHENTICATED, "/openapi/v2"), True),
    (path(AUTHENTICATED, "/metrics"), False), (path(UserInfo("p", "", ("system:monitoring",)), "/metrics"), True),
    (Attributes(AUTHENTICATED, "create", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"), True),
    (Attributes(ANONYMOUS, "create", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"), False),
    (Attributes(AUTHENTICATED, "list", "", "v1", "pods", "", "default"), False),
    (Attributes(UserInfo("system:kube-scheduler"), "create", "", "v1", "pods", "binding", "default", "p"), True),
    (Attributes(UserInfo("system:kube-scheduler"), "list", "", "v1", "secrets"), False),
    (Attributes(UserInfo("system:kube-controller-manager"), "watch", "example.com", "v1", "things"), True),
    (Attributes(UserInfo("system:serviceaccount:kube-system:deployment-controller"), "create", "apps", "v1", "replicasets", "", "d"), True),
    (Attributes(UserInfo("system:serviceaccount:kube-system:token-cleaner"), "delete", "", "v1", "secrets", "", "kube-system", "x"), True),
    (Attributes(UserInfo("system:serviceaccount:kube-system:token-cleaner"), "delete", "", "v1", "secrets", "", "default", "x"), False),
    (Attributes(UserInfo("n", "", ("system:nodes",)), "list", "", "v1", "pods"), False),
    (path(UserInfo("p", "", ("system:monitoring",)), "/statusz"), True), (path(UserInfo("p", "", ("system:monitoring",)), "/flagz"), True),
    (Attributes(UserInfo("p", "", ("system:monitoring",)), "get", "", "v1", "nodes", "metrics", "", "n"), True),
    (Attributes(UserInfo("p", "", ("system:monitoring",)), "get", "", "v1", "nodes", "stats", "", "n"), False),
    (Attributes(UserInfo("system:kube-scheduler"), "update", "resource.k8s.io", "v1", "resourceclaims", "binding", "default", "c"), True),
    (Attributes(UserInfo("system:kube-scheduler"), "create", "resource.k8s.io", "v1", "resourceclaims", "", "default"), True),
    (Attributes(UserInfo("system:kube-scheduler"), "deletecollection", "coordination.k8s.io", "v1beta1", "leasecandidates"), True),
    (Attributes(UserInfo("system:kube-scheduler"), "watch", "coordination.k8s.io", "v1", "leases", "", "default", "kube-scheduler"), True),
    (Attributes(UserInfo("system:kube-scheduler"), "watch", "coordination.k8s.io", "v1", "leases", "", "default", "other"), False),
    (Attributes(UserInfo("system:kube-scheduler"), "patch", "", "v1", "pods", "finalizers", "default", "p"), False),
])
def test_default_identities_may_do_what_upstreams_may(authorizer: RbacAuthorizer, attributes: Attributes, allowed: bool) -> None:
    assert authorizer.decide(attributes).allowed is allowed


@pytest.mark.parametrize(("role", "verb", "group", "resource", "allowed"), [
    ("view", "list", "", "pods", True), ("view", "get", "", "secrets", False), ("view", "create", "", "pods", False),
    ("view", "watch", "", "events", True), ("view", "watch", "events.k8s.io", "events", True),
    ("view", "create", "events.k8s.io", "events", False), ("edit", "create", "events.k8s.io", "events", True),
    ("edit", "list", "", "pods", True), ("edit", "get", "", "secrets", True), ("edit", "create", "apps", "deployments", True),
    ("edit", "create", "rbac.authorization.k8s.io", "roles", False), ("edit", "update", "", "resourcequotas", False),
    ("admin", "create", "rbac.authorization.k8s.io", "roles", True), ("admin", "create", "apps", "deployments", True),
    ("admin", "update", "", "resourcequotas", False), ("admin", "delete", "", "namespaces", False),
])
def test_user_facing_roles_grow_from_view_to_admin(
    authorizer: RbacAuthorizer, role: str, verb: str, group: str, resource: str, allowed: bool
) -> None:
    binding = RoleBinding(role_ref=RoleRef(kind="ClusterRole", name=role), subjects=[Subject(kind="User", name="jane")])
    binding.metadata.name, binding.metadata.namespace = "b", "default"
    authorizer.role_binding_changed(None, binding)
    assert authorizer.decide(Attributes(AUTHENTICATED, verb, group, "v1", resource, "", "default")).allowed is allowed


def test_the_policy_is_the_one_of_1_36() -> None:
    """All rules and subjects as one digest: a change of the data is a change of what users may do, and is meant or wrong."""
    everything = [*cluster_roles().values(), *cluster_role_bindings(), *roles(), *role_bindings()]
    upstreams = [obj for obj in everything if not obj.metadata.name.startswith(("minikube-py:", "kubeadm:"))]
    assert Counter(type(obj).__name__ for obj in upstreams) == {
        "ClusterRole": 69, "ClusterRoleBinding": 50, "Role": 7, "RoleBinding": 7}
    digest = hashlib.sha256()
    for obj in upstreams:
        digest.update(encode_sorted(obj))
    assert digest.hexdigest()[:16] == "36d6b5d536715cb5"


def test_the_policy_is_as_long_as_upstreams() -> None:
    """In characters of the YAML that upstream renders its policy to, one list for each file of bootstrappolicy/testdata."""
    own = [role for name, role in cluster_roles().items() if not name.startswith("minikube-py:")]
    assert rendered_characters([role for role in own if role.metadata.name.startswith("system:controller:")]) == 30509
    assert rendered_characters([role for role in own if not role.metadata.name.startswith("system:controller:")]) == 26249
    assert rendered_characters(roles()) == 3572
    assert rendered_characters(role_bindings()) == 3859


def rendered_characters(objects: Sequence[ClusterRole | Role | RoleBinding]) -> int:
    items = []
    for obj in sorted(objects, key=lambda obj: (obj.metadata.namespace, obj.metadata.name)):
        item = to_document(obj)
        if "aggregationRule" in item:
            item["rules"] = None  # They are not aggregated yet there.
        items.append(item)
    return len(yaml.safe_dump({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {}}, width=1000))


@pytest.mark.parametrize(("user", "subresource", "allowed"), [
    (UserInfo("system:bootstrap:a", "", ("system:bootstrappers:minikube-py:default-node-token",)), "nodeclient", True),
    (UserInfo("system:bootstrap:a", "", ("system:bootstrappers:kubeadm:default-node-token",)), "", True),
    (UserInfo("system:bootstrap:a", "", ("system:bootstrappers",)), "nodeclient", False),
    (UserInfo("system:bootstrap:a", "", ("system:bootstrappers:minikube-py:default-node-token",)), "selfnodeclient", False),
    (UserInfo("system:node:n", "", ("system:nodes",)), "selfnodeclient", True),
    (UserInfo("system:node:n", "", ("system:nodes",)), "nodeclient", False),
])
def test_bootstrap_tokens_introduce_nodes_and_nodes_renew_themselves(
    authorizer: RbacAuthorizer, user: UserInfo, subresource: str, allowed: bool
) -> None:
    attributes = Attributes(user, "create", "certificates.k8s.io", "v1", "certificatesigningrequests", subresource)
    assert authorizer.decide(attributes).allowed is allowed


def test_every_controller_has_its_role_and_no_other_subject_has_it() -> None:
    bound = {binding.metadata.name: binding for binding in cluster_role_bindings()}
    controllers = [name for name in cluster_roles() if name.startswith("system:controller:")]
    assert len(controllers) == 38
    for name in controllers:
        (subject,) = bound[name].subjects
        account = name.removeprefix("system:controller:")
        assert (subject.kind, subject.namespace, subject.name) == ("ServiceAccount", "kube-system", account)


def test_bindings_refer_to_roles_that_are_there() -> None:
    assert {binding.role_ref.name for binding in cluster_role_bindings() if binding.role_ref is not None} <= cluster_roles().keys()
    known = {(role.metadata.namespace, role.metadata.name) for role in roles()}
    assert {(binding.metadata.namespace, binding.role_ref.name) for binding in role_bindings() if binding.role_ref is not None} <= known


def test_only_the_administrator_may_do_everything() -> None:
    def holders(verb: str, resource: str) -> list[str]:
        found = cluster_roles().items()
        return [name for name, role in found if any(verb in rule.verbs and resource in rule.resources for rule in role.rules)]

    assert holders("*", "*") == ["cluster-admin"]
    assert holders("escalate", "clusterroles") == ["system:controller:clusterrole-aggregation-controller"]
    assert set(holders("get", "secrets")) == {
        "system:kube-controller-manager", "system:node", "admin", "edit", "system:aggregate-to-edit"}


async def present(client: Client) -> dict[tuple[str, str, str], Object]:
    return {
        (kind.__name__, obj.metadata.namespace, obj.metadata.name): obj
        for kind in (ClusterRole, ClusterRoleBinding, Role, RoleBinding)
        for obj in await client.list(kind)
    }


async def test_a_fresh_cluster_gets_all_defaults_and_a_second_start_writes_nothing(control_plane: ControlPlane) -> None:
    client = control_plane.client
    written = await reconcile(client)
    found = await present(client)
    assert written == len(found) == len(cluster_roles()) + len(cluster_role_bindings()) + len(roles()) + len(role_bindings())
    admin = await client.get(ClusterRole, "admin")
    assert admin.metadata.labels["kubernetes.io/bootstrapping"] == "rbac-defaults"
    assert any("deployments" in rule.resources for rule in admin.rules)
    assert await client.get(core_v1.Namespace, "kube-system")
    assert await reconcile(client) == 0


async def test_what_was_taken_away_comes_back_and_what_was_added_stays(control_plane: ControlPlane) -> None:
    client = control_plane.client
    await reconcile(client)
    role = deep_copy(await client.get(ClusterRole, "system:kube-dns"))
    extra = PolicyRule(verbs=["get"], api_groups=[""], resources=["configmaps"])
    role.rules, role.metadata.labels = [extra], {"own": "label"}
    await client.update(role)
    binding = deep_copy(await client.get(ClusterRoleBinding, "system:kube-dns"))
    binding.subjects = [Subject(kind="User", api_group="rbac.authorization.k8s.io", name="jane")]
    await client.update(binding)
    await client.delete(ClusterRole, "view")
    assert await reconcile(client) == 3
    role = await client.get(ClusterRole, "system:kube-dns")
    assert role.rules == [extra, PolicyRule(verbs=["list", "watch"], api_groups=[""], resources=["endpoints", "services"])]
    assert role.metadata.labels == {"own": "label", "kubernetes.io/bootstrapping": "rbac-defaults"}
    assert [s.name for s in (await client.get(ClusterRoleBinding, "system:kube-dns")).subjects] == ["jane", "kube-dns"]
    assert (await client.get(ClusterRole, "view")).aggregation_rule is not None


async def test_objects_that_opted_out_are_left_alone(control_plane: ControlPlane) -> None:
    client = control_plane.client
    await reconcile(client)
    role = deep_copy(await client.get(ClusterRole, "system:discovery"))
    role.rules, role.metadata.annotations = [], {AUTOUPDATE: "false"}
    await client.update(role)
    assert await reconcile(client) == 0
    assert (await client.get(ClusterRole, "system:discovery")).rules is None
