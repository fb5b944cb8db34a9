"""Events: counted, bounded, and never in the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from minikube_py.apis import core_v1, meta_v1
from minikube_py.client import events
from minikube_py.client.events import EventRecorder, object_reference
from minikube_py.core.errors import ForbiddenError, NotFoundError


class FakeClock:
    """Wall time that goes on by a second each time it is asked."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


class FakeClient:
    """Keeps Events; `fail` is raised by the next calls, in order."""

    def __init__(self) -> None:
        self.stored: dict[str, core_v1.Event] = {}
        self.fail: list[Exception | None] = []

    def _maybe_fail(self) -> None:
        error = self.fail.pop(0) if self.fail else None
        if error is not None:
            raise error

    async def create(self, event: core_v1.Event) -> core_v1.Event:
        self._maybe_fail()
        assert event.metadata.name not in self.stored
        self.stored[event.metadata.name] = event
        return event

    async def patch(self, kind: Any, name: str, namespace: str, patch: dict[str, Any]) -> core_v1.Event:
        self._maybe_fail()
        event = self.stored.get(name)
        if event is None or event.metadata.namespace != namespace:
            raise NotFoundError(name)
        event.count, event.last_timestamp = patch["count"], patch["lastTimestamp"]
        return event

    @property
    def events(self) -> list[core_v1.Event]:
        return [*self.stored.values()]


def pod(name: str = "web") -> core_v1.Pod:
    return core_v1.Pod(metadata=meta_v1.ObjectMeta(name=name, namespace="d", uid=f"uid-{name}", resource_version="7"))


class Recording:
    """A recorder, its client, and a way to wait until all is written."""

    def __init__(self) -> None:
        self.client = FakeClient()
        self.recorder = EventRecorder(self.client, "tester", "host", FakeClock())  # type: ignore[arg-type]

    async def written(self) -> list[core_v1.Event]:
        running = asyncio.create_task(self.recorder.run())
        for _ in range(1000):
            await asyncio.sleep(0)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return self.client.events


@pytest.fixture
async def recording(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Recording]:
    yield Recording()


def test_reference_names_the_object() -> None:
    reference = object_reference(pod(), "spec.containers{main}")
    assert reference == core_v1.ObjectReference(
        kind="Pod", api_version="v1", namespace="d", name="web", uid="uid-web", resource_version="7", field_path="spec.containers{main}"
    )


async def test_event_tells_who_what_when_and_why(recording: Recording) -> None:
    recording.recorder.event(pod(), "Warning", "BackOff", "x" * 2000, field_path="spec.containers{main}")
    (event,) = await recording.written()
    assert event.metadata.namespace == "d" and event.metadata.name.startswith("web.")
    assert (event.type, event.reason, event.message, event.count) == ("Warning", "BackOff", "x" * 1024, 1)
    assert event.first_timestamp == event.last_timestamp == "2026-01-01T00:00:01Z"
    assert event.source == core_v1.EventSource(component="tester", host="host")
    assert event.involved_object is not None and event.involved_object.field_path == "spec.containers{main}"


async def test_event_of_a_cluster_scoped_object_is_in_the_default_namespace(recording: Recording) -> None:
    recording.recorder.event(core_v1.Node(metadata=meta_v1.ObjectMeta(name="n", uid="u")), "Normal", "Ready", "yes")
    (event,) = await recording.written()
    assert event.metadata.namespace == "default" and event.involved_object is not None and event.involved_object.kind == "Node"


async def test_equal_events_are_one_that_is_counted(recording: Recording) -> None:
    for _ in range(3):
        recording.recorder.event(pod(), "Normal", "Pulled", "image")
    recording.recorder.event(pod(), "Normal", "Pulled", "another image")
    recording.recorder.event(pod("other"), "Normal", "Pulled", "image")
    written = await recording.written()
    assert [event.count for event in written] == [3, 1, 1]
    assert (written[0].first_timestamp, written[0].last_timestamp) == ("2026-01-01T00:00:01Z", "2026-01-01T00:00:03Z")


async def test_event_that_expired_meanwhile_is_made_anew(recording: Recording) -> None:
    recording.recorder.event(pod(), "Normal", "Pulled", "image")
    await recording.written()
    recording.client.stored.clear()
    recording.recorder.event(pod(), "Normal", "Pulled", "image")
    (event,) = await recording.written()
    assert event.count == 1
    recording.recorder.event(pod(), "Normal", "Pulled", "image")
    assert [event.count for event in await recording.written()] == [2]


@pytest.mark.parametrize("error", [ForbiddenError("namespace is being terminated"), ConnectionRefusedError()])
async def test_event_that_cannot_be_written_is_dropped_and_the_next_is_not(recording: Recording, error: Exception) -> None:
    recording.client.fail = [error]
    recording.recorder.event(pod(), "Normal", "Lost", "first")
    recording.recorder.event(pod(), "Normal", "Kept", "second")
    assert [event.reason for event in await recording.written()] == ["Kept"]


@pytest.mark.looptime
async def test_one_object_has_a_burst_and_then_one_in_five_minutes(recording: Recording) -> None:
    for number in range(40):
        recording.recorder.event(pod(), "Normal", "Loop", f"message {number}")
    recording.recorder.event(pod("other"), "Normal", "Loop", "of another object")
    assert len(await recording.written()) == 25 + 1
    await asyncio.sleep(299)
    recording.recorder.event(pod(), "Normal", "Loop", "too early")
    await asyncio.sleep(1)
    recording.recorder.event(pod(), "Normal", "Loop", "in time")
    recording.recorder.event(pod(), "Normal", "Loop", "too many")
    assert [event.message for event in (await recording.written())[26:]] == ["in time"]


async def test_full_queue_drops_and_says_so(recording: Recording, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(events.QUEUE_MAX + 5):
        recording.recorder.event(pod(f"p{number}"), "Normal", "Many", "message")
    assert caplog.text.count("event dropped, queue full") == 5


async def test_memory_of_objects_and_events_is_bounded(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "CACHE_ENTRIES_MAX", 10)
    for number in range(50):
        recording.recorder.event(pod(f"p{number}"), "Normal", "Many", "message")
    assert len(await recording.written()) == 50
    assert len(recording.recorder._known) == len(recording.recorder._tokens) == 10
