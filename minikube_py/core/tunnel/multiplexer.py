"""The connection of a tunnel: frames of many streams in messages of a WebSocket.

A message is one frame: a byte of kind, four of the stream's number, and what follows. One side opens streams and names what they
should lead to, the other accepts or refuses them. Streams that have something to send take turns, a frame each. Who breaks the rules loses
the connection, and a connection that ends takes its streams along.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol

import aiohttp

from .stream import WINDOW_BYTES, Stream

log = logging.getLogger(__name__)

OPEN, OPENED, DATA, CREDIT, CLOSE = range(1, 6)
HEADER = struct.Struct(">BI")
COUNT = struct.Struct(">I")
# Bytes of one frame's data: small enough that streams take turns often, large enough that frames cost little.
DATA_BYTES_MAX = 128 * 1024
MESSAGE_BYTES_MAX = DATA_BYTES_MAX + HEADER.size
TEXT_BYTES_MAX = 1024
# Streams of one connection.
STREAMS_MAX = 512
# Frames without data that wait to be sent; a peer that reads does not let them become so many.
CONTROL_FRAMES_MAX = 4 * STREAMS_MAX
OPEN_TIMEOUT_S = 15.0
# Seconds of silence after which a peer is asked for a sign of life; half as many more and it counts as dead: within OPEN_TIMEOUT_S.
HEARTBEAT_S = 10.0

# Makes the protocol at the end of a new stream. Raises: ConnectionError or OSError to refuse it.
Accept = Callable[[str], Awaitable[asyncio.BaseProtocol]]


class MessageSocket(Protocol):
    """A WebSocket, as aiohttp's servers and clients have it."""

    def __aiter__(self) -> AsyncIterator[aiohttp.WSMessage]: ...

    async def send_bytes(self, data: bytes) -> None: ...


class TunnelError(ConnectionError):
    """The other side of a tunnel does not keep to its rules."""


