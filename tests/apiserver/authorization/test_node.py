from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minikube_py.apis import core_v1, meta_v1, resource_v1, storage_v1
from minikube_py.apiserver.authentication import UserInfo
from minikube_py.apiserver.authorization import Attributes, Decision, NodeAuthorizer
from minikube_py.apiserver.authorization.node_graph import NodeGraph
from minikube_py.apiserver.authorization.selectors import Selectors

A = UserInfo("system:node:a", "", ("system:nodes", "system:authenticated"))
UNRELATED = "no relationship found between node 'a' and this object"


def meta(name: str, namespace: str = "") -> meta_v1.ObjectMeta:
    return meta_v1.ObjectMeta(name=name, namespace=namespace, uid=f"{name}-uid")


def pod(name: str, node: str, *volumes: core_v1.Volume, **spec: Any) -> core_v1.Pod:
    return core_v1.Pod(metadata=meta(name, "ns"), spec=core_v1.PodSpec(node_name=node, volumes=list(volumes), **spec))


def claim_volume(claim: str) -> core_v1.Volume:
    return core_v1.Volume(name=claim, persistent_volume_claim=core_v1.PersistentVolumeClaimVolumeSource(claim_name=claim))


def secret_volume(secret: str) -> core_v1.Volume:
    return core_v1.Volume(name=secret, secret=core_v1.SecretVolumeSource(secret_name=secret))


def volume(name: str, claim: str, *secrets: str) -> core_v1.PersistentVolume:
    references = dict(zip(
        ("node_publish_secret_ref", "node_stage_secret_ref", "node_expand_secret_ref"),
        [core_v1.SecretReference(namespace="ns", name=secret) for secret in secrets], strict=False,
    ))
    spec = core_v1.PersistentVolumeSpec(csi=core_v1.CSIPersistentVolumeSource(
        driver="d", volume_handle="h", controller_publish_secret_ref=core_v1.SecretReference(namespace="ns", name="controllers"),
        **references,
    ))
    if claim:
        spec.claim_ref = core_v1.ObjectReference(namespace="ns", name=claim)
    return core_v1.PersistentVolume(metadata=meta(name), spec=spec)


@pytest.fixture
def authorizer() -> NodeAuthorizer:
    """Node a runs the pod "web" with one of everything; node b another with other things."""
    graph = NodeGraph()
    graph.volume_changed(None, volume("pv", "claim", "of-volume"))
    web = pod(
        "web", "a", secret_volume("mounted"), claim_volume("claim"),
        core_v1.Volume(name="scratch", ephemeral=core_v1.EphemeralVolumeSource()),
        core_v1.Volume(name="token", projected=core_v1.ProjectedVolumeSource(sources=[core_v1.VolumeProjection(
            config_map=core_v1.ConfigMapProjection(name="kube-root-ca.crt"))])),
        service_account_name="robot", image_pull_secrets=[core_v1.LocalObjectReference(name="pull")],
        containers=[core_v1.Container(name="c", env_from=[
            core_v1.EnvFromSource(secret_ref=core_v1.SecretEnvSource(name="env")),
            core_v1.EnvFromSource(config_map_ref=core_v1.ConfigMapEnvSource(name="settings")),
        ])],
        resource_claims=[
            core_v1.PodResourceClaim(name="gpu", resource_claim_name="gpu-claim"),
            core_v1.PodResourceClaim(name="made", resource_claim_template_name="template"),
        ],
    )
    web.status.resource_claim_statuses = [core_v1.PodResourceClaimStatus(name="made", resource_claim_name="made-claim")]
    graph.pod_changed(None, web)
    graph.pod_changed(None, pod("other", "b", secret_volume("secret-of-b")))
    mirror = pod("mirror", "a", secret_volume("wanted-by-a-mirror"))
    mirror.metadata.annotations["kubernetes.io/config.mirror"] = "x"
    graph.pod_changed(None, mirror)
    for name, node in (("attached", "a"), ("attached-to-b", "b")):
        graph.attachment_changed(None, storage_v1.VolumeAttachment(
            metadata=meta(name), spec=storage_v1.VolumeAttachmentSpec(node_name=node)))
        graph.slice_changed(None, resource_v1.ResourceSlice(metadata=meta(name), spec=resource_v1.ResourceSliceSpec(node_name=node)))
    return NodeAuthorizer(graph)


def ask(verb: str, resource: str, name: str = "", *, group: str = "", namespace: str = "ns", fields: str = "") -> Attributes:
    plural, _, subresource = resource.partition("/")
    return Attributes(
        A, verb, group, "v1", plural, subresource, namespace, name, selectors=Selectors(fields) if fields else None
    )


DRA, STORAGE, LEASES = "resource.k8s.io", "storage.k8s.io", "coordination.k8s.io"


