"""The end of Events: each leaves the store a while after its last write.

As with etcd's leases, Events that are written close to each other share one lease, which lasts a little longer than asked, so that there
are few deadlines: one timer stands for the next one. When it comes, the Events of the lease are deleted in small batches; watchers see
DELETED as of any deletion.

Invariants: every Event is in exactly one lease, the one of its last write; leases are in the order of their deadlines. Deletions are
relaxed, as all writes of Events are.
Source: kube-apiserver --event-ttl; k8s.io/apiserver/pkg/storage/etcd3/lease_manager.go
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import datetime
from typing import Any

import msgspec

from minikube_py.apis import core_v1
from minikube_py.core.clock import Clock, parse_rfc3339
from minikube_py.store.interface import Entry, MissingError, RevisionConflictError, Store, StoreError, WatchEvent

from .storage import Storage, encode_versioned

log = logging.getLogger(__name__)

# How much longer than asked a lease lasts, and is shared by new Events: a part of the time, and at most so many seconds.
# Source: lease_manager.go (newDefaultLeaseManager)
SHARED_PART = 0.05
SHARED_MAX_S = 60.0
# Deletions, and Events that are taken up at the start, between two turns of the event loop.
BATCH = 32
LOAD_BATCH = 512
# Seconds until deletions are tried again that the store refused.
RETRY_S = 60.0


class Lease:
    """Events that end together.

    Attributes:
        deadline: by the event loop's clock.
        keys: of the Events, in the order of their last writes.
    """

    __slots__ = ("deadline", "keys")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.keys: dict[str, None] = {}


class EventExpiry:
    """Deletes Events `ttl_s` after their last write, or soon after that.

    Args:
        storage: of core/v1 Events, which all versions share.
    """

    def __init__(self, store: Store, storage: Storage, ttl_s: float, clock: Clock) -> None:
        self._store = store
        self._storage = storage
        self._ttl_s = ttl_s
        self._shared_s = min(ttl_s * SHARED_PART, SHARED_MAX_S)
        self._clock = clock
        self._leases: deque[Lease] = deque()
        self._lease_of: dict[str, Lease] = {}
        self._first = asyncio.Event()

    async def run(self) -> None:
        """Follow all Events, those that are there and those to come, until cancelled."""
        collection = self._storage.collection
        listing = self._store.list(collection)
        early: list[WatchEvent] = []
        loaded = False

        def deliver(event: WatchEvent) -> None:
            if loaded:
                self._changed(event)
            else:
                early.append(event)

        subscription = self._store.watch(collection, listing.revision, deliver)
        try:
            await self._load(listing.entries)
            loaded = True
            for event in early:
                self._changed(event)
            early.clear()
            while True:
                await self._wait_due()
                await self._expire(self._leases.popleft())
        finally:
            subscription.close()

    async def _load(self, entries: list[Entry]) -> None:
        """Take up the Events that are there. When they were written last, they say themselves."""
        loop, now = asyncio.get_running_loop(), self._clock.now()
        written: list[tuple[float, str]] = []
        for number, entry in enumerate(entries):
            age_s = (now - last_written(self._storage.object(entry), now)).total_seconds()
            written.append((loop.time() - age_s, entry.key))
            if number % BATCH == 0:
                await asyncio.sleep(0)
        written.sort()
        for number, (moment, key) in enumerate(written):
            self._attach(key, moment)
            if number % LOAD_BATCH == 0:
                await asyncio.sleep(0)

    def _changed(self, event: WatchEvent) -> None:
        key = event.entry.key
        lease = self._lease_of.pop(key, None)
        if lease is not None:
            del lease.keys[key]
        if event.type != "DELETED":
            self._attach(key, asyncio.get_running_loop().time())

    def _attach(self, key: str, moment: float) -> None:
        """Let an Event that was written at a moment end in time."""
        least = moment + self._ttl_s
        if not self._leases or self._leases[-1].deadline < least:
            self._leases.append(Lease(least + self._shared_s))
            self._first.set()
        lease = self._leases[-1]
        lease.keys[key] = None
        self._lease_of[key] = lease

    async def _wait_due(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._leases:
            self._first.clear()
            await self._first.wait()
        # Later leases end later: nothing that comes meanwhile changes the next deadline.
        await asyncio.sleep(max(0.0, self._leases[0].deadline - loop.time()))

    async def _expire(self, lease: Lease) -> None:
        keys = [*lease.keys]
        for start in range(0, len(keys), BATCH):
            await asyncio.gather(*(self._delete(key, lease) for key in keys[start : start + BATCH]))
            await asyncio.sleep(0)
        if keys:
            log.debug("events expired events=%d", len(keys))

    async def _delete(self, key: str, lease: Lease) -> None:
        head = self._store.head(self._storage.collection, key)
        if head is None or self._lease_of.get(key) is not lease:
            # Deleted or written again meanwhile.
            return
        obj = self._storage.object(head)
        final = msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata))
        try:
            await self._store.delete(self._storage.collection, key, final, encode_versioned, previous=head.revision, durable=False)
        except (MissingError, RevisionConflictError):
            return
        except StoreError as error:
            log.warning("event cannot expire key=%s error=%s", key, error)
            if self._lease_of.pop(key, None) is not None:
                lease.keys.pop(key, None)
                self._attach(key, asyncio.get_running_loop().time() - self._ttl_s + RETRY_S)


def last_written(event: core_v1.Event, now: datetime) -> datetime:
    """When an Event was written last, by what it says itself; not later than now."""
    metadata = event.metadata
    moments: list[Any] = [
        metadata.creation_timestamp, event.first_timestamp, event.last_timestamp, event.event_time,
        event.series.last_observed_time if event.series else None, *(entry.time for entry in metadata.managed_fields),
    ]
    return max((moment for text in moments if text and (moment := parse_rfc3339(text)) <= now), default=now)