class Multiplexer:
    """The streams of one connection.

    Args:
        accept: makes the ends of streams that the other side opens; None lets it open none.
        extra: what streams know of themselves (`get_extra_info`).
    """

    def __init__(self, socket: MessageSocket, *, accept: Accept | None = None, extra: Mapping[str, Any] | None = None) -> None:
        self._socket = socket
        self._accept = accept
        self._extra = extra or {}
        self._numbers = itertools.count(1)
        self._streams: dict[int, Stream] = {}
        self._opening: dict[int, asyncio.Future[None]] = {}
        self._accepting: dict[int, asyncio.Task[None]] = {}
        self._control: deque[bytes] = deque()
        self._ready: deque[Stream] = deque()
        self._wake = asyncio.Event()
        self._ended = False

    @property
    def streams(self) -> int:
        """How many streams there are."""
        return len(self._streams)

    async def run(self) -> None:
        """Carry streams until the connection ends or this is cancelled. The WebSocket is the caller's to close.

        Raises: TunnelError, ConnectionError.
        """
        writing = asyncio.create_task(self._write(), name="tunnel-writer")
        reading = asyncio.create_task(self._read(), name="tunnel-reader")
        try:
            await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks = [writing, reading, *self._accepting.values()]
            for task in tasks:
                task.cancel()
            self._end()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def open(self, target: str, protocol: asyncio.BaseProtocol) -> Stream:
        """Open a stream to what the other side knows by that name.

        Raises: ConnectionRefusedError with the reason; ConnectionError if the tunnel ends; TimeoutError.
        Cancellation: the stream is closed.
        """
        if self._ended:
            raise ConnectionResetError("the tunnel is closed")
        if len(self._streams) >= STREAMS_MAX:
            raise ConnectionRefusedError("too many streams")
        number = next(self._numbers)
        stream = self._streams[number] = Stream(number, self, protocol, self._extra)
        opened = self._opening[number] = asyncio.get_running_loop().create_future()
        self._send(OPEN, number, target.encode())
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await opened
        except BaseException as error:
            if not isinstance(error, ConnectionError):
                self._send(CLOSE, number, b"")
            self._streams.pop(number, None)
            if opened.done() and not opened.cancelled() and opened.exception() is None:
                stream.abort()
            raise
        finally:
            self._opening.pop(number, None)
        return stream

    # What streams call.

    def ready(self, stream: Stream) -> None:
        if not stream.queued and not self._ended:
            stream.queued = True
            self._ready.append(stream)
            self._wake.set()

    def grant(self, stream: Stream, count: int) -> None:
        self._send(CREDIT, stream.number, COUNT.pack(count))

    def finish(self, stream: Stream) -> None:
        if self._streams.pop(stream.number, None) is not None:
            self._send(CLOSE, stream.number, b"")

    def _send(self, kind: int, number: int, body: bytes) -> None:
        if not self._ended:
            self._control.append(HEADER.pack(kind, number) + body)
            self._wake.set()

    async def _write(self) -> None:
        while True:
            if self._control:
                message = self._control.popleft()
            elif self._ready:
                stream = self._ready.popleft()
                stream.queued = False
                parts = stream.take(DATA_BYTES_MAX)
                if not parts:
                    continue
                if stream.sendable():
                    self.ready(stream)
                message = b"".join((HEADER.pack(DATA, stream.number), *parts))
            else:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._socket.send_bytes(message)

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.ERROR:
                raise ConnectionResetError(str(message.data) or "the connection is broken")
            if message.type is not aiohttp.WSMsgType.BINARY or len(message.data) < HEADER.size:
                raise TunnelError("a message is no frame")
            kind, number = HEADER.unpack_from(message.data)
            self._frame(kind, number, message.data[HEADER.size:])
            if len(self._control) > CONTROL_FRAMES_MAX:
                raise TunnelError("the other side does not read")

    def _frame(self, kind: int, number: int, body: bytes) -> None:
        stream = self._streams.get(number)
        if kind == DATA:
            # What was on the way when a stream ended has nobody to go to.
            if stream is not None and not stream.feed(body):
                raise TunnelError(f"stream {number} brings more than {WINDOW_BYTES} bytes unasked")
        elif kind == CREDIT:
            if len(body) != COUNT.size:
                raise TunnelError("a frame is too short")
            if stream is not None:
                stream.granted(COUNT.unpack(body)[0])
        elif kind == CLOSE:
            self._closed(number, stream, body)
        elif kind == OPENED:
            opening = self._opening.get(number)
            if stream is not None and opening is not None and not opening.done():
                stream.start()
                opening.set_result(None)
        elif kind == OPEN:
            self._opened(number, body)
        else:
            raise TunnelError(f"frames of kind {kind} are unknown")

    def _closed(self, number: int, stream: Stream | None, reason: bytes) -> None:
        opening, accepting = self._opening.get(number), self._accepting.get(number)
        self._streams.pop(number, None)
        if opening is not None and not opening.done():
            opening.set_exception(ConnectionRefusedError(reason[:TEXT_BYTES_MAX].decode(errors="replace") or "refused"))
        elif accepting is not None:
            accepting.cancel()
        elif stream is not None:
            stream.feed_end()

    def _opened(self, number: int, target: bytes) -> None:
        if number in self._streams or number in self._accepting or len(target) > TEXT_BYTES_MAX:
            raise TunnelError("a stream is opened that cannot be")
        if self._accept is None or len(self._streams) + len(self._accepting) >= STREAMS_MAX:
            self._send(CLOSE, number, b"too many streams" if self._accept is not None else b"no streams are accepted here")
            return
        task = asyncio.create_task(self._connect(self._accept, number, target.decode(errors="replace")), name="tunnel-accept")
        self._accepting[number] = task
        task.add_done_callback(lambda _: self._accepting.pop(number, None))

    async def _connect(self, accept: Accept, number: int, target: str) -> None:
        """Make the end of a stream, or refuse it."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                protocol = await accept(target)
        except (OSError, TimeoutError) as error:
            self._send(CLOSE, number, (str(error) or "i/o timeout").encode()[:TEXT_BYTES_MAX])
            return
        except Exception as error:
            log.exception("a stream could not be accepted target=%s", target)
            self._send(CLOSE, number, f"{type(error).__name__}: {error}".encode()[:TEXT_BYTES_MAX])
            return
        stream = self._streams[number] = Stream(number, self, protocol, self._extra)
        self._send(OPENED, number, b"")
        stream.start()

    def _end(self) -> None:
        self._ended = True
        error = ConnectionResetError("the tunnel is closed")
        for opening in self._opening.values():
            if not opening.done():
                opening.set_exception(error)
        streams, self._streams = list(self._streams.values()), {}
        for stream in streams:
            if stream.number not in self._opening:
                stream.cut(error)
        self._control.clear()
        self._ready.clear()
