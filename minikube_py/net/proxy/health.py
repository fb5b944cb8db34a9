"""HealthChecks: tells load balancers outside the cluster whether this node has endpoints of a service.

A Service of type LoadBalancer with externalTrafficPolicy Local has a port for it on every node: 200 where there is an endpoint,
503 where there is none.

Source: kubernetes.io/docs/tasks/access-application-cluster/create-external-load-balancer/#preserving-the-client-source-ip
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
from collections.abc import Iterable

from ...apis.core_v1 import Service
from ...apis.discovery_v1 import EndpointSlice
from ..slices import SlicesByService
from .endpoints import Locality, local_endpoints

log = logging.getLogger(__name__)

_REQUEST_S = 5.0
_REQUEST_BYTES_MAX = 8_192


class HealthChecks:
    """The health check ports of this node.

    Args:
        addresses: where the ports listen.
    """

    def __init__(self, locality: Locality, addresses: Iterable[str]) -> None:
        self._locality = locality
        self._addresses = tuple(addresses)
        self._services: dict[str, int] = {}
        self._slices = SlicesByService()
        self._servers: dict[str, tuple[int, asyncio.Server]] = {}
        self._changed = asyncio.Event()

    def service_changed(self, key: str, service: Service | None) -> None:
        """Note the newest state of the Service `key` (namespace/name); None if it is gone."""
        port = _health_port(service) if service is not None else 0
        if port != self._services.get(key, 0):
            self._services[key] = port
            if not port:
                del self._services[key]
            self._changed.set()

    def slice_changed(self, key: str, endpoint_slice: EndpointSlice | None) -> None:
        """Note the newest state of the EndpointSlice `key` (namespace/name); None if it is gone."""
        self._slices.change(key, endpoint_slice)

    async def run(self) -> None:
        """Listen until cancelled. A port that something else holds is logged and left out until its Service changes."""
        try:
            async with asyncio.TaskGroup() as connections:
                while True:
                    await self._listen(connections)
                    await self._changed.wait()
                    self._changed.clear()
        finally:
            for _, server in self._servers.values():
                server.close()

    async def _listen(self, connections: asyncio.TaskGroup) -> None:
        for key, (port, server) in list(self._servers.items()):
            if self._services.get(key) != port:
                server.close()
                del self._servers[key]
        for key, port in self._services.items():
            if key in self._servers:
                continue
            try:
                connected = functools.partial(self._connected, key, connections)
                server = await asyncio.start_server(connected, list(self._addresses), port, limit=_REQUEST_BYTES_MAX)
            except OSError as e:
                log.warning("cannot serve a health check port service=%s port=%d error=%s", key, port, e)
                continue
            self._servers[key] = (port, server)

    def _connected(self, key: str, connections: asyncio.TaskGroup, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.create_task(self._answer(key, reader, writer), name="health-check")

    async def _answer(self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_S):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._response(key))
                await writer.drain()
        except (EOFError, OSError, TimeoutError, asyncio.LimitOverrunError) as e:
            log.debug("health check connection ended error=%r", e)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _response(self, key: str) -> bytes:
        count = local_endpoints(self._slices.of(key), self._locality)
        namespace, _, name = key.partition("/")
        body = json.dumps({"service": {"namespace": namespace, "name": name}, "localEndpoints": count, "serviceProxyHealthy": True})
        head = (
            f"HTTP/1.1 {'200 OK' if count else '503 Service Unavailable'}\r\n"
            "Content-Type: application/json\r\n"
            f"X-Load-Balancing-Endpoint-Weight: {count}\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        return (head + body).encode()


def _health_port(service: Service) -> int:
    spec = service.spec
    if spec.type != "LoadBalancer" or spec.external_traffic_policy != "Local":
        return 0
    return spec.health_check_node_port
