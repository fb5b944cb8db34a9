"""The work queue of level-triggered controllers.

A key that is added while it waits is kept once; added while it is being worked on, it comes again when that work is done. So one
key is never worked on twice at a time, and no change is missed. Delayed and rate-limited adds go through the loop's timers.

Source: client-go util/workqueue/queue.go, delaying_queue.go (the dirty and processing sets).
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

from . import limits
from .backoff import Backoff
from .histogram import Histogram

log = logging.getLogger(__name__)
K = TypeVar("K", bound=Hashable)
# Seconds. Source: k8s.io/component-base/metrics/prometheus/workqueue
BUCKETS_S = tuple(float(f"1e{power}") for power in range(-8, 4))
# All that there are, for metrics.
QUEUES: weakref.WeakSet[WorkQueue[Any]] = weakref.WeakSet()


class WorkQueue(Generic[K]):
    """Keys to reconcile.

    Invariants: a key is in `_waiting` at most once; a key in `_processing` is not handed out again until `done`. `_since` says since when
    each key in `_waiting` waits, `_processing` since when each is worked on.

    Attributes:
        adds, retries: keys that came to wait, and that came again after a failure.
        waits, works: seconds that keys waited, and that the work on them took.
    """

    def __init__(self, name: str, backoff: Backoff | None = None) -> None:
        self.name = name
        self._backoff = backoff or Backoff(limits.REQUEUE_BACKOFF_MIN_S, limits.REQUEUE_BACKOFF_MAX_S)
        self.adds = 0
        self.retries = 0
        self.waits = Histogram(BUCKETS_S)
        self.works = Histogram(BUCKETS_S)
        self._waiting: deque[K] = deque()
        self._since: dict[K, float] = {}
        self._dirty: set[K] = set()
        self._processing: dict[K, float] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._getters: deque[asyncio.Future[None]] = deque()
        QUEUES.add(self)

    def __len__(self) -> int:
        return len(self._waiting)

    def idle(self) -> bool:
        """Whether nothing waits and nothing is being worked on (timers aside)."""
        return not self._waiting and not self._processing and not self._dirty

    def add(self, key: K) -> None:
        """Ask that `key` be reconciled; at once if it is not being worked on.

        Raises: OverflowError if the queue holds limits.WORKQUEUE_KEYS_MAX keys.
        """
        if key in self._dirty:
            return
        if len(self._dirty) >= limits.WORKQUEUE_KEYS_MAX:
            raise OverflowError(f"work queue {self.name} is full")
        self._dirty.add(key)
        self.adds += 1
        if key not in self._processing:
            self._wait(key)

    def add_after(self, key: K, delay_s: float) -> None:
        """Ask that `key` be reconciled in `delay_s` seconds; the earliest of several such requests holds."""
        if delay_s <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + delay_s
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= when:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(when, self._fire, key)

    def add_rate_limited(self, key: K) -> None:
        """Ask that `key` be reconciled after its back-off, which doubles until `forget`."""
        self.retries += 1
        self.add_after(key, self._backoff.next_s(key))

    def forget(self, key: K) -> None:
        """Let the next failure of `key` start from the shortest delay."""
        self._backoff.forget(key)

    async def get(self) -> K:
        """Wait for a key and take it; the caller must call `done(key)`.

        Cancellation: no key is lost.
        """
        while not self._waiting:
            getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                if getter.done() and not getter.cancelled():
                    self._wake()
                raise
            finally:
                if getter in self._getters:
                    self._getters.remove(getter)
        key = self._waiting.popleft()
        self._dirty.discard(key)
        now = self._processing[key] = time.monotonic()
        self.waits.observe(now - self._since.pop(key))
        return key

    def done(self, key: K) -> None:
        """End the work on `key`; if it was added meanwhile, it waits again."""
        started = self._processing.pop(key, None)
        if started is not None:
            self.works.observe(time.monotonic() - started)
        if key in self._dirty:
            self._wait(key)

    def working(self) -> list[float]:
        """For how many seconds each key is being worked on."""
        now = time.monotonic()
        return [now - started for started in self._processing.values()]

    async def work(self, reconcile: Callable[[K], Awaitable[float | None]], workers: int = 1) -> None:
        """Reconcile keys until cancelled.

        Args:
            reconcile: takes a key, makes the world as it should be; a returned number asks for another call in that many seconds.
                An exception is logged and the key comes again after its back-off.
            workers: keys worked on at the same time.
        """
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._worker(reconcile), name=f"{self.name}-{number}")

    async def _worker(self, reconcile: Callable[[K], Awaitable[float | None]]) -> None:
        while True:
            key = await self.get()
            try:
                again_s = await reconcile(key)
            except Exception as error:
                # What an API says says all: where it was raised tells nobody more.
                reason = getattr(error, "reason", "")
                quiet = reason in ("Conflict", "AlreadyExists", "NotFound")
                log.log(logging.DEBUG if quiet else logging.WARNING, "reconcile failed queue=%s key=%s error=%r", self.name, key, error,
                        exc_info=None if reason else error)
                self.add_rate_limited(key)
            else:
                self._backoff.forget(key)
                if again_s is not None:
                    self.add_after(key, again_s)
            finally:
                self.done(key)
            # Where nothing is waited for, keys that come again at once must not keep everybody else waiting.
            await asyncio.sleep(0)

    def close(self) -> None:
        """Drop the timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _wait(self, key: K) -> None:
        self._waiting.append(key)
        self._since[key] = time.monotonic()
        self._wake()

    def _fire(self, key: K) -> None:
        del self._timers[key]
        self.add(key)

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return
