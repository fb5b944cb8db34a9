"""Files and disks that fail: told plainly, nothing acknowledged is lost, nothing of others is touched."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minikube_py.store.interface import DamagedError, FullError, LockedError, StoreError
from minikube_py.store.sqlite import SqliteStore
from minikube_py.store.sqlite_file import Changes

from .drive import PODS, Observer, Seen, content, crash_copy, create, delete, everything, update


async def assert_refused(path: Path, error: type[StoreError], match: str) -> None:
    """Opening fails with that error, names the file, and leaves every byte and no file beside it."""
    before = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    store = SqliteStore(path)
    with pytest.raises(error, match=match) as caught:
        await store.open()
    assert str(path) in str(caught.value)
    await store.close()
    assert {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()} == before


@pytest.mark.parametrize("mode", ["delete", "wal"])
async def test_sqlite_file_of_another_program_is_refused_and_not_touched(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "foreign.db"
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA journal_mode = {mode}")
    db.execute("CREATE TABLE objects (a)")
    db.commit()
    await assert_refused(path, DamagedError, "another program")
    assert db.execute("PRAGMA journal_mode").fetchone() == (mode,)
    db.close()


@pytest.mark.parametrize("junk", [b"", b"SQLite format 3\0", b"hello\n" * 1000], ids=["empty", "magic only", "text"])
async def test_file_that_is_no_sqlite_file_is_refused_and_not_touched(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "s.db").write_bytes(junk)
    await assert_refused(tmp_path / "s.db", DamagedError, "no SQLite file")


async def test_file_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = await stored(tmp_path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    store = SqliteStore(path)
    with pytest.raises(DamagedError, match="schema version 99"):
        await store.open()


async def test_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "none" / "s.db")
    with pytest.raises(StoreError, match="is its directory there"):
        await store.open()


async def stored(home: Path, count: int = 6) -> Path:
    """A closed store of some objects."""
    store = SqliteStore(home / "s.db")
    await store.open()
    for n in range(count):
        await create(store, f"d/{n}", f"value-{n}" * 50)
    await store.close()
    return home / "s.db"


async def test_flipped_byte_in_a_value_is_found(tmp_path: Path) -> None:
    path = await stored(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"value-3", b"value-4", 1))
    store = SqliteStore(path)
    with pytest.raises(DamagedError, match=r"pods/d/3 .*not what was written"):
        await store.open()


async def test_any_flipped_bit_is_found_or_harmless(tmp_path: Path) -> None:
    path = await stored(tmp_path, 30)
    good = path.read_bytes()
    healthy = SqliteStore(path)
    await healthy.open()
    expected, revision = everything(healthy), healthy.revision
    await healthy.close()
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    # The headers of file and pages are few bytes and the most dangerous ones: all of them, and some of the rest.
    positions = [*range(100), *(page + n for page in range(0, len(good), 4096) for n in range(12)), *chance.sample(range(len(good)), 200)]
    damaged = 0
    for position in positions:
        data = bytearray(good)
        data[position] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        store = SqliteStore(path)
        try:
            await store.open()
        except StoreError:
            damaged += 1
            continue
        assert everything(store) == expected and store.revision >= revision, f"byte {position}"
        await store.close()
    assert damaged > 100


async def test_truncated_file_is_found_at_any_length(tmp_path: Path) -> None:
    path = await stored(tmp_path, 30)
    good = path.read_bytes()
    for length in (0, 1, 99, 100, 4095, *range(4096, len(good), 2048), len(good) - 1):
        path.write_bytes(good[:length])
        store = SqliteStore(path)
        with pytest.raises(DamagedError):
            await store.open()


SECOND = """
import asyncio, sys
from pathlib import Path
from minikube_py.store.interface import LockedError
from minikube_py.store.sqlite import SqliteStore
try:
    asyncio.run(SqliteStore(Path(sys.argv[1])).open())
except LockedError as error:
    print(error)
    sys.exit(7)
