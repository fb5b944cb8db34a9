"""Every served kind goes through its whole life, whatever its strategy."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import meta_v1
from minikube_py.apis.core_v1 import Container, PodSpec, ResourceRequirements
from minikube_py.apis.pod_resources import qos_class
from minikube_py.apis.resources import RESOURCES, RETURNED_WHEN_DELETED, ResourceType
from minikube_py.apiserver.strategies import CONDITIONAL, stored
from tests.conftest import ControlPlane

KEPT = [resource for resource in RESOURCES if stored(resource)]


def test_tables_name_kinds_that_are_served() -> None:
    served = {resource.group_resource for resource in KEPT}
    assert served >= CONDITIONAL and served >= RETURNED_WHEN_DELETED


@pytest.mark.parametrize("resource", KEPT, ids=lambda resource: f"{resource.group_resource}-{resource.version}")
async def test_parts_of_every_kind_have_a_way_to_be_written(control_plane: ControlPlane, resource: ResourceType) -> None:
    """Each subresource that shows the object itself is one that its strategy can prepare."""
    storage = control_plane.registry.storage(*resource.gvr)
    assert storage is not None
    for subresource in resource.subresources:
        if subresource.kind == resource.kind and "update" in subresource.verbs and subresource.name != "status":
            assert callable(getattr(storage.strategy, f"prepare_{subresource.name}", None)), subresource.name
    has_status = resource.subresource("status") is not None
    assert storage.strategy.status == has_status or not hasattr(storage.struct(), "status"), "spec and status are not kept apart"



@pytest.mark.parametrize(("requests", "limits", "wanted"), [
    ({}, {}, "BestEffort"), ({"cpu": "1"}, {}, "Burstable"), ({}, {"memory": "1Gi"}, "Burstable"),
    ({"cpu": "1", "memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"}, "Guaranteed"),
    ({"cpu": "1000m", "memory": "1024Mi"}, {"cpu": "1", "memory": "1Gi"}, "Guaranteed"),
    ({"cpu": "1", "memory": "1Gi"}, {"cpu": "2", "memory": "1Gi"}, "Burstable"),
    ({"cpu": "0"}, {}, "BestEffort"), ({"example.com/gpu": "1"}, {"example.com/gpu": "1"}, "BestEffort"),
])
def test_quality_of_service_follows_requests_and_limits(requests: dict[str, Any], limits: dict[str, Any], wanted: str) -> None:
    container = Container(name="c", image="i", resources=ResourceRequirements(requests=requests, limits=limits))
    assert qos_class(PodSpec(containers=[container])) == wanted
    if wanted == "Guaranteed":
        assert qos_class(PodSpec(containers=[container, Container(name="d", image="i")])) == "Burstable"


def test_object_meta_has_no_field_that_the_registry_forgets() -> None:
    """A field added to ObjectMeta needs a decision: does the server keep, set or pass it on?"""
    assert {name for name in meta_v1.ObjectMeta.__struct_fields__} == {
        "annotations", "creation_timestamp", "deletion_grace_period_seconds", "deletion_timestamp", "finalizers", "generate_name",
        "generation", "labels", "managed_fields", "name", "namespace", "owner_references", "resource_version", "self_link", "uid",
    }
