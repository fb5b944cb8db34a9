"""The scheduler against an API server in this process: pods get their nodes, and people are told why others do not."""

from __future__ import annotations

import asyncio
from typing import Any

from minikube_py.apis import apps_v1, core_v1, meta_v1
from minikube_py.core.errors import InternalError

from .conftest import make_node, make_pod, running_scheduler, until


async def add_node(client: Any, name: str, **options: Any) -> None:
    node = make_node(name, **options)
    made = await client.create(node)
    if made.spec.taints != node.spec.taints:
        await client.patch(core_v1.Node, name, "", {"spec": {"taints": options.get("taints")}})
    room = node.status.allocatable
    await client.patch(core_v1.Node, name, "", {"status": {"capacity": room, "allocatable": room}}, subresource="status")


async def add_pod(client: Any, name: str, **options: Any) -> core_v1.Pod:
    pod = make_pod(name, **options)
    pod.metadata.uid = ""
    return await client.create(pod)  # type: ignore[no-any-return]


async def events_of(client: Any, name: str) -> list[tuple[str, str, str]]:
    found = await client.list(core_v1.Event, "default")
    return [(e.type, e.reason, e.message) for e in found if e.involved_object.name == name]


def condition(pod: core_v1.Pod, kind: str = "PodScheduled") -> tuple[str, str, str]:
    return next(((c.status, c.reason, c.message) for c in pod.status.conditions if c.type == kind), ("", "", ""))


async def test_pending_pods_are_bound_and_the_event_says_where(control_plane: Any) -> None:
    client = control_plane.client
    await add_node(client, "n1")
    await add_node(client, "n2")
    async with running_scheduler(client) as (_, informers):
        for number in range(10):
            await add_pod(client, f"p{number}", cpu="500m")
        pods = informers.of(core_v1.Pod)
        await until(lambda: all(p.spec.node_name for p in pods.list()) and len(pods) == 10)
        placed = [pod.spec.node_name for pod in pods.list()]
        assert sorted(set(placed)) == ["n1", "n2"] and placed.count("n1") == 5
        node = pods.get("p0", "default").spec.node_name  # type: ignore[union-attr]
        await until_async(lambda: events_of(client, "p0"), [("Normal", "Scheduled", f"Successfully assigned default/p0 to {node}")])
        assert condition(await client.get(core_v1.Pod, "p0", "default"))[0] == "True"


async def test_burst_of_bindings_loses_no_event(control_plane: Any) -> None:
    client = control_plane.client
    for number in range(12):
        await add_node(client, f"n{number}", cpu="64")
    await asyncio.gather(*(add_pod(client, f"p{number}") for number in range(1200)))
    async with running_scheduler(client) as (_, informers):
        pods, seen = informers.of(core_v1.Pod), informers.of(core_v1.Event)
        await until(lambda: len(pods) == 1200 and all(p.spec.node_name for p in pods.list()), within_s=30)
        await until(lambda: len(seen) == 1200, within_s=30)


async def until_async(ask: Any, wanted: Any) -> None:
    async with asyncio.timeout(10):
        while (found := await ask()) != wanted:
            await asyncio.sleep(0.005)
    assert found == wanted


