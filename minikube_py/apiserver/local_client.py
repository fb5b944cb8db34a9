"""The Client of components in this process: calls the Registry, without HTTP, JSON or copies of what is read."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from minikube_py.apis.authentication_v1 import TokenReview
from minikube_py.apis.authorization_v1 import SubjectAccessReview
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import deep_copy, resource_of
from minikube_py.client.interface import PatchType, Sink
from minikube_py.core import limits
from minikube_py.store.interface import CompactedError, WatchEvent

from .applying import Applied, apply_transform
from .authentication.user import UserInfo
from .context import Context, manager_of
from .deletion import DeleteOptions
from .patching import APPLY_PATCH, patch_transform
from .registry import Registry
from .selection import Selection
from .storage import Storage
from .subresources import Subresources
from .watching import transition

T = TypeVar("T", bound=Object)

# Answers a review: (object, user, namespace) -> the object with its status.
Review = Callable[[Any, UserInfo, str], Awaitable[Any]]
# Reviews that components ask for.
REVIEWS = (TokenReview, SubjectAccessReview)

class LocalClient:
    """Client (see client/interface.py) over a Registry, as a user of this process.

    What it returns and feeds to sinks is shared with the store: read-only. What it is given is copied.
    """

    def __init__(
        self, registry: Registry, subresources: Subresources, user: str, groups: tuple[str, ...] = ("system:masters",),
        review: Review | None = None,
    ) -> None:
        self._registry = registry
        self._review = review
        self._subresources = subresources
        self._context = Context(UserInfo(user, groups=groups), field_manager=manager_of(user))

    def _storage(self, kind: type[Object]) -> Storage:
        return self._registry.storage_of(kind)

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        storage = self._storage(kind)
        return cast(T, storage.served(self._registry.get(storage, namespace, name)))

    async def list(self, kind: type[T], namespace: str = "", *, label_selector: str = "", field_selector: str = "") -> list[T]:
        storage = self._storage(kind)
        selection = Selection(storage, namespace, label_selector, field_selector)
        return [cast(T, storage.served(e)) for e in self._registry.list(storage, namespace).entries if selection.matches(e)]

    async def create(self, obj: T) -> T:
        copy = deep_copy(obj)
        if self._review is not None and isinstance(obj, REVIEWS):
            return cast(T, await self._review(copy, self._context.user, ""))
        storage = self._storage(type(obj))
        entry = await self._registry.create(storage, cast(Any, copy).metadata.namespace, copy, self._context)
        return cast(T, storage.served(entry))

    async def update(self, obj: T, subresource: str = "") -> T:
        storage = self._storage(type(obj))
        copy = deep_copy(obj)
        meta = cast(Any, copy).metadata
        entry, _ = await self._registry.update(
            storage, meta.namespace, meta.name, lambda old: copy, self._context, subresource=subresource, uid=meta.uid
        )
        return cast(T, storage.served(entry))

    async def patch(
        self, kind: type[T], name: str, namespace: str, patch: Any, *,
        patch_type: PatchType = "application/merge-patch+json", subresource: str = "",
    ) -> T:
        storage = self._storage(kind)
        if patch_type == APPLY_PATCH:
            transform = apply_transform(
                storage, self._registry.field_managers.of(storage, subresource), Applied(patch), self._context.field_manager,
                self._registry.now(), name, force=True,
            )
        else:
            transform = patch_transform(storage, patch_type, patch)
        entry, _ = await self._registry.update(
            storage, namespace, name, transform, self._context, subresource=subresource,
            create=patch_type == APPLY_PATCH and not subresource, tracked=patch_type == APPLY_PATCH,
        )
        return cast(T, storage.served(entry))

    async def delete(
        self, kind: type[Object], name: str, namespace: str = "", *, uid: str | None = None, resource_version: str | None = None,
        grace_period_seconds: int | None = None, propagation_policy: str | None = None,
    ) -> None:
        options = DeleteOptions(grace_period_seconds, propagation_policy, uid, resource_version)
        await self._registry.delete(self._storage(kind), namespace, name, options, self._context)

    async def call(self, kind: type[Object], name: str, namespace: str, subresource: str, body: Object) -> Object:
        answer = await self._subresources.create(resource_of(kind), namespace, name, subresource, deep_copy(body), self._context)
        return answer

    async def list_and_watch(
        self, kind: type[T], sink: Sink[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> None:
        # Who sees a definition change may be earlier than who serves it.
        storage = await self._registry.wait_storage_of(kind)
        selection = Selection(storage, namespace, label_selector, field_selector)
        while True:
            listing = self._registry.list(storage, namespace)
            sink.replace([cast(T, storage.served(entry)) for entry in listing.entries if selection.matches(entry)])
            queue = EventQueue()
            try:
                subscription = self._registry.store.watch(storage.collection, listing.revision, queue.deliver)
            except CompactedError:
                continue
            try:
                while not queue.overflowed:
                    for event in await queue.take():
                        change = transition(selection, event)
                        if change is not None:
                            sink.apply(change[0], cast(T, storage.served(change[1])))
            finally:
                subscription.close()


class EventQueue:
    """Events between the store and one task, bounded; a reader that falls behind lists again."""

    def __init__(self) -> None:
        self._events: deque[WatchEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self.overflowed = False

    def deliver(self, event: WatchEvent) -> None:
        if len(self._events) >= limits.WATCH_QUEUE_EVENTS_MAX:
            self.overflowed = True
        else:
            self._events.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self) -> list[WatchEvent]:
        """Wait for events and take all there are; an empty list after an overflow."""
        if not self._events and not self.overflowed:
            self._waiter = self._loop.create_future()
            await self._waiter
        events = [*self._events]
        self._events.clear()
        return events


