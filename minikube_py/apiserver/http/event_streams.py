"""How the lines of a watch travel to its client: in chunks of an HTTP body, as they are or as protobuf, or in messages of a WebSocket.

Owns opening, packing and closing. When what is sent is the watch's, which writes live events to the transport itself.
Source: k8s.io/apiserver/pkg/endpoints/handlers/watch.go (HandleHTTP, HandleWS), RFC 9112 section 7.1, RFC 6455 section 5.2
"""

from __future__ import annotations

import asyncio
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from minikube_py.core.errors import BadRequestError, ForbiddenError

from ..protobuf import encode_event
from .byte_sockets import is_socket
from .negotiation import JSON_TYPE, PROTOBUF_TYPE, Coding, not_acceptable

# RFC 6455: a whole message of text, and the lengths from which on the length takes two and eight bytes more.
TEXT_MESSAGE = 0x81
LENGTH_16, LENGTH_64 = 126, 1 << 16
# Seconds that a client has to agree to the end.
CLOSE_TIMEOUT_S = 1.0


class EventStream(Protocol):
    """The way to one client.

    Attributes:
        framing: names how lines are packed: what is packed is shared by all clients with the same.
        response: what the request is answered with.
    """

    framing: str
    response: web.StreamResponse

    async def open(self) -> None:
        """Begin to answer. Raises: StatusError for a client that asks for it in a wrong way."""

    @staticmethod
    def pack(lines: list[bytes]) -> bytes:
        """Lines as they go over the connection together."""

    async def write(self, lines: list[bytes]) -> None:
        """Send lines, at the client's pace. Raises: ConnectionError."""

    async def follow(self, ended: asyncio.Future[None]) -> None:
        """Wait for the end, which the client may bring about."""

    async def close(self) -> None:
        """End the answer in an orderly way. Raises: ConnectionError."""


class ChunkedStream:
    """Lines in the body of an HTTP answer."""

    framing = "chunk"

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"})
        self.response.enable_chunked_encoding()

    async def open(self) -> None:
        await self.response.prepare(self._request)

    @staticmethod
    def pack(lines: list[bytes]) -> bytes:
        line = lines[0] if len(lines) == 1 else b"".join(lines)
        return b"%x\r\n%b\r\n" % (len(line), line)

    async def write(self, lines: list[bytes]) -> None:
        await self.response.write(b"".join(lines))

    async def follow(self, ended: asyncio.Future[None]) -> None:
        await ended

    async def close(self) -> None:
        await self.response.write_eof()


class ProtobufStream(ChunkedStream):
    """Frames in the body of an HTTP answer, made from the lines."""

    framing = "frame"

    def __init__(self, request: web.BaseRequest) -> None:
        super().__init__(request)
        self.response.headers["Content-Type"] = f"{PROTOBUF_TYPE};stream=watch"

    @staticmethod
    def pack(lines: list[bytes]) -> bytes:
        return ChunkedStream.pack([encode_event(msgspec.json.decode(line)) for line in lines])

    async def write(self, lines: list[bytes]) -> None:
        await super().write([encode_event(msgspec.json.decode(line)) for line in lines])


class SocketStream:
    """Lines as messages of a WebSocket. What the client says is of no interest, but that it closes."""

    framing = "message"

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        offered = request.headers.get("Sec-WebSocket-Protocol", "").strip()
        protocols = [offered] if offered and "," not in offered else []
        self._socket = web.WebSocketResponse(protocols=protocols, compress=False, timeout=CLOSE_TIMEOUT_S)
        self.response: web.StreamResponse = self._socket

    async def open(self) -> None:
        check_origin(self._request.headers.get("Origin", ""))
        try:
            await self._socket.prepare(self._request)
        except web.HTTPBadRequest as error:
            raise BadRequestError(error.text or "no WebSocket handshake") from error

    @staticmethod
    def pack(lines: list[bytes]) -> bytes:
        return b"".join(map(_message, lines))

    async def write(self, lines: list[bytes]) -> None:
        for line in lines:
            await self._socket.send_frame(line, web.WSMsgType.TEXT)

    async def follow(self, ended: asyncio.Future[None]) -> None:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(ended), name="watch-socket")
            await ended
            reading.cancel()

    async def _read(self, ended: asyncio.Future[None]) -> None:
        async for _ in self._socket:
            pass
        if not ended.done():
            ended.set_result(None)

    async def close(self) -> None:
        await self._socket.close()


def _message(line: bytes) -> bytes:
    """A line as a message of its own."""
    length = len(line)
    if length < LENGTH_16:
        return bytes((TEXT_MESSAGE, length)) + line
    if length < LENGTH_64:
        return bytes((TEXT_MESSAGE, 126)) + length.to_bytes(2) + line
    return bytes((TEXT_MESSAGE, 127)) + length.to_bytes(8) + line


def event_stream(request: web.BaseRequest, coding: Coding) -> EventStream:
    """The stream that a request asks for.

    Raises: NotAcceptableError for protobuf over a WebSocket.
    """
    protobuf = coding is Coding.PROTOBUF
    if not is_socket(request):
        return ProtobufStream(request) if protobuf else ChunkedStream(request)
    if protobuf:
        raise not_acceptable((f"{JSON_TYPE};stream=watch",))
    return SocketStream(request)


def check_origin(origin: str) -> None:
    """Refuse a client that does not say where it comes from, as browsers do.

    Raises: ForbiddenError.
    Source: golang.org/x/net/websocket (checkOrigin)
    """
    if not (origin.startswith("/") or urlsplit(origin).scheme) or origin == "null":
        raise ForbiddenError("the Origin of a WebSocket must be a URL")
