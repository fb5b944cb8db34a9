"""Who may write which part of a ResourceClaim's status, asked over HTTP by an administrator who acts as somebody else."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis.resource_v1 import AllocatedDeviceStatus
from minikube_py.apiserver.admission.claim_status import changed_drivers

from .lab import Answer, Lab

CLAIMS = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
DRIVER = "system:serviceaccount:default:driver"
RESULT = {"request": "gpu", "driver": "d.example.com", "pool": "p", "device": "one"}


def allocation(node: str) -> dict[str, Any]:
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    return {"devices": {"results": [RESULT]}, "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [field]}]}}


async def make(lab: Lab, path: str, document: dict[str, Any]) -> None:
    answer = await lab.send("POST", path, document)
    assert answer.status == 201, answer.body


async def grant(lab: Lab, name: str, *rules: dict[str, Any]) -> None:
    """Let the driver do what the rules say, cluster-wide."""
    await make(lab, f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": [{"apiGroups": ["resource.k8s.io"], **r} for r in rules]})
    await make(lab, f"{RBAC}/clusterrolebindings", {
        "metadata": {"name": name}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "namespace": "default", "name": "driver"}]})


@pytest.fixture
async def claim(lab: Lab) -> Lab:
    """A claim that is allocated on node a, and a driver that may write the status of claims."""
    await make(lab, CLAIMS, {"metadata": {"name": "c"}, "spec": {
        "devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]}}})
    allocated, headers = {"status": {"allocation": allocation("a")}}, {"Content-Type": "application/merge-patch+json"}
    answer = await lab.send("PATCH", f"{CLAIMS}/c/status", allocated, headers=headers)
    assert answer.status == 200, answer.body
    await grant(lab, "status", {"resources": ["resourceclaims/status"], "verbs": ["patch"]})
    return lab


async def write(lab: Lab, status: dict[str, Any], node: str = "") -> Answer:
    headers = {"Content-Type": "application/merge-patch+json", "Impersonate-User": DRIVER}
    if node:
        headers["Impersonate-Extra-authentication.kubernetes.io%2Fnode-name"] = node
    return await lab.send("PATCH", f"{CLAIMS}/c/status", {"status": status}, headers=headers)


DEVICES = {"devices": [{"driver": "d.example.com", "pool": "p", "device": "one", "data": {"k": "v"}}]}


async def test_the_allocation_is_for_those_who_bind(claim: Lab) -> None:
    reserved = {"reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}]}
    for status in (reserved, {"allocation": None}):
        answer = await write(claim, status)
        assert (answer.status, answer.json["message"]) == (422, (
            'ResourceClaim.resource.k8s.io "c" is invalid: status: Forbidden: changing status.allocation or status.reservedFor requires '
            'resource="resourceclaims/binding", verb="patch" permission: resourceclaims.resource.k8s.io is forbidden: '
            f'User "{DRIVER}" cannot patch resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope'
        ))
    await grant(claim, "bind", {"resources": ["resourceclaims/binding"], "verbs": ["patch"]})
    assert (await write(claim, reserved)).status == 200


async def test_a_driver_on_the_node_of_the_claim_needs_less(claim: Lab) -> None:
    answer = await write(claim, DEVICES)
    assert (answer.status, answer.json["message"]) == (422, (
        'ResourceClaim.resource.k8s.io "c" is invalid: status.devices: Forbidden: changing status.devices requires '
        'resource="resourceclaims/driver", verb="[arbitrary-node:patch]" permission: resourceclaims.resource.k8s.io "d.example.com" '
        f'is forbidden: User "{DRIVER}" cannot arbitrary-node:patch resource "resourceclaims/driver" in API group "resource.k8s.io" '
        'in the namespace "default"'
    ))
    assert 'verb="[associated-node:patch arbitrary-node:patch]"' in (await write(claim, DEVICES, "a")).json["message"]
    await grant(claim, "own", {
        "resources": ["resourceclaims/driver"], "verbs": ["associated-node:patch"], "resourceNames": ["d.example.com"]})
    assert (await write(claim, DEVICES, "b")).status == 422
    assert (await write(claim, DEVICES, "a")).status == 200


async def test_a_controller_of_many_nodes_needs_more(claim: Lab) -> None:
    await grant(claim, "any", {
        "resources": ["resourceclaims/driver"], "verbs": ["arbitrary-node:patch"], "resourceNames": ["d.example.com"]})
    assert (await write(claim, DEVICES)).status == 200
    assert (await write(claim, {"devices": None})).status == 200
    assert (await write(claim, {})).status == 200


def test_drivers_are_known_by_what_changes_of_their_devices() -> None:
    def device(driver: str, name: str, **rest: Any) -> AllocatedDeviceStatus:
        return AllocatedDeviceStatus(driver=driver, pool="p", device=name, **rest)

    both = [device("same", "1"), device("new", "1")]
    old = [*both, device("gone", "1"), device("changed", "1"), device("shared", "1", share_id="x")]
    new = [device("new", "2"), *reversed(both), device("changed", "1", data={"k": 1}), device("shared", "1", share_id="y")]
    assert changed_drivers(old, new) == {"gone", "new", "changed", "shared"}
