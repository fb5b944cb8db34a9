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
