"""Silent nodes are noticed, tainted and emptied; nodes get address ranges; pods of lost nodes are removed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minikube_py.apis import coordination_v1, core_v1, meta_v1
from minikube_py.controllers.nodes.eviction import TaintEvictionController
from minikube_py.controllers.nodes.ipam import NodeIpamController
from minikube_py.controllers.nodes.lifecycle import NodeLifecycleController
from minikube_py.controllers.nodes.ttl import ANNOTATION, NodeTtlController
from minikube_py.controllers.pod_gc import PodGcController
from minikube_py.core.clock import rfc3339, rfc3339_micro

from .world import World, pod

Lease, Node, Pod = coordination_v1.Lease, core_v1.Node, core_v1.Pod
LEASES = "kube-node-lease"


async def make_node(world: World, name: str, ready: str = "True") -> None:
    await world.client.create(Node(metadata=meta_v1.ObjectMeta(name=name)))
    await set_node(world, name, ready)


async def set_node(world: World, name: str, ready: str = "True") -> None:
    def change(copy: Any) -> None:
        now = rfc3339(world.clock.now())
        copy.status.conditions = [
            core_v1.NodeCondition(type=kind, status=status, last_heartbeat_time=now, last_transition_time=now, reason="Kubelet")
            for kind, status in (("MemoryPressure", "False"), ("DiskPressure", "False"), ("PIDPressure", "False"), ("Ready", ready))
        ]

    await world.change(Node, name, change, "", "status")


async def keep_renewing(world: World, name: str) -> None:
    """Renew a Lease as a kubelet does."""
    await world.client.create(Lease(metadata=meta_v1.ObjectMeta(name=name, namespace=LEASES)))
    while True:
        now = rfc3339_micro(world.clock.now())
        await world.change(Lease, name, lambda copy, now=now: setattr(copy.spec, "renew_time", now), LEASES)
        await asyncio.sleep(10)


async def alive(world: World, *names: str) -> None:
    await world.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=LEASES)))
    for name in names:
        await make_node(world, name)
        world.spawn(keep_renewing(world, name))


def ready(world: World, name: str) -> tuple[str, str, str]:
    row = next(row for row in world.get(Node, name, "").status.conditions if row.type == "Ready")
    return row.status, row.reason, row.message


def taints(world: World, name: str) -> set[tuple[str, str]]:
    return {(taint.key.removeprefix("node.kubernetes.io/"), taint.effect) for taint in world.get(Node, name, "").spec.taints}


@pytest.mark.looptime
async def test_a_node_that_falls_silent_becomes_unknown_after_forty_seconds(world: World) -> None:
    await alive(world, "node-1")
    await make_node(world, "node-2")
    await world.start(NodeLifecycleController)
    await world.until(lambda: not taints(world, "node-2"))
    await world.until(lambda: ready(world, "node-2")[0] == "Unknown", timeout_s=60)
    assert 40 <= asyncio.get_running_loop().time() <= 42
    assert ready(world, "node-2") == ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    await world.until(lambda: taints(world, "node-2") == {("unreachable", "NoSchedule"), ("unreachable", "NoExecute")})
    assert ready(world, "node-1")[0] == "True" and not taints(world, "node-1")
    await set_node(world, "node-2")
    await world.until(lambda: not taints(world, "node-2"))


@pytest.mark.looptime
async def test_pods_of_a_silent_node_are_not_ready_and_leave_when_their_toleration_ends(world: World) -> None:
    await alive(world, "node-1")
    await make_node(world, "node-2")
    await world.start(NodeLifecycleController, TaintEvictionController)
    made = await world.client.create(pod("web", app="x"))
    await world.bind(made, "node-2")
    await world.set_ready(world.get(Pod, "web"))
    await world.until(lambda: ready(world, "node-2")[0] == "Unknown", timeout_s=60)
    await world.until(lambda: any(row.type == "Ready" and row.status == "False" for row in world.get(Pod, "web").status.conditions))
    await world.until(lambda: world.get(Pod, "web").metadata.deletion_timestamp, timeout_s=400)
    assert 338 <= asyncio.get_running_loop().time() <= 345
    (disruption,) = [row for row in world.get(Pod, "web").status.conditions if row.type == "DisruptionTarget"]
    assert (disruption.reason, disruption.message) == (
        "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")


@pytest.mark.looptime
async def test_a_node_that_comes_back_in_time_keeps_its_pods(world: World) -> None:
    await alive(world, "node-1")
    await make_node(world, "node-2")
    (lifecycle, eviction) = await world.start(NodeLifecycleController, TaintEvictionController)
    made = await world.client.create(pod("web", app="x"))
    await world.bind(made, "node-2")
    await world.until(lambda: ("unreachable", "NoExecute") in taints(world, "node-2"), timeout_s=60)
    world.spawn(keep_renewing(world, "node-2"))
    await set_node(world, "node-2")
    await world.until(lambda: ("Cancelling deletion of Pod default/web") in [message for _, message in world.event_messages("web")])
    await asyncio.sleep(400)
    await world.settle(lifecycle, eviction)
    assert not world.get(Pod, "web").metadata.deletion_timestamp


@pytest.mark.looptime
async def test_no_pod_is_evicted_while_every_node_is_silent(world: World) -> None:
    await make_node(world, "node-1")
    (controller,) = await world.start(NodeLifecycleController)
    await world.until(lambda: ready(world, "node-1")[0] == "Unknown", timeout_s=60)
    await world.until(lambda: taints(world, "node-1") == {("unreachable", "NoSchedule")})
    await asyncio.sleep(100)
    await world.settle(controller)
    assert taints(world, "node-1") == {("unreachable", "NoSchedule")}


async def test_a_pod_that_tolerates_nothing_leaves_at_once(world: World) -> None:
    await world.start(TaintEvictionController)
    await make_node(world, "node-1")
    made = await world.client.create(pod("web", app="x"))
    await world.bind(made)

    def taint(copy: Any) -> None:
        copy.spec.taints = [core_v1.Taint(key="maintenance", effect="NoExecute")]

    await world.change(Node, "node-1", taint, "")
    await world.until(lambda: world.get(Pod, "web").metadata.deletion_timestamp)


@pytest.mark.looptime
@pytest.mark.parametrize("dated", [False, True])
async def test_a_pod_leaves_when_its_toleration_ends_unless_the_taint_goes_before(world: World, dated: bool) -> None:
    """People's taints do not say when they came."""
    (controller,) = await world.start(TaintEvictionController)
    await make_node(world, "node-1")
    made = pod("web", app="x")
    made.spec.tolerations = [core_v1.Toleration(key="maintenance", operator="Exists", effect="NoExecute", toleration_seconds=5)]
    await world.bind(await world.client.create(made))

    def taint(copy: Any) -> None:
        added = core_v1.Taint(key="maintenance", effect="NoExecute")
        if dated:
            added.time_added = rfc3339(world.clock.now())
        copy.spec.taints = [added]

    await world.change(Node, "node-1", taint, "")
    await asyncio.sleep(3)
    await world.change(Node, "node-1", lambda copy: setattr(copy.spec, "taints", []), "")
    await asyncio.sleep(30)
    await world.settle(controller)
    assert not world.get(Pod, "web").metadata.deletion_timestamp
    assert ("TaintManagerEviction", "Cancelling deletion of Pod default/web") in world.event_messages("web")
    since = asyncio.get_running_loop().time()
    await world.change(Node, "node-1", taint, "")
    await world.until(lambda: world.get(Pod, "web").metadata.deletion_timestamp, timeout_s=20)
    assert 4 <= asyncio.get_running_loop().time() - since <= 5.1


