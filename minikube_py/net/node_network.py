"""NodeNetwork: everything of a node's network, composed, and taken down again.

Brings together what the other modules own; has no rules of its own. Kubernetes objects come in by the `*_changed` methods and
are handed to whoever needs them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, collapse_addresses, ip_address, ip_network
from pathlib import Path
from typing import Any

from ..apis.core_v1 import Namespace, Node, Service
from ..apis.discovery_v1 import EndpointSlice
from ..apis.networking_v1 import ServiceCIDR
from .cni import BRIDGE, CniConfig
from .dns.server import DnsServer
from .dns.upstream import Upstream
from .dns.zone import ClusterZone
from .libnftables import LibNftables
from .netlink_monitor import watch_deleted_tables, watch_lost_routes
from .nftables import Table
from .overlay import Backend, Overlay
from .overlay_links import DEVICE as OVERLAY_DEVICE
from .overlay_links import VXLAN_OVERHEAD_BYTES, underlay_mtu
from .proxy.conntrack import Conntrack
from .proxy.endpoints import Locality
from .proxy.health import HealthChecks
from .proxy.model import HostPort, NodeView
from .proxy.ruleset import TABLE_NAME, PodNetwork, Ruleset
from .proxy.sync import ServiceProxy
from .routes import SERVICE_DEVICE, ClusterRoutes, remove_ranges
from .rtnetlink import PEER_ROUTES, RANGE_ROUTES, NetlinkRefusedError, delete_link, delete_routes_of, on_rtnetlink
from .sysctl import SysctlError, answer_by_loopback, enable_forwarding

log = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address

ZONE_LABEL = "topology.kubernetes.io/zone"

_LOST_ROUTES_S = 0.2


@dataclass(frozen=True, slots=True)
class NodeNetworkOptions:
    """What a node's network is made from.

    Attributes:
        node_ip: address by which other nodes reach this one; NodePorts answer on it.
        pod_cidr: range of this node's pods (spec.podCIDR of its Node).
        cni_conf_dir: the container runtime's CNI configuration directory.
        ipam_dir: where the addresses given to pods are noted; None for the plugin's default.
        resolv_conf: the node's name servers, for names outside the cluster.
        node_port_ips: further addresses that NodePorts answer on.
        service_cidr: the first range of services; others come as objects.
    """

    node_name: str
    node_ip: str
    pod_cidr: str
    cluster_cidr: str = "10.42.0.0/16"
    service_cidr: str = "10.43.0.0/16"
    cluster_dns: str = "10.43.0.10"
    cluster_domain: str = "cluster.local"
    cni_conf_dir: Path = Path("/etc/cni/net.d")
    ipam_dir: Path | None = None
    resolv_conf: Path = Path("/etc/resolv.conf")
    backend: Backend = Backend.VXLAN
    node_port_ips: tuple[str, ...] = ()


class NodeNetwork:
    """The network of one node. Make it with `create`, report objects, and `run` it."""

    def __init__(self, options: NodeNetworkOptions, *, bridge_sees_ip: bool) -> None:
        self._options = options
        self._nft = LibNftables()
        network = PodNetwork(options.cluster_cidr, options.service_cidr, BRIDGE, bridge_sees_ip)
        ruleset = Ruleset("ip", network)
        self._table = ruleset.table
        self.proxy = ServiceProxy(self._nft, ruleset, self._view(""), Conntrack())
        self._health = HealthChecks(Locality(options.node_name), (options.node_ip, *options.node_port_ips))
        self._service_cidrs: dict[str, list[str]] = {}
        self._node_ips: dict[str, list[Address]] = {}
        self._ranges: tuple[str, ...] = ()
        self._ranges_changed = asyncio.Event()
        self.zone = ClusterZone(options.cluster_domain, options.cluster_dns, (options.cluster_cidr, options.service_cidr))
        self.dns = DnsServer(self.zone, Upstream(options.resolv_conf, {options.cluster_dns}), options.cluster_dns)
        self.overlay = Overlay(
            node_name=options.node_name, node_ip=options.node_ip, pod_cidr=options.pod_cidr, backend=options.backend
        )

    @classmethod
    async def create(cls, options: NodeNetworkOptions) -> NodeNetwork:
        """Set up what must be there before the first pod: forwarding, routes, the CNI configuration.

        Raises: SysctlError or NetlinkRefusedError if the kernel refuses; OSError if the CNI directory cannot be written.
        """
        bridge_sees_ip = await enable_forwarding()
        await _cluster_routes(options, ()).setup()
        mtu = await on_rtnetlink(lambda ipr: underlay_mtu(ipr, options.node_ip))
        if options.backend is Backend.VXLAN:
            mtu -= VXLAN_OVERHEAD_BYTES
        await _cni_config(options, mtu).write()
        return cls(options, bridge_sees_ip=bridge_sees_ip)

    def node_annotations(self) -> Mapping[str, str]:
        """What this node's Node must carry so that others reach its pods."""
        return self.overlay.annotations()

    def service_changed(self, key: str, service: Service | None) -> None:
        """Note the newest state of the Service `key` (namespace/name); None if it is gone."""
        self.proxy.service_changed(key, service)
        self.zone.service_changed(key, service)
        self._health.service_changed(key, service)

    def slice_changed(self, key: str, endpoint_slice: EndpointSlice | None) -> None:
        """Note the newest state of the EndpointSlice `key` (namespace/name); None if it is gone."""
        self.proxy.slice_changed(key, endpoint_slice)
        self.zone.slice_changed(key, endpoint_slice)
        self._health.slice_changed(key, endpoint_slice)

    def namespace_changed(self, key: str, namespace: Namespace | None) -> None:
        """Note whether the Namespace `key` exists."""
        self.zone.namespace_changed(key, namespace is not None)

    def service_cidr_changed(self, key: str, cidr: ServiceCIDR | None) -> None:
        """Note the newest state of the ServiceCIDR `key`; None if it is gone."""
        if cidr is None:
            self._service_cidrs.pop(key, None)
        else:
            self._service_cidrs[key] = cidr.spec.cidrs
        self._look_at_ranges()

    def _look_at_ranges(self) -> None:
        options, nodes = self._options, [ip for ips in self._node_ips.values() for ip in ips]
        ranges = further_ranges(options, (text for cidrs in self._service_cidrs.values() for text in cidrs), nodes)
        if ranges != self._ranges:
            log.info("further service ranges changed ranges=%s", ",".join(ranges))
            self._ranges = ranges
            self.zone.ranges_changed((options.cluster_cidr, options.service_cidr, *ranges))
            self.proxy.service_ranges_changed(ranges)
            self._ranges_changed.set()

    def node_changed(self, key: str, node: Node | None) -> None:
        """Note the newest state of the Node `key`, this one included; None if it is gone."""
        if key == self._options.node_name and node is not None:
            self.proxy.node_changed(self._view(node.metadata.labels.get(ZONE_LABEL, "")))
        self.overlay.node_changed(key, node)
        ips = [] if node is None else list(_addresses_of(node))
        if ips != self._node_ips.get(key, []):
            self._node_ips[key] = ips
            if not ips:
                del self._node_ips[key]
            self._look_at_ranges()

    def host_ports_changed(self, uid: str, ports: Iterable[HostPort]) -> None:
        """Note the host ports of a pod of this node that has an address; none when its sandbox has ended."""
        ports = tuple(ports)
        if ports:
            try:
                answer_by_loopback(BRIDGE)
            except SysctlError as e:
                log.warning("programs of this node reach no host ports by 127.0.0.1 error=%s", e)
        self.proxy.host_ports_changed(uid, ports)

    def initial_sync_done(self) -> None:
        """Tell that all existing objects have been reported; rules and routes are programmed from now on."""
        self.proxy.initial_sync_done()
        self.overlay.initial_sync_done()
        # Routes of ranges that went while nothing ran are to go, too.
        self._ranges_changed.set()

    async def wait_ready(self) -> None:
        """Wait until services and peers known at `initial_sync_done` are programmed, and DNS answers."""
        await self.proxy.ready.wait()
        await self.overlay.ready.wait()
        await self.dns.ready.wait()

    async def run(self) -> None:
        """Run until cancelled. What is programmed stays: pods, services and routes go on working, only DNS does not answer.

        Raises: ExceptionGroup with the error of the component that failed.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.proxy.run(), name="service-proxy")
                tasks.create_task(self.overlay.run(), name="overlay")
                tasks.create_task(self.dns.run(), name="dns")
                tasks.create_task(self._health.run(), name="health-checks")
                tasks.create_task(self._keep_table(), name="table-monitor")
                tasks.create_task(self._keep_routes(), name="route-monitor")
                tasks.create_task(self._follow_ranges(), name="service-ranges")
        finally:
            await self._nft.close()

    async def _keep_table(self) -> None:
        """Program the table anew when something else has removed it, as a reload of the host's firewall may."""
        deleted = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch_deleted_tables(deleted.set), name="deleted-tables")
            await self.proxy.ready.wait()
            while True:
                await deleted.wait()
                deleted.clear()
                if not await self._nft.table_exists(self._table):
                    log.warning("the service rules were removed by another program table=%s", self._table)
                    self.proxy.resync()

    async def _follow_ranges(self) -> None:
        """Have routes for the ranges of services that there are."""
        await self.overlay.ready.wait()
        while True:
            await self._ranges_changed.wait()
            self._ranges_changed.clear()
            routes = _cluster_routes(self._options, self._ranges)
            try:
                await routes.setup()
                await routes.forget_others()
            except NetlinkRefusedError as e:
                # As when the node's address is missing: the routes are set up when it comes back.
                log.warning("cannot set up the routes of service ranges error=%s", e)

    async def _keep_routes(self) -> None:
        """Set up devices and routes anew when something else has removed them, or the node's address came back."""
        lost = asyncio.Event()
        watch = watch_lost_routes(
            devices=(SERVICE_DEVICE, OVERLAY_DEVICE),
            address=self._options.node_ip,
            protocols=(PEER_ROUTES, RANGE_ROUTES),
            on_lost=lost.set,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch, name="lost-routes")
            await self.overlay.ready.wait()
            while True:
                await lost.wait()
                # What goes together is lost together; the second half of it need not be found missing separately.
                await asyncio.sleep(_LOST_ROUTES_S)
                lost.clear()
                try:
                    await _cluster_routes(self._options, self._ranges).setup()
                except NetlinkRefusedError as e:
                    # Without the node's address there is nothing to be done until it comes back, and that is told.
                    log.warning("cannot restore the routes error=%s", e)
                self.overlay.resync()

    def _view(self, zone: str) -> NodeView:
        options = self._options
        node_ips = (options.node_ip, *(ip for ip in options.node_port_ips if ip != options.node_ip))
        return NodeView(Locality(options.node_name, zone), node_ips, frozenset({options.cluster_dns}))


