"""The embedded store: memory serves, one SQLite file remembers.

One table of current objects and one row of metadata; no history. Durable writes of a turn of the event loop become one
transaction with one fsync (WAL, synchronous=FULL) on the writer thread. Relaxed writes are acknowledged from memory and written
in one batch every limits.STORE_RELAXED_FLUSH_S and at close. Revisions are reserved on disk ahead of their use, so that none is
given out twice, whatever was lost.

A batch is one SQL statement where it can be: SQLite then runs without the interpreter lock from start to fsync, and the event
loop goes on.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minikube_py.core import limits

from .interface import DamagedError, Entry, FullError, LockedError, StoreError
from .writes import Batch, WritableStore, Write

log = logging.getLogger(__name__)

# "mkpy": marks the file as ours. Source: sqlite.org/pragma.html#pragma_application_id
APPLICATION_ID = 0x6D6B7079
SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE objects (row INTEGER PRIMARY KEY, resource TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL,
                      checksum INTEGER NOT NULL, value BLOB NOT NULL);
CREATE TABLE metadata (id INTEGER PRIMARY KEY CHECK (id = 1), reserved INTEGER NOT NULL);
INSERT INTO metadata VALUES (1, 1);
"""
Row = tuple[int, str, str, int, int, bytes]


class Changes:
    """What one transaction does: the last state of each row that it touches."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[str, Entry] | None] = {}
        self.reserve: int | None = None

    def add(self, resource: str, entry: Entry, deleted: bool) -> None:
        self.rows[entry.row] = None if deleted else (resource, entry)


class SqliteStore(WritableStore):
    """A store in one SQLite file.

    Args:
        path: the file; its directory must exist.
        flush_s: seconds that relaxed writes may wait for the disk.
    """

    def __init__(self, path: Path, *, flush_s: float = limits.STORE_RELAXED_FLUSH_S) -> None:
        super().__init__()
        self._path = path
        self._flush_s = flush_s
        self._db: sqlite3.Connection | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reserved = 0
        self._dirty: dict[int, tuple[str, Entry] | None] = {}
        self._flush_timer: asyncio.TimerHandle | None = None
        self._flush_due = False
        self.bytes_written = 0
        self.batches = 0

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()
        try:
            rows, reserved = await self._on_thread(self._open)
        except BaseException:
            self._jobs.put(None)
            self._thread.join()
            raise
        for row, resource, key, revision, _, value in rows:
            self.state.load(resource, Entry(key, revision, value, None, row))
            self._next_row = max(self._next_row, row + 1)
        self.state.start_from(reserved)
        self._next_revision = reserved + 1
        self._reserved = reserved + limits.STORE_REVISIONS_RESERVED
        self._closed = False

    async def close(self) -> None:
        """Write everything, note the exact revision, and close the file.

        Raises: StoreError if the last writes did not reach the disk.
        """
        if self._closed or self._db is None:
            return
        self._closed = True
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        await self._drained.wait()
        changes = Changes()
        changes.rows, self._dirty = self._dirty, {}
        changes.reserve = self._next_revision - 1
        try:
            await self._on_thread(lambda: self._commit(changes))
        finally:
            await self._on_thread(self._close)
            self._jobs.put(None)
            if self._thread is not None:
                self._thread.join()

    # On the event loop.

    def _save(self, batch: Batch) -> None:
        changes = Changes()
        if self._flush_due:
            self._flush_due = False
            changes.rows, self._dirty = self._dirty, {}
        for write in batch:
            if write.durable:
                self._dirty.pop(write.entry.row, None)
                changes.add(write.resource, write.entry, write.deleted)
        if self._next_revision > self._reserved - limits.STORE_REVISIONS_RESERVED // 2:
            changes.reserve = self._next_revision + limits.STORE_REVISIONS_RESERVED
        if not changes.rows and changes.reserve is None:
            self._saved(batch, None)
            return
        loop = self._loop
        if loop is None:
            raise StoreError(f"{self._path} is not open")

        def job() -> None:
            error: StoreError | None = None
            try:
                self._commit(changes)
            except StoreError as raised:
                error = raised
            loop.call_soon_threadsafe(self._committed, batch, changes, error)

        self._jobs.put(job)

    def _committed(self, batch: Batch, changes: Changes, error: StoreError | None) -> None:
        if error is None:
            self.batches += 1
            if changes.reserve is not None:
                self._reserved = changes.reserve
        else:
            log.error("write failed path=%s writes=%d error=%s", self._path, len(batch), error)
            ours = {write.entry.row for write in batch}
            for row, state in changes.rows.items():
                if row not in ours:
                    self._dirty.setdefault(row, state)
            if self._dirty:
                self._schedule_flush()
        self._saved(batch, error)

    def _remember(self, write: Write) -> None:
        if not write.durable:
            self._dirty[write.entry.row] = None if write.deleted else (write.resource, write.entry)
            self._schedule_flush()

    def _may_relax(self, revision: int) -> bool:
        return revision < self._reserved - limits.STORE_REVISIONS_RESERVED // 4

    def _urgent(self) -> bool:
        return self._flush_due

    def _schedule_flush(self) -> None:
        if self._flush_timer is None and self._loop is not None and not self._closed:
            self._flush_timer = self._loop.call_later(self._flush_s, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        self._flush_due = True
        if not self._saving:
            self._begin_saving()
            self._save_next()

    async def _on_thread(self, work: Callable[[], Any]) -> Any:
        """Run `work` on the writer thread and return what it returns."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)

        def job() -> None:
            try:
                result = work()
            except BaseException as error:
                loop.call_soon_threadsafe(settle, None, error)
            else:
                loop.call_soon_threadsafe(settle, result, None)

        self._jobs.put(job)
        return await asyncio.shield(done)

    # On the writer thread.

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _open(self) -> tuple[list[Row], int]:
        try:
            db = sqlite3.connect(self._path, isolation_level=None, timeout=0, check_same_thread=True)
            self._db = db
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("BEGIN IMMEDIATE")
            self._check_schema(db)
            rows: list[Row] = db.execute("SELECT row, resource, key, revision, checksum, value FROM objects ORDER BY row").fetchall()
            self._check_rows(rows)
            (reserved,) = db.execute("SELECT reserved FROM metadata").fetchone()
            reserved = max([reserved, *(row[3] for row in rows)])
            db.execute("UPDATE metadata SET reserved = ?", (reserved + limits.STORE_REVISIONS_RESERVED,))
            db.execute("COMMIT")
        except sqlite3.Error as error:
            self._close()
            raise self._translated(error) from error
        except StoreError:
            self._close()
            raise
        return rows, reserved

    def _check_schema(self, db: sqlite3.Connection) -> None:
        (application_id,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application_id == 0 and tables == 0:
            for statement in SCHEMA.split(";")[:-1]:
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif application_id != APPLICATION_ID:
            raise DamagedError(f"{self._path} is an SQLite file of another program; it was not touched")
        elif version != SCHEMA_VERSION:
            raise DamagedError(f"{self._path} has schema version {version}; this program knows version {SCHEMA_VERSION}")

    def _check_rows(self, rows: list[Row]) -> None:
        keys = set()
        for row, resource, key, _, checksum, value in rows:
            if zlib.crc32(value) != checksum or (resource, key) in keys:
                raise DamagedError(f"{self._path} is damaged: {resource}/{key} (row {row}) is not what was written; restore a snapshot")
            keys.add((resource, key))

    def _commit(self, changes: Changes) -> None:
        """Write a transaction; afterwards it is on the disk or nothing of it is."""
        db = self._db
        if db is None:
            raise StoreError(f"{self._path} is closed")
        statements: list[tuple[str, list[Any]]] = []
        upserts: list[Any] = []
        deletes: list[Any] = []
        for row, state in changes.rows.items():
            if state is None:
                deletes.append(row)
            else:
                resource, entry = state
                upserts += (row, resource, entry.key, entry.revision, zlib.crc32(entry.data), entry.data)
        # SQLite takes 32,766 parameters in a statement; relaxed writes may be more than that allows.
        for start in range(0, len(upserts), 6 * 4096):
            part = upserts[start : start + 6 * 4096]
            statements.append((f"REPLACE INTO objects VALUES {','.join(['(?,?,?,?,?,?)'] * (len(part) // 6))}", part))
        for start in range(0, len(deletes), 16384):
            part = deletes[start : start + 16384]
            statements.append((f"DELETE FROM objects WHERE row IN ({','.join('?' * len(part))})", part))
        if changes.reserve is not None:
            statements.append(("UPDATE metadata SET reserved = ?", [changes.reserve]))
        try:
            if len(statements) == 1:
                db.execute(*statements[0])
                return
            db.execute("BEGIN IMMEDIATE")
            for statement in statements:
                db.execute(*statement)
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise self._translated(error) from error

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _translated(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith("SQLITE_FULL"):
            return FullError(f"{self._path}: the disk is full")
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return LockedError(f"{self._path} is in use by another process")
        if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return DamagedError(f"{self._path} is not a store or is damaged ({error}); restore a snapshot")
        if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            return StoreError(f"{self._path} cannot be written ({error}): is its directory there, and writable?")
        return StoreError(f"{self._path}: {error} ({code or 'SQLite'})")

