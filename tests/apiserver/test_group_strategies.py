"""What the server sets, keeps and clears when objects of the smaller groups are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from minikube_py.apis import certificates_v1, core_v1, resource_v1, scheme
from minikube_py.apis.object import Object
from minikube_py.apis.resources import RESOURCES
from minikube_py.apiserver.authentication.user import UserInfo
from minikube_py.apiserver.context import INTERNAL, Context
from minikube_py.apiserver.storage import Storage
from minikube_py.core.errors import InvalidError
from tests.conftest import ControlPlane

_TABLES = sorted((Path(__file__).parent.parent / "apis" / "rules").glob("*.yaml"))
RIGHT: dict[str, dict[str, Any]] = {}
for _row in (row for table in _TABLES for row in yaml.safe_load(table.read_text())):
    RIGHT.setdefault(f"{_row['right']['apiVersion']}/{_row['right']['kind']}", _row["right"])
JANE = Context(UserInfo("jane", "u-1", ("devs", "system:authenticated"), {"scopes": ("a", "b")}))

# Kind, a change of what is wanted (attributes and a value; none for kinds that do not change), and the generations after the creation and
# after the change, for a client that sets 7 when it creates.
GENERATIONS: list[tuple[str, tuple[Any, ...], int, int]] = [
    ("networking.k8s.io/v1/Ingress", ("spec", "ingress_class_name", "other"), 1, 2),
    ("networking.k8s.io/v1/IngressClass", ("metadata", "labels", {"a": "b"}), 1, 1),
    ("networking.k8s.io/v1/NetworkPolicy", ("spec", "policy_types", ["Ingress", "Egress"]), 1, 2),
    ("networking.k8s.io/v1/ServiceCIDR", ("metadata", "labels", {"a": "b"}), 7, 7),
    ("networking.k8s.io/v1/IPAddress", ("metadata", "labels", {"a": "b"}), 7, 7),
    ("policy/v1/PodDisruptionBudget", ("spec", "min_available", 3), 1, 2),
    ("autoscaling/v2/HorizontalPodAutoscaler", ("spec", "max_replicas", 77), 7, 7),
    ("rbac.authorization.k8s.io/v1/ClusterRole", ("rules", []), 7, 7),
    ("scheduling.k8s.io/v1/PriorityClass", ("description", "other"), 1, 1),
    ("node.k8s.io/v1/RuntimeClass", ("metadata", "labels", {"a": "b"}), 7, 7),
    ("coordination.k8s.io/v1/Lease", ("spec", "holder_identity", "other"), 7, 7),
    ("certificates.k8s.io/v1/CertificateSigningRequest", ("metadata", "labels", {"a": "b"}), 7, 7),
    ("storage.k8s.io/v1/StorageClass", ("allow_volume_expansion", True), 7, 7),
    ("storage.k8s.io/v1/CSIDriver", ("spec", "requires_republish", True), 7, 8),
    ("storage.k8s.io/v1/VolumeAttachment", ("metadata", "labels", {"a": "b"}), 7, 7),
    ("admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration", ("webhooks", []), 1, 2),
    ("admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy", ("spec", "failure_policy", "Ignore"), 1, 2),
    ("flowcontrol.apiserver.k8s.io/v1/FlowSchema", ("spec", "matching_precedence", 77), 1, 2),
    ("flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration", ("spec", "limited", "lendable_percent", 7), 1, 2),
    ("resource.k8s.io/v1/DeviceClass", ("spec", "selectors", []), 1, 2),
    ("resource.k8s.io/v1/ResourceClaim", ("metadata", "labels", {"a": "b"}), 7, 7),
    ("apiregistration.k8s.io/v1/APIService", ("spec", "version_priority", 7), 7, 7),
]
KEEP_METADATA = {"ServiceCIDR", "VolumeAttachment", "ValidatingAdmissionPolicy", "ResourceClaim", "APIService", "FlowSchema",
                 "PriorityLevelConfiguration"}
WITH_STATUS = [f"{resource.group_version}/{resource.kind}" for resource in RESOURCES
               if resource.subresource("status") and f"{resource.group_version}/{resource.kind}" in RIGHT]


def storage_of(plane: ControlPlane, kind: str) -> Storage:
    group_version, _, name = kind.rpartition("/")
    group, _, version = group_version.rpartition("/")
    return plane.registry.storage_of(scheme.type_of(group, version, name))


def document_of(kind: str) -> dict[str, Any]:
    """A right object of the kind, in a form that may be changed."""
    document: dict[str, Any] = yaml.safe_load(yaml.safe_dump(RIGHT[kind]))
    if kind.endswith("/CertificateSigningRequest"):
        document.pop("status", None)
    return document


async def create(plane: ControlPlane, kind: str, document: dict[str, Any], context: Context = INTERNAL) -> Any:
    storage = storage_of(plane, kind)
    document["metadata"].pop("resourceVersion", None)
    obj = scheme.from_document(storage.struct, document)
    namespace = "default" if storage.resource.namespaced else ""
    obj.metadata.namespace = namespace  # type: ignore[attr-defined]
    return storage.object(await plane.registry.create(storage, namespace, obj, context))


async def update(plane: ControlPlane, kind: str, old: Any, subresource: str = "", context: Context = INTERNAL, **changes: Any) -> Any:
    """Write an object with some of its top-level attributes replaced."""
    def changed(current: Any) -> Any:
        new = scheme.deep_copy(current)
        for name, value in changes.items():
            setattr(new, name, value)
        return new

    storage, meta = storage_of(plane, kind), old.metadata
    entry, _ = await plane.registry.update(storage, meta.namespace, meta.name, changed, context, subresource=subresource)
    return storage.object(entry)


@pytest.mark.parametrize(("kind", "change", "first", "second"), GENERATIONS, ids=[row[0].rpartition("/")[2] for row in GENERATIONS])
async def test_generations(control_plane: ControlPlane, kind: str, change: tuple[Any, ...], first: int, second: int) -> None:
    document = document_of(kind)
    document["metadata"]["generation"] = 7
    old = await create(control_plane, kind, document)
    assert old.metadata.generation == first
    *path, value = change
    new = scheme.deep_copy(old)
    at = new
    for name in path[:-1]:
        at = getattr(at, name)
    setattr(at, path[-1], value)
    new = await update(control_plane, kind, old, **{path[0]: getattr(new, path[0])})
    assert new.metadata.generation == second


@pytest.mark.parametrize("kind", WITH_STATUS)
async def test_status_and_the_rest_are_written_apart(control_plane: ControlPlane, kind: str) -> None:
    old = await create(control_plane, kind, {**document_of(kind)})
    wrong_status = scheme.from_document(type(old.status), _some_status(type(old.status)))
    assert scheme.encode(wrong_status) != scheme.encode(old.status)

    labelled = scheme.deep_copy(old.metadata)
    labelled.labels = {**labelled.labels, "by": "main"}
    main = await update(control_plane, kind, old, metadata=labelled, status=wrong_status)
    assert main.metadata.labels["by"] == "main"
    assert scheme.encode(main.status) == scheme.encode(old.status)

    relabelled = scheme.deep_copy(main.metadata)
    relabelled.labels = {**relabelled.labels, "by": "status"}
    by_status = await update(control_plane, kind, old, "status", metadata=relabelled, spec=type(old.spec)(), status=wrong_status)
    assert scheme.encode(by_status.spec) == scheme.encode(old.spec)
    assert scheme.encode(by_status.status) != scheme.encode(old.status)
    kept = kind.rpartition("/")[2] in KEEP_METADATA
    assert by_status.metadata.labels["by"] == ("main" if kept else "status")
    assert by_status.metadata.generation == old.metadata.generation


def _some_status(struct: type[Object]) -> dict[str, Any]:
    """A status that the kind may have."""
    when = "2026-01-01T00:00:00Z"
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": when, "reason": "Tested", "message": ""}
    special: dict[str, dict[str, Any]] = {
        "IngressStatus": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}},
        "VolumeAttachmentStatus": {"attached": True},
        "PodDisruptionBudgetStatus": {"currentHealthy": 1},
        "HorizontalPodAutoscalerStatus": {"currentReplicas": 1},
        "ResourceClaimStatus": {"devices": [], "reservedFor": [], "allocation": {"devices": {"results": []}}},
    }
    return special.get(struct.__name__, {"conditions": [condition]})


async def test_a_signing_request_says_who_asked_and_never_changes(control_plane: ControlPlane) -> None:
    kind = "certificates.k8s.io/v1/CertificateSigningRequest"
    document = document_of(kind)
    document["spec"] |= {"username": "root", "uid": "0", "groups": ["system:masters"], "extra": {"x": ["y"]}}
    old = await create(control_plane, kind, document, JANE)
    said = old.spec.username, old.spec.uid, old.spec.groups, old.spec.extra
    assert said == ("jane", "u-1", ["devs", "system:authenticated"], {"scopes": ["a", "b"]})
    other = scheme.deep_copy(old.spec)
    other.username = "root"
    assert (await update(control_plane, kind, old, spec=other)).spec.username == "jane"


async def test_conditions_of_a_signing_request_get_their_times(control_plane: ControlPlane) -> None:
    kind = "certificates.k8s.io/v1/CertificateSigningRequest"
    old = await create(control_plane, kind, document_of(kind))
    approved = certificates_v1.CertificateSigningRequestCondition(
        type="Approved", status="True", last_transition_time="2026-01-01T00:00:00Z")
    status = certificates_v1.CertificateSigningRequestStatus(conditions=[approved], certificate=b"none")
    new = await update(control_plane, kind, old, "approval", status=status, spec=type(old.spec)())
    assert new.spec == old.spec and not new.status.certificate
    [condition] = new.status.conditions
    assert condition.last_transition_time == "2026-01-01T00:00:00Z" and condition.last_update_time > condition.last_transition_time

    forged = [certificates_v1.CertificateSigningRequestCondition(type="Approved", status="True", reason="Forged"),
              certificates_v1.CertificateSigningRequestCondition(type="Failed", status="True")]
    status = certificates_v1.CertificateSigningRequestStatus(conditions=forged)
    newest = await update(control_plane, kind, old, "status", status=status)
    decision, failure = newest.status.conditions
    assert decision == condition, "a decision is changed by approval alone"
    assert failure.last_update_time and failure.last_transition_time == failure.last_update_time


async def test_fields_of_gates_that_are_off_are_dropped(control_plane: ControlPlane) -> None:
    kind = "coordination.k8s.io/v1/Lease"
    document = document_of(kind)
    document["spec"] |= {"strategy": "OldestEmulationVersion", "preferredHolder": "b"}
    lease = await create(control_plane, kind, document)
    assert (lease.spec.strategy, lease.spec.preferred_holder) == (None, None)

    kind = "storage.k8s.io/v1/CSIDriver"
    document = document_of(kind)
    document["spec"]["preventPodSchedulingIfMissing"] = True
    assert (await create(control_plane, kind, document)).spec.prevent_pod_scheduling_if_missing is None

    kind = "resource.k8s.io/v1/ResourceSlice"
    document = document_of(kind)
    document["spec"]["devices"] = [{"name": "one", "attributes": {"a": {"bool": True, "strings": ["x"]}},
                                    "nodeAllocatableResourceMappings": {"cpu": {}}}]
    document["spec"].pop("perDeviceNodeSelection", None)
    document["spec"].pop("sharedCounters", None)
    document["spec"]["nodeName"] = "worker"
    [device] = (await create(control_plane, kind, document)).spec.devices
    assert device.node_allocatable_resource_mappings == {} and device.attributes["a"].strings == []


async def test_access_for_administrators_is_for_labelled_namespaces(control_plane: ControlPlane) -> None:
    claim, template = "resource.k8s.io/v1/ResourceClaim", "resource.k8s.io/v1/ResourceClaimTemplate"
    spec = {"devices": {"requests": [{"name": "a", "exactly": {"deviceClassName": "c", "adminAccess": True}}]}}
    path = "spec.devices.requests[0].exactly.adminAccess"
    for kind, wanted in ((claim, spec), (template, {"spec": spec})):
        with pytest.raises(InvalidError) as caught:
            await create(control_plane, kind, {"metadata": {"name": "a"}, "spec": wanted})
        assert [(cause.field, cause.message) for cause in caught.value.causes] == [
            (path, "Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the "
                   "containing namespace")]
    namespace = (await control_plane.client.get(core_v1.Namespace, "default"))
    labelled = scheme.deep_copy(namespace.metadata)
    labelled.labels["resource.kubernetes.io/admin-access"] = "true"
    await update(control_plane, "v1/Namespace", namespace, metadata=labelled)
    for kind, wanted in ((claim, spec), (template, {"spec": spec})):
        assert await create(control_plane, kind, {"metadata": {"name": "a"}, "spec": wanted})


async def test_a_claim_forgets_devices_that_it_no_longer_has(control_plane: ControlPlane) -> None:
    kind = "resource.k8s.io/v1/ResourceClaim"
    spec = {"devices": {"requests": [{"name": "a", "exactly": {"deviceClassName": "c"}}]}}
    old = await create(control_plane, kind, {"metadata": {"name": "a"}, "spec": spec})
    result = resource_v1.DeviceRequestAllocationResult(request="a", driver="d.example.com", pool="p", device="one")
    allocation = resource_v1.AllocationResult(devices=resource_v1.DeviceAllocationResult(results=[result]))
    known = resource_v1.AllocatedDeviceStatus(driver="d.example.com", pool="p", device="one")
    status = resource_v1.ResourceClaimStatus(allocation=allocation, devices=[known])
    assert (await update(control_plane, kind, old, "status", status=status)).status.devices == [known]
    status = resource_v1.ResourceClaimStatus(devices=[known])
    assert (await update(control_plane, kind, old, "status", status=status)).status.devices == []


async def test_warnings_come_with_valid_objects_alone(control_plane: ControlPlane) -> None:
    kind = "networking.k8s.io/v1/Ingress"
    document = document_of(kind)
    document["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx"}
    document["spec"].pop("ingressClassName", None)
    told = Context(warnings=[])
    await create(control_plane, kind, document, told)
    assert told.warnings == ["annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"]
    told = Context(warnings=[])
    document["metadata"]["name"] = "Wrong"
    with pytest.raises(InvalidError):
        await create(control_plane, kind, document, told)
    assert told.warnings == []


def test_all_kinds_with_a_status_are_looked_at() -> None:
    assert {kind.rpartition("/")[2] for kind in WITH_STATUS} >= KEEP_METADATA


async def test_events_are_strict_by_the_group_that_they_come_by(control_plane: ControlPlane) -> None:
    loose = {"metadata": {"name": "a"}, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}}
    assert await create(control_plane, "v1/Event", loose)
    with pytest.raises(InvalidError) as refused:
        await create(control_plane, "events.k8s.io/v1/Event", {
            "metadata": {"name": "b"}, "regarding": loose["involvedObject"], "type": "Normal", "deprecatedCount": 1})
    assert [cause.field for cause in refused.value.causes] == ["eventTime", "count"]
    assert refused.value.message.startswith('Event.events.k8s.io "b" is invalid: ')
