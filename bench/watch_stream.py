"""Many writes, some watchers: how many events a second each watcher is sent, while a load generator creates objects.

    python -m bench.watch_stream URL [watchers] [seconds]
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from typing import cast
from urllib.parse import urlsplit

import uvloop

from . import wrk
from .client import send, session
from .program import TOKEN

# So many that the events are what is measured, and not how fast few clients get their answers.
WRITERS = 64
PATH = "/api/v1/namespaces/default/configmaps"
# What an event begins with.
MARK = b'{"type":"ADDED"'


class Watcher(asyncio.Protocol):
    """One connection with a watch. It only counts: a client that read JSON would need more of the machine than the server.

    Attributes:
        opened: set when the answer begins; fails if it is not 200, or if the watch ends.
        events: that have come.
    """

    def __init__(self, host: str, revision: str) -> None:
        self._request = (
            f"GET {PATH}?watch=1&resourceVersion={revision} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        )
        self._tail = b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended = False
        self.events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request.encode())

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            if data.startswith(b"HTTP/1.1 200 "):
                self.opened.set_result(None)
            else:
                self.opened.set_exception(RuntimeError(f"watch: {data[:400]!r}"))
        # A mark may come in two parts.
        data = self._tail + data
        self.events += data.count(MARK)
        self._tail = data[1 - len(MARK) :]

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("the watch has ended"))


async def measure(url: str, watchers: int, seconds: int) -> tuple[float, float]:
    """Events a second that the slowest watcher had, and the writes a second that made them.

    Raises: RuntimeError if a watch ends, or misses an event.
    """
    async with session() as http:
        listing = await send(http, "GET", f"{url}{PATH}?limit=1")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address, loop = urlsplit(url), asyncio.get_running_loop()
    host, port = address.hostname or "", address.port or 443
    streams: list[Watcher] = []
    for _ in range(watchers):
        _, stream = await loop.create_connection(
            lambda: Watcher(host, listing["metadata"]["resourceVersion"]), host, port, ssl=context, server_hostname=host
        )
        streams.append(stream)
        await stream.opened
    started = time.perf_counter()
    load = await asyncio.to_thread(wrk.create, url, "configmap", "streamed", connections=WRITERS, seconds=seconds)
    written = round(load.per_s * seconds)
    while (fewest := min(stream.events for stream in streams)) < 0.99 * written:
        if any(stream.ended for stream in streams) or time.perf_counter() - started > 4 * seconds:
            raise RuntimeError(f"watchers have {fewest} of {written} events")
        await asyncio.sleep(0.01)
    took = time.perf_counter() - started
    return min(stream.events for stream in streams) / took, load.per_s


def main() -> None:
    url, watchers, seconds = sys.argv[1], *(int(text) for text in (sys.argv[2:] + ["20", "8"][len(sys.argv) - 2 :]))
    events, writes = uvloop.run(measure(url, watchers, seconds))
    print(f"RESULT watchers={watchers} events_per_s={events:.1f} writes_per_s={writes:.1f}")


if __name__ == "__main__":
    main()
