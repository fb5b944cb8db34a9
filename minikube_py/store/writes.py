"""Accepting writes: compare-and-swap against the newest version, and the order in which changes become visible.

Owns what every driver shares between a call of `create`, `update` or `delete` and the moment that the change is safe. A driver
says how a batch of changes is made safe.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import abstractmethod
from typing import Any

from minikube_py.core import limits
from minikube_py.core.histogram import Histogram

from .interface import (
    BusyError,
    Deliver,
    Encode,
    Entry,
    ExistsError,
    Listing,
    MissingError,
    Operation,
    RevisionConflictError,
    StoreError,
    Subscription,
    WriteObserver,
)
from .state import MemoryState

log = logging.getLogger(__name__)

# Seconds. Source: k8s.io/apiserver/pkg/storage/etcd3/metrics (etcd_request_duration_seconds)
WRITE_BUCKETS_S = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0
)
# Seconds. Source: etcd_disk_wal_fsync_duration_seconds
COMMIT_BUCKETS_S = tuple(0.001 * 2**power for power in range(14))
BATCH_BUCKETS = tuple(2**power for power in range(10))
# Seconds that a write waits for others of its turn of the event loop. A longer turn is two batches: one is saved while the next is made.
GATHER_S = 0.001
# Seconds after which a transaction that does not end is a fault. Source: kube-apiserver --etcd-healthcheck-timeout
STUCK_S = 2.0


class Write:
    """One accepted change on its way to safety.

    Attributes:
        accepted: when, by the monotonic clock (the event loop's may stand still for a turn).
    """

    __slots__ = ("accepted", "deleted", "done", "durable", "entry", "operation", "resource")

    def __init__(
        self, operation: Operation, resource: str, entry: Entry, durable: bool, done: asyncio.Future[Entry], accepted: float
    ) -> None:
        self.operation: Operation = operation
        self.resource = resource
        self.entry = entry
        self.deleted = operation == "delete"
        self.durable = durable
        self.done = done
        self.accepted = accepted


Batch = list[Write]


class Statistics:
    """What a store counts. See StoreStatistics."""

    def __init__(self, state: MemoryState) -> None:
        self.commits = Histogram(COMMIT_BUCKETS_S)
        self.batches = Histogram(BATCH_BUCKETS)
        self.writes: dict[tuple[str, str], Histogram] = {}
        self._state = state

    def objects(self) -> dict[str, int]:
        return self._state.counts()

    def size_bytes(self) -> int:
        return 0

    def written(self, batch: Batch, now: float) -> None:
        """Count writes that have become visible."""
        writes = self.writes
        for write in batch:
            key = (write.operation, write.resource)
            histogram = writes.get(key)
            if histogram is None:
                histogram = writes[key] = Histogram(WRITE_BUCKETS_S)
            histogram.observe(now - write.accepted)


class WritableStore:
    """A store whose writes are accepted in memory and made safe in batches by `_save`.

    Invariants: `_pending` holds the newest unacknowledged change of a key; writes are applied in the order of their revisions;
    at most one batch is being saved.
    """

    def __init__(self) -> None:
        self.state = MemoryState()
        self.statistics = Statistics(self.state)
        self._saving_since = 0.0
        self._next_revision = 1
        self._next_row = 1
        self._pending: dict[tuple[str, str], Write] = {}
        self._queue: Batch = []
        self._observers: list[WriteObserver] = []
        self._saving = False
        self._gathering: asyncio.Handle | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._closed = True
        # Kept: each question for the loop that runs costs a system call.
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def revision(self) -> int:
        return self.state.revision

    async def wait_revision(self, revision: int, timeout_s: float) -> bool:
        return await self.state.wait_revision(revision, timeout_s)

    def get(self, resource: str, key: str) -> Entry | None:
        return self.state.get(resource, key)

    def head(self, resource: str, key: str) -> Entry | None:
        pending = self._pending.get((resource, key))
        if pending is not None:
            return None if pending.deleted else pending.entry
        return self.state.get(resource, key)

    def heads(self, resource: str, namespace: str) -> list[Entry]:
        found = {entry.key: entry for entry in self.state.list(resource, namespace).entries}
        prefix = f"{namespace}/"
        for (kind, key), write in self._pending.items():
            if kind == resource and key.startswith(prefix):
                if write.deleted:
                    found.pop(key, None)
                else:
                    found[key] = write.entry
        return [*found.values()]

    def list(self, resource: str, namespace: str = "") -> Listing:
        return self.state.list(resource, namespace)

    def count(self, resource: str) -> int:
        return self.state.count(resource)

    def list_at(self, resource: str, revision: int, namespace: str = "") -> Listing:
        return self.state.list_at(resource, revision, namespace)

    def watch(self, resource: str, revision: int, deliver: Deliver) -> Subscription:
        return self.state.watch(resource, revision, deliver)

    def observe(self, observer: WriteObserver) -> None:
        self._observers.append(observer)

    def trouble(self) -> str | None:
        if self._closed:
            return "the store is not open"
        lasts_s = time.monotonic() - self._saving_since
        if self._saving and lasts_s > STUCK_S:
            return f"the disk has not answered for {lasts_s:.0f} s"
        return None

    async def create(self, resource: str, key: str, obj: Any, encode: Encode, *, durable: bool = True) -> Entry:
        return await self._create(resource, key, obj, encode, durable)

    def submit_create(self, resource: str, key: str, obj: Any, encode: Encode) -> asyncio.Future[Entry]:
        return self._create(resource, key, obj, encode, True)

    def _create(self, resource: str, key: str, obj: Any, encode: Encode, durable: bool) -> asyncio.Future[Entry]:
        if self.head(resource, key) is not None:
            raise ExistsError(f"{resource}/{key} exists")
        return self._accept("create", resource, key, obj, encode, self._row_for(resource, key), durable)

    async def update(self, resource: str, key: str, obj: Any, encode: Encode, *, previous: int, durable: bool = True) -> Entry:
        row = self._expect(resource, key, previous)
        return await self._accept("update", resource, key, obj, encode, row, durable)

    def submit_update(self, resource: str, key: str, obj: Any, encode: Encode, *, previous: int) -> asyncio.Future[Entry]:
        return self._accept("update", resource, key, obj, encode, self._expect(resource, key, previous), True)

    def submit_delete(self, resource: str, key: str, obj: Any, encode: Encode, *, previous: int) -> asyncio.Future[Entry]:
        return self._accept("delete", resource, key, obj, encode, self._expect(resource, key, previous), True)

    async def delete(self, resource: str, key: str, obj: Any, encode: Encode, *, previous: int, durable: bool = True) -> Entry:
        row = self._expect(resource, key, previous)
        return await self._accept("delete", resource, key, obj, encode, row, durable)

    async def mark_and_delete(
        self, resource: str, key: str, marked: Any, final: Any, encode: Encode, *, previous: int, durable: bool = True
    ) -> Entry:
        row = self._expect(resource, key, previous)
        self._check_room(2)
        update = self._accept("update", resource, key, marked, encode, row, durable)
        # The deletion builds on it, and fails if it does.
        update.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await self._accept("delete", resource, key, final, encode, row, durable)

    def _row_for(self, resource: str, key: str) -> int:
        """The row of a new object: that of its predecessor as long as the disk may still have it, so that no two rows have one key."""
        pending = self._pending.get((resource, key))
        row = pending.entry.row if pending is not None else self._row_left(resource, key)
        if row is None:
            row, self._next_row = self._next_row, self._next_row + 1
        return row

    def _expect(self, resource: str, key: str, previous: int) -> int:
        """Check the revision that a write replaces; return the row of the object."""
        head = self.head(resource, key)
        if head is None:
            raise MissingError(f"{resource}/{key} does not exist")
        if head.revision != previous:
            raise RevisionConflictError(f"{resource}/{key} is at revision {head.revision}, not {previous}")
        return head.row

    def _accept(
        self, operation: Operation, resource: str, key: str, obj: Any, encode: Encode, row: int, durable: bool
    ) -> asyncio.Future[Entry]:
        loop = self._loop
        if self._closed or loop is None:
            raise StoreError("the store is not open")
        self._check_room(1)
        revision = self._next_revision
        data = encode(obj, revision)
        self._next_revision = revision + 1
        done: asyncio.Future[Entry] = loop.create_future()
        write = Write(operation, resource, Entry(key, revision, data, obj, row), durable, done, time.monotonic())
        if not durable and not self._queue and not self._saving and self._may_relax(revision):
            self._apply([write])
            self._tell(write)
            return done
        self._pending[resource, key] = write
        self._queue.append(write)
        self._tell(write)
        if not self._saving:
            self._begin_saving()
            self._gathering = loop.call_soon(self._save_next)
        elif self._gathering is not None and write.accepted - self._queue[0].accepted > GATHER_S:
            self._gathering.cancel()
            self._save_next()
        return done

    def _check_room(self, writes: int) -> None:
        """Raises: BusyError."""
        if len(self._queue) + writes > limits.STORE_QUEUE_WRITES_MAX:
            raise BusyError(f"{len(self._queue)} writes wait for the disk")

    def _tell(self, write: Write) -> None:
        for observer in self._observers:
            try:
                observer.accepted(write.resource, write.entry, deleted=write.deleted)
            except Exception:
                # As with watchers: who breaks his contract must not stop the store.
                log.exception("observer failed resource=%s key=%s", write.resource, write.entry.key)

    def _begin_saving(self) -> None:
        self._saving = True
        self._drained.clear()

    def _save_next(self) -> None:
        """Start the next batch: what came in the same turn of the event loop, or in a part of a long one."""
        self._gathering = None
        self._saving_since = time.monotonic()
        for observer in self._observers:
            try:
                observer.saving()
            except Exception:
                log.exception("observer failed writes=%d", len(self._queue))
        batch, self._queue = self._queue[: limits.STORE_BATCH_WRITES_MAX], self._queue[limits.STORE_BATCH_WRITES_MAX :]
        self._save(batch)

    def _saved(self, batch: Batch, error: StoreError | None) -> None:
        """A driver's answer: the batch is safe, or it failed and so does everything that may build on it."""
        if error is None:
            self._apply(batch)
        else:
            for write in [*batch, *self._queue]:
                self._pending.pop((write.resource, write.entry.key), None)
                if not write.done.done():
                    write.done.set_exception(type(error)(str(error)))
            self._queue = []
            for observer in self._observers:
                try:
                    observer.discarded()
                except Exception:
                    log.exception("observer failed error=%s", error)
        if self._queue or self._urgent():
            self._save_next()
        else:
            self._saving = False
            self._drained.set()

    def _apply(self, batch: Batch) -> None:
        self.statistics.written(batch, time.monotonic())
        pending = self._pending
        for write in batch:
            key = (write.resource, write.entry.key)
            if pending.get(key) is write:
                del pending[key]
            self._remember(write)
            self.state.apply(write.resource, write.entry, deleted=write.deleted)
            if not write.done.done():
                write.done.set_result(write.entry)

    def _remember(self, write: Write) -> None:
        """Called for each change as it becomes visible."""

    def _row_left(self, resource: str, key: str) -> int | None:
        """The row of a deleted object that the disk may still have."""
        return None

    def _may_relax(self, revision: int) -> bool:
        """Whether a relaxed write of that revision needs no disk now."""
        return True

    def _urgent(self) -> bool:
        """Whether a batch must be saved although nothing is queued."""
        return False

    @abstractmethod
    def _save(self, batch: Batch) -> None:
        """Make a batch safe and then call `_saved` on the event loop, at once or later."""
