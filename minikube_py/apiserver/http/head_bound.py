"""How much may come over a connection that is neither a request's body nor, so far, a request.

aiohttp bounds each line of a head and their number, Go the head as a whole. What is counted here is what comes between requests, and
between the parts of a body that is sent in chunks: their sizes and trailers.

Source: pkg.go.dev/net/http (conn.serve: initialReadLimitSize; chunkedReader: excess)
"""

from __future__ import annotations

from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

# What a head may have. Source: net/http, DefaultMaxHeaderBytes and the buffer that is read ahead of it.
HEAD_BYTES_MAX = (1 << 20) + 4096
# Pieces in which it may come: aiohttp's parser copies what it has of a line with each. One TLS record has 16 KiB.
PIECES_MAX = 1024


class HeadBound:
    """Counts what comes since the last request.

    Invariant: a body that makes progress counts for nothing.
    """

    __slots__ = ("_body_bytes", "_bytes", "_payload", "_pieces")

    def __init__(self) -> None:
        self.begin(EMPTY_PAYLOAD)

    def begin(self, payload: StreamReader) -> None:
        """A request's head is complete; its body is coming."""
        self._payload = payload
        self._body_bytes = payload.total_bytes
        self._bytes = self._pieces = 0

    def exceeded(self, count: int) -> bool:
        """Whether it is too much, with `count` bytes more that began no request."""
        if self._payload.total_bytes != self._body_bytes:
            self.begin(self._payload)
            return False
        if not count:
            return False  # The parser goes on with what it has.
        self._bytes += count
        self._pieces += 1
        return self._bytes > HEAD_BYTES_MAX or self._pieces > PIECES_MAX
