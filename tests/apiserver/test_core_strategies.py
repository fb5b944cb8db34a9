"""What the server sets, keeps and clears when pods, workloads, volumes and what serves them are written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from minikube_py.apis import apps_v1, core_v1, discovery_v1, meta_v1, scheme
from minikube_py.apis.defaults.apps import TEMPLATE_GENERATION
from minikube_py.apis.disabled import drop_disabled_fields
from minikube_py.apiserver.context import Context
from minikube_py.apiserver.strategies.endpoint_slices import EndpointSliceStrategy
from minikube_py.apiserver.strategies.volumes import PersistentVolumeClaimStrategy, PersistentVolumeStrategy
from minikube_py.core.errors import BadRequestError, InvalidError
from tests.apis.tables import build, changed
from tests.apiserver.objects import create, document_of, update
from tests.conftest import ControlPlane

POD, CLAIM, VOLUME = "v1/Pod", "v1/PersistentVolumeClaim", "v1/PersistentVolume"
SMALL: dict[str, Any] = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]},
}


def pod_with(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = changed(SMALL, {"/" + pointer.replace("__", "/"): value for pointer, value in changes.items()})
    return document


async def test_a_new_pod_is_pending_whatever_its_author_says(control_plane: ControlPlane) -> None:
    gated = pod_with(spec__schedulingGates=[{"name": "example.com/wait"}], status={"phase": "Running"})
    pod = await create(control_plane, POD, gated)
    assert (pod.status.phase, pod.status.qos_class) == ("Pending", "BestEffort")
    assert [(condition.type, condition.status, condition.reason) for condition in pod.status.conditions] == [
        ("PodScheduled", "False", "SchedulingGated")]


async def test_label_keys_become_requirements_of_selectors(control_plane: ControlPlane) -> None:
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "web"}}, "matchLabelKeys": ["hash", "none"],
            "mismatchLabelKeys": ["tenant"]}
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}, "matchLabelKeys": ["hash"]}
    document = pod_with(metadata__labels={"hash": "1", "tenant": "a"}, spec__topologySpreadConstraints=[spread], spec__affinity={
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]},
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]}})
    spec = (await create(control_plane, POD, document)).spec
    required = spec.affinity.pod_affinity.required_during_scheduling_ignored_during_execution[0]
    wished = spec.affinity.pod_anti_affinity.preferred_during_scheduling_ignored_during_execution[0].pod_affinity_term
    for selector in (required.label_selector, wished.label_selector):
        assert [(item.key, item.operator, item.values) for item in selector.match_expressions] == [
            ("hash", "In", ["1"]), ("tenant", "NotIn", ["a"])]
    [constraint] = spec.topology_spread_constraints
    assert [(item.key, item.values) for item in constraint.label_selector.match_expressions] == [("hash", ["1"])]


@pytest.mark.parametrize(("annotation", "field", "wanted", "told"), [
    ("runtime/default", None, ("RuntimeDefault", None), True),
    ("localhost/web", None, ("Localhost", "web"), True),
    ("unconfined", {"type": "Unconfined"}, None, False),
    ("unconfined", {"type": "RuntimeDefault"}, ("Unconfined", None), True),
    ("localhost/", None, None, True),
    ("", None, None, True),
])
async def test_profiles_in_annotations_become_fields(
    control_plane: ControlPlane, annotation: str, field: dict[str, str] | None, wanted: tuple[str, str | None] | None, told: bool
) -> None:
    key = "container.apparmor.security.beta.kubernetes.io/c"
    document = pod_with(metadata__annotations={key: annotation})
    if field is not None:
        document["spec"]["securityContext"] = {"appArmorProfile": field}
    context = Context(warnings=[])
    container = (await create(control_plane, POD, document, context)).spec.containers[0]
    profile = container.security_context.app_armor_profile if container.security_context is not None else None
    assert (profile is not None and (profile.type, profile.localhost_profile)) == (wanted or False)
    assert context.warnings == ([f'metadata.annotations[{key}]: deprecated since v1.30; use the "appArmorProfile" field instead']
                                if told else [])


async def test_the_status_of_a_pod_keeps_what_old_clients_do_not_know(control_plane: ControlPlane) -> None:
    pod = await create(control_plane, POD, pod_with())
    conditions = [core_v1.PodCondition(type="A", status="True", observed_generation=1), core_v1.PodCondition(type="B", status="True")]
    known = core_v1.PodStatus(phase="Running", qos_class="BestEffort", observed_generation=2, conditions=conditions)
    pod = await update(control_plane, POD, pod, "status", status=known)
    conditions = [core_v1.PodCondition(type="B", status="True", observed_generation=3), core_v1.PodCondition(type="A", status="False")]
    metadata = scheme.deep_copy(pod.metadata)
    metadata.annotations = {"a": "b"}
    metadata.owner_references = [meta_v1.OwnerReference(api_version="v1", kind="Pod", name="q", uid="u")]
    status = core_v1.PodStatus(phase="Running", conditions=conditions)
    new = await update(control_plane, POD, pod, "status", metadata=metadata, status=status)
    assert (new.status.qos_class, new.status.observed_generation) == ("BestEffort", 2)
    assert [(item.type, item.observed_generation) for item in new.status.conditions] == [("B", 3), ("A", 1)]
    assert (new.metadata.annotations, new.metadata.owner_references, new.metadata.generation) == ({"a": "b"}, [], 1)


async def test_a_resize_is_for_containers_of_both_kinds_and_nothing_else(control_plane: ControlPlane) -> None:
    asked = {"requests": {"cpu": "1"}}
    sidecar = {"name": "s", "image": "i", "restartPolicy": "Always", "resources": asked}
    pod = await create(control_plane, POD, pod_with(spec__initContainers=[sidecar], spec__containers__0__resources=asked))
    spec = scheme.deep_copy(pod.spec)
    for container in (*spec.containers, *spec.init_containers):
        container.image, container.resources = "other", core_v1.ResourceRequirements(requests={"cpu": "2"})
    spec.hostname = "other"
    new = await update(control_plane, POD, pod, "resize", spec=spec)
    assert [(c.image, c.resources.requests) for c in (*new.spec.containers, *new.spec.init_containers)] == [("i", {"cpu": "2"})] * 2
    assert new.spec.hostname == "" and new.metadata.generation == 2
    spec = scheme.deep_copy(new.spec)
    spec.containers = [*spec.containers, core_v1.Container(name="d", image="i")]
    with pytest.raises(InvalidError) as refused:
        await update(control_plane, POD, pod, "resize", spec=spec)
    assert "containers may not be added or removed on resize" in refused.value.message


async def test_a_daemon_set_counts_the_changes_of_its_template(control_plane: ControlPlane) -> None:
    kind = "apps/v1/DaemonSet"
    ds = await create(control_plane, kind, document_of(kind))
    assert ds.metadata.annotations[TEMPLATE_GENERATION] == "1"
    template = scheme.deep_copy(ds.spec)
    template.template.spec.hostname = "other"
    ds = await update(control_plane, kind, ds, spec=template)
    assert ds.metadata.annotations[TEMPLATE_GENERATION] == "2"
    forged = scheme.deep_copy(ds.metadata)
    forged.annotations = {TEMPLATE_GENERATION: "7", "a": "b"}
    ds = await update(control_plane, kind, ds, metadata=forged)
    assert ds.metadata.annotations == {TEMPLATE_GENERATION: "2", "a": "b"}
    ds = await update(control_plane, kind, ds, "status", metadata=forged, status=apps_v1.DaemonSetStatus())
    assert ds.metadata.annotations[TEMPLATE_GENERATION] == "2"
    document = document_of(kind)
    document["metadata"] |= {"name": "other", "annotations": {TEMPLATE_GENERATION: "7"}}
    assert (await create(control_plane, kind, document)).metadata.annotations[TEMPLATE_GENERATION] == "7"
    document["metadata"] |= {"name": "third", "annotations": {TEMPLATE_GENERATION: "x"}}
    with pytest.raises(BadRequestError, match=r'strconv.ParseInt: parsing "x": invalid syntax'):
        await create(control_plane, kind, document)


class StoppedClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


def test_a_volume_knows_since_when_it_is_in_its_phase() -> None:
    clock = StoppedClock()
    strategy, context = PersistentVolumeStrategy(clock), Context()
    old = build({"apiVersion": "v1", "kind": "PersistentVolume", "status": {"phase": "Bound"}})
    strategy.prepare_create(old, context)
    assert old.status == core_v1.PersistentVolumeStatus(phase="Pending", last_phase_transition_time="1970-01-01T00:00:00Z")
    clock.seconds = 60.0
    for status, wanted in (
        (core_v1.PersistentVolumeStatus(phase="Pending"), "1970-01-01T00:00:00Z"),
        (core_v1.PersistentVolumeStatus(phase="Bound"), "1970-01-01T00:01:00Z"),
        (core_v1.PersistentVolumeStatus(phase="Bound", last_phase_transition_time="1970-01-01T00:00:00Z"), "1970-01-01T00:01:00Z"),
        (core_v1.PersistentVolumeStatus(phase="Bound", last_phase_transition_time="1970-01-01T00:00:30Z"), "1970-01-01T00:00:30Z"),
    ):
        new = scheme.deep_copy(old)
        new.status = status
        strategy.prepare_status_update(new, old, context)
        assert new.status.last_phase_transition_time == wanted


SNAPSHOT = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"}
OTHER = {"apiGroup": "example.com", "kind": "Widget", "name": "w"}


@pytest.mark.parametrize(("source", "reference", "wanted"), [
    (SNAPSHOT, None, (SNAPSHOT, SNAPSHOT)),
    (None, OTHER, (OTHER, OTHER)),
    ({"kind": "PersistentVolumeClaim", "name": "c"}, None, ({"apiGroup": None, "kind": "PersistentVolumeClaim", "name": "c"},) * 2),
    (OTHER, None, (None, None)),
    (None, {**SNAPSHOT, "namespace": "other"}, (None, None)),
    (SNAPSHOT, {**SNAPSHOT, "namespace": "other"}, (SNAPSHOT, SNAPSHOT)),
    (None, None, (None, None)),
])
async def test_both_sources_of_a_claim_say_the_same(
    control_plane: ControlPlane, source: dict[str, str] | None, reference: dict[str, str] | None, wanted: tuple[Any, Any]
) -> None:
    document = document_of(CLAIM)
    document["spec"] |= {"dataSource": source, "dataSourceRef": reference}
    document["spec"] = {name: value for name, value in document["spec"].items() if value is not None}
    claim = await create(control_plane, CLAIM, document)
    shown = scheme.to_document(claim)["spec"]
    assert (shown.get("dataSource"), shown.get("dataSourceRef")) == wanted
    assert claim.status.phase == "Pending"


def test_a_claim_from_before_both_sources_were_kept_may_be_updated() -> None:
    document = document_of(CLAIM)
    document["metadata"] |= {"resourceVersion": "1", "uid": "u"}
    document["spec"]["dataSource"] = SNAPSHOT
    old = build(document)
    new, strategy = scheme.deep_copy(old), PersistentVolumeClaimStrategy()
    strategy.prepare_update(new, old, Context())
    assert strategy.causes_of_update(new, old, "", Context()) == []
    assert old.spec.data_source_ref is None, "what is stored is read only"


async def test_a_node_brings_its_status_but_no_configuration(control_plane: ControlPlane) -> None:
    document = document_of("v1/Node")
    document["spec"]["configSource"] = {}
    document["status"] = {"capacity": {"cpu": "2"}, "config": {"error": "x"}}
    node = await create(control_plane, "v1/Node", document)
    assert node.status.capacity == {"cpu": "2"} and node.status.config is None and node.spec.config_source is None
    spec = scheme.deep_copy(node.spec)
    spec.config_source = core_v1.NodeConfigSource()
    assert (await update(control_plane, "v1/Node", node, spec=spec)).spec.config_source is None
    status = scheme.deep_copy(node.status)
    status.config, status.capacity = core_v1.NodeConfigStatus(error="x"), {"cpu": "3"}
    new = await update(control_plane, "v1/Node", node, "status", status=status)
    assert new.status.config is None and new.status.capacity == {"cpu": "3"}


async def test_a_service_account_refers_to_secrets_by_name(control_plane: ControlPlane) -> None:
    document = document_of("v1/ServiceAccount")
    document["secrets"] = [{"name": "a", "namespace": "other", "uid": "u"}]
    account = await create(control_plane, "v1/ServiceAccount", document)
    assert account.secrets == [core_v1.ObjectReference(name="a")]
    account = await update(control_plane, "v1/ServiceAccount", account, secrets=[core_v1.ObjectReference(kind="Secret", name="b")])
    assert account.secrets == [core_v1.ObjectReference(name="b")]


def test_the_topology_of_endpoints_is_not_for_clients_but_names_of_nodes_stay() -> None:
    def with_node(name: str, **more: Any) -> discovery_v1.Endpoint:
        return discovery_v1.Endpoint(addresses=["10.0.0.1"], deprecated_topology={"kubernetes.io/hostname": name}, **more)

    strategy, context = EndpointSliceStrategy(), Context()
    new = discovery_v1.EndpointSlice(endpoints=[with_node("n1")])
    strategy.prepare_create(new, context)
    assert new.endpoints == [discovery_v1.Endpoint(addresses=["10.0.0.1"])]

    old = discovery_v1.EndpointSlice(endpoints=[with_node("n1"), with_node("n2")])
    new = scheme.deep_copy(old)
    strategy.prepare_update(new, old, context)
    assert new.endpoints == old.endpoints
    new = discovery_v1.EndpointSlice(endpoints=[with_node("n1"), with_node("n3"), with_node("n2", node_name="n4")])
    strategy.prepare_update(new, old, context)
    assert [(endpoint.node_name, endpoint.deprecated_topology) for endpoint in new.endpoints] == [("n1", {}), (None, {}), ("n4", {})]


async def test_a_service_without_balancer_has_no_addresses_of_one(control_plane: ControlPlane) -> None:
    document = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
    service = await create(control_plane, "v1/Service", document)
    status = core_v1.ServiceStatus(load_balancer=core_v1.LoadBalancerStatus(ingress=[core_v1.LoadBalancerIngress(ip="10.9.0.1")]))
    service = await update(control_plane, "v1/Service", service, "status", status=status)
    spec = scheme.deep_copy(service.spec)
    spec.type = "ClusterIP"
    service = await update(control_plane, "v1/Service", service, spec=spec)
    assert service.status.load_balancer == core_v1.LoadBalancerStatus()
    assert (service.spec.ports[0].node_port or 0, service.spec.external_traffic_policy) == (0, "")
    spec = scheme.deep_copy(service.spec)
    spec.type, spec.external_name = "ExternalName", "a.b"
    service = await update(control_plane, "v1/Service", service, spec=spec)
    assert (service.spec.cluster_ip, service.spec.cluster_ips, service.spec.ip_families) == ("", [], [])


LIFECYCLE = "/spec/containers/0/lifecycle"
PROJECTED = "/spec/volumes"
CERTIFICATE = {"podCertificate": {"signerName": "example.com/s", "keyType": "ED25519"}}
BUNDLE = {"clusterTrustBundle": {"signerName": "example.com/s", "path": "x"}}
MOUNT = {"name": "v", "mountPath": "/v"}
STATUS = {"name": "c", "image": "i", "imageID": "i", "ready": True, "restartCount": 0}
# What is sent, and what is left of it: changes to the small pod.
DISABLED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({LIFECYCLE: {"stopSignal": "SIGUSR1"}, "/spec/os": {"name": "linux"}}, {"/spec/os": {"name": "linux"}}),
    ({LIFECYCLE: {"stopSignal": "SIGUSR1", "preStop": {"sleep": {"seconds": 1}}}}, {LIFECYCLE: {"preStop": {"sleep": {"seconds": 1}}}}),
    ({"/spec/schedulingGroup": {"podGroupName": "g"}}, {}),
    ({PROJECTED: [{"name": "v", "projected": {"sources": [CERTIFICATE, {"serviceAccountToken": {"path": "x"}}]}}]},
     {PROJECTED: [{"name": "v", "projected": {"sources": [{}, {"serviceAccountToken": {"path": "x"}}]}}]}),
    ({PROJECTED: [{"name": "v", "projected": {"sources": [BUNDLE]}}]}, {PROJECTED: [{"name": "v", "projected": {"sources": [{}]}}]}),
    ({"/status": {"nodeAllocatableResourceClaimStatuses": [{"resourceClaimName": "c"}]}}, {"/status": {}}),
    ({"/status": {"containerStatuses": [{**STATUS, "volumeMounts": [{**MOUNT, "volumeStatus": {"image": {}}}]}]}},
     {"/status": {"containerStatuses": [{**STATUS, "volumeMounts": [MOUNT]}]}}),
]


@pytest.mark.parametrize(("sent", "left"), DISABLED)
def test_fields_of_pods_that_are_off_are_dropped_unless_they_are_in_use(sent: dict[str, Any], left: dict[str, Any]) -> None:
    used, unused = build(changed(SMALL, sent)), build(changed(SMALL, left))
    new = scheme.deep_copy(used)
    drop_disabled_fields(new)
    assert new == unused
    new = scheme.deep_copy(used)
    drop_disabled_fields(new, build(SMALL))
    assert new == unused
    new = scheme.deep_copy(used)
    drop_disabled_fields(new, used)
    assert new == used


@pytest.mark.parametrize("kind", [
    "v1/PodTemplate", "v1/ReplicationController", "apps/v1/ReplicaSet", "apps/v1/Deployment", "apps/v1/DaemonSet", "apps/v1/StatefulSet",
    "batch/v1/Job", "batch/v1/CronJob",
])
async def test_fields_of_templates_that_are_off_are_dropped(control_plane: ControlPlane, kind: str) -> None:
    def pod_spec(obj: Any) -> core_v1.PodSpec:
        holder = obj if kind == "v1/PodTemplate" else obj.spec.job_template.spec if kind == "batch/v1/CronJob" else obj.spec
        spec: core_v1.PodSpec = holder.template.spec
        return spec

    made = build(document_of(kind))
    pod_spec(made).scheduling_group = core_v1.PodSchedulingGroup(pod_group_name="g")
    old = await create(control_plane, kind, scheme.to_document(made))
    assert pod_spec(old).scheduling_group is None
    new = scheme.deep_copy(old)
    pod_spec(new).scheduling_group = core_v1.PodSchedulingGroup(pod_group_name="g")
    part = {"template": new.template} if kind == "v1/PodTemplate" else {"spec": new.spec}
    new = await update(control_plane, kind, old, **part)
    assert pod_spec(new).scheduling_group is None and new.metadata.generation == old.metadata.generation


def test_a_stateful_set_replaces_one_pod_at_a_time() -> None:
    document = document_of("apps/v1/StatefulSet")
    document["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 3}}
    used = build(document)
    new = scheme.deep_copy(used)
    drop_disabled_fields(new)
    assert new.spec.update_strategy.rolling_update.max_unavailable is None
    drop_disabled_fields(kept := scheme.deep_copy(used), used)
    assert kept == used
