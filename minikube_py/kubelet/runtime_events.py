"""Follows the runtime's events and keeps the cache of its state true.

Every exit refreshes its pod; a slow relist is the net below. The subscription comes first and the list after it, so that nothing falls
between.

Source: kubernetes pkg/kubelet/pleg/evented.go (events with a relist every five minutes).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from minikube_py.core.backoff import Backoff
from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import ContainerTasks, RuntimeEvent

from .runtime_state import RuntimeCache

log = logging.getLogger(__name__)

# A missed event costs a pod this long at most; the reading of all pods costs some milliseconds.
RELIST_PERIOD_S = 60.0
REFRESH_BACKOFF_MIN_S = 0.05
REFRESH_BACKOFF_MAX_S = 5.0
SUBSCRIBE_BACKOFF_MIN_S = 0.1
SUBSCRIBE_BACKOFF_MAX_S = 10.0


class RuntimeEvents:
    """Keeps a RuntimeCache true and says which pods changed.

    Args:
        changed: called with a pod's uid after its state in the cache has been read because something happened.

    Attributes:
        ready: set when events are followed and the first list is in the cache.
    """

    def __init__(self, tasks: ContainerTasks, cache: RuntimeCache, changed: Callable[[str], None]) -> None:
        self.ready = asyncio.Event()
        self._tasks = tasks
        self._cache = cache
        self._changed = changed

    async def run(self) -> None:
        """Follow until cancelled. A runtime that goes away is asked again with back-off."""
        backoff = Backoff(SUBSCRIBE_BACKOFF_MIN_S, SUBSCRIBE_BACKOFF_MAX_S)
        while True:
            try:
                await self._follow(backoff)
            except CriError as error:
                delay_s = backoff.next_s("events")
                log.warning("runtime events lost retry_s=%.1f error=%s", delay_s, error)
                await asyncio.sleep(delay_s)

    async def _follow(self, backoff: Backoff) -> None:
        events: asyncio.Queue[RuntimeEvent | CriError] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(self._read(events), name="runtime-events")
            relist_at = asyncio.get_running_loop().time() + RELIST_PERIOD_S
            try:
                while True:
                    try:
                        async with asyncio.timeout_at(relist_at):
                            event = await events.get()
                    except TimeoutError:
                        await self._relist()
                        relist_at = asyncio.get_running_loop().time() + RELIST_PERIOD_S
                        continue
                    if isinstance(event, CriError):
                        raise event
                    if event.kind == "subscribed":
                        await self._relist()
                        backoff.forget("events")
                        self.ready.set()
                    else:
                        self._handle(event, group)
            except CriError as error:
                lost = error
            finally:
                reader.cancel()
        raise lost

    async def _read(self, events: asyncio.Queue[RuntimeEvent | CriError]) -> None:
        try:
            async for event in self._tasks.events():
                events.put_nowait(event)
            events.put_nowait(CriError("the runtime ended its events"))
        except CriError as error:
            events.put_nowait(error)

    def _handle(self, event: RuntimeEvent, group: asyncio.TaskGroup) -> None:
        if event.kind not in ("exit", "oom"):
            return
        uid = self._cache.owner(event.container_id)
        if uid is not None:
            group.create_task(self._refresh(uid, event), name=f"runtime-event-{event.container_id[:12]}")

    async def _refresh(self, uid: str, event: RuntimeEvent) -> None:
        """Read a pod anew; a runtime that does not answer is asked again, until the next relist would do it anyway."""
        if event.kind == "oom":
            self._cache.invalidate(event.container_id)
        backoff = Backoff(REFRESH_BACKOFF_MIN_S, REFRESH_BACKOFF_MAX_S)
        while True:
            try:
                await self._cache.refresh(uid)
                break
            except CriError as error:
                log.debug("refresh failed uid=%s error=%s", uid, error)
                await asyncio.sleep(backoff.next_s(uid))
        self._changed(uid)

    async def _relist(self) -> None:
        for uid in await self._cache.relist():
            self._changed(uid)
