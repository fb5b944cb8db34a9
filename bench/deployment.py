"""How long a Deployment takes until its pods are Ready. Run on the cluster's host:

    python -m bench.deployment URL IMAGE

Starts one pod first, so that the image and everything else is there; then 10, then 40 more; then goes back to 10, which stay.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp
import uvloop

from .client import MERGE_PATCH, send, session

READY_TIMEOUT_S = 120.0
FIRST, MORE = 10, 40


def deployment(name: str, replicas: int, image: str) -> dict[str, Any]:
    container = {"name": "main", "image": image, "command": ["sleep", "86400"]}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


async def wait_ready(http: aiohttp.ClientSession, url: str, name: str, replicas: int) -> None:
    """Follow the Deployment until its status says that so many replicas are there and ready."""
    async with asyncio.timeout(READY_TIMEOUT_S), http.get(f"{url}?watch=1&fieldSelector=metadata.name={name}") as answer:
        async for line in answer.content:
            status = json.loads(line)["object"].get("status", {})
            if status.get("readyReplicas", 0) == status.get("replicas", 0) == replicas:
                return
    raise RuntimeError("the watch ended")


async def measure(server: str, image: str) -> tuple[float, float]:
    """Seconds until the first pods were Ready, and until the others were."""
    url = f"{server}/apis/apps/v1/namespaces/default/deployments"
    async with session() as http:
        await send(http, "POST", url, deployment("first", 1, image))
        await wait_ready(http, url, "first", 1)
        await send(http, "DELETE", f"{url}/first")
        started = time.perf_counter()
        await send(http, "POST", url, deployment("many", FIRST, image))
        await wait_ready(http, url, "many", FIRST)
        first_s = time.perf_counter() - started
        started = time.perf_counter()
        await send(http, "PATCH", f"{url}/many", {"spec": {"replicas": FIRST + MORE}}, MERGE_PATCH)
        await wait_ready(http, url, "many", FIRST + MORE)
        more_s = time.perf_counter() - started
        await send(http, "PATCH", f"{url}/many", {"spec": {"replicas": FIRST}}, MERGE_PATCH)
        await wait_ready(http, url, "many", FIRST)
    return first_s, more_s


def main() -> None:
    first_s, more_s = uvloop.run(measure(sys.argv[1], sys.argv[2]))
    print(f"RESULT deploy_10_s={first_s:.3f} deploy_40_s={more_s:.3f}")


if __name__ == "__main__":
    main()
