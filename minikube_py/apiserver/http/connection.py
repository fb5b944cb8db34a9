"""One client's connection. The usual request is taken from it here, all else by aiohttp, whose protocol this is.

Nearly every request is a plain head and a short body, there in one or two reads. For these there is no need of a parser that can stop
anywhere, a stream for the body, and a second task: together these cost more than a read of an object does. A request is usual if its head
has the strict form of RFC 9112, with HTTP/1.1, each header once, in ASCII, and none that says how to read on but Content-Length. About
all others - chunked bodies, upgrades, what is malformed - aiohttp judges, and it keeps the connection from then on.

Invariants: one request at a time; what comes meanwhile waits, unread beyond a bound. A head that comes in pieces waits here until it is
whole, and none is larger than Go's server takes (`head_bound.py`).
Source: RFC 9112, sections 2 to 6; aiohttp's web_protocol.RequestHandler; pkg.go.dev/net/http (conn.serve, DefaultMaxHeaderBytes)
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import HttpVersion11, RawRequestMessage, StreamWriter
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from minikube_py.core import limits

from .head_bound import HEAD_BYTES_MAX, HeadBound

log = logging.getLogger(__name__)

# Heads of this size are remembered from one request to the next.
KNOWN_BYTES_MAX = 8190
HEADERS_MAX = 64
# Bytes that are read of the next request while one is answered.
READ_AHEAD_BYTES_MAX = 64 * 1024
END = b"\r\n\r\n"
# Where a head may end for others; the second of them is an END, too.
_ENDS = (b"\n\n", b"\n\r\n")
# How long a client that sends too much is still listened to, so that it reads why. Source: net/http (rstAvoidanceDelay)
REFUSAL_S = 0.5
TOO_LARGE = "431 Request Header Fields Too Large"
# Paths that begin with two slashes, and fragments, are read in more than one way.
_LINE = re.compile(rb"(?:GET|POST|PUT|PATCH|DELETE) /(?!/)[!\"$-~]* HTTP/1\.1\r\n")
_HEAD = re.compile(
    rb"(GET|POST|PUT|PATCH|DELETE) (/(?!/)[!\"$-~]*) HTTP/1\.1\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~]*\r\n)*)\r\n"
)
_LENGTH = re.compile(r"[0-9]{1,9}")
# They change how the rest is to be read, or who reads it.
_UNUSUAL = frozenset({"transfer-encoding", "expect", "upgrade", "te", "trailer", "sec-websocket-key", "sec-websocket-key1"})
_BODILESS = frozenset({204, 304})


class Connections(web.Server):
    """aiohttp's server, with these connections. A HeadBound is reached before its own bounds of lines are."""

    def __init__(self, handler: Any, **options: Any) -> None:
        super().__init__(
            handler, max_line_size=2 * HEAD_BYTES_MAX, max_field_size=2 * HEAD_BYTES_MAX, max_headers=limits.HEADERS_MAX, **options
        )

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)