async def test_refusal_is_told_in_upstreams_words(control_plane: Any) -> None:
    client = control_plane.client
    await add_node(client, "small-1", cpu="1")
    await add_node(client, "small-2", cpu="1")
    await add_node(client, "tainted", taints=[{"key": "k", "value": "v", "effect": "NoSchedule"}])
    message = (
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. no new claims to deallocate, "
        "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    )
    async with running_scheduler(client) as (_, informers):
        await add_pod(client, "big", cpu="3")
        pods = informers.of(core_v1.Pod)
        await until(lambda: (p := pods.get("big", "default")) is not None and condition(p)[0] == "False")
        assert condition(await client.get(core_v1.Pod, "big", "default")) == ("False", "Unschedulable", message)
        await until_async(lambda: events_of(client, "big"), [("Warning", "FailedScheduling", message)])


async def test_cluster_without_nodes_says_so(control_plane: Any) -> None:
    client = control_plane.client
    async with running_scheduler(client) as (_, informers):
        await add_pod(client, "p")
        pods = informers.of(core_v1.Pod)
        await until(lambda: (p := pods.get("p", "default")) is not None and condition(p)[0] == "False")
        assert condition(await client.get(core_v1.Pod, "p", "default"))[2] == "no nodes available to schedule pods"


async def test_node_that_comes_later_gets_the_pending_pod_at_once(control_plane: Any) -> None:
    client = control_plane.client
    await add_node(client, "small", cpu="1")
    async with running_scheduler(client) as (scheduler, informers):
        await add_pod(client, "big", cpu="3")
        await until(lambda: scheduler.queue.counts()["unschedulable"] == 1)
        loop = asyncio.get_running_loop()
        before = loop.time()
        await add_node(client, "large", cpu="8")
        pods = informers.of(core_v1.Pod)
        await until(lambda: pods.get("big", "default").spec.node_name == "large", within_s=0.9)  # type: ignore[union-attr]
        assert loop.time() - before < 0.9  # well before the back-off of 1 s would end


async def test_freed_room_is_given_to_a_waiting_pod(control_plane: Any) -> None:
    client = control_plane.client
    await add_node(client, "n", cpu="1")
    async with running_scheduler(client) as (scheduler, informers):
        await add_pod(client, "first", cpu="800m")
        pods = informers.of(core_v1.Pod)
        await until(lambda: (p := pods.get("first", "default")) is not None and p.spec.node_name)
        await add_pod(client, "second", cpu="800m")
        await until(lambda: scheduler.queue.counts()["unschedulable"] == 1)
        await client.delete(core_v1.Pod, "first", "default", grace_period_seconds=0)
        await until(lambda: pods.get("second", "default").spec.node_name == "n")  # type: ignore[union-attr]


async def test_replicas_are_spread_over_zones_and_nodes(control_plane: Any) -> None:
    client = control_plane.client
    for number in range(6):
        await add_node(client, f"n{number}", labels={"topology.kubernetes.io/zone": f"z{number % 3}"})
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    from minikube_py.apis.scheme import from_document

    owner = await client.create(from_document(apps_v1.ReplicaSet, {
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 6, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }))
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": owner.metadata.uid, "controller": True}
    async with running_scheduler(client) as (_, informers):
        for number in range(6):
            await add_pod(client, f"web-{number}", labels={"app": "web"}, owner=reference)
        pods = informers.of(core_v1.Pod)
        await until(lambda: len(pods) == 6 and all(p.spec.node_name for p in pods.list()))
        assert sorted(p.spec.node_name for p in pods.list()) == [f"n{number}" for number in range(6)]


async def test_pods_of_other_schedulers_and_gated_pods_are_left_alone(control_plane: Any) -> None:
    client = control_plane.client
    await add_node(client, "n")
    async with running_scheduler(client) as (scheduler, informers):
        await add_pod(client, "theirs", schedulerName="other")
        await add_pod(client, "gated", schedulingGates=[{"name": "wait.example.com/x"}])
        await add_pod(client, "ours")
        pods = informers.of(core_v1.Pod)
        await until(lambda: (p := pods.get("ours", "default")) is not None and p.spec.node_name)
        assert pods.get("theirs", "default").spec.node_name == "" == pods.get("gated", "default").spec.node_name  # type: ignore[union-attr]
        assert scheduler.queue.counts()["gated"] == 1
        await client.patch(core_v1.Pod, "gated", "default", {"spec": {"schedulingGates": None}})
        await until(lambda: pods.get("gated", "default").spec.node_name == "n")  # type: ignore[union-attr]


async def test_more_important_pod_takes_the_place_of_a_lesser_one(control_plane: Any) -> None:
    client = control_plane.client
    from minikube_py.apis import scheduling_v1

    for name, value in (("low", 1), ("high", 1000)):
        await client.create(scheduling_v1.PriorityClass(metadata=meta_v1.ObjectMeta(name=name), value=value))
    await add_node(client, "n", cpu="1")
    async with running_scheduler(client) as (_, informers):
        pods, told = informers.of(core_v1.Pod), []
        pods.add_handler(lambda old, new: told.extend(new.status.conditions if new is not None else ()))
        await add_pod(client, "lesser", cpu="800m", priorityClassName="low", terminationGracePeriodSeconds=0)
        await until(lambda: (p := pods.get("lesser", "default")) is not None and p.spec.node_name)
        await add_pod(client, "greater", cpu="800m", priorityClassName="high")
        await until(lambda: (p := pods.get("greater", "default")) is not None and p.spec.node_name == "n")
        assert pods.get("lesser", "default") is None
        assert [reason for _, reason, _ in await events_of(client, "lesser")][-1:] == ["Preempted"]
        disrupted = next(condition for condition in told if condition.type == "DisruptionTarget")
        assert (disrupted.reason, disrupted.observed_generation) == ("PreemptionByScheduler", 1)


async def test_of_equal_victims_the_one_that_began_last_goes(control_plane: Any) -> None:
    client = control_plane.client
    from minikube_py.apis import scheduling_v1

    await client.create(scheduling_v1.PriorityClass(metadata=meta_v1.ObjectMeta(name="high"), value=1000))
    for number, day in enumerate((1, 3, 2)):
        await add_node(client, f"n{number}", cpu="1")
        await add_pod(client, f"p{number}", cpu="800m", nodeName=f"n{number}", terminationGracePeriodSeconds=0)
        status = {"status": {"startTime": f"2026-01-0{day}T00:00:00Z"}}
        await client.patch(core_v1.Pod, f"p{number}", "default", status, subresource="status")
    async with running_scheduler(client) as (_, informers):
        pods = informers.of(core_v1.Pod)
        await add_pod(client, "greater", cpu="800m", priorityClassName="high")
        await until(lambda: (p := pods.get("greater", "default")) is not None and p.spec.node_name)
        assert pods.get("greater", "default").spec.node_name == "n1"  # type: ignore[union-attr]


async def test_binding_that_fails_is_tried_again(control_plane: Any) -> None:
    client = control_plane.client
    await add_node(client, "n")
    failures = ["first"]

    class Flaky:
        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        async def call(self, *arguments: Any) -> Any:
            if failures:
                failures.pop()
                raise InternalError("the disk is full")
            return await client.call(*arguments)

    async with running_scheduler(Flaky()) as (scheduler, informers):  # type: ignore[arg-type]
        await add_pod(client, "p")
        await until(lambda: scheduler.queue.counts()["backoff"] == 1)
        assert scheduler.cache.placed("default/p") is None
        pods = informers.of(core_v1.Pod)
        await until(lambda: pods.get("p", "default").spec.node_name == "n")  # type: ignore[union-attr]


async def test_restarted_scheduler_counts_what_is_already_placed(control_plane: Any) -> None:
    client = control_plane.client
    await add_node(client, "n", cpu="1")
    await add_pod(client, "placed", cpu="600m", nodeName="n")
    async with running_scheduler(client) as (scheduler, _):
        await add_pod(client, "waiting", cpu="600m")
        await until(lambda: scheduler.queue.counts()["unschedulable"] == 1)
        assert scheduler.cache.nodes["n"].requested["cpu"] == 600
