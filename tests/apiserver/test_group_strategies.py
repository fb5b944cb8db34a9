"""What the server sets, keeps and clears when objects of the smaller groups are written."""

from __future__ import annotations

import pytest

from minikube_py.apis import certificates_v1, core_v1, resource_v1, scheme
from minikube_py.apiserver.authentication.user import UserInfo
from minikube_py.apiserver.context import Context
from minikube_py.core.errors import InvalidError
from tests.apiserver.objects import create, document_of, update
from tests.conftest import ControlPlane

JANE = Context(UserInfo("jane", "u-1", ("devs", "system:authenticated"), {"scopes": ("a", "b")}))


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


@pytest.mark.parametrize(("kind", "changes"), [
    ("apiextensions.k8s.io/v1/CustomResourceDefinition", True), ("batch/v1/CronJob", True), ("storage.k8s.io/v1/VolumeAttachment", False),
    ("networking.k8s.io/v1/ServiceCIDR", False), ("admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy", False),
    ("apiregistration.k8s.io/v1/APIService", False), ("resource.k8s.io/v1/ResourceClaim", False), ("apps/v1/Deployment", False),
])
async def test_whether_the_status_subresource_changes_labels(control_plane: ControlPlane, kind: str, changes: bool) -> None:
    made = await create(control_plane, kind, document_of(kind))
    meta = scheme.deep_copy(made.metadata)
    meta.labels = {**meta.labels, "by": "status"}
    assert ("by" in (await update(control_plane, kind, made, "status", metadata=meta)).metadata.labels) is changes


async def test_events_are_strict_by_the_group_that_they_come_by(control_plane: ControlPlane) -> None:
    loose = {"metadata": {"name": "a"}, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}}
    assert await create(control_plane, "v1/Event", loose)
    with pytest.raises(InvalidError) as refused:
        await create(control_plane, "events.k8s.io/v1/Event", {
            "metadata": {"name": "b"}, "regarding": loose["involvedObject"], "type": "Normal", "deprecatedCount": 1})
    assert [cause.field for cause in refused.value.causes] == ["eventTime", "count"]
    assert refused.value.message.startswith('Event.events.k8s.io "b" is invalid: ')
