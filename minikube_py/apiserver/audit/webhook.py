"""Audit events to another server, in batches, beside the requests that they are about.

A request never waits here. Events that find the queue full, or that the other server does not take after a few tries, are lost and counted.
Source: k8s.io/apiserver/plugin/pkg/audit/{buffered,webhook}, pkg/util/webhook/webhook.go
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, deque
from collections.abc import Sequence
from functools import partial

from minikube_py.client.transport import Transport
from minikube_py.core.errors import StatusError, TooManyRequestsError

from .backends import Truncation
from .event import Event, encode_events
from .options import AuditArgs

log = logging.getLogger(__name__)
TRIES = 5
BACKOFF_FACTOR, BACKOFF_JITTER = 1.5, 0.2
# Batches on their way at one time.
SENDING_MAX = 8
# Seconds for what is left at the end.
CLOSE_TIMEOUT_S = 5.0


class WebhookBackend:
    """Sends events to a server; to be run.

    Args:
        transport: to the server; its URL is the whole address.
        errors: counts events that are lost, by plugin.
    """

    def __init__(self, transport: Transport, args: AuditArgs, truncation: Truncation, errors: Counter[str]) -> None:
        self._transport = transport
        self._args = args
        self._truncation = truncation
        self._errors = errors
        self._queue: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._allowance = float(args.webhook_batch_throttle_burst)
        self._refilled_at = 0.0

    def take(self, event: Event, line: bytes) -> bool:
        fitted = self._truncation.fitted(event, line)
        if fitted is None:
            return False
        if len(self._queue) >= self._args.webhook_batch_buffer_size:
            self._errors["buffered"] += 1
            if self._errors["buffered"] == 1:
                log.error("audit buffer queue blocked: events are lost events_max=%d", len(self._queue))
            return False
        self._queue.append(fitted)
        self._arrived.set()
        if len(self._queue) >= self._args.webhook_batch_max_size:
            self._full.set()
        return True

    def written(self) -> asyncio.Future[None] | None:
        return None

    def flush(self) -> None:
        """No answer waits for another server."""

    async def run(self) -> None:
        """Send until cancelled."""
        slots = asyncio.Semaphore(SENDING_MAX)
        async with asyncio.TaskGroup() as group:
            while True:
                await self._arrived.wait()
                await self._wait_full()
                await self._throttle()
                await slots.acquire()
                batch = self._batch()
                task = group.create_task(self._send(batch), name="audit-webhook-send")
                task.add_done_callback(partial(self._sent, batch, slots))

    async def close(self) -> None:
        """Give what is left one try."""
        batch: list[bytes] = []
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while self._queue:
                    batch = self._batch()
                    try:
                        await self._post(batch)
                    except (StatusError, OSError) as error:
                        self._lost(batch, error)
                    batch = []
        except TimeoutError:
            self._lost([*batch, *self._queue], TimeoutError("not sent before the server ended"))
        await self._transport.close()

    async def _wait_full(self) -> None:
        """Until there is a whole batch, or it has been waited for long enough."""
        if len(self._queue) >= self._args.webhook_batch_max_size:
            return
        self._full.clear()
        try:
            async with asyncio.timeout(self._args.webhook_batch_max_wait):
                await self._full.wait()
        except TimeoutError:
            return

    async def _throttle(self) -> None:
        """Not more batches a second than are allowed."""
        args, loop = self._args, asyncio.get_running_loop()
        if not args.webhook_batch_throttle_enable:
            return
        now, rate = loop.time(), args.webhook_batch_throttle_qps
        self._allowance = min(args.webhook_batch_throttle_burst, self._allowance + (now - self._refilled_at) * rate)
        self._refilled_at = now
        self._allowance -= 1.0
        if self._allowance < 0:
            await asyncio.sleep(-self._allowance / rate)

    def _batch(self) -> list[bytes]:
        """What goes together: as many events as may, of as many bytes as may."""
        args, queue = self._args, self._queue
        batch: list[bytes] = []
        size = 0
        while queue and len(batch) < args.webhook_batch_max_size:
            if args.webhook_truncate_enabled and batch and size + len(queue[0]) > args.webhook_truncate_max_batch_size:
                break
            size += len(queue[0])
            batch.append(queue.popleft())
        if not queue:
            self._arrived.clear()
        return batch

    async def _send(self, batch: Sequence[bytes]) -> None:
        delay_s = self._args.webhook_initial_backoff
        for left in reversed(range(TRIES)):
            try:
                return await self._post(batch)
            except (StatusError, OSError) as error:
                if not left or not _may_pass(error):
                    return self._lost(batch, error)
            await asyncio.sleep(delay_s * (1.0 + random.random() * BACKOFF_JITTER))
            delay_s *= BACKOFF_FACTOR

    def _sent(self, batch: Sequence[bytes], slots: asyncio.Semaphore, task: asyncio.Task[None]) -> None:
        slots.release()
        if task.cancelled():
            # The end of the server: `close` tries once more.
            self._queue.extendleft(reversed(batch))

    async def _post(self, batch: Sequence[bytes]) -> None:
        await self._transport.request("POST", "", body=encode_events(batch))

    def _lost(self, batch: Sequence[bytes], error: Exception) -> None:
        self._errors["webhook"] += len(batch)
        log.error("audit events are lost events=%d error=%s", len(batch), error)


def _may_pass(error: Exception) -> bool:
    """Whether a failure may be over with the next try. Source: k8s.io/apiserver/pkg/util/webhook (DefaultShouldRetry)"""
    return isinstance(error, OSError | TooManyRequestsError) or (isinstance(error, StatusError) and error.code >= 500)
