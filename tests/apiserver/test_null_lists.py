"""Lists that Go writes whether there are any or not are null where there are none, written as [] or not at all."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from minikube_py.apis import resource_v1, scheme
from minikube_py.apis.resources import RESOURCES
from minikube_py.apis.shapes import derive, key_of
from tests.apis.nulls import nullable_lists
from tests.apis.tables import changed
from tests.conftest import ControlPlane

from .objects import create, document_of, update

VOLUME = {"name": "v", "projected": {"sources": []}}
CLAIM = "resource.k8s.io/v1/ResourceClaim"
ALLOCATED = resource_v1.AllocationResult(devices=resource_v1.DeviceAllocationResult(results=[
    resource_v1.DeviceRequestAllocationResult(request="one", driver="d.example.com", pool="p", device="g")]))

# kind, list, and what else makes a right object of the kind one that may have none
EMPTY: list[tuple[str, str, dict[str, Any]]] = [
    ("rbac.authorization.k8s.io/v1/Role", "/rules", {}),
    ("rbac.authorization.k8s.io/v1/ClusterRole", "/rules", {}),
    ("discovery.k8s.io/v1/EndpointSlice", "/endpoints", {}),
    ("discovery.k8s.io/v1/EndpointSlice", "/ports", {}),
    ("storage.k8s.io/v1/CSINode", "/spec/drivers", {}),
    ("storage.k8s.io/v1/CSINode", "/spec/drivers/0/topologyKeys", {}),
    ("v1/LimitRange", "/spec/limits", {}),
    ("v1/Pod", "/spec/volumes/0/projected/sources", {"/spec": {"containers": [{"name": "c", "image": "i"}], "volumes": [VOLUME]}}),
    ("v1/PodTemplate", "/template/spec/volumes/0/projected/sources", {"/template/spec/volumes": [VOLUME]}),
    ("apps/v1/Deployment", "/spec/template/spec/volumes/0/projected/sources", {"/spec/template/spec/volumes": [VOLUME]}),
    ("v1/Node", "/status/images/0/names", {"/status": {"images": [{"sizeBytes": 7}]}}),
    ("batch/v1/Job", "/spec/podFailurePolicy/rules", {}),
    ("batch/v1/CronJob", "/spec/jobTemplate/spec/podFailurePolicy/rules", {
        "/spec/jobTemplate/spec/podFailurePolicy": {}, "/spec/jobTemplate/spec/template/spec/restartPolicy": "Never"}),
    ("flowcontrol.apiserver.k8s.io/v1/FlowSchema", "/spec/rules/0/resourceRules/0/namespaces",
     {"/spec/rules/0/resourceRules/0/clusterScope": True}),
    (CLAIM, "/spec/devices/requests", {"/spec/devices": {}}),
    ("resource.k8s.io/v1/ResourceClaimTemplate", "/spec/spec/devices/requests", {}),
]
# Those that only a status has: of a definition as long as nobody has looked at it, of an autoscaler and a claim once they are written.
IN_STATUS = {
    "apiextensions_v1.CustomResourceDefinitionStatus.conditions", "autoscaling_v2.HorizontalPodAutoscalerStatus.currentMetrics",
    "resource_v1.AllocatedDeviceStatus.conditions",
}


def at(document: Any, pointer: str) -> Any:
    for name in pointer.split("/")[1:]:
        document = document[int(name) if isinstance(document, list) else name]
    return document


def fact_of(kind: str, pointer: str) -> str:
    """The struct and the field of a list."""
    group, version, name = ("", *kind.split("/"))[-3:]
    struct, names = scheme.type_of(group, version, name), [part for part in pointer.split("/") if part and not part.isdigit()]
    for part in names[:-1]:
        shape = derive(next(field.type for field in msgspec.structs.fields(struct) if field.encode_name == part))
        inner = shape.struct or (shape.inner.struct if shape.inner is not None else None)
        assert inner is not None
        struct = inner
    return f"{key_of(struct)}.{names[-1]}"


@pytest.mark.parametrize("absent", [False, True], ids=["empty", "absent"])
@pytest.mark.parametrize(("kind", "pointer", "more"), EMPTY)
async def test_a_list_without_elements_is_null(
    control_plane: ControlPlane, kind: str, pointer: str, more: dict[str, Any], absent: bool
) -> None:
    document = changed(document_of(kind), {**more, pointer: []})
    if absent:
        owner, _, name = pointer.rpartition("/")
        del at(document, owner)[name]
    stored = scheme.to_document(await create(control_plane, kind, document))
    assert at(stored, pointer) is None


async def test_a_status_has_null_too(control_plane: ControlPlane) -> None:
    claim = await create(control_plane, CLAIM, document_of(CLAIM))
    device = resource_v1.AllocatedDeviceStatus(driver="d.example.com", pool="p", device="g", conditions=[])
    claim = await update(control_plane, CLAIM, claim, "status",
                         status=resource_v1.ResourceClaimStatus(allocation=ALLOCATED, devices=[device]))
    assert scheme.to_document(claim)["status"]["devices"][0]["conditions"] is None
    autoscaler = "autoscaling/v2/HorizontalPodAutoscaler"
    stored = scheme.to_document(await create(control_plane, autoscaler, document_of(autoscaler)))
    assert stored["status"]["currentMetrics"] is None


async def test_a_definition_keeps_what_its_status_says(control_plane: ControlPlane) -> None:
    """Definitions are stored as JSON, which tells an empty list from none."""
    kind = "apiextensions.k8s.io/v1/CustomResourceDefinition"
    definition = await create(control_plane, kind, document_of(kind))
    assert scheme.to_document(definition)["status"] == {
        "acceptedNames": {"kind": "", "plural": ""}, "conditions": None, "storedVersions": ["v1"]}
    status = msgspec.structs.replace(definition.status, conditions=[])
    assert scheme.to_document(await update(control_plane, kind, definition, "status", status=status))["status"]["conditions"] == []


def test_every_list_that_may_be_null_is_tried() -> None:
    wanted = {fact for resource in RESOURCES for fact in nullable_lists(scheme.type_of(*resource.gvk), set())}
    assert wanted >= IN_STATUS
    assert wanted - IN_STATUS == {fact_of(kind, pointer) for kind, pointer, _ in EMPTY}
