"""How fast the store takes writes: creates of 1 kB objects a second at 1, 16 and 64 writers at once, and the latency of one.

    python -m bench.store [seconds] [runs]

No HTTP and no Registry: the event loop, the writer thread and the disk alone. Prints medians.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from minikube_py.store.sqlite import SqliteStore

VALUE = b"x" * 1000
WRITERS = (1, 16, 64)


@dataclass(frozen=True)
class Figures:
    """Medians for one number of writers.

    Attributes:
        creates_per_s: acknowledged, durable.
        p50_ms: of one create.
        batch_writes: creates per transaction.
    """

    writers: int
    creates_per_s: float
    p50_ms: float
    batch_writes: float


def _encode(obj: object, revision: int) -> bytes:
    return VALUE


async def _run_once(home: Path, writers: int, seconds: float) -> Figures:
    store = SqliteStore(home / f"{writers}-{time.monotonic_ns()}.db")
    await store.open()
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def write(writer: int) -> None:
        number = 0
        while (start := time.perf_counter()) < end:
            number += 1
            await store.create("pods", f"default/pod-{writer}-{number}", None, _encode)
            latencies.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*(write(writer) for writer in range(writers)))
    took = time.perf_counter() - start
    batches = store.batches
    await store.close()
    return Figures(writers, len(latencies) / took, statistics.median(latencies) * 1e3, len(latencies) / batches)


def measure(writers: int, seconds: float = 3.0, runs: int = 3) -> Figures:
    """Measure with that many writers at once."""
    with tempfile.TemporaryDirectory(prefix="bench-store-") as home, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = [runner.run(_run_once(Path(home), writers, seconds)) for _ in range(runs)]
    return Figures(
        writers,
        statistics.median(result.creates_per_s for result in results),
        statistics.median(result.p50_ms for result in results),
        statistics.median(result.batch_writes for result in results),
    )


def main() -> None:
    seconds, runs = (float(text) for text in (sys.argv[1:] + ["3", "3"][len(sys.argv) - 1 :]))
    for writers in WRITERS:
        figures = measure(writers, seconds, int(runs))
        print(
            f"RESULT store writers={writers} creates_per_s={figures.creates_per_s:.0f} p50_ms={figures.p50_ms:.2f} "
            f"writes_per_transaction={figures.batch_writes:.1f}"
        )


if __name__ == "__main__":
    main()
