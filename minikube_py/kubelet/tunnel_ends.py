"""What the server may reach through a node's tunnel: the kubelet, the node's own addresses, and the pods on it; nothing behind them.

Source: docs.k3s.io/cli/server (--egress-selector-mode pod)
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable

from minikube_py.apis import core_v1
from minikube_py.core.tunnel import bridge
from minikube_py.core.tunnel.handshake import KUBELET, TCP_PREFIX

from .server import KubeletServer


class TunnelEnds:
    """Makes the ends of streams.

    Args:
        node: the Node as the server has it; None while that is not known.
    """

    def __init__(self, server: KubeletServer, node: Callable[[], core_v1.Node | None]) -> None:
        self._server = server
        self._node = node

    async def accept(self, target: str) -> asyncio.BaseProtocol:
        """The end that is known by that name.

        Raises: ConnectionRefusedError for what must not be reached by this way; OSError if it cannot be.
        """
        if target == KUBELET:
            return await self._server.connection()
        host, _, port = target.removeprefix(TCP_PREFIX).rpartition(":")
        if not target.startswith(TCP_PREFIX) or not port.isdigit() or not self._is_here(host):
            raise ConnectionRefusedError(f'"{target}" cannot be reached through this node')
        return await bridge.connect(host, int(port))

    def _is_here(self, host: str) -> bool:
        """Whether an address is the node's or one of its pods'."""
        node = self._node()
        if node is None:
            return False
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        ranges = node.spec.pod_cidrs or [node.spec.pod_cidr]
        return any(item.address == host for item in node.status.addresses) or any(
            address in ipaddress.ip_network(text) for text in ranges if text
        )
