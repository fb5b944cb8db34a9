"""The way from this server to addresses of pods and nodes: by the tunnel of the node that has them, or directly.

In mode "pod" an address is looked for in the nodes' ranges of pod addresses and among their own; what no node with a tunnel has is dialled.
Source: docs.k3s.io/cli/server (--egress-selector-mode)
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import aiohttp

from minikube_py.core.tunnel.handshake import TCP_PREFIX
from minikube_py.core.tunnel.multiplexer import Multiplexer

from .tunnels import Tunnels

HANDSHAKE_TIMEOUT_S = 15


class Egress:
    """Finds tunnels by address.

    Args:
        nodes: all Nodes, as of now.
    """

    def __init__(self, nodes: Callable[[], list[Any]], tunnels: Tunnels) -> None:
        self._nodes = nodes
        self._tunnels = tunnels

    def tunnel_to(self, host: str) -> Multiplexer | None:
        """The tunnel of the node that has an address; None if that is no address, or of no node with a tunnel."""
        if self._tunnels.mode != "pod":
            return None
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return None
        # Ranges are given to nodes, addresses are what nodes say of themselves: nobody draws another's pods to himself by these.
        nodes = self._nodes()
        found = next((node for node in nodes if _has(node, address)), None)
        if found is None:
            found = next((node for node in nodes if any(item.address == host for item in node.status.addresses)), None)
        return None if found is None else self._tunnels.find(found.metadata.name)

    def connector(self) -> aiohttp.BaseConnector:
        """aiohttp's way to such addresses; certificates of those who serve there are not looked at."""
        return EgressConnector(self)


class EgressConnector(aiohttp.TCPConnector):
    """Connections by tunnels where there are any, by sockets elsewhere."""

    def __init__(self, egress: Egress) -> None:
        super().__init__(ssl=False, limit=0)
        self._egress = egress
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    # The method that aiohttp's own connectors define.
    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
        host, port = req.url.host or "", req.url.port or 0
        tunnel = self._egress.tunnel_to(host)
        if tunnel is None:
            return await super()._create_connection(req, traces, timeout)
        protocol, target = self._factory(), f"{TCP_PREFIX}{host}:{port}"
        try:
            if req.url.scheme == "https":
                await open_tls(tunnel, target, protocol, self._context, host)
            else:
                await tunnel.open(target, protocol)
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        return protocol


async def open_tls(tunnel: Multiplexer, target: str, protocol: asyncio.Protocol, context: ssl.SSLContext, server_name: str) -> None:
    """Open a stream and speak TLS over it, as a client.

    uvloop's `start_tls` knows only transports of its own; the standard library's protocol works over any.

    Raises: OSError (ssl.SSLError is one), TimeoutError.
    """
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    layer = SSLProtocol(loop, protocol, context, ready, server_hostname=server_name, ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S)
    stream = await tunnel.open(target, layer)
    try:
        await ready
    except BaseException:
        stream.abort()
        raise


def _has(node: Any, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is in a node's ranges of pod addresses."""
    return any(address in _network(text) for text in node.spec.pod_cidrs or [node.spec.pod_cidr] if text)


@lru_cache(maxsize=4096)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text)
