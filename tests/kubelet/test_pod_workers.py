"""What is known of pods when the agent begins, and who of those that wait for more is next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from minikube_py.apis import core_v1
from minikube_py.apis.quantity import MILLI, nano_value
from minikube_py.core.clock import SYSTEM_CLOCK
from minikube_py.kubelet.pod_resizing import PodResizing, Room
from minikube_py.kubelet.pod_state import PodState
from minikube_py.kubelet.pod_sync import PodSync
from minikube_py.kubelet.pod_workers import PodWorkers
from minikube_py.kubelet.resize import NOTHING, InProgress
from minikube_py.kubelet.runtime_state import RuntimeCache

from .build import container, pod, runtime

SHOWN = {"name": "app", "containerID": "containerd://1", "image": "", "imageID": "", "ready": True, "restartCount": 0}


class Recorder:
    """Events that nobody reads."""

    def event(self, *told: object) -> None:
        assert told


@asynccontextmanager
async def workers_with(room: Room) -> AsyncIterator[tuple[PodWorkers, PodSync]]:
    """Workers that are never given a turn: only what they know is looked at."""
    nothing: Any = None
    recorder: Any = Recorder()
    resizing = PodResizing(nothing, nothing, nothing, recorder, nothing, room, lambda: None)
    sync = PodSync(
        nothing, nothing, RuntimeCache(nothing), nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing,
        nothing, resizing, nothing, SYSTEM_CLOCK)
    workers = PodWorkers(sync, SYSTEM_CLOCK, lambda uid: None)
    running = asyncio.create_task(workers.run())
    await asyncio.sleep(0)
    try:
        yield workers, sync
    finally:
        running.cancel()
        await asyncio.wait([running])


def requests(cpu: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu}}


def asks(cpu: str, **spec: Any) -> dict[str, Any]:
    return {"containers": [{"name": "app", "image": "i", "resources": requests(cpu)}], **spec}


def status(cpu: str, **more: Any) -> dict[str, Any]:
    return {"containerStatuses": [{**SHOWN, "resources": requests(cpu)}], **more}


async def test_what_the_node_had_taken_counts_before_any_pod_is_looked_at() -> None:
    """Or else the first pods that are looked at would find room that the others have."""
    async with workers_with(lambda pod: None) as (workers, _):
        workers.update(pod(asks("3"), status=status("1"), uid="resized"))
        workers.update(pod(asks("3"), uid="new"))
        resized, new = workers.state("resized"), workers.state("new")
        assert resized is not None and resized.admitted and resized.pod.spec.containers[0].resources.requests == {"cpu": "1"}
        assert new is not None and not new.admitted


async def test_who_needs_no_room_is_granted_first_then_by_priority_class_and_age() -> None:
    full = True
    granted: list[str] = []

    def room(wanted: core_v1.Pod) -> tuple[str, str] | None:
        if full:
            return "Deferred", "full"
        granted.append(wanted.metadata.uid)
        return None

    async with workers_with(room) as (workers, sync):
        for uid, cpu, priority, quality in (
            ("old", "3", 0, "Burstable"), ("new", "3", 0, "Burstable"), ("guaranteed", "3", 0, "Guaranteed"),
            ("important", "3", 1000, "Burstable"), ("smaller", "500m", 0, "Burstable"),
        ):
            workers.update(pod(asks(cpu, priority=priority), status=status("1", qosClass=quality), uid=uid))
            state = workers.state(uid)
            assert state is not None
            sync.grant_resize(state)
            assert state.pending is not None and state.pending.reason == "Deferred"
        full = False
        workers.retry_resizes()
        assert granted == ["smaller", "important", "guaranteed", "old", "new"]


async def test_room_that_one_is_given_is_not_given_to_the_next() -> None:
    free_m = 0

    def room(wanted: core_v1.Pod) -> tuple[str, str] | None:
        nonlocal free_m
        more_m = nano_value(wanted.spec.containers[0].resources.requests["cpu"]) // MILLI - 1000
        if more_m > free_m:
            return "Deferred", "full"
        free_m -= more_m
        return None

    async with workers_with(room) as (workers, sync):
        for uid, priority in (("a", 1), ("b", 2)):
            workers.update(pod(asks("2", priority=priority), status=status("1"), uid=uid))
            state = workers.state(uid)
            assert state is not None
            sync.grant_resize(state)
        free_m = 1500
        workers.retry_resizes()
        first, second = workers.state("b"), workers.state("a")
        assert first is not None and first.pending is None and first.progress is not None
        assert second is not None and second.pending is not None


@pytest.mark.parametrize("last", [
    {"meta": {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}}, {"status": {"phase": "Succeeded"}},
])
async def test_a_pod_that_ends_is_given_nothing_of_what_it_waited_for(last: dict[str, Any]) -> None:
    """Or else its own end would make the room for it."""
    full = True
    async with workers_with(lambda wanted: ("Deferred", "full") if full else None) as (workers, sync):
        workers.update(pod(asks("3"), status=status("1"), uid="u"))
        state = workers.state("u")
        assert state is not None
        sync.grant_resize(state)
        workers.update(pod(asks("3"), status=status("1", **last.get("status", {})), uid="u", **last.get("meta", {})))
        full = False
        workers.retry_resizes()
        assert state.progress is None and state.pod.spec.containers[0].resources.requests == {"cpu": "1"}


def resized_while(cgroups: Any) -> tuple[PodResizing, PodState]:
    """A pod that was given 2 instead of 1."""
    nothing: Any = None
    recorder: Any = Recorder()
    options: Any = SimpleNamespace(cgroup_root="/", argument=lambda name, default: default)
    resizing = PodResizing(options, nothing, cgroups, recorder, nothing, lambda wanted: None, lambda: None)
    state = PodState(pod(asks("2"), status=status("1")), "")
    resizing.begin(state)
    resizing.grant(state)
    assert state.progress == InProgress(1)
    return resizing, state


async def test_a_resize_that_is_granted_while_another_is_completed_is_in_progress() -> None:
    class Cgroups:
        present = True

        def make(self, path: object, limits: object) -> None:
            assert path and limits
            state.take(pod(asks("3"), generation=2))
            resizing.grant(state)

    resizing, state = resized_while(Cgroups())
    state.actual["app"] = state.allocation["app"]
    await resizing.settle(state, runtime(container("app", "running")))
    assert state.progress == InProgress(2)


def test_a_container_that_was_started_before_a_resize_was_granted_is_resized() -> None:
    resizing, state = resized_while(None)
    starting = state.pod.spec.containers[0]
    state.take(pod(asks("3"), generation=2))
    resizing.grant(state)
    resizing.started(state, starting)
    assert resizing.plan(state, runtime(container("app", "running"))) != NOTHING