@pytest.mark.parametrize("attributes", [
    *(ask(verb, "secrets", name) for verb in ("get", "list", "watch") for name in ("mounted", "pull", "env", "of-volume")),
    *(ask("get", "configmaps", name) for name in ("settings", "kube-root-ca.crt")),
    ask("get", "pods", "web"), ask("get", "pods", "mirror"), ask("watch", "pods", "web"),
    ask("list", "pods", namespace="", fields="spec.nodeName=a"),
    ask("watch", "pods", namespace="", fields="status.phase!=x,spec.nodeName=a"),
    ask("create", "pods"), ask("delete", "pods", "other"), ask("patch", "pods/status", "web"), ask("create", "pods/eviction", "web"),
    ask("get", "persistentvolumeclaims", "claim"), ask("get", "persistentvolumeclaims", "web-scratch"),
    ask("patch", "persistentvolumeclaims/status", "claim"), ask("get", "persistentvolumes", "pv", namespace=""),
    ask("get", "resourceclaims", "gpu-claim", group=DRA), ask("get", "resourceclaims", "made-claim", group=DRA),
    ask("get", "volumeattachments", "attached", group=STORAGE, namespace=""),
    ask("create", "serviceaccounts/token", "robot"), ask("get", "serviceaccounts", "robot"),
    ask("get", "nodes", "a", namespace=""), ask("list", "nodes", "a", namespace=""), ask("create", "nodes", namespace=""),
    ask("patch", "nodes/status", "b", namespace=""),
    ask("update", "leases", "a", group=LEASES, namespace="kube-node-lease"),
    ask("create", "leases", group=LEASES, namespace="kube-node-lease"),
    ask("delete", "csinodes", "a", group=STORAGE, namespace=""), ask("create", "csinodes", group=STORAGE, namespace=""),
    ask("create", "resourceslices", group=DRA, namespace=""), ask("update", "resourceslices", "attached", group=DRA, namespace=""),
    ask("deletecollection", "resourceslices", group=DRA, namespace="", fields="spec.nodeName=a"),
    ask("list", "services", namespace=""), ask("create", "certificatesigningrequests", group="certificates.k8s.io", namespace=""),
    ask("create", "tokenreviews", group="authentication.k8s.io", namespace=""), ask("patch", "events", "e"),
    ask("create", "events", group="events.k8s.io"),
], ids=lambda a: f"{a.verb} {a.resource} {a.name}")
def test_a_node_may_do_what_running_its_pods_takes(authorizer: NodeAuthorizer, attributes: Attributes) -> None:
    assert authorizer.decide(attributes) == Decision(True)


@pytest.mark.parametrize(("attributes", "reason"), [
    (ask("get", "secrets", "secret-of-b"), UNRELATED), (ask("get", "secrets", "wanted-by-a-mirror"), UNRELATED),
    (ask("get", "secrets", "controllers"), UNRELATED), (ask("get", "secrets", "mounted", namespace="other"), UNRELATED),
    (ask("list", "secrets"), "No Object name found"), (ask("update", "secrets", "mounted"), "can only read resources of this type"),
    (ask("get", "secrets/x", "mounted"), "cannot read subresource"),
    (ask("list", "configmaps", namespace=""), "can only read namespaced object of this type"),
    (ask("list", "persistentvolumeclaims", "claim"), "can only get individual resources of this type"),
    (ask("get", "persistentvolumes/x", "pv", namespace=""), "cannot get subresource"),
    (ask("get", "persistentvolumeclaims/status", "claim"), "can only get/update/patch this type"),
    (ask("get", "volumeattachments", "attached-to-b", group=STORAGE, namespace=""), UNRELATED),
    (ask("create", "serviceaccounts/token"), "can only create tokens for individual service accounts"),
    (ask("create", "serviceaccounts", "robot"), "can only create token subresource of serviceaccount"),
    (ask("create", "serviceaccounts/token", "default"), UNRELATED), (ask("get", "serviceaccounts", "default"), UNRELATED),
    (ask("list", "pods", namespace=""), "can only list/watch pods with spec.nodeName field selector"),
    (ask("list", "pods", fields="spec.nodeName=b"), "can only list/watch pods with spec.nodeName field selector"),
    (ask("list", "pods", fields="spec.nodeName!=a"), "can only list/watch pods with spec.nodeName field selector"),
    (ask("get", "pods", "other"), UNRELATED), (ask("watch", "pods", "other"), UNRELATED),
    (ask("deletecollection", "pods", fields="spec.nodeName=a"), ""), (ask("get", "pods/log", "web"), ""),
    (ask("list", "nodes", namespace=""), "node 'a' cannot read all nodes, only its own Node object"),
    (ask("get", "nodes", "b", namespace=""), "node 'a' cannot read 'b', only its own Node object"),
    (ask("delete", "nodes", "a", namespace=""), ""), (ask("get", "nodes/proxy", "a", namespace=""), ""),
    (ask("list", "leases", group=LEASES, namespace="kube-node-lease"), "can only get, create, update, patch, or delete a node lease"),
    (ask("get", "leases", "a", group=LEASES), 'can only access leases in the "kube-node-lease" system namespace'),
    (ask("get", "leases", "b", group=LEASES, namespace="kube-node-lease"),
     "can only access node lease with the same name as the requesting node"),
    (ask("watch", "csinodes", "a", group=STORAGE), "can only get, create, update, patch, or delete a CSINode"),
    (ask("get", "csinodes/x", "a", group=STORAGE), "cannot authorize CSINode subresources"),
    (ask("get", "csinodes", "b", group=STORAGE), "can only access CSINode with the same name as the requesting node"),
    (ask("get", "resourceslices/x", "attached", group=DRA), "cannot authorize ResourceSlice subresources"),
    (ask("get", "resourceslices", "attached-to-b", group=DRA, namespace=""), UNRELATED),
    (ask("list", "resourceslices", group=DRA), "can only list/watch/deletecollection resourceslices with nodeName field selector"),
    (ask("proxy", "resourceslices", group=DRA),
     "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection"),
    (ask("list", "deployments", group="apps"), ""),
], ids=lambda value: f"{value.verb} {value.resource} {value.name}" if isinstance(value, Attributes) else "")
def test_other_things_are_no_matter_of_a_node(authorizer: NodeAuthorizer, attributes: Attributes, reason: str) -> None:
    assert authorizer.decide(attributes) == Decision(False, reason)


