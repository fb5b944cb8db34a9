"""A client for measurements: an aiohttp session with the admin token, and the objects that are made with it."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec

from .program import TOKEN

NO_TIMEOUT = aiohttp.ClientTimeout(total=None)
JSON = {"Content-Type": "application/json"}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
CONNECTIONS = 32


def session(connections: int = CONNECTIONS) -> aiohttp.ClientSession:
    """Connections to a server whose certificate is not looked at: it was made a moment ago, on this machine."""
    connector = aiohttp.TCPConnector(ssl=False, limit=connections)
    return aiohttp.ClientSession(connector=connector, timeout=NO_TIMEOUT, headers={"Authorization": f"Bearer {TOKEN}"})


async def send(http: aiohttp.ClientSession, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """Raises: RuntimeError for any answer but success."""
    data = None if body is None else msgspec.json.encode(body)
    async with http.request(method, url, data=data, headers=headers or JSON) as answer:
        text = await answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {url}: {answer.status} {text[:400]!r}")
        return msgspec.json.decode(text)


def pod(name: str) -> dict[str, Any]:
    """A pod for no scheduler; the same as `create.lua` makes."""
    container = {
        "name": "main", "image": "busybox:1.36", "command": ["sleep", "86400"], "env": [{"name": "MODE", "value": "fast"}],
        "ports": [{"containerPort": 8080}], "readinessProbe": {"httpGet": {"port": 8080, "path": "/ready"}},
        "resources": {"limits": {"memory": "64Mi"}, "requests": {"memory": "32Mi", "cpu": "20m"}},
    }
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "shop", "component": "frontend"}},
        "spec": {"schedulerName": "nobody", "containers": [container]},
    }


async def create_pods(url: str, count: int) -> None:
    path = f"{url}/api/v1/namespaces/default/pods"
    numbers = iter(range(count))

    async def some(http: aiohttp.ClientSession) -> None:
        for number in numbers:
            await send(http, "POST", path, pod(f"pod-{number:05}"))

    async with session() as http:
        await asyncio.gather(*(some(http) for _ in range(CONNECTIONS)))
