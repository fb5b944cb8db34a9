"""Many writes, some watchers: how many events a second each watcher is sent, while a load generator creates objects.

    python -m bench.watch_stream URL [watchers] [seconds]
"""

from __future__ import annotations

import asyncio
import sys
import time

from . import wrk
from .client import send, session

WRITERS = 16


async def measure(url: str, watchers: int, seconds: int) -> tuple[float, float]:
    """Events a second that the slowest watcher had, and the writes a second that made them.

    Raises: RuntimeError if a watch ends, or misses an event.
    """
    path = f"{url}/api/v1/namespaces/default/configmaps"
    counts = [0] * watchers
    async with session(connections=0) as http, asyncio.TaskGroup() as group:
        listing = await send(http, "GET", f"{path}?limit=1")
        query = f"{path}?watch=1&resourceVersion={listing['metadata']['resourceVersion']}"
        opened = asyncio.Semaphore(0)

        async def watch(number: int) -> None:
            async with http.get(query) as answer:
                opened.release()
                async for chunk in answer.content.iter_any():
                    counts[number] += chunk.count(b'{"type":"ADDED"')

        tasks = [group.create_task(watch(number)) for number in range(watchers)]
        for _ in tasks:
            await opened.acquire()
        started = time.perf_counter()
        load = await asyncio.to_thread(wrk.create, url, "configmap", "streamed", connections=WRITERS, seconds=seconds)
        written = round(load.per_s * seconds)
        while min(counts) < 0.99 * written:
            await asyncio.sleep(0.01)
            if time.perf_counter() - started > 4 * seconds:
                raise RuntimeError(f"watchers have {min(counts)} of {written} events")
        took = time.perf_counter() - started
        for task in tasks:
            task.cancel()
    return min(counts) / took, load.per_s


def main() -> None:
    url, watchers, seconds = sys.argv[1], *(int(text) for text in (sys.argv[2:] + ["20", "8"][len(sys.argv) - 2 :]))
    events, writes = asyncio.run(measure(url, watchers, seconds))
    print(f"RESULT watchers={watchers} events_per_s={events:.1f} writes_per_s={writes:.1f}")


if __name__ == "__main__":
    main()
