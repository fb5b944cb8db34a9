"""The contract of a store, kept by every driver."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minikube_py.core import limits
from minikube_py.store.interface import (
    BusyError,
    CompactedError,
    Entry,
    ExistsError,
    MissingError,
    RevisionConflictError,
    StoreError,
    WatchEvent,
)

from .drive import PODS, AnyStore, Observer, Seen, content, create, delete, encode, everything, update


async def test_created_object_is_read_back_with_its_revision(store: AnyStore) -> None:
    before = store.revision
    entry = await create(store, "d/a", {"x": 1})
    assert entry.revision > before and store.revision == entry.revision
    assert store.get(PODS, "d/a") is entry and store.head(PODS, "d/a") is entry
    assert content(entry) == {"x": 1} and entry.obj == {"x": 1}


async def test_absent_object_is_none(store: AnyStore) -> None:
    assert store.get(PODS, "d/a") is None and store.head(PODS, "d/a") is None and store.count(PODS) == 0


async def test_second_create_of_a_key_fails_and_changes_nothing(store: AnyStore) -> None:
    first = await create(store, "d/a", "first")
    with pytest.raises(ExistsError):
        await create(store, "d/a", "second")
    assert store.get(PODS, "d/a") is first and store.revision == first.revision


async def test_keys_of_different_resources_are_different(store: AnyStore) -> None:
    await create(store, "d/a", "pod")
    await create(store, "d/a", "service", resource="services")
    assert content(store.get(PODS, "d/a")) == "pod" and content(store.get("services", "d/a")) == "service"
    assert store.count(PODS) == store.count("services") == 1


async def test_update_replaces_exactly_the_version_it_names(store: AnyStore) -> None:
    first = await create(store, "d/a", 1)
    second = await store.update(PODS, "d/a", 2, encode, previous=first.revision)
    assert second.revision > first.revision and content(store.get(PODS, "d/a")) == 2
    for wrong in (first.revision, second.revision + 1, 0):
        with pytest.raises(RevisionConflictError):
            await store.update(PODS, "d/a", 3, encode, previous=wrong)
        with pytest.raises(RevisionConflictError):
            await store.delete(PODS, "d/a", 3, encode, previous=wrong)
    assert store.get(PODS, "d/a") is second


async def test_update_and_delete_of_an_absent_key_fail(store: AnyStore) -> None:
    with pytest.raises(MissingError):
        await store.update(PODS, "d/a", 1, encode, previous=1)
    with pytest.raises(MissingError):
        await store.delete(PODS, "d/a", 1, encode, previous=1)


async def test_deleted_object_is_gone_and_its_key_free(store: AnyStore) -> None:
    first = await create(store, "d/a", 1)
    last = await delete(store, "d/a", "last state")
    assert last.revision > first.revision and content(last) == "last state"
    assert store.get(PODS, "d/a") is None and store.count(PODS) == 0
    again = await create(store, "d/a", 2)
    assert again.revision > last.revision and everything(store) == {"d/a": 2}


async def test_of_writes_at_the_same_time_on_one_version_one_wins(store: AnyStore) -> None:
    first = await create(store, "d/a", 0)
    results = await asyncio.gather(
        *(store.update(PODS, "d/a", n, encode, previous=first.revision) for n in range(20)), return_exceptions=True
    )
    won = [result for result in results if not isinstance(result, BaseException)]
    assert len(won) == 1 and store.get(PODS, "d/a") is won[0]
    assert all(isinstance(result, RevisionConflictError) for result in results if result is not won[0])


async def test_head_shows_what_is_on_its_way_and_get_only_what_is_safe(store: AnyStore) -> None:
    writing = asyncio.ensure_future(create(store, "d/a", 1))
    await asyncio.sleep(0)
    head = store.head(PODS, "d/a")
    assert head is not None and content(head) == 1 and store.get(PODS, "d/a") is None and store.count(PODS) == 0
    following = asyncio.ensure_future(store.update(PODS, "d/a", 2, encode, previous=head.revision))
    removing = asyncio.ensure_future(_delete_after_turn(store))
    assert (await writing).revision < (await following).revision < (await removing).revision
    assert store.get(PODS, "d/a") is None


async def _delete_after_turn(store: AnyStore) -> Any:
    await asyncio.sleep(0)
    entry = await delete(store, "d/a")
    assert store.head(PODS, "d/a") is None
    return entry


async def test_list_is_in_key_order_and_a_namespace_is_exact(store: AnyStore) -> None:
    for key in ("b/z", "a/b", "ab/c", "a0/x", "a/a", "cluster"):
        await create(store, key, key)
    listing = store.list(PODS)
    assert [entry.key for entry in listing.entries] == ["a/a", "a/b", "a0/x", "ab/c", "b/z", "cluster"]
    assert listing.revision == store.revision
    assert [entry.key for entry in store.list(PODS, "a").entries] == ["a/a", "a/b"]
    assert store.list(PODS, "none").entries == [] and store.list("nothing").entries == []
    assert store.count(PODS) == 6


@pytest.mark.parametrize("namespace", ["", "d"])
async def test_listing_is_a_snapshot(store: AnyStore, namespace: str) -> None:
    await create(store, "d/a", 1)
    await create(store, "d/b", 1)
    listing = store.list(PODS, namespace)
    await update(store, "d/a", 2)
    await create(store, "d/c", 1)
    await delete(store, "d/b")
    assert [(entry.key, content(entry)) for entry in listing.entries] == [("d/a", 1), ("d/b", 1)]
    assert [entry.key for entry in store.list(PODS, namespace).entries] == ["d/a", "d/c"]
    assert listing.revision < store.list(PODS, namespace).revision


async def test_watcher_sees_each_change_once_in_order_of_revisions(store: AnyStore) -> None:
    seen = Seen()
    subscription = store.watch(PODS, store.revision, seen)
    created = await create(store, "d/a", 1)
    updated = await update(store, "d/a", 2)
    await create(store, "d/other", 1, resource="services")
    deleted = await delete(store, "d/a", 3)
    assert seen.told == [("ADDED", "d/a"), ("MODIFIED", "d/a"), ("DELETED", "d/a")]
    assert [event.entry for event in seen.events] == [created, updated, deleted]
    assert [event.previous for event in seen.events] == [None, created, updated]
    assert content(seen.events[2].entry) == 3
    subscription.close()
    subscription.close()
    await create(store, "d/b")
    assert len(seen.events) == 3


async def test_watchers_share_one_event(store: AnyStore) -> None:
    one, two = Seen(), Seen()
    subscriptions = [store.watch(PODS, store.revision, seen) for seen in (one, two)]
    await create(store, "d/a")
    assert one.events[0] is two.events[0]
    for subscription in subscriptions:
        subscription.close()


async def test_watch_resumes_after_any_revision_that_is_kept(store: AnyStore) -> None:
    start = store.revision
    entries = [await create(store, f"d/{n}") for n in range(5)]
    for skipped in range(6):
        seen = Seen()
        store.watch(PODS, entries[skipped - 1].revision if skipped else start, seen).close()
        assert seen.revisions == [entry.revision for entry in entries[skipped:]]


async def test_watch_from_a_revision_to_come_is_told_only_what_follows_it(store: AnyStore) -> None:
    seen = Seen()
    subscription = store.watch(PODS, store.revision + 2, seen)
    entries = [await create(store, f"d/{n}") for n in range(4)]
    assert seen.revisions == [entry.revision for entry in entries[2:]]
    subscription.close()


async def test_watch_from_before_the_ring_is_refused(store: AnyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WATCH_RING_EVENTS", 3)
    entries = [await create(store, f"d/{n}") for n in range(5)]
    with pytest.raises(CompactedError):
        store.watch(PODS, entries[0].revision, Seen())
    seen = Seen()
    store.watch(PODS, entries[1].revision, seen).close()
    assert seen.revisions == [entry.revision for entry in entries[2:]]


async def test_ring_of_one_resource_is_not_filled_by_another(store: AnyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WATCH_RING_EVENTS", 3)
    start = store.revision
    rare = await create(store, "d/rare", resource="services")
    for n in range(5):
        await create(store, f"d/{n}")
    seen = Seen()
    store.watch("services", start, seen).close()
    assert seen.revisions == [rare.revision]


async def test_relaxed_and_durable_writes_are_seen_in_order_of_revisions(store: AnyStore) -> None:
    seen = Seen()
    subscription = store.watch(PODS, store.revision, seen)
    for turn in range(3):
        await asyncio.gather(*(create(store, f"{turn}/{n}", durable=n % 3 == 0) for n in range(50)))
    assert seen.revisions == sorted(seen.revisions) and len(seen.revisions) == 150
    subscription.close()


async def test_relaxed_write_is_visible_when_it_returns(store: AnyStore) -> None:
    entry = await create(store, "d/a", 1, durable=False)
    assert store.get(PODS, "d/a") is entry
    await update(store, "d/a", 2, durable=False)
    assert everything(store) == {"d/a": 2}
    await delete(store, "d/a", durable=False)
    assert everything(store) == {}


async def test_cancelled_writer_leaves_a_store_that_goes_on(store: AnyStore) -> None:
    writing = asyncio.ensure_future(create(store, "d/a", 1))
    await asyncio.sleep(0)
    writing.cancel()
    later = await create(store, "d/b", 2)
    assert later is store.get(PODS, "d/b")
    head = store.head(PODS, "d/a")
    assert head is not None and head is store.get(PODS, "d/a") and head.revision < later.revision


async def test_object_that_cannot_be_encoded_costs_nothing(store: AnyStore) -> None:
    before = store.revision
    with pytest.raises(TypeError):
        await create(store, "d/a", object())
    assert store.head(PODS, "d/a") is None
    assert (await create(store, "d/a")).revision == before + 1


async def test_watcher_that_raises_stops_neither_writers_nor_other_watchers(store: AnyStore, caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: WatchEvent) -> None:
        raise ValueError(event.entry.key)

    seen = Seen()
    subscriptions = [store.watch(PODS, store.revision, deliver) for deliver in (broken, seen)]
    await asyncio.gather(create(store, "d/a"), create(store, "d/b"))
    assert seen.told == [("ADDED", "d/a"), ("ADDED", "d/b")]
    assert "watcher failed" in caplog.text
    for subscription in subscriptions:
        subscription.close()


async def test_watch_closed_by_another_watcher_gets_nothing_more(store: AnyStore) -> None:
    seen = Seen()
    first = store.watch(PODS, store.revision, lambda _: second.close())
    second = store.watch(PODS, store.revision, seen)
    await create(store, "d/a")
    assert seen.events == []
    first.close()


async def test_more_waiting_writes_than_allowed_are_refused_and_the_others_land(store: AnyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_QUEUE_WRITES_MAX", 10)
    results = await asyncio.gather(*(create(store, f"d/{n}") for n in range(15)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BusyError)]
    assert len(refused) == 5 and store.count(PODS) == 10
    await create(store, "d/later")


async def test_batches_are_bounded_and_all_writes_land(store: AnyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_BATCH_WRITES_MAX", 7)
    await asyncio.gather(*(create(store, f"d/{n:03}", n, durable=n % 5 > 0) for n in range(100)))
    assert list(everything(store).values()) == list(range(100))


async def test_closed_store_refuses_writes_and_reads_on(store: AnyStore) -> None:
    await create(store, "d/a", 1)
    await store.close()
    for durable in (True, False):
        with pytest.raises(StoreError):
            await create(store, "d/b", durable=durable)
    assert everything(store) == {"d/a": 1}


async def test_close_acknowledges_what_it_finds_in_flight(store: AnyStore) -> None:
    writes = [asyncio.ensure_future(create(store, f"d/{n}", durable=n % 2 == 0)) for n in range(20)]
    await asyncio.sleep(0)
    await store.close()
    assert [(await write).key for write in writes] == [f"d/{n}" for n in range(20)]
    assert store.count(PODS) == 20


async def test_a_revision_is_waited_for(store: AnyStore) -> None:
    now = store.revision
    assert await store.wait_revision(now, 0)
    assert not await store.wait_revision(now + 1, 0.01)
    waits = [asyncio.ensure_future(store.wait_revision(now + number, 20)) for number in (2, 1, 2)]
    gone = asyncio.ensure_future(store.wait_revision(now + 2, 20))
    await create(store, "d/a")
    assert await waits[1] and not waits[0].done()
    gone.cancel()
    await create(store, "d/b")
    assert await waits[0] and await waits[2]
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_observer_writes_along_with_what_it_is_told_of(store: AnyStore) -> None:
    await create(store, "d/count", 0, resource="counts")
    observer = Observer(store)
    seen = Seen()
    store.watch("counts", store.revision, seen)
    await asyncio.gather(*(create(store, f"d/{n}") for n in range(5)))
    assert content(store.get("counts", "d/count")) == 5 and len(seen.events) == 1
    await asyncio.gather(delete(store, "d/0"), delete(store, "d/1"), create(store, "d/9"))
    assert content(store.get("counts", "d/count")) == 4 == len(observer.keys)


async def test_observer_hears_of_relaxed_writes(store: AnyStore) -> None:
    observer = Observer(store)
    await create(store, "d/a", durable=False)
    await update(store, "d/a", 2, durable=False)
    assert observer.keys == {"d/a"}
    await delete(store, "d/a", durable=False)
    assert observer.keys == set()


async def test_observer_that_raises_stops_nobody(store: AnyStore, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Observer):
        def saving(self) -> None:
            raise ZeroDivisionError

        def accepted(self, resource: str, entry: Entry, *, deleted: bool) -> None:
            raise ZeroDivisionError

    Broken(store)
    observer = Observer(store)
    await create(store, "d/a")
    assert observer.keys == {"d/a"} and content(store.get(PODS, "d/a")) == "new"
    assert "observer failed" in caplog.text


async def test_heads_of_a_namespace_are_what_head_returns(store: AnyStore) -> None:
    for key in ("d/a", "d/b", "dd/a"):
        await create(store, key, 1)
    writing = [asyncio.ensure_future(work) for work in (create(store, "d/c", 1), update(store, "d/a", 2), delete(store, "d/b"))]
    await asyncio.sleep(0)
    heads = store.heads(PODS, "d")
    assert {entry.key: content(entry) for entry in heads} == {"d/a": 2, "d/c": 1}
    assert all(store.head(PODS, entry.key) is entry for entry in heads)
    await asyncio.gather(*writing)


async def test_marking_and_deletion_are_both_seen_or_neither_happens(store: AnyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = await create(store, "d/a")
    seen = Seen()
    subscription = store.watch(PODS, store.revision, seen)
    with monkeypatch.context() as patch:
        patch.setattr(limits, "STORE_QUEUE_WRITES_MAX", 1)
        with pytest.raises(BusyError):
            await store.mark_and_delete(PODS, "d/a", {"m": 1}, {"f": 1}, encode, previous=entry.revision)
    assert seen.events == [] and store.head(PODS, "d/a") is entry
    gone = await store.mark_and_delete(PODS, "d/a", {"m": 1}, {"f": 1}, encode, previous=entry.revision)
    assert [(event.type, event.entry.revision) for event in seen.events] == [("MODIFIED", gone.revision - 1), ("DELETED", gone.revision)]
    assert store.head(PODS, "d/a") is None and store.count(PODS) == 0
    with pytest.raises(MissingError):
        await store.mark_and_delete(PODS, "d/a", {"m": 1}, {"f": 1}, encode, previous=gone.revision)
    subscription.close()
