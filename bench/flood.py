"""A node's Lease while clients that mean no good list all pods, over and over.

    python -m bench.flood URL [flooders] [seconds]

Prints how long the slowest of the renewals took, and how many lists were answered and turned away meanwhile.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import time
from collections import Counter
from typing import Any

import aiohttp

from .client import NO_TIMEOUT, send, session
from .program import FLOOD_TOKEN, NODE_TOKEN

RENEWAL_S = 0.1
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
LEASE: dict[str, Any] = {
    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "bench"},
    "spec": {"holderIdentity": "bench", "leaseDurationSeconds": 40},
}
BINDING: dict[str, Any] = {
    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "flood"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "flood"}],
}


async def _flood(url: str, flooders: int, counts: Any) -> None:
    seen: Counter[int] = Counter()

    async def one(http: aiohttp.ClientSession) -> None:
        while True:
            async with http.get(f"{url}/api/v1/pods") as answer:
                async for _ in answer.content.iter_any():
                    pass
                seen[answer.status] += 1
                counts[0], counts[1] = seen[200], seen[429]

    connector = aiohttp.TCPConnector(ssl=False, limit=0)
    headers = {"Authorization": f"Bearer {FLOOD_TOKEN}"}
    async with aiohttp.ClientSession(connector=connector, timeout=NO_TIMEOUT, headers=headers) as http:
        await asyncio.gather(*(one(http) for _ in range(flooders)))


def _run_flood(url: str, flooders: int, counts: Any) -> None:
    asyncio.run(_flood(url, flooders, counts))


async def _renew(url: str, seconds: float) -> list[float]:
    """Milliseconds of each renewal."""
    waits = []
    connector = aiohttp.TCPConnector(ssl=False)
    headers = {"Authorization": f"Bearer {NODE_TOKEN}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, timeout=NO_TIMEOUT, headers=headers) as http:
        lease = await send(http, "POST", url + LEASES, LEASE, headers)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            begun = time.perf_counter()
            lease = await send(http, "PUT", f"{url}{LEASES}/bench", lease, headers)
            waits.append((time.perf_counter() - begun) * 1000)
            await asyncio.sleep(RENEWAL_S)
    return sorted(waits)


async def measure(url: str, flooders: int, seconds: float) -> tuple[list[float], int, int]:
    """Milliseconds of each renewal, sorted; lists answered; lists turned away."""
    async with session() as admin:
        await send(admin, "POST", f"{url}/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", BINDING)
    counts = multiprocessing.Array("l", 2)
    flood = multiprocessing.Process(target=_run_flood, args=(url, flooders, counts), daemon=True)
    flood.start()
    try:
        await asyncio.sleep(1)
        waits = await _renew(url, seconds)
    finally:
        flood.terminate()
        flood.join()
    return waits, counts[0], counts[1]


def main() -> None:
    url, flooders, seconds = sys.argv[1], int((sys.argv[2:] or ["200"])[0]), float((sys.argv[3:] or ["10"])[0])
    waits, answered, refused = asyncio.run(measure(url, flooders, seconds))
    print(f"RESULT slowest_ms={waits[-1]:.1f} p50_ms={waits[len(waits) // 2]:.1f} renewals={len(waits)} lists={answered} refused={refused}")


if __name__ == "__main__":
    main()
