"""Events end an hour after their last write, cheaply, also after a restart, and watchers see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from minikube_py.apis import core_v1, events_v1, meta_v1
from minikube_py.apiserver.assembly import RegistryOptions, build_registry
from minikube_py.apiserver.event_expiry import BATCH, EventExpiry
from minikube_py.apiserver.local_client import LocalClient
from minikube_py.apiserver.subresources import Subresources
from minikube_py.core.clock import rfc3339, rfc3339_micro
from minikube_py.store.interface import FullError, WatchEvent
from minikube_py.store.memory import MemoryStore
from minikube_py.store.sqlite import SqliteStore

HOUR_S = 3600.0
START = datetime(2026, 1, 1, tzinfo=UTC)


def no_tokens(namespace: str, name: str, request: object) -> object:
    raise AssertionError(f"nobody asks for tokens: {namespace}/{name} {request}")


class LoopClock:
    """Wall time that goes with the event loop's."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time() - self._began)


class World:
    """Events in a store, and what ends them."""

    def __init__(self, store: MemoryStore | SqliteStore, clock: LoopClock) -> None:
        self.store = store
        self.clock = clock
        registry = build_registry(store, RegistryOptions(), clock)
        self.client = LocalClient(registry, Subresources(registry, no_tokens), "test")  # type: ignore[arg-type]
        storage = registry.storage("", "v1", "events")
        assert storage is not None
        self.expiry = EventExpiry(store, storage, HOUR_S, clock)

    async def create(self, name: str, **more: object) -> core_v1.Event:
        reference = core_v1.ObjectReference(kind="Pod", namespace="default", name="p")
        event = core_v1.Event(
            metadata=meta_v1.ObjectMeta(name=name, namespace="default"), involved_object=reference, reason="R", type="Normal", **more)  # type: ignore[arg-type]
        return await self.client.create(event)

    def names(self) -> list[str]:
        return [entry.key.partition("/")[2] for entry in self.store.list("events").entries]


@asynccontextmanager
async def world(store: MemoryStore | SqliteStore | None = None, clock: LoopClock | None = None) -> AsyncIterator[World]:
    store = store or MemoryStore()
    await store.open()
    made = World(store, clock or LoopClock())
    if made.store.get("namespaces", "default") is None:
        await made.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="default")))
    running = asyncio.create_task(made.expiry.run())
    try:
        await asyncio.sleep(0)
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()


pytestmark = pytest.mark.looptime


async def test_event_ends_a_little_more_than_an_hour_after_its_last_write() -> None:
    async with world() as w:
        await w.create("old")
        kept = await w.create("counted")
        await asyncio.sleep(HOUR_S / 2)
        kept.count = 2
        await w.client.update(kept)
        await asyncio.sleep(HOUR_S / 2 - 1)
        assert w.names() == ["counted", "old"]
        await asyncio.sleep(62)
        assert w.names() == ["counted"]
        await asyncio.sleep(HOUR_S / 2)
        assert w.names() == []


async def test_watchers_see_the_last_state_deleted_at_a_new_revision() -> None:
    async with world() as w:
        made = await w.create("a", message="last words")
        seen: list[WatchEvent] = []
        w.store.watch("events", w.store.revision, seen.append)
        await asyncio.sleep(HOUR_S * 1.1)
        assert [(event.type, event.entry.key) for event in seen] == [("DELETED", "default/a")]
        assert b"last words" in seen[0].entry.data and seen[0].entry.revision > int(made.metadata.resource_version)
        assert f'"resourceVersion":"{seen[0].entry.revision}"'.encode() in seen[0].entry.data


async def test_all_events_of_a_while_share_one_timer() -> None:
    async with world() as w:
        loop = asyncio.get_running_loop()
        for number in range(3 * BATCH):
            await w.create(f"e{number}")
        await asyncio.sleep(1)
        assert len(w.expiry._leases) == 1
        timers = [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        assert len(timers) <= 2
        await asyncio.sleep(HOUR_S * 1.1)
        assert w.names() == []


async def test_event_that_is_deleted_or_written_while_others_expire_is_left_alone() -> None:
    async with world() as w:
        for number in range(2 * BATCH):
            await w.create(f"e{number:03}")
        late = await w.create("z")

        def react(event: WatchEvent) -> None:
            if event.entry.key == "default/e000":
                late.count = 7
                tasks.append(asyncio.ensure_future(w.client.update(late)))
                tasks.append(asyncio.ensure_future(w.client.delete(core_v1.Event, f"e{2 * BATCH - 1:03}", "default")))

        tasks: list[asyncio.Future[object]] = []
        w.store.watch("events", w.store.revision, react)
        await asyncio.sleep(HOUR_S * 1.1)
        await asyncio.gather(*tasks)
        assert w.names() == ["z"]


async def test_time_goes_on_while_the_server_is_down(tmp_path: Path) -> None:
    clock = LoopClock()

    def store() -> SqliteStore:
        # Written at its end alone: the disk's thread does not follow the virtual clock.
        return SqliteStore(tmp_path / "db", flush_s=1e9)

    async with world(store(), clock) as w:
        await w.create("old")
        await w.create("counted", last_timestamp=rfc3339(START))
        await w.create("series", series=core_v1.EventSeries(count=2, last_observed_time=rfc3339_micro(START + timedelta(minutes=50))),
                       event_time=rfc3339_micro(START), action="a", reporting_component="example.com/c", reporting_instance="i")
    await asyncio.sleep(HOUR_S * 0.9)
    async with world(store(), clock) as w:
        assert w.names() == ["counted", "old", "series"]
        await asyncio.sleep(HOUR_S * 0.2)
        assert w.names() == ["series"]
        await asyncio.sleep(HOUR_S)
        assert w.names() == []
    async with world(store(), clock) as w:
        assert w.names() == []


async def test_event_that_the_store_does_not_let_go_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world() as w:
        await w.create("a")

        async def full(*arguments: object, **options: object) -> None:
            raise FullError("no room")

        monkeypatch.setattr(w.store, "delete", full)
        await asyncio.sleep(HOUR_S * 1.1)
        assert w.names() == ["a"]
        monkeypatch.undo()
        await asyncio.sleep(HOUR_S * 0.2)
        assert w.names() == []


async def test_both_groups_show_one_event_and_its_series() -> None:
    async with world() as w:
        series = events_v1.EventSeries(count=2, last_observed_time=rfc3339_micro(START))
        await w.client.create(events_v1.Event(
            metadata=meta_v1.ObjectMeta(name="s", namespace="default"), event_time=rfc3339_micro(START), series=series, action="Pulling",
            reason="Pulled", note="text", type="Normal", reporting_controller="example.com/kubelet", reporting_instance="node-1",
            regarding=core_v1.ObjectReference(kind="Pod", namespace="default", name="p")))
        core = await w.client.get(core_v1.Event, "s", "default")
        assert (core.message, core.involved_object.name, core.reporting_component) == ("text", "p", "example.com/kubelet")
        assert core.series is not None and (core.series.count, core.series.last_observed_time) == (2, series.last_observed_time)
        assert core.series is not None
        core.series.count = 3
        await w.client.update(core)
        again = await w.client.get(events_v1.Event, "s", "default")
        assert again.series is not None and again.series.count == 3
        await w.client.delete(events_v1.Event, "s", "default")
        assert w.names() == []
