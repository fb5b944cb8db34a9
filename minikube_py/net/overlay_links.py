"""The kernel's side of the overlay: what a set of peers is in links, FDB entries, neighbours and routes.

Every function here is called with an open IPRoute, on a thread.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Protocol

from .rtnetlink import PEER_ROUTES, NetlinkRefusedError, delete_link, delete_route, delete_routes_of, link_index

if TYPE_CHECKING:
    from .overlay import Peer

log = logging.getLogger(__name__)

DEVICE = "minikube-py.1"
VXLAN_OVERHEAD_BYTES = 50
"""Outer IPv4, UDP and VXLAN headers and the inner Ethernet header. Source: RFC 7348 §5"""

_NUD_PERMANENT = 0x80
_NUD_FIXED = _NUD_PERMANENT | 0x40
_NTF_SELF = 2
_RTNH_F_ONLINK = 4



class Links(Protocol):
    """One way to reach peers."""

    def setup(self, ipr: Any, wanted: AbstractSet[Peer]) -> None:
        """Make what all peers share, and remove what an earlier process left for peers that are not wanted."""

    def change(self, ipr: Any, gone: AbstractSet[Peer], new: AbstractSet[Peer]) -> None:
        """Remove some peers, then add or replace others."""

    def cleanup(self, ipr: Any) -> None:
        """Remove everything."""


class HostGatewayLinks:
    """Peers on the same segment: their address is the gateway to their pods."""

    def setup(self, ipr: Any, wanted: AbstractSet[Peer]) -> None:
        delete_routes_of(ipr, PEER_ROUTES, keep={p.pod_cidr for p in wanted})

    def change(self, ipr: Any, gone: AbstractSet[Peer], new: AbstractSet[Peer]) -> None:
        from pyroute2.netlink.exceptions import NetlinkError

        for peer in gone:
            delete_route(ipr, dst=peer.pod_cidr, proto=PEER_ROUTES)
        for peer in new:
            try:
                ipr.route("replace", dst=peer.pod_cidr, gateway=peer.public_ip, proto=PEER_ROUTES)
            except NetlinkError as e:
                if e.code not in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL):
                    raise
                log.warning("node is not on this segment: host-gw cannot reach its pods ip=%s pods=%s", peer.public_ip, peer.pod_cidr)

    def cleanup(self, ipr: Any) -> None:
        delete_routes_of(ipr, PEER_ROUTES)


class VxlanLinks:
    """Peers anywhere: a tunnel end with a fixed MAC on each node."""

    def __init__(self, vni: int, udp_port: int, node_ip: str, pod_cidr: str, mac: str) -> None:
        self._vni = vni
        self._udp_port = udp_port
        self._node_ip = node_ip
        self._own_address = _tunnel_address(pod_cidr)
        self._mac = mac
        self.device = DEVICE

    def setup(self, ipr: Any, wanted: AbstractSet[Peer]) -> None:
        index = self._device(ipr)
        ipr.addr("replace", index=index, address=self._own_address, prefixlen=32)
        for message in ipr.get_addr(index=index):
            address = message.get_attr("IFA_ADDRESS")
            if message["family"] == 2 and address != self._own_address:
                ipr.addr("del", index=index, address=address, prefixlen=message["prefixlen"])
        delete_routes_of(ipr, PEER_ROUTES, keep={p.pod_cidr for p in wanted})
        macs, tunnel_ends = {p.vtep_mac for p in wanted}, {_tunnel_address(p.pod_cidr) for p in wanted}
        for message in list(ipr.get_neighbours(ifindex=index)):
            if message["state"] & _NUD_PERMANENT and message.get_attr("NDA_DST") not in tunnel_ends:
                ipr.neigh("del", ifindex=index, dst=message.get_attr("NDA_DST"))
        for message in list(ipr.fdb("dump", ifindex=index)):
            if message.get_attr("NDA_LLADDR") not in macs and message.get_attr("NDA_DST"):
                ipr.fdb("del", ifindex=index, lladdr=message.get_attr("NDA_LLADDR"), dst=message.get_attr("NDA_DST"))

    def change(self, ipr: Any, gone: AbstractSet[Peer], new: AbstractSet[Peer]) -> None:
        index = link_index(ipr, self.device)
        if index is None:
            raise NetlinkRefusedError(errno.ENODEV, f"{self.device} is gone")
        for peer in gone:
            delete_route(ipr, dst=peer.pod_cidr, proto=PEER_ROUTES)
            ipr.neigh("del", ifindex=index, dst=_tunnel_address(peer.pod_cidr))
            ipr.fdb("del", ifindex=index, lladdr=peer.vtep_mac, dst=peer.public_ip)
        for peer in new:
            tunnel_end = _tunnel_address(peer.pod_cidr)
            ipr.fdb("replace", ifindex=index, lladdr=peer.vtep_mac, dst=peer.public_ip, state=_NUD_FIXED, flags=_NTF_SELF)
            ipr.neigh("replace", ifindex=index, dst=tunnel_end, lladdr=peer.vtep_mac, state="permanent")
            ipr.route("replace", dst=peer.pod_cidr, gateway=tunnel_end, oif=index, flags=_RTNH_F_ONLINK, proto=PEER_ROUTES)

    def cleanup(self, ipr: Any) -> None:
        delete_link(ipr, self.device)

    def _device(self, ipr: Any) -> int:
        """Index of the tunnel device, made anew if it is not as it should be."""
        underlay, mtu = _underlay(ipr, self._node_ip)
        index = link_index(ipr, self.device)
        if index is not None and not self._is_right(ipr.get_links(index)[0]):
            delete_link(ipr, self.device)
            index = None
        if index is None:
            ipr.link(
                "add",
                ifname=self.device,
                kind="vxlan",
                vxlan_id=self._vni,
                vxlan_port=self._udp_port,
                vxlan_local=self._node_ip,
                vxlan_link=underlay,
                vxlan_learning=0,
                address=self._mac,
            )
            index = link_index(ipr, self.device)
        if index is None:
            raise NetlinkRefusedError(errno.ENODEV, f"{self.device} is gone")
        ipr.link("set", index=index, mtu=mtu - VXLAN_OVERHEAD_BYTES, state="up")
        return index

    def _is_right(self, link: Any) -> bool:
        info = link.get_attr("IFLA_LINKINFO")
        if info is None or info.get_attr("IFLA_INFO_KIND") != "vxlan" or link.get_attr("IFLA_ADDRESS") != self._mac:
            return False
        data = info.get_attr("IFLA_INFO_DATA")
        have = (data.get_attr("IFLA_VXLAN_ID"), data.get_attr("IFLA_VXLAN_PORT"), data.get_attr("IFLA_VXLAN_LOCAL"))
        return have == (self._vni, self._udp_port, self._node_ip)


def underlay_mtu(ipr: Any, node_ip: str) -> int:
    """MTU in bytes of the link that carries `node_ip`."""
    return _underlay(ipr, node_ip)[1]


def _underlay(ipr: Any, node_ip: str) -> tuple[int, int]:
    """Index and MTU of the link that carries `node_ip`."""
    for message in ipr.get_addr(address=node_ip):
        index = int(message["index"])
        return index, int(ipr.get_links(index)[0].get_attr("IFLA_MTU"))
    raise NetlinkRefusedError(errno.EADDRNOTAVAIL, f"{node_ip} is no address of this node")


def _tunnel_address(pod_cidr: str) -> str:
    """The first address of a node's range, which is no pod's, stands for its tunnel end."""
    return str(ipaddress.ip_network(pod_cidr).network_address)
