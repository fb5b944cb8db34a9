"""HTTP/1.1 connections that become something else: bytes in both directions, for SPDY, WebSockets that are passed on, and the like.

aiohttp parses HTTP until a parser of somebody else's is set on the connection, which its own WebSockets do, on either side. A ByteStream
is such a parser: it only keeps what comes until it is read. A client must not send the new protocol before it has the answer, so nothing
of it has gone through the HTTP parser before.

Source: RFC 9110 section 7.8; aiohttp's RequestHandler.set_parser and ResponseHandler.set_parser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import http_writer, web

# Bytes read ahead of the reader.
READ_AHEAD_BYTES_MAX = 256 * 1024
CONNECTION_HEADERS = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding",
    "upgrade",
})


def is_upgrade(headers: Mapping[str, str]) -> bool:
    """Whether a request asks for another protocol. Source: k8s.io/apimachinery/pkg/util/httpstream (IsUpgradeRequest)"""
    return "upgrade" in headers.get("Connection", "").lower()


class ByteStream:
    """A connection after its upgrade.

    Args:
        protocol: aiohttp's, of a server's or a client's connection.
    """

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._transport: asyncio.Transport = protocol.transport
        self._writer = http_writer.StreamWriter(protocol, asyncio.get_running_loop())
        self._waiting = bytearray()
        self._paused = False
        self._ended = False
        self._readable = asyncio.Event()

    async def read(self) -> bytes:
        """What has come; waits if that is nothing; b"" at the end."""
        while not self._waiting and not self._ended:
            self._readable.clear()
            await self._readable.wait()
        data = bytes(self._waiting)
        self._waiting.clear()
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Send, waiting while the peer does not take it.

        Raises: ConnectionError if the connection is gone.
        """
        if self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._transport.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """Close the connection after what was written."""
        self._transport.close()

    # What aiohttp's protocols call.

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._waiting += data
        self._readable.set()
        if len(self._waiting) > READ_AHEAD_BYTES_MAX and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()
        return False, b""

    def feed_eof(self) -> None:
        self._ended = True
        self._readable.set()

    def set_exception(self, error: BaseException, cause: BaseException | None = None) -> None:
        self.feed_eof()

    def is_eof(self) -> bool:
        return self._ended


class SwitchingProtocols(web.StreamResponse):
    """The 101 that ends HTTP on a server's connection."""

    _length_check = False

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(status=101, headers=headers)
        self.force_close()

    async def switch(self, http: web.BaseRequest) -> ByteStream:
        """Send the answer; the connection is the caller's from then on, until it returns this response to aiohttp.

        Raises: ConnectionError if the client is gone.
        """
        if http.transport is None:
            raise ConnectionResetError("the client is gone")
        stream = ByteStream(http.protocol)
        http.protocol.set_parser(stream)  # type: ignore[arg-type]
        await self.prepare(http)
        return stream


def switched(response: aiohttp.ClientResponse) -> ByteStream:
    """The connection on which a server has answered a client with 101."""
    connection = response.connection
    if connection is None or connection.protocol is None:
        raise ConnectionResetError("the connection is closed")
    stream = ByteStream(connection.protocol)
    connection.protocol.set_parser(stream, stream)
    return stream


async def join(one: ByteStream, other: ByteStream) -> None:
    """Copy both ways until one of the connections ends."""
    copies = [asyncio.ensure_future(_copy(one, other)), asyncio.ensure_future(_copy(other, one))]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)


async def _copy(source: ByteStream, target: ByteStream) -> None:
    try:
        while data := await source.read():
            await target.write(data)
    except ConnectionError:
        return
