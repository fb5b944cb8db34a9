"""One write, many watchers: how long from the request until each has the event.

    python -m bench.watchers URL [watchers] [rounds]
"""

from __future__ import annotations

import asyncio
import sys
import time

import aiohttp

from .client import send, session

ROUND_TIMEOUT_S = 30.0
PAUSE_S = 0.2


class Round:
    """One write: when each watcher had it."""

    def __init__(self, watchers: int) -> None:
        self._missing = watchers
        self.times: list[float] = []
        self.all = asyncio.Event()

    def arrived(self) -> None:
        self.times.append(time.perf_counter())
        self._missing -= 1
        if not self._missing:
            self.all.set()


async def measure(url: str, watchers: int, rounds: int) -> list[float]:
    """Milliseconds that each watcher waited for each write, sorted.

    Raises: TimeoutError if a watcher misses an event.
    """
    path = f"{url}/api/v1/namespaces/default/configmaps"
    present = Round(watchers)
    waits: list[float] = []
    async with session(connections=0) as http, asyncio.TaskGroup() as group:
        listing = await send(http, "GET", f"{path}?limit=1")
        query = f"{path}?watch=1&resourceVersion={listing['metadata']['resourceVersion']}"
        open_watches = asyncio.Semaphore(0)

        async def watch() -> None:
            async with http.get(query) as answer:
                if answer.status != 200:
                    raise RuntimeError(f"watch: {answer.status} {await answer.text()}")
                open_watches.release()
                async for chunk in answer.content.iter_any():
                    if b'"ADDED"' in chunk:
                        present.arrived()

        tasks = [group.create_task(watch()) for _ in range(watchers)]
        for _ in tasks:
            await open_watches.acquire()
        for number in range(rounds):
            await asyncio.sleep(PAUSE_S)
            present = Round(watchers)
            started = time.perf_counter()
            await _create(http, path, number)
            async with asyncio.timeout(ROUND_TIMEOUT_S):
                await present.all.wait()
            waits += [(moment - started) * 1e3 for moment in present.times]
        for task in tasks:
            task.cancel()
    return sorted(waits)


async def _create(http: aiohttp.ClientSession, path: str, number: int) -> None:
    metadata = {"name": f"seen-{time.time_ns()}-{number}"}
    await send(http, "POST", path, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": "v" * 256}})


def main() -> None:
    url, watchers, rounds = sys.argv[1], *(int(text) for text in (sys.argv[2:] + ["1000", "5"][len(sys.argv) - 2 :]))
    # asyncio's own loop: it hands over each event as it comes, and the other figures were taken with it.
    waits = asyncio.run(measure(url, watchers, rounds))
    p50, p99 = (waits[int(len(waits) * part)] for part in (0.5, 0.99))
    print(f"RESULT watchers={watchers} p50_ms={p50:.1f} p99_ms={p99:.1f} max_ms={waits[-1]:.1f}")


if __name__ == "__main__":
    main()
