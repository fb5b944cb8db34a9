"""Routes that keep the cluster's addresses on the node: what nothing claims is unreachable and never sent to the gateway.

The pod range gets an `unreachable` route; the pods of this node and of others have more specific ones. The service range cannot
have it: a connection of the node itself is routed before the proxy translates it, and would fail there. It is routed to a
device of ours instead, a bridge without ports (the kernel may have no dummy device): what the proxy's table leaves untranslated
is rejected there, and if the table is missing, nobody answers on that device. The device also carries the addresses that the
node itself answers on, as the cluster DNS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from .rtnetlink import RANGE_ROUTES, delete_link, delete_routes_of, link_index, on_rtnetlink

SERVICE_DEVICE = "minikube-py0"

_UNREACHABLE_METRIC = 65_535
"""Worse than any other route for the whole range, which an administrator may have his reasons for."""


_SCOPE_HOST = 254


class ClusterRoutes:
    """The routes for the cluster's ranges on this node.

    Args:
        service_cidrs: all ranges of services.
        node_ip: source address of the node's own connections to services.
        local_addresses: service addresses that this node answers itself.
    """

    def __init__(self, *, cluster_cidr: str, service_cidrs: Sequence[str], node_ip: str, local_addresses: Sequence[str] = ()) -> None:
        self._cluster_cidr = cluster_cidr
        self._service_cidrs = tuple(service_cidrs)
        self._node_ip = node_ip
        self._local_addresses = tuple(local_addresses)

    async def setup(self) -> None:
        """Make or mend the device and the routes; may be called again at any time.

        Raises: NetlinkRefusedError, as when `node_ip` is not an address of this node.
        """
        await on_rtnetlink(self._setup)

    async def forget_others(self) -> None:
        """Remove routes of ours for ranges that are none any more.

        Raises: NetlinkRefusedError.
        """
        await on_rtnetlink(lambda ipr: delete_routes_of(ipr, RANGE_ROUTES, {self._cluster_cidr, *self._service_cidrs}))

    def _setup(self, ipr: Any) -> None:
        index = link_index(ipr, SERVICE_DEVICE)
        if index is None:
            ipr.link("add", ifname=SERVICE_DEVICE, kind="bridge")
            index = link_index(ipr, SERVICE_DEVICE)
        ipr.link("set", index=index, state="up")
        for address in self._local_addresses:
            ip = ipaddress.ip_address(address)
            # Scope host: never chosen as the source of what the node sends elsewhere.
            ipr.addr("replace", index=index, address=address, prefixlen=ip.max_prefixlen, scope=_SCOPE_HOST)
        for service_cidr in self._service_cidrs:
            ipr.route("replace", dst=service_cidr, oif=index, prefsrc=self._node_ip, scope="link", proto=RANGE_ROUTES)
        ipr.route("replace", dst=self._cluster_cidr, type="unreachable", priority=_UNREACHABLE_METRIC, proto=RANGE_ROUTES)


def remove_ranges(ipr: Any) -> None:
    """Remove the device and the routes, whatever ranges they were made for."""
    delete_link(ipr, SERVICE_DEVICE)
    delete_routes_of(ipr, RANGE_ROUTES)
