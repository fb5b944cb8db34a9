"""Audit events to another server: in batches, beside the requests that they are about, or one by one, while they wait.

What the other server does not take after a few tries is lost and counted.
Source: k8s.io/apiserver/plugin/pkg/audit/webhook, pkg/util/webhook/webhook.go, pkg/server/options/audit.go (AuditBatchOptions.wrapBackend)
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Sequence
from functools import partial

from minikube_py.client.transport import Transport
from minikube_py.core.errors import StatusError

from .backends import Truncation
from .batches import BatchLimits, Buffer
from .event import Event, encode_events

log = logging.getLogger(__name__)
TRIES = 5
BACKOFF_FACTOR, BACKOFF_JITTER = 1.5, 0.2
# Seconds of one try. Source: pkg/util/webhook (defaultRequestTimeout)
TRY_TIMEOUT_S = 30.0
# Events on their way one by one: clients that do not wait for their answers leave theirs behind while the other server is slow.
EVENTS_MAX = 10_000
# Batches on their way at one time.
SENDING_MAX = 8
# Seconds for what is left at the end.
CLOSE_TIMEOUT_S = 5.0


class Receiver:
    """The server that gets events.

    Args:
        transport: to the server; its URL is the whole address.
        initial_backoff_s: until the second try.
        errors: counts events that are lost, by plugin.
    """

    def __init__(self, transport: Transport, initial_backoff_s: float, errors: Counter[str]) -> None:
        self._transport = transport
        self._initial_backoff_s = initial_backoff_s
        self._errors = errors

    async def send(self, batch: Sequence[bytes], tries: int = TRIES) -> bool:
        """Send events, again after any failure; return whether the server has them. Those that it has not are lost."""
        delay_s = self._initial_backoff_s
        for left in reversed(range(tries)):
            try:
                await self._transport.request("POST", "", body=encode_events(batch))
                return True
            except (StatusError, OSError) as error:
                if not left:
                    self.lost(batch, error)
                    break
            await asyncio.sleep(delay_s * (1.0 + random.random() * BACKOFF_JITTER))
            delay_s *= BACKOFF_FACTOR
        return False

    def lost(self, batch: Sequence[bytes], error: Exception) -> None:
        self._errors["webhook"] += len(batch)
        log.error("audit events are lost events=%d error=%s", len(batch), error)

    async def close(self) -> None:
        await self._transport.close()


class BatchWebhook:
    """Sends events in batches; to be run. A request never waits for it."""

    def __init__(self, receiver: Receiver, limits: BatchLimits, truncation: Truncation, errors: Counter[str]) -> None:
        self._receiver = receiver
        self._truncation = truncation
        self._buffer = Buffer(limits, errors)

    def take(self, event: Event, line: bytes) -> bool:
        fitted = self._truncation.fitted(event, line)
        if fitted is not None:
            self._buffer.add(fitted)
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
                await self._buffer.wait_batch()
                await slots.acquire()
                batch = self._buffer.batch()
                task = group.create_task(self._receiver.send(batch), name="audit-webhook-send")
                task.add_done_callback(partial(self._sent, batch, slots))

    async def close(self) -> None:
        """Give what is left one try."""
        batch: list[bytes] = []
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while self._buffer:
                    batch = self._buffer.batch()
                    await self._receiver.send(batch, tries=1)
                    batch = []
        except TimeoutError:
            while self._buffer:
                batch += self._buffer.batch()
            self._receiver.lost(batch, TimeoutError("not sent before the server ended"))
        await self._receiver.close()

    def _sent(self, batch: Sequence[bytes], slots: asyncio.Semaphore, task: asyncio.Task[bool]) -> None:
        slots.release()
        if task.cancelled():
            # The end of the server: `close` tries once more.
            self._buffer.put_back(batch)


class BlockingWebhook:
    """Sends each event by itself, while its request waits. Events beyond a number are lost and counted.

    Args:
        strict: whether a request whose first event is lost is to be refused.
    """

    def __init__(self, receiver: Receiver, truncation: Truncation, *, strict: bool) -> None:
        self._receiver = receiver
        self._truncation = truncation
        self._strict = strict
        self._sending: set[asyncio.Task[bool]] = set()

    def post(self, event: Event, line: bytes, earlier: asyncio.Task[bool] | None) -> asyncio.Task[bool] | None:
        """Send an event, which the caller changes afterwards, behind an earlier one of its request.

        Returns: done when the server has it or it is lost; the result says whether the request may go on.
        """
        fitted = self._truncation.fitted(event, line)
        if fitted is None:
            return earlier
        sending = self._post(fitted, earlier) if len(self._sending) < EVENTS_MAX else self._lose(fitted)
        task = asyncio.create_task(sending, name="audit-webhook-post")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    async def close(self) -> None:
        """Wait for what is on its way."""
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=CLOSE_TIMEOUT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._receiver.close()

    async def _post(self, line: bytes, earlier: asyncio.Task[bool] | None) -> bool:
        try:
            if earlier is not None:
                await asyncio.wait([earlier])
            return await self._receiver.send([line]) or not self._strict
        except asyncio.CancelledError:
            self._receiver.lost([line], TimeoutError("not sent before the server ended"))
            raise

    async def _lose(self, line: bytes) -> bool:
        self._receiver.lost([line], TimeoutError(f"{EVENTS_MAX} events are on their way"))
        return not self._strict
