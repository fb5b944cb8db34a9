"""Pod address ranges: each node gets its own part of the cluster's range, once.

What is taken is known from the nodes in the cache and from what was given out since; a range is free again when its node is gone.
Source: pkg/controller/nodeipam/ipam/range_allocator.go.
"""

from __future__ import annotations

import ipaddress

from minikube_py.apis.core_v1 import Node
from minikube_py.apis.scheme import deep_copy

from ..base import Context, Controller

# Source: --node-cidr-mask-size-ipv4, --node-cidr-mask-size-ipv6.
_PREFIX = {4: 24, 6: 64}


class NodeIpamController(Controller):
    """Gives nodes their podCIDR. One worker: ranges are given out one at a time."""

    name = "node_ipam_controller"
    component = "cidrAllocator"
    workers = 1

    def __init__(self, context: Context, cluster_cidr: str = "10.42.0.0/16", node_prefix: int | None = None) -> None:
        super().__init__(context)
        self._network = ipaddress.ip_network(cluster_cidr)
        self._prefix = max(node_prefix or _PREFIX[self._network.version], self._network.prefixlen)
        self._given: dict[str, str] = {}
        self.nodes = self.informer(Node)
        self.nodes.add_handler(self._node_changed)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if new is None:
            if old is not None:
                self._given.pop(old.metadata.name, None)
                for node in self.nodes.list():
                    if not node.spec.pod_cidr:
                        self.enqueue(node)
            return
        if new.spec.pod_cidr:
            self._given[new.metadata.name] = new.spec.pod_cidr
        else:
            self.enqueue(new)

    async def reconcile(self, key: str) -> float | None:
        node = self.nodes.get(key)
        if node is None or node.spec.pod_cidr:
            return None
        cidr = self._given.get(key) or self._free()
        if cidr is None:
            self.events.event(node, "Normal", "CIDRNotAvailable", f"Node {key} status is now: CIDRNotAvailable")
            return None
        self._given[key] = cidr
        copy = deep_copy(node)
        copy.spec.pod_cidr, copy.spec.pod_cidrs = cidr, [cidr]
        try:
            await self.client.update(copy)
        except Exception:
            if self.nodes.get(key) is None:
                self._given.pop(key, None)
            raise
        return None

    def _free(self) -> str | None:
        taken = set(self._given.values())
        return next((text for network in self._network.subnets(new_prefix=self._prefix) if (text := str(network)) not in taken), None)
