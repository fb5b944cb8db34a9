"""SPDY/3.1 as far as Kubernetes uses it: streams with headers over one connection, without flow control.

Owns the frames and the streams of a session; knows neither what carries the bytes nor what the streams mean. Only the side that
accepts streams is here: clients open them.

Source: chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1 (frames, header compression and its dictionary). Kubernetes' own
implementation sends no WINDOW_UPDATE and heeds none.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY, HEADERS = 1, 2, 3, 6, 7, 8
FLAG_FIN = 0x01
VERSION = 3
RST_CANCEL = 5
# Longest frame that is taken, and longest that is sent.
FRAME_BYTES_MAX = 1024 * 1024
DATA_BYTES_MAX = 32 * 1024
STREAMS_MAX = 1024
# Data of a stream that nobody has read yet; then the whole connection waits.
QUEUE_CHUNKS_MAX = 64

_WORDS = (
    "options,head,post,put,delete,trace,accept,accept-charset,accept-encoding,accept-language,accept-ranges,age,allow,autho"
    "rization,cache-control,connection,content-base,content-encoding,content-language,content-length,content-location,conte"
    "nt-md5,content-range,content-type,date,etag,expect,expires,from,host,if-match,if-modified-since,if-none-match,if-range"
    ",if-unmodified-since,last-modified,location,max-forwards,pragma,proxy-authenticate,proxy-authorization,range,referer,r"
    "etry-after,server,te,trailer,transfer-encoding,upgrade,user-agent,vary,via,warning,www-authenticate,method,get,status,"
    "200 OK,version,HTTP/1.1,url,public,set-cookie,keep-alive,origin"
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Inform"
    "ation204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server E"
    "rror501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed,"
    " Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/pla"
    "in,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack(">I", len(word)) + word.encode() for word in _WORDS.split(",")) + _TAIL.encode()


class SpdyError(Exception):
    """The peer does not keep to the protocol."""


@dataclass(slots=True)
class SpdyStream:
    """One stream that the peer has opened.

    Attributes:
        headers: as given when it was opened, names in lower case.
    """

    number: int
    headers: dict[str, str]
    _session: SpdySession
    _chunks: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE_CHUNKS_MAX))
    _ended: bool = False
    _closed: bool = False

    async def read(self) -> bytes:
        """The next data; b"" at the end."""
        if self._ended:
            return b""
        data = await self._chunks.get()
        self._ended = not data
        return data

    async def write(self, data: bytes) -> None:
        """Send data. Raises ConnectionError if the connection is gone."""
        for start in range(0, len(data), DATA_BYTES_MAX):
            await self._session.send_data(self.number, data[start:start + DATA_BYTES_MAX], 0)

    async def close(self) -> None:
        """Say that no more data comes from here; closed already is no error."""
        if not self._closed:
            self._closed = True
            await self._session.send_data(self.number, b"", FLAG_FIN)

    async def reset(self) -> None:
        """End the stream in both directions."""
        self._closed = True
        await self._session.send_control(RST_STREAM, 0, struct.pack(">II", self.number, RST_CANCEL))

    async def feed(self, data: bytes) -> None:
        """Take what the peer sent; b"" is the end."""
        await self._chunks.put(data)


class SpdySession:
    """The streams of one connection.

    Args:
        send: sends bytes, waiting for room.
        opened: called with each new stream; what it returns is awaited before the next frame is read.
    """

    def __init__(self, send: Callable[[bytes], Awaitable[None]], opened: Callable[[SpdyStream], Awaitable[None]]) -> None:
        self._send = send
        self._opened = opened
        self._streams: dict[int, SpdyStream] = {}
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._sending = asyncio.Lock()

    async def receive(self, data: bytes) -> None:
        """Take bytes of the connection, in whatever pieces they come.

        Raises: SpdyError.
        """
        self._buffer += data
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            length = second & 0xFFFFFF
            if length > FRAME_BYTES_MAX:
                raise SpdyError(f"a frame of {length} bytes is too long")
            if len(self._buffer) < 8 + length:
                return
            body = bytes(self._buffer[8:8 + length])
            del self._buffer[:8 + length]
            await self._frame(first, second >> 24, body)

    async def end(self) -> None:
        """The connection has ended: so do all streams."""
        for stream in list(self._streams.values()):
            await stream.feed(b"")
        self._streams.clear()

    def forget(self, stream: SpdyStream) -> None:
        """Drop a stream that is done with."""
        self._streams.pop(stream.number, None)

    async def send_data(self, number: int, data: bytes, flags: int) -> None:
        """Send a data frame."""
        async with self._sending:
            await self._send(struct.pack(">II", number, flags << 24 | len(data)) + data)

    async def send_control(self, kind: int, flags: int, body: bytes) -> None:
        """Send a control frame."""
        async with self._sending:
            await self._send(struct.pack(">II", 0x80000000 | VERSION << 16 | kind, flags << 24 | len(body)) + body)

    async def _frame(self, first: int, flags: int, body: bytes) -> None:
        if not first & 0x80000000:
            stream = self._streams.get(first)
            if stream is not None:
                if body:
                    await stream.feed(body)
                if flags & FLAG_FIN:
                    await stream.feed(b"")
            return
        kind = first & 0xFFFF
        if kind == SYN_STREAM:
            await self._syn_stream(flags, body)
        elif kind == PING:
            await self.send_control(PING, 0, body)
        elif kind == RST_STREAM:
            stream = self._streams.pop(struct.unpack_from(">I", body)[0], None)
            if stream is not None:
                await stream.feed(b"")
        elif kind in (SYN_REPLY, HEADERS):
            # Read for the sake of the compressor's state alone.
            self._headers(body[4:])
        elif kind == GOAWAY:
            await self.end()

    async def _syn_stream(self, flags: int, body: bytes) -> None:
        if len(body) < 10:
            raise SpdyError("a SYN_STREAM frame is too short")
        stream = SpdyStream(struct.unpack_from(">I", body)[0] & 0x7FFFFFFF, self._headers(body[10:]), self)
        if len(self._streams) >= STREAMS_MAX:
            await stream.reset()
            return
        self._streams[stream.number] = stream
        await self.send_control(SYN_REPLY, 0, struct.pack(">I", stream.number) + self._header_block())
        if flags & FLAG_FIN:
            await stream.feed(b"")
        await self._opened(stream)

    def _header_block(self) -> bytes:
        """An empty header block."""
        return self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            data = self._inflate.decompress(block, FRAME_BYTES_MAX)
            (count,), offset, headers = struct.unpack_from(">I", data), 4, {}
            for _ in range(count):
                pair = []
                for _ in range(2):
                    (length,) = struct.unpack_from(">I", data, offset)
                    pair.append(data[offset + 4:offset + 4 + length].decode("utf-8", "replace"))
                    offset += 4 + length
                headers[pair[0].lower()] = pair[1]
        except (zlib.error, struct.error) as error:
            raise SpdyError(f"malformed headers: {error}") from error
        return headers
