"""Audit events on their way to a backend in batches, beside the requests that they are about.

A request never waits here. Events that find the buffer full are lost and counted.
Source: k8s.io/apiserver/plugin/pkg/audit/buffered
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How events become batches.

    Attributes:
        buffer_size: events that may wait; max_size: events of a batch; max_wait: seconds until a batch goes that is not full.
        throttle_qps: batches a second, on an average; throttle_burst: at one moment.
        bytes_max: of a batch; None for no bound.
    """

    buffer_size: int
    max_size: int
    max_wait: float
    throttle_enable: bool
    throttle_qps: float
    throttle_burst: int
    bytes_max: int | None = None


class Buffer:
    """Encoded events in their order."""

    def __init__(self, limits: BatchLimits, errors: Counter[str]) -> None:
        self._limits = limits
        self._errors = errors
        self._queue: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._allowance = float(limits.throttle_burst)
        self._refilled_at = 0.0

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, line: bytes) -> None:
        """Let an event wait, or lose it."""
        if len(self._queue) >= self._limits.buffer_size:
            self._errors["buffered"] += 1
            if self._errors["buffered"] == 1:
                log.error("audit buffer queue blocked: events are lost events_max=%d", len(self._queue))
            return
        self._queue.append(line)
        self._arrived.set()
        if len(self._queue) >= self._limits.max_size:
            self._full.set()

    def put_back(self, batch: Sequence[bytes]) -> None:
        """Let a batch wait once more, before all others."""
        self._queue.extendleft(reversed(batch))

    async def wait_batch(self) -> None:
        """Until there is a batch that is full or has waited for long enough, and may go."""
        await self._arrived.wait()
        await self._wait_full()
        await self._throttle()

    def batch(self) -> list[bytes]:
        """What goes together: as many events as may, of as many bytes as may."""
        limits, queue = self._limits, self._queue
        batch: list[bytes] = []
        size = 0
        while queue and len(batch) < limits.max_size:
            if limits.bytes_max is not None and batch and size + len(queue[0]) > limits.bytes_max:
                break
            size += len(queue[0])
            batch.append(queue.popleft())
        if not queue:
            self._arrived.clear()
        return batch

    async def _wait_full(self) -> None:
        if len(self._queue) >= self._limits.max_size:
            return
        self._full.clear()
        try:
            async with asyncio.timeout(self._limits.max_wait):
                await self._full.wait()
        except TimeoutError:
            return

    async def _throttle(self) -> None:
        limits, loop = self._limits, asyncio.get_running_loop()
        if not limits.throttle_enable:
            return
        now, rate = loop.time(), limits.throttle_qps
        self._allowance = min(limits.throttle_burst, self._allowance + (now - self._refilled_at) * rate)
        self._refilled_at = now
        self._allowance -= 1.0
        if self._allowance < 0:
            await asyncio.sleep(-self._allowance / rate)
