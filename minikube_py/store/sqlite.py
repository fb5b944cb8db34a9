"""The embedded store: memory serves, one SQLite file remembers.

Durable writes of a turn of the event loop become one transaction with one fsync (WAL, synchronous=FULL) on the writer thread.
Relaxed writes are acknowledged from memory and written in one batch every limits.STORE_RELAXED_FLUSH_S and at close. Revisions are
reserved on disk ahead of their use, so that none is given out twice, whatever was lost.

Owns when what is written; the file itself is in `sqlite_file.py`.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minikube_py.core import limits

from .interface import Entry, StoreError, Transformer
from .sqlite_file import Changes, Plain, SqliteFile
from .state import MemoryState
from .writes import Batch, Statistics, WritableStore, Write

log = logging.getLogger(__name__)


class FileStatistics(Statistics):
    """What a store in a file counts."""

    def __init__(self, state: MemoryState, path: Path) -> None:
        super().__init__(state)
        self._files = (path, path.with_name(path.name + "-wal"))

    def size_bytes(self) -> int:
        return sum(file.stat().st_size for file in self._files if file.exists())


class SqliteStore(WritableStore):
    """A store in one SQLite file, opened once.

    Invariant: `_dirty` holds, by row, what readers see and the disk does not have; for a deleted row, its key is in `_deleted`.

    Args:
        path: the file; its directory must exist.
        flush_s: seconds that relaxed writes may wait for the disk.
        transformer: what becomes of objects on their way to the disk and back.

    Attributes:
        batches: transactions so far.
        stale: whether the file held something, when it was opened, that `rewrite` would write in another form.
    """

    def __init__(
        self, path: Path, *, flush_s: float = limits.STORE_RELAXED_FLUSH_S, transformer: Transformer | None = None
    ) -> None:
        super().__init__()
        self._path = path
        self._file = SqliteFile(path, transformer or Plain())
        # Which resources the present transformer, and those since the last rewriting, may have encrypted.
        self._covered = [self._file.transformer.covers]
        self._flush_s = flush_s
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._reserved = 0
        self._dirty: dict[int, tuple[str, Entry] | None] = {}
        self._deleted: dict[tuple[str, str], int] = {}
        self._flush_timer: asyncio.TimerHandle | None = None
        self._flush_due = False
        self._probe_due = False
        self._flushes: list[asyncio.Future[None]] = []
        self._failed: StoreError | None = None
        self.stale = False
        self.statistics = FileStatistics(self.state, path)
        self.batches = 0

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()
        try:
            rows, revision, self.stale = await self._on_thread(self._file.open)
        except BaseException:
            self._thread = None
            await self._end_thread()
            raise
        self.state.start_from(revision)
        for row, resource, key, entry_revision, _, value in rows:
            self.state.load(resource, Entry(key, entry_revision, value, None, row))
            self._next_row = max(self._next_row, row + 1)
        self._next_revision = revision + 1
        self._reserved = revision + limits.STORE_REVISIONS_RESERVED
        self._closed = False

    async def close(self) -> None:
        """Write everything, note the exact revision, and close the file; may be called twice.

        Raises: StoreError if the last writes did not reach the disk.
        """
        self._closed = True
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        await self._drained.wait()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        changes = Changes()
        changes.rows = self._dirty
        changes.reserve = self._next_revision - 1
        try:
            await self._on_thread(lambda: self._file.commit(changes))
        finally:
            await self._end_thread()

    async def transform(self, transformer: Transformer) -> None:
        """Write with another transformer from now on. What the present one wrote, if the other cannot read it, is to be rewritten."""
        self._covered.append(transformer.covers)

        def use() -> None:
            self._file.transformer = transformer

        if self._thread is None:
            use()
        else:
            await self._on_thread(use)

    async def rewrite(self) -> int:
        """Write everything anew that the transformer covers, or one before it did, and leave nothing of the old in the file.

        Returns: the number of objects.
        Objects and revisions stay as they are, and nobody waits but the writers, for the moment that it takes.
        Raises: FullError, StoreError; what is stored is then as it was, or in part anew.
        Cancellation: goes on in the background.
        """
        if self._closed:
            raise StoreError(f"{self._path} is not open")
        covered, count = list(self._covered), 0
        for resource in self.state.counts():
            if not any(covers(resource) for covers in covered):
                continue
            for entry in self.state.list(resource).entries:
                self._dirty[entry.row] = (resource, entry)
                count += 1
        if count:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._flushes.append(done)
            self._flush()
            await done
        await self._on_thread(self._file.forget)
        del self._covered[:len(covered) - 1]
        self.stale = False
        return count

    # On the event loop.

    def _save(self, batch: Batch) -> None:
        changes, flushes = Changes(), []
        if self._flush_due:
            self._flush_due = False
            changes.rows = dict(self._dirty)
            flushes, self._flushes = self._flushes, []
        for write in batch:
            if write.durable:
                changes.add(write.resource, write.entry, write.deleted)
        if self._probe_due or self._next_revision > self._reserved - limits.STORE_REVISIONS_RESERVED // 2:
            self._probe_due = False
            changes.reserve = self._next_revision + limits.STORE_REVISIONS_RESERVED
        if not changes.rows and changes.reserve is None:
            self._settle(batch, flushes, None)
            return
        loop = self._loop
        if loop is None:
            self._settle(batch, flushes, StoreError(f"{self._path} is not open"))
            return

        def job() -> None:
            error: StoreError | None = None
            started = time.monotonic()
            try:
                self._file.commit(changes)
            except StoreError as raised:
                error = raised
            loop.call_soon_threadsafe(self._committed, batch, changes, flushes, error, time.monotonic() - started)

        self._jobs.put(job)

    def _committed(
        self, batch: Batch, changes: Changes, flushes: list[asyncio.Future[None]], error: StoreError | None, seconds: float
    ) -> None:
        self._failed = error
        if error is None:
            self.batches += 1
            self.statistics.commits.observe(seconds)
            self.statistics.batches.observe(len(changes.rows))
            if changes.reserve is not None:
                self._reserved = changes.reserve
            # What is dirty did not change meanwhile: no write becomes visible while a batch is being saved.
            for row in changes.rows:
                self._dirty.pop(row, None)
            if not self._dirty:
                self._deleted.clear()
        else:
            log.error("write failed path=%s writes=%d error=%s", self._path, len(batch), error)
            if self._dirty:
                self._schedule_flush()
        self._settle(batch, flushes, error)

    def _settle(self, batch: Batch, flushes: list[asyncio.Future[None]], error: StoreError | None) -> None:
        """Tell those who wait how it went."""
        self._saved(batch, error)
        for flush in flushes:
            if flush.done():
                continue
            if error is None:
                flush.set_result(None)
            else:
                flush.set_exception(type(error)(str(error)))

    def _remember(self, write: Write) -> None:
        row, key = write.entry.row, (write.resource, write.entry.key)
        self._deleted.pop(key, None)
        if write.durable:
            self._dirty.pop(row, None)
            return
        self._dirty[row] = None if write.deleted else (write.resource, write.entry)
        if write.deleted:
            self._deleted[key] = row
        self._schedule_flush()

    def _row_left(self, resource: str, key: str) -> int | None:
        return self._deleted.get((resource, key))

    def _may_relax(self, revision: int) -> bool:
        return revision < self._reserved - limits.STORE_REVISIONS_RESERVED // 4

    def _urgent(self) -> bool:
        return self._flush_due or self._probe_due

    def trouble(self) -> str | None:
        """See Store.trouble. After a failure each call also tries the disk, so that the next one knows better."""
        found = super().trouble()
        if found is not None or self._failed is None:
            return found
        self._probe_due = True
        if not self._saving:
            self._begin_saving()
            self._save_next()
        return str(self._failed)

    def _schedule_flush(self) -> None:
        if self._flush_timer is None and self._loop is not None and not self._closed:
            self._flush_timer = self._loop.call_later(self._flush_s, self._flush)

    def _flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
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
        return await done

    async def _end_thread(self) -> None:
        """Close the file after the work that the thread has; then the thread ends.

        Cancellation: both happen nonetheless, a moment later.
        """
        try:
            await self._on_thread(self._file.close)
        finally:
            self._jobs.put(None)

    # On the writer thread.

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
