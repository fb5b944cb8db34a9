"""DaemonSets run one pod on each node that should have one, and update them within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import apps_v1, core_v1, meta_v1
from minikube_py.apis.scheme import from_document
from minikube_py.controllers.daemonset import DaemonSetController
from minikube_py.controllers.daemonset.rules import node_of

from .world import World

ControllerRevision, DaemonSet, Node, Pod = apps_v1.ControllerRevision, apps_v1.DaemonSet, core_v1.Node, core_v1.Pod


def daemon_set(name: str = "agent", template: dict[str, Any] | None = None, **spec: Any) -> apps_v1.DaemonSet:
    labels = {"app": name}
    return from_document(DaemonSet, {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "v1"}], **(template or {})}},
            **spec,
        },
    })


async def make_nodes(world: World, *names: str, **labels: str) -> None:
    for name in names:
        await world.client.create(Node(metadata=meta_v1.ObjectMeta(name=name, labels=labels)))
        await world.change(Node, name, lambda copy: setattr(copy.spec, "taints", []), "")


def places(world: World) -> list[str]:
    return sorted(node_of(pod) for pod in world.list(Pod) if not pod.metadata.deletion_timestamp)


def set_image(image: str) -> Any:
    def change(copy: Any) -> None:
        copy.spec.template.spec.containers[0].image = image

    return change


async def start(world: World) -> None:
    await world.start(DaemonSetController)
    await world.start_kubelet(node="")


def is_updated(world: World, count: int) -> bool:
    status = world.get(DaemonSet, "agent").status
    generation = world.get(DaemonSet, "agent").metadata.generation
    counts = (status.desired_number_scheduled, status.updated_number_scheduled, status.number_available)
    return status.observed_generation == generation and counts == (count, count, count)


async def test_each_node_gets_one_pod_and_new_nodes_too(world: World) -> None:
    await make_nodes(world, "a", "b")
    await start(world)
    await world.client.create(daemon_set())
    await world.until(lambda: is_updated(world, 2))
    assert places(world) == ["a", "b"]
    await make_nodes(world, "c")
    await world.until(lambda: is_updated(world, 3))
    pod = world.list(Pod)[0]
    assert {(row.key, row.effect) for row in pod.spec.tolerations} >= {
        ("node.kubernetes.io/not-ready", "NoExecute"), ("node.kubernetes.io/unschedulable", "NoSchedule")}
    await world.client.delete(Node, "c")
    await world.until(lambda: world.get(DaemonSet, "agent").status.desired_number_scheduled == 2)


async def test_node_selectors_and_taints_choose_the_nodes(world: World) -> None:
    await make_nodes(world, "a", disk="ssd")
    await make_nodes(world, "b")
    await start(world)
    await world.client.create(daemon_set(template={"nodeSelector": {"disk": "ssd"}}))
    await world.until(lambda: is_updated(world, 1))
    assert places(world) == ["a"]
    await world.change(Node, "b", lambda copy: setattr(copy.metadata, "labels", {"disk": "ssd"}), "")
    await world.until(lambda: is_updated(world, 2))

    def taint(copy: Any) -> None:
        copy.spec.taints = [core_v1.Taint(key="maintenance", effect="NoExecute")]

    await world.change(Node, "b", taint, "")
    await world.until(lambda: places(world) == ["a"])


@pytest.mark.parametrize("rolling", [{"maxUnavailable": 1}, {"maxUnavailable": 2}, {"maxSurge": 1, "maxUnavailable": 0}])
async def test_a_rolling_update_keeps_within_its_bounds(world: World, rolling: dict[str, int]) -> None:
    await make_nodes(world, "a", "b", "c", "d")
    await start(world)
    await world.client.create(daemon_set(updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling}))
    await world.until(lambda: is_updated(world, 4))
    served: list[int] = []

    def look(old: Any, new: Any) -> None:
        ready = [pod for pod in world.list(Pod) if not pod.metadata.deletion_timestamp and pod.status.phase == "Running"]
        served.append(len({node_of(pod) for pod in ready}))

    world.informers.of(Pod).add_handler(look)
    served.clear()
    await world.change(DaemonSet, "agent", set_image("v2"))
    await world.until(lambda: is_updated(world, 4) and len(world.list(Pod)) == 4)
    assert min(served) >= 4 - rolling["maxUnavailable"]
    assert {pod.spec.containers[0].image for pod in world.list(Pod)} == {"v2"}
    assert len(world.list(ControllerRevision)) == 2


async def test_on_delete_waits_for_the_user(world: World) -> None:
    await make_nodes(world, "a", "b")
    await start(world)
    await world.client.create(daemon_set(updateStrategy={"type": "OnDelete"}))
    await world.until(lambda: is_updated(world, 2))
    await world.change(DaemonSet, "agent", set_image("v2"))
    await world.until(lambda: world.get(DaemonSet, "agent").status.updated_number_scheduled == 0)
    victim = next(pod for pod in world.list(Pod) if node_of(pod) == "a")
    await world.client.delete(Pod, victim.metadata.name, "default")
    await world.until(lambda: world.get(DaemonSet, "agent").status.updated_number_scheduled == 1)
    assert sorted(pod.spec.containers[0].image for pod in world.list(Pod)) == ["v1", "v2"]


async def test_a_failed_pod_is_replaced(world: World) -> None:
    await make_nodes(world, "a")
    await start(world)
    await world.client.create(daemon_set())
    await world.until(lambda: is_updated(world, 1))
    (pod,) = world.list(Pod)
    await world.end(pod, "Failed", 1)
    await world.until(lambda: world.find(Pod, pod.metadata.name) is None and is_updated(world, 1))
    message = f"Found failed daemon pod default/{pod.metadata.name} on node a, will try to kill it"
    await world.until(lambda: ("FailedDaemonPod", message) in world.event_messages("agent"))
