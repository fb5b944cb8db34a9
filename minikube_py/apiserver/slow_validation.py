"""Validation that takes too long for the event loop: rules of custom resources may take seconds.

One thread, as it shares the interpreter with the event loop, and one object of each definition in its queue: who writes many slow objects
holds up his own definition, and others by one object.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


class Turn:
    """The right to the thread."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises.

        Cancellation: takes effect when `work` has ended, as nothing stops a thread.
        """
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise


class SlowValidation:
    """The turns, by definition."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "slow-validation")
        self._locks: dict[str, asyncio.Lock] = {}
        # Who has a turn or waits for one.
        self._users: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, definition: str) -> AsyncIterator[Turn]:
        """Wait for a turn, and keep it: no other object of the definition is looked at meanwhile."""
        lock = self._locks.setdefault(definition, asyncio.Lock())
        self._users[definition] += 1
        try:
            async with lock:
                yield Turn(self._thread)
        finally:
            self._users[definition] -= 1
            if not self._users[definition]:
                del self._users[definition], self._locks[definition]

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