@pytest.mark.looptime
async def test_a_toleration_runs_from_when_the_pod_is_seen_under_the_taint(world: World) -> None:
    """Nobody need write into a taint when it was added."""
    await world.start(TaintEvictionController)
    await make_node(world, "node-1")
    long_ago = "2020-01-01T00:00:00Z"
    taints = [core_v1.Taint(key="bare", effect="NoExecute"), core_v1.Taint(key="dated", effect="NoExecute", time_added=long_ago)]
    await world.change(Node, "node-1", lambda copy: setattr(copy.spec, "taints", taints), "")
    made = pod("web", app="x")
    made.spec.tolerations = [
        core_v1.Toleration(key=key, operator="Exists", effect="NoExecute", toleration_seconds=seconds)
        for key, seconds in (("bare", 20), ("dated", 30))
    ]
    await world.bind(await world.client.create(made))
    await asyncio.sleep(15)
    assert not world.get(Pod, "web").metadata.deletion_timestamp
    await world.until(lambda: world.get(Pod, "web").metadata.deletion_timestamp, timeout_s=30)
    assert 20 <= asyncio.get_running_loop().time() <= 22


async def test_cordoning_taints_the_node(world: World) -> None:
    await world.start(NodeLifecycleController)
    await make_node(world, "node-1")
    await world.change(Node, "node-1", lambda copy: setattr(copy.spec, "unschedulable", True), "")
    await world.until(lambda: taints(world, "node-1") == {("unschedulable", "NoSchedule")})
    await world.change(Node, "node-1", lambda copy: setattr(copy.spec, "unschedulable", False), "")
    await world.until(lambda: not taints(world, "node-1"))


