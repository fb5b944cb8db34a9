"""Where nodes are, and how this server talks to their kubelets.

Source: pkg/kubelet/client/kubelet_client.go (NodeConnectionInfoGetter), pkg/util/node/node.go
"""

from __future__ import annotations

import ssl
from typing import Any

from minikube_py.core.errors import UnreasonedError, unknown_path

from ..registry import Registry
from .relay import Relay

KUBELET_PORT = 10250
# Names of nodes are rarely names of hosts here: addresses first. Source: kube-apiserver --kubelet-preferred-address-types
ADDRESS_TYPES = ("InternalIP", "ExternalIP", "Hostname")


class Kubelets:
    """The way to nodes.

    Args:
        context: TLS with the API server's client certificate, which kubelets trust.

    Attributes:
        relay: passes requests on to kubelets.
    """

    def __init__(self, registry: Registry, context: ssl.SSLContext) -> None:
        self._registry = registry
        self.relay = Relay(context)

    async def close(self) -> None:
        await self.relay.close()

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
        endpoint = node.status.daemon_endpoints.kubelet_endpoint if node.status.daemon_endpoints else None
        port = (endpoint.port if endpoint else None) or KUBELET_PORT
        for kind in ADDRESS_TYPES:
            for address in node.status.addresses:
                if address.type == kind:
                    return address.address, port
        known = ",".join(f"{address.type}:{address.address}" for address in node.status.addresses)
        raise UnreasonedError(f"no preferred addresses found; known addresses: [{known}]")
