"""When waiting pods are tried, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from minikube_py.scheduler.framework import ClusterEvent, Hint, Profile
from minikube_py.scheduler.plugins.queueing import PrioritySort, SchedulingGates
from minikube_py.scheduler.pod_info import PodInfo
from minikube_py.scheduler.queue import QueuedPod, SchedulingQueue

from .conftest import make_node, make_pod

pytestmark = [pytest.mark.looptime]


class OnlyLarge:
    """Refuses pods; a node named "large" would help."""

    name: ClassVar = "OnlyLarge"

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {ClusterEvent.NODE_ADD: lambda pod, event, node: node.metadata.name == "large"}


@pytest.fixture
async def queue() -> Any:
    made = SchedulingQueue(Profile("test", [PrioritySort(), SchedulingGates(), OnlyLarge()]))
    yield made
    made.close()


def info(name: str, **options: Any) -> PodInfo:
    return PodInfo(make_pod(name, **options))


def names(queue: SchedulingQueue) -> list[str]:
    found = []
    while (queued := queue.pop_nowait()) is not None:
        found.append(queued.info.name)
    return found


async def fail(queue: SchedulingQueue, name: str, times: int = 1) -> QueuedPod:
    """A pod that has been tried in vain so many times."""
    queue.add(info(name))
    queued = queue.pop_nowait()
    assert queued is not None
    queued.attempts = times
    queue.failed(queued, {"OnlyLarge"})
    return queued


async def test_higher_priority_goes_first_then_the_older(queue: SchedulingQueue) -> None:
    for name, priority in (("a", 0), ("b", 10), ("c", 10), ("d", 5)):
        queue.add(info(name, priority=priority))
        await asyncio.sleep(0.001)
    assert names(queue) == ["b", "c", "d", "a"]


async def test_unschedulable_pod_waits_for_an_event_that_helps(queue: SchedulingQueue) -> None:
    await fail(queue, "p")
    queue.happened(ClusterEvent.NODE_ADD, make_node("small"))
    queue.happened(ClusterEvent.POD_FREED, info("other"))
    assert names(queue) == []
    queue.happened(ClusterEvent.NODE_ADD, make_node("large"))
    assert names(queue) == ["p"]


async def test_pod_in_backoff_waits_while_others_are_active(queue: SchedulingQueue) -> None:
    await fail(queue, "p", times=3)
    queue.happened(ClusterEvent.NODE_ADD, make_node("large"))
    queue.add(info("q"))
    assert queue.counts() == {"active": 1, "backoff": 1, "unschedulable": 0, "gated": 0}
    await asyncio.sleep(3.9)
    assert queue.counts()["active"] == 1
    await asyncio.sleep(0.2)
    assert queue.counts()["active"] == 2


async def test_error_backs_off_longer_each_time_up_to_ten_seconds(queue: SchedulingQueue) -> None:
    loop, delays = asyncio.get_running_loop(), []
    queue.add(info("p"))
    for _ in range(6):
        queued = queue.pop_nowait()
        assert queued is not None
        queue.retry_later(queued)
        before = loop.time()
        assert queue.pop_nowait() is None
        await queue.wait()
        delays.append(round(loop.time() - before, 3))
    assert delays == [1, 2, 4, 8, 10, 10]


async def test_pod_without_events_is_tried_after_five_minutes(queue: SchedulingQueue) -> None:
    await fail(queue, "p")
    await asyncio.sleep(299)
    assert names(queue) == []
    await asyncio.sleep(2)
    assert names(queue) == ["p"]


async def test_gated_pod_waits_until_its_gates_are_gone(queue: SchedulingQueue) -> None:
    queue.add(info("p", schedulingGates=[{"name": "g"}]))
    queue.happened(ClusterEvent.NODE_ADD, make_node("large"))
    assert names(queue) == []
    queue.update(info("p"))
    assert names(queue) == ["p"]


async def test_removed_pod_is_not_tried(queue: SchedulingQueue) -> None:
    queue.add(info("p"))
    queue.remove("default/p")
    await fail(queue, "q")
    queue.remove("default/q")
    queue.happened(ClusterEvent.NODE_ADD, make_node("large"))
    assert names(queue) == []
    assert len(queue) == 0