"""


async def test_second_process_on_the_file_is_refused_at_once(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    await create(sqlite_store, "d/a")
    command = [sys.executable, "-c", SECOND, str(tmp_path / "store.db")]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 7 and "in use by another process" in second.stdout
    await create(sqlite_store, "d/b")
    assert everything(sqlite_store) == {"d/a": "new", "d/b": "new"}


async def test_second_store_in_the_same_process_is_refused(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(LockedError):
        await SqliteStore(tmp_path / "store.db").open()
    await create(sqlite_store, "d/a")


async def test_processes_that_make_the_file_at_once_leave_one_owner(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "s.db") for _ in range(8)]
    results = await asyncio.gather(*(store.open() for store in stores), return_exceptions=True)
    owners = [store for store, result in zip(stores, results, strict=True) if result is None]
    assert len(owners) == 1 and all(isinstance(result, LockedError) for result in results if result is not None)
    await create(owners[0], "d/a")
    await owners[0].close()
    assert [file.name for file in tmp_path.iterdir()] == ["s.db"]


class Failpoint:
    """Fails commits of a store's file while it is armed."""

    def __init__(self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.armed = False
        self.failed = 0
        self._commit = store._file.commit
        monkeypatch.setattr(store._file, "commit", self._commit_or_fail)

    def _commit_or_fail(self, changes: Changes) -> None:
        if self.armed:
            self.failed += 1
            raise FullError("failpoint commit")
        self._commit(changes)


async def test_failed_batch_fails_all_that_waits_and_nothing_else(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failpoint = Failpoint(sqlite_store, monkeypatch)
    first = await create(sqlite_store, "d/a", 1)
    seen = Seen()
    subscription = sqlite_store.watch(PODS, sqlite_store.revision, seen)
    failpoint.armed = True
    saving = asyncio.ensure_future(update(sqlite_store, "d/a", 2))
    await asyncio.sleep(0)
    waiting = [asyncio.ensure_future(work) for work in (
        update(sqlite_store, "d/a", 3), create(sqlite_store, "d/b", 1), create(sqlite_store, "d/c", 1, durable=False),
    )]
    results = await asyncio.gather(saving, *waiting, return_exceptions=True)
    assert all(isinstance(result, FullError) for result in results)
    assert sqlite_store.head(PODS, "d/a") is sqlite_store.get(PODS, "d/a") is first
    assert sqlite_store.head(PODS, "d/b") is None and sqlite_store.head(PODS, "d/c") is None
    failpoint.armed = False
    entry = await update(sqlite_store, "d/a", 4)
    assert seen.revisions == [entry.revision] and everything(sqlite_store) == {"d/a": 4}
    after_crash = SqliteStore(crash_copy(tmp_path / "store.db", tmp_path / "crash"))
    await after_crash.open()
    assert everything(after_crash) == {"d/a": 4}
    await after_crash.close()
    subscription.close()


async def test_observer_is_told_once_that_writes_failed_and_finds_what_is_left(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(sqlite_store, "d/a")
    failpoint, observer = Failpoint(sqlite_store, monkeypatch), Observer(sqlite_store)
    failpoint.armed = True
    writes = [asyncio.ensure_future(work) for work in (delete(sqlite_store, "d/a"), create(sqlite_store, "d/b"))]
    await asyncio.sleep(0)
    assert observer.keys == {"d/b"}
    assert all(isinstance(result, FullError) for result in await asyncio.gather(*writes, return_exceptions=True))
    assert observer.keys == {"d/a"} and observer.discards == 1
    failpoint.armed = False
    await create(sqlite_store, "d/c")
    assert observer.keys == {"d/a", "d/c"}


async def test_relaxed_writes_outlive_failed_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(tmp_path / "s.db")
    await store.open()
    failpoint = Failpoint(store, monkeypatch)
    await create(store, "d/gone")
    await create(store, "d/a", 1, durable=False)
    await create(store, "d/b", 1, durable=False)
    await delete(store, "d/gone", durable=False)
    failpoint.armed = True
    for write in (update(store, "d/a", 2), delete(store, "d/b"), create(store, "d/gone", 2)):
        with pytest.raises(FullError):
            await write
    failpoint.armed = False
    await store.close()
    again = SqliteStore(tmp_path / "s.db")
    await again.open()
    assert everything(again) == {"d/a": 1, "d/b": 1}
    await again.close()


async def test_failed_flush_is_tried_again_until_it_lands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(tmp_path / "s.db", flush_s=0.01)
    await store.open()
    failpoint = Failpoint(store, monkeypatch)
    failpoint.armed = True
    await create(store, "d/a", durable=False)
    await until(lambda: failpoint.failed >= 3)
    failpoint.armed = False
    await until(lambda: store.batches == 1)
    found = SqliteStore(crash_copy(tmp_path / "s.db", tmp_path / "crash"))
    await found.open()
    assert everything(found) == {"d/a": "new"}
    await found.close()
    await store.close()


async def test_flush_is_one_attempt_and_none_if_nothing_is_dirty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(tmp_path / "s.db", flush_s=1e6)
    await store.open()
    failpoint = Failpoint(store, monkeypatch)
    await create(store, "d/a", durable=False)
    for armed, failed, batches in ((True, 1, 0), (True, 2, 0), (False, 2, 1), (False, 2, 1), (True, 2, 1)):
        failpoint.armed = armed
        store._flush()
        await store._drained.wait()
        assert (failpoint.failed, store.batches) == (failed, batches)
    failpoint.armed = False
    await store.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


async def test_close_that_cannot_write_says_so_and_lets_go_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(tmp_path / "s.db")
    await store.open()
    await create(store, "d/a")
    Failpoint(store, monkeypatch).armed = True
    with pytest.raises(FullError):
        await store.close()
    again = SqliteStore(tmp_path / "s.db")
    await again.open()
    assert everything(again) == {"d/a": "new"}
    await again.close()


async def test_value_that_sqlite_cannot_take_fails_its_write_only(sqlite_store: SqliteStore) -> None:
    with pytest.raises(StoreError):
        await create(sqlite_store, "d/\ud800")
    await create(sqlite_store, "d/a")
    assert everything(sqlite_store) == {"d/a": "new"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def fill(path: Path) -> None:
    """Take every free byte."""
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


@pytest.mark.root
async def test_full_disk_fails_writes_keeps_reads_and_heals(small_disk: Path, tmp_path: Path) -> None:
    store = SqliteStore(small_disk / "s.db")
    await store.open()
    acknowledged: dict[str, object] = {}
    fill(small_disk / "ballast")
    failures = 0
    for n in range(200):
        try:
            await create(store, f"d/{n}", "x" * 5000)
        except FullError:
            failures += 1
        else:
            acknowledged[f"d/{n}"] = "x" * 5000
    assert failures > 0
    assert everything(store) == acknowledged
    relaxed = await create(store, "d/relaxed", 1, durable=False)
    assert content(store.get(PODS, "d/relaxed")) == 1
    (small_disk / "ballast").unlink()
    later = await create(store, "d/later", 1)
    assert later.revision > relaxed.revision
    acknowledged["d/later"] = 1
    found = SqliteStore(crash_copy(small_disk / "s.db", tmp_path / "crash"))
    await found.open()
    assert everything(found) == acknowledged
    await found.close()
    await store.close()
    again = SqliteStore(small_disk / "s.db")
    await again.open()
    assert everything(again) == acknowledged | {"d/relaxed": 1}
    await again.close()


@pytest.mark.root
async def test_full_disk_at_the_start_is_told(small_disk: Path) -> None:
    fill(small_disk / "ballast")
    with pytest.raises(FullError, match="the disk is full"):
        await SqliteStore(small_disk / "s.db").open()
    assert [file.name for file in small_disk.iterdir()] == ["ballast"]


@pytest.mark.root
@pytest.mark.parametrize("there", [False, True], ids=["new", "existing"])
async def test_read_only_directory_is_told(tmp_path: Path, there: bool) -> None:
    home, mount = tmp_path / "home", tmp_path / "mount"
    home.mkdir()
    mount.mkdir()
    if there:
        shutil.move(await stored(tmp_path), home / "s.db")
    subprocess.run(["mount", "--bind", home, mount], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", mount], check=True)
        with pytest.raises(StoreError, match="cannot be written") as caught:
            await SqliteStore(mount / "s.db").open()
        assert type(caught.value) is StoreError and str(mount / "s.db") in str(caught.value)
    finally:
        subprocess.run(["umount", mount], check=True)
    assert os.listdir(home) == (["s.db"] if there else [])


async def test_message_that_is_no_text_is_told_as_damage(tmp_path: Path) -> None:
    """SQLite quotes the schema that it cannot read, and Python cannot decode that."""
    path = await stored(tmp_path, 1)
    good = path.read_bytes()
    data = good.replace(b"CREATE TABLE objects", b"CREATE \xa0ABLE objects")
    assert data != good
    path.write_bytes(data)
    with pytest.raises(DamagedError):
        await SqliteStore(path).open()
