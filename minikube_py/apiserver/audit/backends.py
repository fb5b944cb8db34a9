"""Where audit events go: a file, or another server. Events come encoded; both may shorten those that are too long.

Source: k8s.io/apiserver/plugin/pkg/audit/{log,truncate}
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Protocol

from msgspec.structs import replace

from .batches import BatchLimits, Buffer
from .event import Event, encode_event, legacy_line
from .log_file import RotatingFile
from .policy import LEVEL_NAMES, METADATA

log = logging.getLogger(__name__)
# Added to events that have lost their objects. Source: plugin/pkg/audit/truncate
TRUNCATED = "audit.k8s.io/truncated"


class Backend(Protocol):
    """Takes events."""

    def take(self, event: Event, line: bytes) -> bool:
        """Take an event, which the caller changes afterwards, and its JSON.

        Returns: False if it is lost, and a request that cannot be recorded is to be refused.
        """

    def written(self) -> asyncio.Future[None] | None:
        """Done when nothing is about to be written of what answers wait for; None if that is so already."""

    def flush(self) -> None:
        """Write at once what answers wait for."""


class Truncation:
    """How long an event may be; those that are longer lose their objects."""

    def __init__(self, plugin: str, errors: Counter[str], *, enabled: bool, event_bytes_max: int) -> None:
        self._plugin = plugin
        self._errors = errors
        self._enabled = enabled
        self._event_bytes_max = event_bytes_max

    def fitted(self, event: Event, line: bytes) -> bytes | None:
        """The JSON to be recorded; None if it is too long whatever is left out."""
        if not self._enabled or len(line) <= self._event_bytes_max:
            return line
        if LEVEL_NAMES.index(event.level) > METADATA:
            line = encode_event(replace(
                event, request_object=None, response_object=None, annotations={**event.annotations, TRUNCATED: "true"}))
        if len(line) <= self._event_bytes_max:
            return line
        self._errors["truncate"] += 1
        log.error("audit event is too large even after truncating plugin=%s id=%s bytes=%d", self._plugin, event.audit_id, len(line))
        return None


class LogBackend:
    """Lines in a file.

    A write costs more than all else that is done for an event, whatever its length: the lines of all requests of one turn of the event
    loop go together, and their answers wait for that.

    Args:
        mode: whether answers wait for their lines ("blocking"), not even wait for each other's ("blocking-strict": `take` knows what
            became of its line), or do not wait ("batch").
        legacy: whether lines have the old form, which is no JSON.
        errors: counts events that are lost, by plugin.
    """

    def __init__(self, file: RotatingFile, truncation: Truncation, errors: Counter[str], *, mode: str, legacy: bool) -> None:
        self._file = file
        self._truncation = truncation
        self._errors = errors
        self._strict = mode == "blocking-strict"
        self._blocking = mode == "blocking"
        self._legacy = legacy
        self._lines: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failing = False
        self._pruning: asyncio.Task[None] | None = None

    def take(self, event: Event, line: bytes) -> bool:
        fitted = self._truncation.fitted(event, line)
        if fitted is None:
            return True
        if self._legacy:
            fitted = legacy_line(event)
        return self._keep(fitted + b"\n")

    def _keep(self, line: bytes) -> bool:
        if self._strict:
            return self._write(line, 1)
        if not self._lines:
            self._loop = self._loop or asyncio.get_running_loop()
            self._loop.call_soon(self._flush)
        self._lines.append(line)
        return True

    def written(self) -> asyncio.Future[None] | None:
        if not self._blocking or not self._lines or self._loop is None:
            return None
        # One for each: whoever gives up cancels what it waits for.
        written = self._loop.create_future()
        self._waiting.append(written)
        return written

    def flush(self) -> None:
        if self._blocking:
            self._flush()

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        waiting, self._waiting = self._waiting, []
        try:
            if lines:
                self._write(b"".join(lines), len(lines))
        finally:
            for written in waiting:
                if not written.done():
                    written.set_result(None)

    def _write(self, data: bytes, events: int) -> bool:
        try:
            rotated = self._file.write(data)
        except OSError as error:
            self._errors["log"] += events
            if not self._failing:
                log.error("audit log cannot be written: events are lost until it can error=%s", error)
            self._failing = True
            return False
        self._failing = False
        if rotated and (self._pruning is None or self._pruning.done()):
            self._pruning = asyncio.create_task(self._prune(), name="audit-log-prune")
        return True

    async def _prune(self) -> None:
        try:
            await asyncio.to_thread(self._file.prune)
        except OSError as error:
            log.error("old audit logs cannot be removed error=%s", error)

    async def close(self) -> None:
        """Write what is left."""
        self._flush()
        if self._pruning is not None:
            await asyncio.wait([self._pruning])
        self._file.close()


class BatchLog(LogBackend):
    """Lines in a file that wait for a batch; to be run."""

    def __init__(self, file: RotatingFile, truncation: Truncation, errors: Counter[str], limits: BatchLimits, *, legacy: bool) -> None:
        super().__init__(file, truncation, errors, mode="batch", legacy=legacy)
        self._buffer = Buffer(limits, errors)

    def _keep(self, line: bytes) -> bool:
        self._buffer.add(line)
        return True

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._buffer.wait_batch()
            self._write_batch()

    def _write_batch(self) -> None:
        batch = self._buffer.batch()
        self._write(b"".join(batch), len(batch))

    async def close(self) -> None:
        while self._buffer:
            self._write_batch()
        await super().close()
