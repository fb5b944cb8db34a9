"""Of every kind: the generation follows what is wanted, and the status and the rest are written apart."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import scheme
from minikube_py.apis.object import Object
from minikube_py.apis.resources import RESOURCES
from minikube_py.apiserver.strategies import SHARED, stored
from tests.apiserver.objects import create, document_of, update
from tests.conftest import ControlPlane

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
    ("v1/Pod", ("spec", "active_deadline_seconds", 7), 1, 2),
    ("v1/Pod", ("metadata", "annotations", {"a": "b"}), 1, 1),
    ("v1/PodTemplate", ("template", "spec", "hostname", "other"), 1, 2),
    ("v1/PodTemplate", ("metadata", "labels", {"a": "b"}), 1, 1),
    ("v1/ReplicationController", ("spec", "replicas", 7), 1, 2),
    ("apps/v1/ReplicaSet", ("spec", "replicas", 7), 1, 2),
    ("apps/v1/ReplicaSet", ("metadata", "annotations", {"a": "b"}), 1, 1),
    ("apps/v1/Deployment", ("spec", "replicas", 7), 1, 2),
    ("apps/v1/Deployment", ("metadata", "annotations", {"a": "b"}), 1, 2),
    ("apps/v1/Deployment", ("metadata", "labels", {"a": "b"}), 1, 1),
    ("apps/v1/StatefulSet", ("spec", "replicas", 7), 1, 2),
    ("apps/v1/StatefulSet", ("metadata", "annotations", {"a": "b"}), 1, 1),
    ("apps/v1/DaemonSet", ("spec", "min_ready_seconds", 7), 1, 2),
    ("apps/v1/DaemonSet", ("spec", "template", "spec", "hostname", "other"), 1, 2),
    ("apps/v1/DaemonSet", ("metadata", "annotations", {"a": "b"}), 1, 1),
    ("apps/v1/ControllerRevision", ("revision", 2), 7, 7),
    ("batch/v1/Job", ("spec", "suspend", True), 1, 2),
    ("batch/v1/CronJob", ("spec", "suspend", True), 1, 2),
    ("v1/Service", ("spec", "session_affinity", "ClientIP"), 7, 7),
    ("v1/Endpoints", ("subsets", []), 7, 7),
    ("discovery.k8s.io/v1/EndpointSlice", ("endpoints", []), 1, 2),
    ("discovery.k8s.io/v1/EndpointSlice", ("metadata", "labels", {"a": "b"}), 1, 2),
    ("discovery.k8s.io/v1/EndpointSlice", ("metadata", "annotations", {"a": "b"}), 1, 1),
    ("v1/ConfigMap", ("data", {"a": "b"}), 7, 7),
    ("v1/Secret", ("metadata", "labels", {"a": "b"}), 7, 7),
    ("v1/ServiceAccount", ("automount_service_account_token", True), 7, 7),
    ("v1/Namespace", ("metadata", "annotations", {"a": "b"}), 7, 7),
    ("v1/Node", ("spec", "unschedulable", True), 7, 7),
    ("v1/PersistentVolume", ("spec", "persistent_volume_reclaim_policy", "Delete"), 7, 7),
    ("v1/PersistentVolumeClaim", ("metadata", "annotations", {"a": "b"}), 7, 7),
    ("v1/LimitRange", ("spec", "limits", []), 7, 7),
    ("v1/ResourceQuota", ("spec", "hard", {"pods": "7"}), 7, 7),
    ("rbac.authorization.k8s.io/v1/Role", ("rules", []), 7, 7),
    ("rbac.authorization.k8s.io/v1/ClusterRoleBinding", ("subjects", []), 7, 7),
    ("rbac.authorization.k8s.io/v1/RoleBinding", ("subjects", []), 7, 7),
    ("storage.k8s.io/v1/CSINode", ("metadata", "labels", {"a": "b"}), 7, 7),
    ("storage.k8s.io/v1/CSIStorageCapacity", ("capacity", "7Gi"), 7, 7),
    ("storage.k8s.io/v1/VolumeAttributesClass", ("metadata", "labels", {"a": "b"}), 7, 7),
    ("admissionregistration.k8s.io/v1/MutatingWebhookConfiguration", ("webhooks", []), 1, 2),
    ("admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding", ("spec", "validation_actions", ["Audit"]), 1, 2),
    ("admissionregistration.k8s.io/v1/MutatingAdmissionPolicy", ("spec", "failure_policy", "Ignore"), 1, 2),
    ("admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding", ("spec", "policy_name", "other"), 1, 2),
    ("apiextensions.k8s.io/v1/CustomResourceDefinition", ("spec", "names", "short_names", ["x"]), 1, 2),
    ("resource.k8s.io/v1/ResourceClaimTemplate", ("metadata", "labels", {"a": "b"}), 7, 7),
    ("resource.k8s.io/v1/ResourceSlice", ("spec", "pool", "generation", 77), 1, 2),
]
# Kinds whose status leaves the labels alone.
KEEP_LABELS = {"ServiceCIDR", "VolumeAttachment", "ValidatingAdmissionPolicy", "ResourceClaim", "APIService", "FlowSchema",
               "PriorityLevelConfiguration", "Deployment"}
WITH_STATUS = [f"{resource.group_version}/{resource.kind}" for resource in RESOURCES
               if resource.subresource("status") and resource.gvr not in SHARED]


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


async def with_selector_in_another_order(control_plane: ControlPlane, kind: str) -> tuple[Any, Any]:
    """A workload, and what it is when its template comes again with a map in another order."""
    document = document_of(kind)
    document["spec"]["template"]["spec"]["nodeSelector"] = {"a": "1", "b": "2"}
    old = await create(control_plane, kind, document)
    spec = scheme.deep_copy(old.spec)
    spec.template.spec.node_selector = {"b": "2", "a": "1"}
    return old, await update(control_plane, kind, old, spec=spec)


async def test_the_order_of_a_map_is_no_change(control_plane: ControlPlane) -> None:
    _, new = await with_selector_in_another_order(control_plane, "apps/v1/Deployment")
    assert new.metadata.generation == 1


async def test_nor_is_it_of_a_template(control_plane: ControlPlane) -> None:
    old, new = await with_selector_in_another_order(control_plane, "apps/v1/DaemonSet")
    assert new.metadata.annotations == old.metadata.annotations == {"deprecated.daemonset.template.generation": "1"}
    spec = scheme.deep_copy(new.spec)
    spec.template.spec.node_selector = {"a": "1"}
    new = await update(control_plane, "apps/v1/DaemonSet", new, spec=spec)
    assert new.metadata.annotations == {"deprecated.daemonset.template.generation": "2"}


async def test_true_is_not_the_one_of_before(control_plane: ControlPlane) -> None:
    kind = "apiextensions.k8s.io/v1/CustomResourceDefinition"
    document = document_of(kind)
    document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["example"] = 1
    old = await create(control_plane, kind, document)
    spec = scheme.deep_copy(old.spec)
    spec.versions[0].schema.open_apiv3_schema.example = True
    assert (await update(control_plane, kind, old, spec=spec)).metadata.generation == 2


def test_generations_are_told_of_every_kind() -> None:
    told = {kind for kind, *_ in GENERATIONS}
    kinds = {f"{resource.group_version}/{resource.kind}" for resource in RESOURCES if stored(resource) and resource.gvr not in SHARED}
    assert told == kinds - {"v1/Event"}


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
    kept = kind.rpartition("/")[2] in KEEP_LABELS
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
        "NamespaceStatus": {"phase": "Active", "conditions": [condition]},
        "PersistentVolumeStatus": {"phase": "Available"},
        "ResourceQuotaStatus": {"used": {"pods": "1"}},
        "CronJobStatus": {"lastScheduleTime": when},
    }
    return special.get(struct.__name__, {"conditions": [condition]})