def test_a_node_has_a_name_and_is_in_the_group(authorizer: NodeAuthorizer) -> None:
    wanted = ask("get", "secrets", "mounted")
    for user in (UserInfo("system:node:a"), UserInfo("a", "", ("system:nodes",))):
        wanted.user = user
        assert authorizer.decide(wanted) == Decision(False)
        assert authorizer.subject_rules(user, "ns").error == ""
    wanted.user = UserInfo("system:node:", "", ("system:nodes",))
    assert authorizer.decide(wanted).reason == 'unknown node for user "system:node:"'
    rules = authorizer.subject_rules(A, "ns")
    assert (rules.incomplete, rules.error) == (True, "node authorizer does not support user rule resolution")


NAMES = ("x", "y")
NODES = ("", "a", "b")
PODS = st.fixed_dictionaries({
    "name": st.sampled_from(NAMES), "node": st.sampled_from(NODES), "secrets": st.sets(st.sampled_from(NAMES)),
    "claims": st.sets(st.sampled_from(NAMES)),
})
VOLUMES = st.fixed_dictionaries({
    "name": st.sampled_from(NAMES), "claim": st.sampled_from(("", *NAMES)),
    "secrets": st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
})


def needed(pods: dict[str, Any], volumes: dict[str, Any]) -> Counter[tuple[str, str, str]]:
    """(node, resource, name) of all that nodes need, found anew by following every reference."""
    found: Counter[tuple[str, str, str]] = Counter()
    for one in pods.values():
        if one["node"]:
            found.update((one["node"], "secrets", name) for name in one["secrets"])
            found.update((one["node"], "persistentvolumeclaims", name) for name in one["claims"])
            for bound in (v for v in volumes.values() if v["claim"] in one["claims"]):
                found[one["node"], "persistentvolumes", bound["name"]] += 1
                found.update((one["node"], "secrets", name) for name in bound["secrets"])
    return found


@settings(max_examples=300)
@given(st.lists(st.tuples(st.one_of(PODS, VOLUMES), st.booleans()), max_size=25))
def test_the_graph_knows_at_any_time_what_following_all_references_finds(changes: list[tuple[dict[str, Any], bool]]) -> None:
    graph, state = NodeGraph(), {"pods": {}, "volumes": {}}
    objects: dict[tuple[str, str], Any] = {}
    for wanted, gone in changes:
        kind = "pods" if "node" in wanted else "volumes"
        name = wanted["name"]
        new: Any = None
        if gone:
            state[kind].pop(name, None)
        elif kind == "pods":
            state[kind][name] = wanted
            new = pod(name, wanted["node"], *map(secret_volume, wanted["secrets"]), *map(claim_volume, wanted["claims"]))
            new.metadata.uid = repr(sorted(map(repr, wanted.items())))  # Another pod under the same name.
        else:
            state[kind][name] = wanted
            new = volume(name, wanted["claim"], *wanted["secrets"])
        old = objects.pop((kind, name), None)
        if new is not None:
            objects[kind, name] = new
        if old is None and new is None:
            continue
        (graph.pod_changed if kind == "pods" else graph.volume_changed)(old, new)
        want = needed(state["pods"], state["volumes"])
        for node in NODES[1:]:
            for resource in ("secrets", "persistentvolumeclaims", "persistentvolumes"):
                for one in NAMES:
                    namespace = "" if resource == "persistentvolumes" else "ns"
                    assert graph.needs(node, resource, namespace, one) == bool(want[node, resource, one])  # type: ignore[arg-type]
    for (kind, _), old in objects.items():
        (graph.pod_changed if kind == "pods" else graph.volume_changed)(old, None)
    assert not graph._needed
    assert not graph._volumes
