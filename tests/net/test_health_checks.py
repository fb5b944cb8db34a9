"""Health check ports for load balancers outside the cluster, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import pytest

from minikube_py.net.proxy.endpoints import Locality
from minikube_py.net.proxy.health import HealthChecks

from .objects import endpoint, endpoint_slice, service


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def fetch(port: int) -> tuple[int, dict[str, object]]:
    async with asyncio.timeout(5):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        return int(head.split()[1]), json.loads(body)


async def test_a_node_says_whether_it_has_endpoints_and_stops_when_the_policy_changes() -> None:
    port = free_port()
    checks = HealthChecks(Locality("node-a"), ["127.0.0.1"])
    task = asyncio.create_task(checks.run())
    fields = {"type": "LoadBalancer", "external_traffic_policy": "Local", "health_check_node_port": port}
    checks.service_changed("default/web", service("10.43.0.9", ("TCP", 80), **fields))
    checks.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.1.1", node="node-b")], ("TCP", 80, 80)))
    status, body = await fetch(port)
    assert (status, body["localEndpoints"]) == (503, 0)
    here = [endpoint("10.42.0.1"), endpoint("10.42.0.2"), endpoint("10.42.0.3", ready=False)]
    checks.slice_changed("default/web-x", endpoint_slice(here, ("TCP", 80, 80)))
    assert await fetch(port) == (
        200, {"service": {"namespace": "default", "name": "web"}, "localEndpoints": 2, "serviceProxyHealthy": True},
    )
    checks.service_changed("default/web", service("10.43.0.9", ("TCP", 80)))
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionError):
            while True:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
