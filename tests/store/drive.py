"""What store tests share: objects, an encoder, and a store with its whole contract in short calls."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec

from minikube_py.store.interface import Entry, Store, WatchEvent
from minikube_py.store.memory import MemoryStore
from minikube_py.store.sqlite import SqliteStore

AnyStore = MemoryStore | SqliteStore
PODS = "pods"


def encode(obj: Any, revision: int) -> bytes:
    return msgspec.json.encode({"revision": revision, "obj": obj})


def content(entry: Entry | None) -> Any:
    """The object that an entry's bytes hold, read from the bytes; they must say the entry's revision."""
    if entry is None:
        return None
    document = msgspec.json.decode(entry.data)
    assert document["revision"] == entry.revision
    return document["obj"]


async def create(store: Store, key: str, obj: Any = "new", *, durable: bool = True, resource: str = PODS) -> Entry:
    return await store.create(resource, key, obj, encode, durable=durable)


async def update(store: Store, key: str, obj: Any, *, durable: bool = True, resource: str = PODS) -> Entry:
    head = store.head(resource, key)
    assert head is not None
    return await store.update(resource, key, obj, encode, previous=head.revision, durable=durable)


async def delete(store: Store, key: str, obj: Any = "last", *, durable: bool = True, resource: str = PODS) -> Entry:
    head = store.head(resource, key)
    assert head is not None
    return await store.delete(resource, key, obj, encode, previous=head.revision, durable=durable)


def everything(store: Store, resource: str = PODS) -> dict[str, Any]:
    return {entry.key: content(entry) for entry in store.list(resource).entries}


class Observer:
    """Counts the objects of a namespace as their writes are accepted, and writes the number with them.

    Attributes:
        keys: of the objects that there are.
        discards: how often accepted writes failed.
    """

    def __init__(self, store: AnyStore) -> None:
        self._store = store
        self.keys: set[str] = set()
        self.discards = 0
        self._told = 0
        store.observe(self)

    def accepted(self, resource: str, entry: Entry, *, deleted: bool) -> None:
        if resource != PODS:
            return
        assert self._store.head(PODS, entry.key) is (None if deleted else entry)
        (self.keys.discard if deleted else self.keys.add)(entry.key)

    def saving(self) -> None:
        head = self._store.head("counts", "d/count")
        if head is not None and len(self.keys) != self._told:
            self._told = len(self.keys)
            self._store.submit_update("counts", "d/count", self._told, encode, previous=head.revision)

    def discarded(self) -> None:
        self.discards += 1
        self.keys = {entry.key for entry in self._store.heads(PODS, "d")}


class Seen:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[WatchEvent] = []

    def __call__(self, event: WatchEvent) -> None:
        self.events.append(event)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(event.type, event.entry.key) for event in self.events]

    @property
    def revisions(self) -> list[int]:
        return [event.entry.revision for event in self.events]


def crash_copy(path: Path, to: Path) -> Path:
    """The files as a power cut would leave them now."""
    to.mkdir()
    for name in (path.name, path.name + "-wal"):
        if (path.parent / name).exists():
            shutil.copyfile(path.parent / name, to / name)
    return to / path.name
