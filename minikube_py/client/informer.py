"""The cache of one kind that components read, and the factory that shares caches.

An Informer holds the newest state of every object that its selector matches, calls handlers at each change, and answers from
indexes. Objects in it are shared and read-only. Handlers run synchronously, after the cache has changed; typically they add a
key to a work queue.

Source: client-go tools/cache (Reflector, SharedIndexInformer, Lister).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar, cast

from minikube_py.apis.object import Object

from .interface import Client, EventType

T = TypeVar("T", bound=Object)
Handler = Callable[[T | None, T | None], None]


def key_of(obj: Any) -> str:
    """ "namespace/name", or "name" for cluster-scoped objects."""
    meta = obj.metadata
    return f"{meta.namespace}/{meta.name}" if meta.namespace else str(meta.name)


def split_key(key: str) -> tuple[str, str]:
    """Namespace ("" if none) and name of a key."""
    namespace, _, name = key.rpartition("/")
    return namespace, name


class Informer(Generic[T]):
    """Cache of one kind.

    Attributes:
        synced: set when the first list is in the cache.
    """

    def __init__(self, client: Client, kind: type[T], *, namespace: str = "", label_selector: str = "", field_selector: str = "") -> None:
        self.kind = kind
        self.synced = asyncio.Event()
        self._client = client
        self._scope = {"namespace": namespace, "label_selector": label_selector, "field_selector": field_selector}
        self._objects: dict[str, T] = {}
        self._handlers: list[Handler[T]] = []
        self._indexers: dict[str, Callable[[T], Iterable[str]]] = {}
        self._indexes: dict[str, dict[str, dict[str, T]]] = {}

    async def run(self) -> None:
        """Follow the API until cancelled."""
        await self._client.list_and_watch(self.kind, self, **self._scope)

    def add_handler(self, handler: Handler[T]) -> None:
        """Call `handler(old, new)` at every change: old is None for a new object, new is None for a deleted one.

        Objects already in the cache are announced at once.
        """
        self._handlers.append(handler)
        for obj in list(self._objects.values()):
            handler(None, obj)

    def add_index(self, name: str, indexer: Callable[[T], Iterable[str]]) -> None:
        """Keep an index: `indexer` gives the values under which an object is found by `by_index(name, value)`."""
        if name in self._indexers:
            return
        self._indexers[name] = indexer
        self._indexes[name] = {}
        for key, obj in self._objects.items():
            self._insert(name, key, obj)

    def get(self, name: str, namespace: str = "") -> T | None:
        return self._objects.get(f"{namespace}/{name}" if namespace else name)

    def get_key(self, key: str) -> T | None:
        return self._objects.get(key)

    def list(self, namespace: str = "") -> list[T]:
        """The objects, in no order; with a namespace, those in it."""
        if not namespace:
            return [*self._objects.values()]
        return [obj for key, obj in self._objects.items() if key.startswith(namespace + "/")]

    def keys(self) -> Iterable[str]:
        return self._objects.keys()

    def by_index(self, name: str, value: str) -> Sequence[T]:
        found = self._indexes[name].get(value)
        return [*found.values()] if found else []

    def __len__(self) -> int:
        return len(self._objects)

    def replace(self, objects: Sequence[T]) -> None:
        """Sink: the whole present state."""
        fresh = {key_of(obj): obj for obj in objects}
        for key in [key for key in self._objects if key not in fresh]:
            self._set(key, None)
        for key, obj in fresh.items():
            known = self._objects.get(key)
            if known is None or cast(Any, known).metadata.resource_version != cast(Any, obj).metadata.resource_version:
                self._set(key, obj)
        self.synced.set()

    def apply(self, event: EventType, obj: T) -> None:
        """Sink: one change."""
        self._set(key_of(obj), None if event == "DELETED" else obj)

    def _set(self, key: str, new: T | None) -> None:
        old = self._objects.pop(key, None) if new is None else self._objects.get(key)
        if new is not None:
            self._objects[key] = new
        if old is None and new is None:
            return
        for name in self._indexers:
            if old is not None:
                self._remove(name, key, old)
            if new is not None:
                self._insert(name, key, new)
        for handler in self._handlers:
            handler(old, new)

    def _insert(self, name: str, key: str, obj: T) -> None:
        for value in self._indexers[name](obj):
            self._indexes[name].setdefault(value, {})[key] = obj

    def _remove(self, name: str, key: str, obj: T) -> None:
        index = self._indexes[name]
        for value in self._indexers[name](obj):
            bucket = index.get(value)
            if bucket is not None:
                bucket.pop(key, None)
                if not bucket:
                    del index[value]


class Informers:
    """One shared Informer per kind and scope."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._informers: dict[tuple[Any, ...], Informer[Any]] = {}
        self._tasks: dict[tuple[Any, ...], asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def of(self, kind: type[T], *, namespace: str = "", label_selector: str = "", field_selector: str = "") -> Informer[T]:
        """The informer of a kind and scope, made on first use and started when `run` runs."""
        scope = (kind, namespace, label_selector, field_selector)
        informer = self._informers.get(scope)
        if informer is None:
            informer = Informer(self.client, kind, namespace=namespace, label_selector=label_selector, field_selector=field_selector)
            self._informers[scope] = informer
            if self._group is not None:
                self._start(scope, informer, self._group)
        return informer

    def drop(self, kind: type[Any]) -> None:
        """Follow a kind no longer: it is not served any more. Its objects are announced as deleted."""
        for scope in [scope for scope in self._informers if scope[0] is kind]:
            informer, task = self._informers.pop(scope), self._tasks.pop(scope, None)
            if task is not None:
                task.cancel()
            informer.replace([])

    def _start(self, scope: tuple[Any, ...], informer: Informer[Any], group: asyncio.TaskGroup) -> None:
        self._tasks[scope] = group.create_task(informer.run(), name=f"informer-{informer.kind.__name__}")

    async def run(self) -> None:
        """Run all informers, also those made later, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for scope, informer in [*self._informers.items()]:
                self._start(scope, informer, group)
            await asyncio.get_running_loop().create_future()

    async def wait_synced(self) -> None:
        """Wait until each informer made so far has its first list."""
        for informer in list(self._informers.values()):
            await informer.synced.wait()
