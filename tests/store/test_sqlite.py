"""What the SQLite driver promises beyond the contract: what is on the disk, and when."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from minikube_py.core import limits
from minikube_py.store.interface import CompactedError, StoreError
from minikube_py.store.sqlite import SqliteStore

from .drive import PODS, Seen, crash_copy, create, delete, encode, everything, update


async def opened(path: Path, **options: Any) -> SqliteStore:
    store = SqliteStore(path, **options)
    await store.open()
    return store


async def on_disk(path: Path, to: Path) -> dict[str, Any]:
    """What a process would find that starts after a power cut now."""
    store = await opened(crash_copy(path, to))
    try:
        return everything(store)
    finally:
        await store.close()


async def test_reopened_store_has_everything_and_exactly_its_revision(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    first = await opened(path)
    for n in range(20):
        await create(first, f"d/{n}", n, durable=n % 2 == 0)
    for n in range(0, 20, 3):
        await delete(first, f"d/{n}", durable=n % 4 == 0)
    for n in range(1, 20, 3):
        await update(first, f"d/{n}", -n, durable=n % 4 == 0)
    before, revision = [(e.key, e.revision, e.data) for e in first.list(PODS).entries], first.revision
    await first.close()
    second = await opened(path)
    assert [(e.key, e.revision, e.data) for e in second.list(PODS).entries] == before
    assert second.revision == revision
    entry = await create(second, "d/new")
    assert entry.revision == revision + 1
    assert second.get(PODS, "d/1") is not None and second.get(PODS, "d/1").obj is None  # type: ignore[union-attr]
    await second.close()


async def test_watch_does_not_reach_back_before_the_start(tmp_path: Path) -> None:
    first = await opened(tmp_path / "s.db")
    entries = [await create(first, f"d/{n}") for n in range(3)]
    await first.close()
    second = await opened(tmp_path / "s.db")
    for resource in (PODS, "services"):
        with pytest.raises(CompactedError):
            second.watch(resource, entries[1].revision, Seen())
    seen = Seen()
    second.watch(PODS, second.revision, seen).close()
    assert seen.events == []
    await second.close()


async def test_revision_jumps_ahead_after_a_crash_and_never_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    newest = 0
    for crash in range(3):
        store = await opened(path)
        assert store.revision >= newest
        for n in range(5):
            newest = (await create(store, f"{crash}/{n}", durable=n % 2 == 0)).revision
        copy = crash_copy(path, tmp_path / str(crash))
        await store.close()
        path = copy
    store = await opened(path)
    assert store.revision >= newest
    await store.close()


async def test_revisions_stay_below_what_the_disk_has_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_REVISIONS_RESERVED", 8)
    path = tmp_path / "s.db"
    store = await opened(path)
    await create(store, "d/a", 0, durable=False)
    for n in range(40):
        newest = await update(store, "d/a", n, durable=n % 7 == 0)
        after_crash = await opened(crash_copy(path, tmp_path / str(n)))
        assert after_crash.revision >= newest.revision
        await after_crash.close()
    await store.close()


async def test_acknowledged_durable_write_is_on_the_disk(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    await create(sqlite_store, "d/a", 1)
    assert await on_disk(tmp_path / "store.db", tmp_path / "1") == {"d/a": 1}
    await update(sqlite_store, "d/a", 2)
    assert await on_disk(tmp_path / "store.db", tmp_path / "2") == {"d/a": 2}
    await delete(sqlite_store, "d/a")
    assert await on_disk(tmp_path / "store.db", tmp_path / "3") == {}


async def test_relaxed_writes_are_not_on_the_disk_before_the_flush(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    await create(sqlite_store, "d/a", 1)
    batches = sqlite_store.batches
    for n in range(100):
        await create(sqlite_store, f"d/r{n}", durable=False)
        await update(sqlite_store, "d/a", n, durable=False)
    assert sqlite_store.batches == batches
    assert await on_disk(tmp_path / "store.db", tmp_path / "crash") == {"d/a": 1}


async def flushed(store: SqliteStore) -> None:
    """Wait for the next batch to land that nobody here has asked for."""
    before = store.batches
    async with asyncio.timeout(20):
        while store.batches == before:
            await asyncio.sleep(0.001)


async def test_relaxed_writes_are_on_the_disk_after_one_flush(tmp_path: Path) -> None:
    store = await opened(tmp_path / "s.db", flush_s=0.05)
    await create(store, "d/gone", 1)
    batches = store.batches
    for n in range(100):
        await create(store, f"d/{n}", n, durable=False)
    await delete(store, "d/gone", durable=False)
    await delete(store, "d/50", durable=False)
    await flushed(store)
    assert await on_disk(tmp_path / "s.db", tmp_path / "crash") == {f"d/{n}": n for n in range(100) if n != 50}
    assert store.batches == batches + 1
    await store.close()


async def test_flush_of_more_rows_than_one_statement_takes_is_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minikube_py.store.sqlite_file.UPSERT_ROWS_MAX", 10)
    monkeypatch.setattr("minikube_py.store.sqlite_file.DELETE_ROWS_MAX", 10)
    store = await opened(tmp_path / "s.db")
    for n in range(50):
        await create(store, f"d/{n}", n)
    for n in range(50):
        await delete(store, f"d/{n}", durable=False)
        await create(store, f"e/{n}", n, durable=False)
    batches = store.batches
    await store.close()
    assert store.batches == batches
    again = await opened(tmp_path / "s.db")
    assert everything(again) == {f"e/{n}": n for n in range(50)}
    await again.close()


async def test_durable_deletion_of_an_object_that_was_only_relaxed(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    await create(sqlite_store, "d/a", durable=False)
    await delete(sqlite_store, "d/a")
    await create(sqlite_store, "d/b", durable=False)
    await delete(sqlite_store, "d/b", durable=False)
    assert await on_disk(tmp_path / "store.db", tmp_path / "crash") == {}
    await sqlite_store.close()
    assert await on_disk(tmp_path / "store.db", tmp_path / "closed") == {}


async def test_durable_write_is_not_undone_by_an_older_relaxed_one(tmp_path: Path) -> None:
    """Both wait for the same batch; the relaxed one must not be flushed over the durable one later."""
    store = await opened(tmp_path / "s.db", flush_s=0.05)
    await create(store, "d/a", 0)
    await create(store, "d/b", 0)
    blocker = asyncio.ensure_future(create(store, "d/blocker"))
    await asyncio.sleep(0)
    relaxed = [asyncio.ensure_future(update(store, key, 1, durable=False)) for key in ("d/a", "d/b")]
    await asyncio.sleep(0)
    await asyncio.gather(update(store, "d/a", 2), delete(store, "d/b"), blocker, *relaxed)
    await create(store, "d/c", durable=False)
    await flushed(store)
    expected = {"d/a": 2, "d/blocker": "new", "d/c": "new"}
    assert everything(store) == expected
    await store.close()
    assert await on_disk(tmp_path / "s.db", tmp_path / "closed") == expected


async def test_key_deleted_relaxed_and_created_durable_is_one_object_after_a_crash(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    await create(sqlite_store, "d/a", "old")
    await delete(sqlite_store, "d/a", durable=False)
    await create(sqlite_store, "d/a", "new")
    assert await on_disk(tmp_path / "store.db", tmp_path / "created") == {"d/a": "new"}
    await delete(sqlite_store, "d/a")
    assert await on_disk(tmp_path / "store.db", tmp_path / "deleted") == {}


async def test_key_deleted_and_created_while_both_are_on_their_way(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    await create(sqlite_store, "d/a", "old")
    blocker = asyncio.ensure_future(create(sqlite_store, "d/blocker"))
    await asyncio.sleep(0)
    await asyncio.gather(delete(sqlite_store, "d/a", durable=False), create(sqlite_store, "d/a", "new"), blocker)
    assert await on_disk(tmp_path / "store.db", tmp_path / "crash") == {"d/a": "new", "d/blocker": "new"}


@pytest.mark.parametrize(("gather_s", "batches"), [(60.0, 1), (-1.0, 2)])
async def test_concurrent_durable_writes_share_transactions_but_do_not_wait_for_the_end_of_a_long_turn(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch, gather_s: float, batches: int
) -> None:
    monkeypatch.setattr("minikube_py.store.writes.GATHER_S", gather_s)
    await asyncio.gather(*(create(sqlite_store, f"d/{n}") for n in range(200)))
    assert sqlite_store.batches == batches


async def test_file_is_private_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    store = await opened(tmp_path / "s.db")
    await create(store, "d/a")
    assert {path.name for path in tmp_path.iterdir()} == {"s.db", "s.db-wal"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())
    await store.close()
    assert {path.name for path in tmp_path.iterdir()} == {"s.db"}
    with sqlite3.connect(tmp_path / "s.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT resource, key FROM objects").fetchall() == [(PODS, "d/a")]
    db.close()


async def test_store_that_is_not_open_refuses_writes(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    with pytest.raises(StoreError, match="not open"):
        await store.create(PODS, "d/a", 1, encode)
    await store.close()


async def test_close_twice_is_once(tmp_path: Path) -> None:
    store = await opened(tmp_path / "s.db")
    await create(store, "d/a", durable=False)
    await store.close()
    await store.close()
    assert await on_disk(tmp_path / "s.db", tmp_path / "copy") == {"d/a": "new"}


async def test_cancelled_close_can_be_finished(tmp_path: Path) -> None:
    store = await opened(tmp_path / "s.db")
    writing = asyncio.ensure_future(create(store, "d/a"))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    await store.close()
    assert (await writing).key == "d/a"
    again = await opened(tmp_path / "s.db")
    assert everything(again) == {"d/a": "new"}
    await again.close()


async def test_cancelled_open_lets_go_of_the_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    opening = asyncio.ensure_future(store.open())
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    again = await opened(tmp_path / "s.db")
    await again.close()


async def test_event_loop_is_never_blocked_by_the_disk(tmp_path: Path) -> None:
    with blockbuster_ctx(scanned_modules=["minikube_py.store"]):
        store = await opened(tmp_path / "s.db", flush_s=0.01)
        await asyncio.gather(*(create(store, f"d/{n}", durable=n % 2 == 0) for n in range(100)))
        await flushed(store)
        await store.close()
    assert len(await on_disk(tmp_path / "s.db", tmp_path / "copy")) == 100
