"""One stream of a tunnel, as an asyncio transport.

Invariants: a stream has at most WINDOW_BYTES on the way or unread, in each direction: what its reader does not take is not sent, and
no other stream waits for it. Like TLS in asyncio, a stream has no half-close: its end is the end of both directions, after what was
written before.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

log = logging.getLogger(__name__)

# Bytes that one side of a stream may send before the other has taken any.
WINDOW_BYTES = 1024 * 1024
# Bytes taken after which the peer is told that it may send as many more.
CREDIT_BYTES = WINDOW_BYTES // 4
# Bytes not yet sent at which a writer is told to wait, and to go on.
WRITE_HIGH_BYTES = 256 * 1024
WRITE_LOW_BYTES = 64 * 1024
# Seconds that a closed stream waits for its peer to take what was written before.
LINGER_S = 30.0


class Link(Protocol):
    """What a stream needs of its connection."""

    def ready(self, stream: Stream) -> None:
        """The stream has something to send."""

    def grant(self, stream: Stream, count: int) -> None:
        """Let the peer send so many bytes more."""

    def finish(self, stream: Stream) -> None:
        """The stream has sent all, and ends."""


class Stream(asyncio.Transport):
    """One stream.

    Attributes:
        number: its name on the connection.
        queued: whether the connection has it in its queue of those that have something to send.
    """

    def __init__(self, number: int, link: Link, protocol: asyncio.BaseProtocol, extra: Mapping[str, Any]) -> None:
        super().__init__(dict(extra))
        self.number = number
        self.queued = False
        self._link = link
        self._protocol: Any = protocol
        self._loop = asyncio.get_running_loop()
        self._outgoing: deque[bytes | memoryview] = deque()
        self._outgoing_bytes = 0
        self._credit = WINDOW_BYTES
        self._high, self._low = WRITE_HIGH_BYTES, WRITE_LOW_BYTES
        self._writing_paused = False
        self._incoming: deque[bytes] = deque()
        self._incoming_bytes = 0
        self._taken = 0
        self._reading_paused = False
        self._peer_ended = False
        self._closing = False
        self._lost = False
        self._linger: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """The other side has accepted."""
        self._protocol.connection_made(self)

    # What the connection calls.

    def take(self, count: int) -> list[bytes | memoryview]:
        """Up to so many bytes that are to be sent now, in pieces."""
        missing = count = min(count, self._credit)
        parts: list[bytes | memoryview] = []
        while self._outgoing and missing:
            part = self._outgoing.popleft()
            if len(part) > missing:
                view = memoryview(part)
                self._outgoing.appendleft(view[missing:])
                part = view[:missing]
            parts.append(part)
            missing -= len(part)
        self._credit -= count - missing
        self._outgoing_bytes -= count - missing
        if self._writing_paused and self._outgoing_bytes <= self._low:
            self._writing_paused = False
            self._protocol.resume_writing()
        if self._closing and not self._outgoing:
            self._finish()
        return parts

    def sendable(self) -> bool:
        return bool(self._outgoing) and self._credit > 0

    def granted(self, count: int) -> None:
        """The peer has taken so many bytes."""
        self._credit += count
        if self._outgoing:
            self._link.ready(self)

    def feed(self, data: bytes) -> bool:
        """Take what the peer has sent; False if that is more than it may."""
        if self._lost:
            return True
        self._incoming_bytes += len(data)
        if self._incoming_bytes > WINDOW_BYTES - self._taken:
            return False
        if self._closing:
            self._took(len(data))
        elif self._reading_paused or self._incoming:
            self._incoming.append(data)
        else:
            self._deliver(data)
        return True

    def feed_end(self) -> None:
        """The peer sends no more, and takes no more."""
        self._peer_ended = True
        self._outgoing.clear()
        self._outgoing_bytes = 0
        if not self._incoming or self._closing:
            self._lose(None)

    def cut(self, error: Exception) -> None:
        """The connection has ended."""
        self._outgoing.clear()
        self._lose(error)

    # What those who use the stream call.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing or self._lost or self._peer_ended or not data:
            return
        self._outgoing.append(bytes(data))
        self._outgoing_bytes += len(data)
        if self._credit:
            self._link.ready(self)
        if self._outgoing_bytes > self._high and not self._writing_paused:
            self._writing_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        if self._closing or self._lost:
            return
        self._closing = True
        if self._peer_ended:
            self._lose(None)
        elif not self._outgoing:
            self._finish()
        else:
            # A peer that waits for its own data to be taken would never come to take ours.
            self._incoming.clear()
            self._took(self._incoming_bytes)
            self._linger = self._loop.call_later(LINGER_S, self.abort)

    def abort(self) -> None:
        if self._lost:
            return
        self._closing = True
        self._outgoing.clear()
        self._outgoing_bytes = 0
        self._finish()

    def _force_close(self, error: BaseException | None) -> None:
        """What asyncio's TLS calls on a transport below it after an error."""
        self.abort()

    def is_closing(self) -> bool:
        return self._closing or self._lost or self._peer_ended

    def pause_reading(self) -> None:
        self._reading_paused = True

    def resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._loop.call_soon(self._drain)

    def is_reading(self) -> bool:
        return not self._reading_paused and not self._lost

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = WRITE_HIGH_BYTES if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        return self._outgoing_bytes

    def can_write_eof(self) -> bool:
        return False

    def write_eof(self) -> None:
        raise NotImplementedError("a stream has no half-close")

    def _drain(self) -> None:
        """Hand over what came while nobody read."""
        while self._incoming and not self._reading_paused and not self._lost:
            self._deliver(self._incoming.popleft())
        if self._peer_ended and not self._incoming:
            self._lose(None)

    def _deliver(self, data: bytes) -> None:
        try:
            if isinstance(self._protocol, asyncio.BufferedProtocol):
                _fill(self._protocol, data)
            else:
                self._protocol.data_received(data)
        except Exception:
            log.exception("a reader of a stream failed stream=%d", self.number)
            self.abort()
        else:
            self._took(len(data))

    def _took(self, count: int) -> None:
        """So many bytes of the peer's are done with."""
        self._incoming_bytes -= count
        self._taken += count
        if self._taken >= CREDIT_BYTES and not self._peer_ended:
            count, self._taken = self._taken, 0
            self._link.grant(self, count)

    def _finish(self) -> None:
        if not self._lost:
            self._link.finish(self)
            self._lose(None)

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._incoming.clear()
            if self._linger is not None:
                self._linger.cancel()
            # As every transport does: never from within a call of the protocol's own.
            self._loop.call_soon(self._protocol.connection_lost, error)


def _fill(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Hand data to a protocol that has buffers of its own."""
    rest = memoryview(data)
    while rest:
        buffer = memoryview(protocol.get_buffer(len(rest)))
        count = min(len(buffer), len(rest))
        buffer[:count] = rest[:count]
        protocol.buffer_updated(count)
        rest = rest[count:]
