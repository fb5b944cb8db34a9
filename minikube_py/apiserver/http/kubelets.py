"""Where nodes are, and how this server talks to their kubelets: through the tunnel that a node has opened, or else directly.

Source: pkg/kubelet/client/kubelet_client.go (NodeConnectionInfoGetter), pkg/util/node/node.go
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, NamedTuple

from minikube_py.core.errors import UnreasonedError, unknown_path
from minikube_py.core.tunnel.handshake import ANNOTATION, KUBELET

from ..registry import Registry
from .egress import Egress
from .relay import Relay
from .tunnels import TunnelConnector, Tunnels

KUBELET_PORT = 10250
# Until a node must answer whose tunnel has not come back: most likely it is off.
LOST_CONNECT_TIMEOUT_S = 5.0
# Names of nodes are rarely names of hosts here: addresses first. Source: kube-apiserver --kubelet-preferred-address-types
ADDRESS_TYPES = ("InternalIP", "ExternalIP", "Hostname")


class Route(NamedTuple):
    """The way to a kubelet: scheme and authority of its URLs, and who passes requests on."""

    scheme: str
    authority: str
    relay: Relay


class Kubelets:
    """The way to nodes.

    Args:
        context: TLS with the API server's client certificate, which kubelets trust.
        ends_here: whether a header, in lower case, tells of the client what nobody behind this server is to know.

    Attributes:
        egress: the way to addresses of pods.
    """

    def __init__(
        self, registry: Registry, context: ssl.SSLContext, tunnels: Tunnels, ends_here: Callable[[str], bool] = lambda _: False
    ) -> None:
        self.ends_here = ends_here
        self._registry = registry
        self._tunnels = tunnels
        self.egress = Egress(lambda: self.list("", "nodes", ""), tunnels)
        self._direct = Relay(context, ends_here=ends_here)
        self._lost = Relay(context, ends_here=ends_here, connect_timeout_s=LOST_CONNECT_TIMEOUT_S)
        self._tunnelled = Relay(connector=lambda: TunnelConnector(self._dial), ends_here=ends_here)

    async def close(self) -> None:
        for relay in (self._direct, self._lost, self._tunnelled):
            await relay.close()

    async def route(self, node_name: str) -> Route:
        """The way to a node's kubelet. A tunnel that has just been lost is waited for: it comes back, or the node is gone.

        Raises: NotFoundError; UnreasonedError if the node has no address.
        """
        node, tunnel = self.object("nodes", "", node_name), self._tunnels.find(node_name)
        direct = self._direct
        if tunnel is None and ANNOTATION in node.metadata.annotations:
            tunnel, direct = await self._tunnels.wait(node_name), self._lost
        if tunnel is not None:
            # Connections are kept by the URL's authority, so it names the node.
            return Route("http", f"{node_name}:{kubelet_port(node)}", self._tunnelled)
        host, port = self.address(node_name)
        return Route("https", authority(host, str(port)), direct)

    async def _dial(self, node_name: str, _: int, protocol: asyncio.BaseProtocol) -> None:
        tunnel = self._tunnels.find(node_name)
        if tunnel is None:
            raise ConnectionResetError("the tunnel of the node is closed")
        await tunnel.open(KUBELET, protocol)

    def object(self, plural: str, namespace: str, name: str) -> Any:
        """An object of core/v1.

        Raises: NotFoundError.
        """
        storage = self._registry.storage("", "v1", plural)
        if storage is None:
            raise unknown_path()
        return storage.served(self._registry.get(storage, namespace, name))

    def list(self, group: str, plural: str, namespace: str) -> list[Any]:
        """The objects of a resource of version v1 in a namespace."""
        storage = self._registry.storage(group, "v1", plural)
        if storage is None:
            raise unknown_path()
        return [storage.served(entry) for entry in self._registry.list(storage, namespace).entries]

    def address(self, node_name: str) -> tuple[str, int]:
        """Host and port of a node's kubelet.

        Raises: NotFoundError; UnreasonedError if the node has no address.
        """
        node = self.object("nodes", "", node_name)
        endpoint = node.status.daemon_endpoints.kubelet_endpoint
        port = (endpoint.port if endpoint else None) or KUBELET_PORT
        for kind in ADDRESS_TYPES:
            for address in node.status.addresses:
                if address.type == kind:
                    return address.address, port
        known = ",".join(f"{address.type}:{address.address}" for address in node.status.addresses)
        raise UnreasonedError(f"no preferred addresses found; known addresses: [{known}]")


def kubelet_port(node: Any) -> int:
    """The port of a node's kubelet."""
    endpoint = node.status.daemon_endpoints.kubelet_endpoint if node.status.daemon_endpoints else None
    return int((endpoint.port if endpoint else None) or KUBELET_PORT)


def authority(host: str, port: str) -> str:
    """Host and port as URLs have them."""
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host