async def cleanup_node_network(cni_conf_dir: Path = Path("/etc/cni/net.d")) -> None:
    """Remove everything that a NodeNetwork ever made in this network namespace: table, routes, devices, CNI configuration.

    Needs no options and no running NodeNetwork; what is not there is no error. Pods that still run lose their network.
    Forwarding stays as it is, others may rely on it.
    """
    await CniConfig(conf_dir=cni_conf_dir, pod_cidrs=[]).remove()
    nft = LibNftables()
    await nft.delete_table(Table("ip", TABLE_NAME))
    await nft.close()
    await on_rtnetlink(_remove_links)
    log.info("network removed")


def _remove_links(ipr: Any) -> None:
    delete_routes_of(ipr, PEER_ROUTES)
    remove_ranges(ipr)
    for device in (OVERLAY_DEVICE, BRIDGE):
        delete_link(ipr, device)


def further_ranges(options: NodeNetworkOptions, cidrs: Iterable[str], node_ips: Iterable[Address] = ()) -> tuple[str, ...]:
    """The ranges of services beyond the first, as few as they can be; none where nodes or pods are.

    A node that has lost the way to its server by a range would not hear of its end.
    """
    first, pods = ip_network(options.service_cidr), ip_network(options.cluster_cidr)
    nodes = [ip_address(options.node_ip), *node_ips]
    found: list[Any] = []
    for text in cidrs:
        network = ip_network(text, strict=False)
        if network.version != first.version or (network[0] in first and network.prefixlen >= first.prefixlen):
            continue
        if network.overlaps(pods) or any(node in network for node in nodes):
            log.warning("service range is not set up on this node: nodes or pods are in it range=%s", network)
            continue
        found.append(network)
    return tuple(map(str, collapse_addresses(found)))


def _addresses_of(node: Node) -> Iterator[Address]:
    """The addresses of a node that are some."""
    for reported in node.status.addresses:
        if reported.type in ("InternalIP", "ExternalIP"):
            with suppress(ValueError):
                yield ip_address(reported.address)


def _cluster_routes(options: NodeNetworkOptions, ranges: Sequence[str]) -> ClusterRoutes:
    return ClusterRoutes(
        cluster_cidr=options.cluster_cidr,
        service_cidrs=[options.service_cidr, *ranges],
        node_ip=options.node_ip,
        local_addresses=[options.cluster_dns],
    )


def _cni_config(options: NodeNetworkOptions, mtu: int) -> CniConfig:
    return CniConfig(
        conf_dir=options.cni_conf_dir,
        pod_cidrs=[options.pod_cidr],
        mtu=mtu,
        ipam_dir=options.ipam_dir,
    )