async def test_each_node_gets_an_address_range_of_its_own_and_gives_it_back(world: World) -> None:
    await world.run(NodeIpamController(world.context, "10.42.0.0/23"))
    for name in ("node-1", "node-2"):
        await world.client.create(Node(metadata=meta_v1.ObjectMeta(name=name)))
    await world.until(lambda: all(node.spec.pod_cidr for node in world.list(Node)))
    assert {node.spec.pod_cidr for node in world.list(Node)} == {"10.42.0.0/24", "10.42.1.0/24"}
    freed = world.get(Node, "node-1", "").spec.pod_cidr
    await world.client.create(Node(metadata=meta_v1.ObjectMeta(name="node-3")))
    await world.client.delete(Node, "node-1")
    await world.until(lambda: world.get(Node, "node-3", "").spec.pod_cidr)
    assert world.get(Node, "node-3", "").spec.pod_cidrs == [freed]


@pytest.mark.looptime
async def test_pods_of_a_node_that_is_gone_are_removed(world: World) -> None:
    await make_node(world, "node-1")
    await world.start(PodGcController)
    made = await world.client.create(pod("web", app="x"))
    await world.bind(made)
    await world.client.delete(Node, "node-1")
    await world.until(lambda: world.find(Pod, "web") is None, timeout_s=60)
    assert 40 <= asyncio.get_running_loop().time() <= 42


async def test_the_oldest_ended_pods_beyond_the_number_are_removed(world: World) -> None:
    controller = PodGcController(world.context, terminated_max=3)
    await world.run(controller)
    for number in range(5):
        made = await world.client.create(pod(f"done-{number}", app="x"))
        await world.end(made, "Succeeded")
    await world.until(lambda: len(world.list(Pod)) == 3)


async def test_the_more_nodes_there_are_the_longer_kubelets_keep_what_they_have_read(world: World) -> None:
    def told(number: int) -> str | None:
        return world.get(Node, f"node-{number}", "").metadata.annotations.get(ANNOTATION)

    controller, = await world.start(NodeTtlController)
    for number in range(100):
        await world.client.create(Node(metadata=meta_v1.ObjectMeta(name=f"node-{number}")))
    await world.until(lambda: {told(number) for number in range(100)} == {"0"})
    await world.client.create(Node(metadata=meta_v1.ObjectMeta(name="node-100")))
    await world.until(lambda: told(100) == "15")
    assert told(0) == "0"
    await set_node(world, "node-0")
    await world.until(lambda: told(0) == "15")
    # Back below the step's lower end, not just below its upper one.
    for number in range(100, 89, -1):
        await world.client.delete(Node, f"node-{number}")
    await set_node(world, "node-0", "False")
    await world.settle(controller)
    assert told(0) == "15"
    await world.client.delete(Node, "node-89")
    await world.settle(controller)
    await set_node(world, "node-0")
    await world.until(lambda: told(0) == "0")