class Connection(RequestHandler):
    """See the module."""

    __slots__ = ("_answering", "_bound", "_head", "_known", "_line_known", "_needed", "_usual", "_waiting")

    def __init__(self, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._usual = True
        self._answering: asyncio.Task[None] | None = None
        self._bound = HeadBound()
        # What has come of the next request, and how much of it there must be before it is looked at; 0 while its head has no end.
        self._waiting = bytearray()
        self._needed = 0
        self._line_known = False
        # The latest head and what it says: many requests of a client are alike.
        self._head = b""
        self._known: tuple[RawRequestMessage, int] | None = None

    def data_received(self, data: bytes) -> None:
        if self._force_close or self._close:
            return
        if not self._usual:
            self._pass_on(data)
            return
        waiting = self._waiting
        if self._answering is not None:
            waiting += data
            if len(waiting) > READ_AHEAD_BYTES_MAX:
                self._pause_transport_reading()
        elif waiting:
            known = len(waiting)
            waiting += data
            if len(waiting) >= self._needed if self._needed else self._head_may_count(known):
                self._take_waiting()
        else:
            self._take(data)

    def _head_may_count(self, known: int) -> bool:
        """Whether the waiting part of a head says more than its first `known` bytes: its first line, its end, or that it is too large."""
        waiting = self._waiting
        first_line = not self._line_known and waiting.find(b"\n", known) >= 0
        return first_line or len(waiting) > HEAD_BYTES_MAX or any(waiting.find(end, max(0, known - 2)) >= 0 for end in _ENDS)

    def _take_waiting(self) -> None:
        data = bytes(self._waiting)
        self._waiting.clear()
        self._needed = 0
        self._take(data)

    def _take(self, data: bytes) -> None:
        """Begin with what has come after the last request."""
        found = data.find(END)
        end = len(data) if found < 0 else found + len(END)
        if end > HEAD_BYTES_MAX:
            self._refuse()
            return
        if found < 0 and _may_become_usual(data):
            self._waiting += data
            self._line_known = b"\n" in data
            return
        known = self._read_head(data[:end]) if found >= 0 else None
        if known is None:
            self._usual = False
            self._pass_on(data)
            return
        message, length = known
        needed = end + length
        if len(data) < needed:
            self._waiting += data
            self._needed = needed
            return
        self._waiting += data[needed:]
        self._begin(message, data[end:needed])

    def _pass_on(self, data: bytes) -> None:
        """Give to aiohttp's parser, which has the connection from now on."""
        count = self._request_count
        super().data_received(data)
        if self._request_count != count and self._messages:
            self._bound.begin(self._messages[-1][1])
        elif not self._upgraded and self._payload_parser is None and self._bound.exceeded(len(data)):
            self._refuse()

    def _refuse(self) -> None:
        """Answer to a head that is too large, if it is its turn, and close the connection."""
        transport = self.transport
        self._close = True
        if transport is None:
            return
        if self._answering is None and self._current_request is None and not self._messages:
            log.debug("not a request reason=TooLarge")
            transport.write(
                f"HTTP/1.1 {TOO_LARGE}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{TOO_LARGE}".encode()
            )
        self._loop.call_later(REFUSAL_S, transport.close)

    def _read_head(self, head: bytes) -> tuple[RawRequestMessage, int] | None:
        """The head of a usual request, and the length of its body; None for all others."""
        if len(head) > KNOWN_BYTES_MAX:
            return read_head(head)
        if head != self._head:
            self._known = read_head(head)
            self._head = head
        return self._known

    def _begin(self, message: RawRequestMessage, body: bytes) -> None:
        make, manager = self._request_factory, self._manager
        if make is None or manager is None or self._task_handler is None:
            return  # The connection is lost.
        manager.requests_count += 1
        self._request_count += 1
        request = make(message, EMPTY_PAYLOAD, self, StreamWriter(self, self._loop), self._task_handler)
        request._read_bytes = body
        self._answering = self._loop.create_task(self._answer(request), name="request")

    async def _answer(self, request: web.BaseRequest) -> None:
        keep = False
        try:
            if self._request_handler is not None:
                response = await self._request_handler(request)
                await send(request, response)
                keep = response.keep_alive is not False and not (self._close or self._force_close)
        except ConnectionError:
            self.log_debug("Ignored premature client disconnection")
        except Exception as error:
            self.log_exception("Unhandled exception", exc_info=error)
        finally:
            self._answering = None
            if not keep:
                self.force_close()
        if keep:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
            if self._waiting:
                self._resume_transport_reading()
                self._take_waiting()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to what is no request, in Go's words. What was sent is not told to the log: it may hold a credential."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        log.debug("not a request remote=%s reason=%s", request.remote, type(exc).__name__)
        code, reason = (431, "Request Header Fields Too Large") if isinstance(exc, LineTooLong) else (400, "Bad Request")
        response = web.Response(status=code, reason=reason, text=f"{code} {reason}", content_type="text/plain")
        response.force_close()
        return response

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._answering is not None:
            self._answering.cancel()

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Let a running request end in time, then close.

        Cancellation: it may still run.
        """
        answering = self._answering
        if answering is not None:
            self._force_close = True
            await asyncio.wait({answering}, timeout=timeout)
            answering.cancel()
            await asyncio.wait({answering}, timeout=timeout)
        if self._usual:
            # aiohttp waits for a request.
            self.force_close()
        await super().shutdown(timeout)

    def _process_keepalive(self) -> None:
        if self._answering is not None:
            self._keepalive_handle = self._loop.call_later(self._keepalive_timeout, self._process_keepalive)
        else:
            super()._process_keepalive()


def _may_become_usual(data: bytes) -> bool:
    """Whether the beginning of a head may be one of a usual request."""
    return (b"\n" not in data or _LINE.match(data) is not None) and not any(end in data for end in _ENDS)


def read_head(head: bytes) -> tuple[RawRequestMessage, int] | None:
    """What the head of a usual request says, and the length of its body; None for all others."""
    if head.count(b"\n") > HEADERS_MAX + 2:  # The first line and the end have one each.
        return None
    match = _HEAD.fullmatch(head)
    if match is None:
        return None
    method, target, lines = match.groups()
    raw_headers = tuple(_header(line) for line in lines.split(b"\r\n")[:-1])
    headers = CIMultiDict((name.decode(), value.decode()) for name, value in raw_headers)
    names = {name.lower() for name in headers}
    if len(names) != len(raw_headers) or len(names) > HEADERS_MAX or not names.isdisjoint(_UNUSUAL):
        return None
    length = headers.get("Content-Length", "0")
    if not _LENGTH.fullmatch(length) or int(length) > limits.REQUEST_BYTES_MAX:
        return None
    if headers.get("Connection", "keep-alive").lower() != "keep-alive":
        return None
    path = target.decode()
    before, _, query = path.partition("?")
    url = URL.build(path=before, query_string=query, encoded=True)
    message = RawRequestMessage(
        method.decode(), path, HttpVersion11, CIMultiDictProxy(headers), raw_headers, False, None, False, False, url
    )
    return message, int(length)


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value.strip(b" \t")


async def send(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Send a response, or what is left of one that has begun.

    Raises: ConnectionError if the client is gone.
    """
    body = response.body if isinstance(response, web.Response) else None
    if response.prepared or not isinstance(body, bytes) or response.status in _BODILESS or response.chunked:
        await response.prepare(request)
        await response.write_eof()
        return
    # What aiohttp does in many steps, for a body that is known.
    headers = response.headers
    headers["Content-Length"] = str(len(body))
    headers["Date"] = rfc822_formatted_time()
    if response.keep_alive is False:
        headers["Connection"] = "close"
    await request._prepare_hook(response)
    writer = request.writer
    await writer.write_headers(f"HTTP/1.1 {response.status} {response.reason}", headers)
    await writer.write_eof(body)
