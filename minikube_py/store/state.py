"""The part of a store that is in memory: entries in key order, a ring of recent events, and who watches.

Shared by all drivers. Not owned here: when a change is safe; a driver calls `apply` for each change once it is, in the order of
revisions. Everything runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator

from sortedcontainers import SortedDict

from minikube_py.core import limits

from .interface import CompactedError, Deliver, Entry, Listing, WatchEvent

log = logging.getLogger(__name__)


class Collection:
    """The objects of one resource.

    Invariants: `ring` holds every event after revision `floor`; `listings` holds, by namespace ("" is all), the lists asked for since
    the last change, in key order; they are never changed (readers keep them), only dropped.
    """

    __slots__ = ("entries", "floor", "listings", "ring", "watchers")

    def __init__(self, floor: int) -> None:
        self.entries: SortedDict[str, Entry] = SortedDict()
        self.ring: deque[WatchEvent] = deque()
        self.floor = floor
        self.watchers: dict[int, Deliver] = {}
        self.listings: dict[str, list[Entry]] = {}


class Watching:
    """A subscription to one collection."""

    __slots__ = ("_collection", "_number")

    def __init__(self, collection: Collection, number: int) -> None:
        self._collection = collection
        self._number = number

    def close(self) -> None:
        self._collection.watchers.pop(self._number, None)


class MemoryState:
    """All collections and the revision that readers see."""

    def __init__(self) -> None:
        self.revision = 0
        self._floor = 0
        self._collections: dict[str, Collection] = {}
        self._watch_number = 0
        # Who waits for which revision.
        self._waiting: dict[asyncio.Future[None], int] = {}

    def start_from(self, revision: int) -> None:
        """Begin after a restart, before `load`: events up to `revision` are not kept."""
        self.revision = self._floor = revision

    def load(self, resource: str, entry: Entry) -> None:
        """Take an entry that was stored before; no event."""
        self.collection(resource).entries[entry.key] = entry

    def collection(self, resource: str) -> Collection:
        found = self._collections.get(resource)
        if found is None:
            found = self._collections[resource] = Collection(self._floor)
        return found

    async def wait_revision(self, revision: int, timeout_s: float) -> bool:
        """See Store.wait_revision."""
        if revision > self.revision:
            reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[reached] = revision
            try:
                await asyncio.wait((reached,), timeout=timeout_s)
            finally:
                self._waiting.pop(reached, None)
        return revision <= self.revision

    def _wake(self) -> None:
        for reached in [reached for reached, revision in self._waiting.items() if revision <= self.revision]:
            del self._waiting[reached]
            reached.set_result(None)

    def get(self, resource: str, key: str) -> Entry | None:
        collection = self._collections.get(resource)
        return collection.entries.get(key) if collection is not None else None

    def list(self, resource: str, namespace: str = "") -> Listing:
        collection = self._collections.get(resource)
        if collection is None:
            return Listing([], self.revision)
        listing = collection.listings.get(namespace)
        if listing is None:
            entries = collection.entries
            if namespace:
                # "0" is the character after "/": the range holds exactly the keys that start with "namespace/".
                keys: Iterator[str] = entries.irange(f"{namespace}/", f"{namespace}0", inclusive=(True, False))
                listing = [entries[key] for key in keys]
            else:
                listing = [*entries.values()]
            # Empty ones are not kept: anybody may ask for any number of namespaces that do not exist.
            if listing:
                collection.listings[namespace] = listing
        return Listing(listing, self.revision)

    def list_at(self, resource: str, revision: int, namespace: str = "") -> Listing:
        """See Store.list_at: the present state with the events since then undone."""
        present = self.list(resource, namespace)
        if revision >= self.revision:
            return present
        collection = self.collection(resource)
        if revision < collection.floor:
            raise _compacted(resource, revision, collection.floor)
        before: dict[str, Entry | None] = {}
        for event in reversed(collection.ring):
            if event.entry.revision <= revision:
                break
            before[event.entry.key] = event.previous
        if not before:
            return Listing(present.entries, revision)
        prefix = f"{namespace}/" if namespace else ""
        then = {entry.key: entry for entry in present.entries}
        for key, entry in before.items():
            if entry is None:
                then.pop(key, None)
            elif key.startswith(prefix):
                then[key] = entry
        return Listing([then[key] for key in sorted(then)], revision)

    def count(self, resource: str) -> int:
        collection = self._collections.get(resource)
        return len(collection.entries) if collection is not None else 0

    def counts(self) -> dict[str, int]:
        """Objects per resource."""
        return {resource: len(collection.entries) for resource, collection in self._collections.items()}

    def watchers(self) -> dict[str, int]:
        """Open watches per resource."""
        return {resource: len(collection.watchers) for resource, collection in self._collections.items()}

    def watch(self, resource: str, revision: int, deliver: Deliver) -> Watching:
        """See Store.watch."""
        collection = self.collection(resource)
        if revision < collection.floor:
            raise _compacted(resource, revision, collection.floor)
        missed: list[WatchEvent] = []
        for event in reversed(collection.ring):
            if event.entry.revision <= revision:
                break
            missed.append(event)
        for event in reversed(missed):
            deliver(event)
        self._watch_number += 1
        collection.watchers[self._watch_number] = deliver if revision <= self.revision else _after(revision, deliver)
        return Watching(collection, self._watch_number)

    def apply(self, resource: str, entry: Entry, *, deleted: bool = False) -> None:
        """Make one safe change visible and tell the watchers."""
        collection = self.collection(resource)
        previous = collection.entries.get(entry.key)
        if collection.listings:
            collection.listings = {}
        if deleted:
            if previous is not None:
                del collection.entries[entry.key]
            event = WatchEvent("DELETED", entry, previous)
        else:
            collection.entries[entry.key] = entry
            event = WatchEvent("ADDED" if previous is None else "MODIFIED", entry, previous)
        self.revision = entry.revision
        if self._waiting:
            self._wake()
        ring = collection.ring
        ring.append(event)
        if len(ring) > limits.WATCH_RING_EVENTS:
            collection.floor = ring.popleft().entry.revision
        watchers = collection.watchers
        for number in [*watchers]:
            try:
                # One that was told before may have closed another.
                if number in watchers:
                    watchers[number](event)
            except Exception:
                # A watcher that breaks its contract must not stop the store and all the others.
                log.exception("watcher failed resource=%s key=%s revision=%d", resource, entry.key, entry.revision)


def _compacted(resource: str, revision: int, floor: int) -> CompactedError:
    return CompactedError(f"events of {resource} after revision {revision} are no longer kept; the oldest is {floor}", floor)


def _after(revision: int, deliver: Deliver) -> Deliver:
    """Deliver only what comes after a revision that is not reached yet."""

    def later(event: WatchEvent) -> None:
        if event.entry.revision > revision:
            deliver(event)

    return later
