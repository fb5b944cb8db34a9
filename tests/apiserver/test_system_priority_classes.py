"""The system's own priority classes."""

from __future__ import annotations

from minikube_py.apiserver import system_priority_classes

from .lab import Lab

CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"


async def test_they_are_made_once(lab: Lab) -> None:
    for _ in range(2):
        await system_priority_classes.ensure(lab.api.client("system:apiserver"))
    found = {item["metadata"]["name"]: item for item in (await lab.get(CLASSES)).json["items"]}
    assert {name: item["value"] for name, item in found.items()} == {
        "system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
    node = found["system-node-critical"]
    assert node["description"] == "Used for system critical pods that must not be moved from their current node."
    assert (node["preemptionPolicy"], node["metadata"]["generation"]) == ("PreemptLowerPriority", 1)
    assert node["metadata"]["managedFields"][0]["manager"] == "kube-apiserver"


async def test_they_cannot_be_deleted_by_name(lab: Lab) -> None:
    await system_priority_classes.ensure(lab.api.client("system:apiserver"))
    refused = await lab.send("DELETE", f"{CLASSES}/system-node-critical")
    assert (refused.status, refused.json["message"]) == (
        403, 'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted')
    await lab.send("POST", CLASSES, {"metadata": {"name": "mine"}, "value": 1})
    assert (await lab.send("DELETE", f"{CLASSES}/mine")).status == 200
