"""Writing Events: what happened to an object, for people.

Equal events of one object are counted in one Event; each object may cause a burst of 25 and then one in five minutes, so a loop
cannot flood the store. Writing happens in the background and an Event that cannot be written is logged and dropped: no
component depends on it.

Source: client-go tools/record/event.go and events_cache.go (aggregation by key, burst and refill of the spam filter).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import gvk_of
from minikube_py.core.clock import SYSTEM_CLOCK, Clock, rfc3339
from minikube_py.core.errors import NotFoundError, StatusError

from .interface import Client

log = logging.getLogger(__name__)

CACHE_ENTRIES_MAX = 4096
QUEUE_MAX = 1000
BURST = 25
REFILL_PER_S = 1 / 300


@dataclass(slots=True)
class _Known:
    """An Event that was written: its name and how often it was seen."""

    name: str
    count: int
    first: str | None


def object_reference(obj: Any, field_path: str = "") -> core_v1.ObjectReference:
    """The reference by which an Event or an owner names an object."""
    struct: type[Object] = type(obj)
    group, version, kind = gvk_of(struct)
    meta = obj.metadata
    return core_v1.ObjectReference(
        kind=kind, api_version=f"{group}/{version}" if group else version, namespace=meta.namespace, name=meta.name, uid=meta.uid,
        resource_version=meta.resource_version, field_path=field_path,
    )


class EventRecorder:
    """Records Events of one component.

    Attributes:
        room: set while the queue is less than half full; who causes bursts of Events waits for it, so that none is dropped.
    """

    def __init__(self, client: Client, component: str, host: str = "", clock: Clock = SYSTEM_CLOCK) -> None:
        self._client = client
        self._component = component
        self._host = host
        self._clock = clock
        self._queue: asyncio.Queue[core_v1.Event] = asyncio.Queue(QUEUE_MAX)
        self.room = asyncio.Event()
        self.room.set()
        self._known: OrderedDict[tuple[str, ...], _Known] = OrderedDict()
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def event(self, obj: Any, event_type: str, reason: str, message: str, *, field_path: str = "") -> None:
        """Record an Event about `obj` ("Normal" or "Warning"); returns at once."""
        reference = obj if isinstance(obj, core_v1.ObjectReference) else object_reference(obj, field_path)
        if not self._allowed(f"{reference.namespace}/{reference.kind}/{reference.name}/{reference.uid}"):
            return
        now = self._clock.now()
        stamp = rfc3339(now)
        event = core_v1.Event(
            kind="Event", api_version="v1",
            metadata=meta_v1.ObjectMeta(name=f"{reference.name}.{time.time_ns():x}", namespace=reference.namespace or "default"),
            involved_object=reference, type=event_type, reason=reason, message=message[:1024], count=1, first_timestamp=stamp,
            last_timestamp=stamp, source=core_v1.EventSource(component=self._component, host=self._host),
            reporting_component=self._component, reporting_instance=self._host,
        )
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            log.warning("event dropped, queue full reason=%s object=%s", reason, reference.name)
        if self._queue.qsize() >= QUEUE_MAX // 2:
            self.room.clear()

    async def run(self) -> None:
        """Write what was recorded until cancelled."""
        while True:
            event = await self._queue.get()
            if self._queue.qsize() < QUEUE_MAX // 2:
                self.room.set()
            try:
                await self._write(event)
            except StatusError as error:
                log.debug("event not written reason=%s error=%s", event.reason, error)
            except OSError as error:
                log.debug("event not written, no server reason=%s error=%s", event.reason, error)

    async def _write(self, event: core_v1.Event) -> None:
        involved = event.involved_object
        key = (involved.kind, involved.namespace, involved.name, involved.uid, involved.field_path, event.type, event.reason, event.message)
        known = self._known.get(key)
        if known is not None:
            patch = {"count": known.count + 1, "lastTimestamp": event.last_timestamp}
            try:
                await self._client.patch(core_v1.Event, known.name, event.metadata.namespace, patch)
            except NotFoundError:
                del self._known[key]
            else:
                known.count += 1
                self._known.move_to_end(key)
                return
        await self._client.create(event)
        self._known[key] = _Known(event.metadata.name, 1, event.first_timestamp)
        if len(self._known) > CACHE_ENTRIES_MAX:
            self._known.popitem(last=False)

    def _allowed(self, key: str) -> bool:
        now = asyncio.get_running_loop().time()
        tokens, then = self._tokens.pop(key, (float(BURST), now))
        tokens = min(BURST, tokens + (now - then) * REFILL_PER_S)
        self._tokens[key] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._tokens) > CACHE_ENTRIES_MAX:
            self._tokens.popitem(last=False)
        return tokens >= 1
