"""Routes to the pods of the other nodes: through VXLAN, or directly where all nodes share a network segment (host-gw).

What a peer must be known by is on its Node: the pod range, and in annotations its address and the MAC of its tunnel end. Every
peer is three entries that are written when its Node changes and never learned: where the MAC is (FDB), what MAC the tunnel end
has (neighbour), and the route of its pods by the tunnel end. Routes carry a protocol number of ours, so that what a stopped
agent left behind is found and compared at the start, while traffic goes on.

Source: RFC 7348; k3s's defaults (flannel, VNI 1, UDP 8472)
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import logging
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from ..apis.core_v1 import Node
from ..core.backoff import Backoff
from .overlay_links import HostGatewayLinks, Links, VxlanLinks
from .rtnetlink import NetlinkRefusedError, on_rtnetlink

log = logging.getLogger(__name__)

BACKEND_TYPE_ANNOTATION = "minikube-py.io/backend-type"
BACKEND_DATA_ANNOTATION = "minikube-py.io/backend-data"
PUBLIC_IP_ANNOTATION = "minikube-py.io/public-ip"

VNI = 1
UDP_PORT = 8_472

_RETRY_MIN_S = 0.5
_RETRY_MAX_S = 60.0


class Backend(Enum):
    """How packets reach other nodes."""

    VXLAN = "vxlan"
    HOST_GW = "host-gw"


class Peer(NamedTuple):
    """Another node: its pods' range, its address, and the MAC of its tunnel end ("" without a tunnel)."""

    pod_cidr: str
    public_ip: str
    vtep_mac: str = ""


def vtep_mac(node_name: str) -> str:
    """The MAC of a node's tunnel end: locally administered, and the same after every start."""
    digest = hashlib.sha256(f"minikube-py vtep {node_name}".encode()).digest()
    return "02:" + ":".join(f"{byte:02x}" for byte in digest[:5])


def peer_of(node: Node, backend: Backend) -> Peer | None:
    """What a Node says of itself as a peer; None as long as it lacks something, or if it speaks another backend."""
    annotations = node.metadata.annotations
    if not node.spec.pod_cidr or annotations.get(BACKEND_TYPE_ANNOTATION) != backend.value:
        return None
    try:
        public_ip = str(ipaddress.ip_address(annotations.get(PUBLIC_IP_ANNOTATION, "")))
        pod_cidr = str(ipaddress.ip_network(node.spec.pod_cidr))
        mac = str(json.loads(annotations.get(BACKEND_DATA_ANNOTATION, "{}"))["VtepMAC"]) if backend is Backend.VXLAN else ""
    except (ValueError, KeyError, TypeError) as e:
        log.warning("node cannot be reached: its annotations make no sense node=%s error=%r", node.metadata.name, e)
        return None
    return Peer(pod_cidr, public_ip, mac)


class Overlay:
    """Keeps the routes to all other nodes' pods.

    Args:
        node_name: of this node; its own Node is passed over.
        node_ip: address by which other nodes reach this one.
        pod_cidr: range of this node's pods.
    """

    def __init__(self, *, node_name: str, node_ip: str, pod_cidr: str, backend: Backend = Backend.VXLAN) -> None:
        self._node_name = node_name
        self._node_ip = node_ip
        self._backend = backend
        links: Links = VxlanLinks(VNI, UDP_PORT, node_ip, pod_cidr, vtep_mac(node_name)) if backend is Backend.VXLAN else HostGatewayLinks()
        self._links = links
        self._wanted: dict[str, Peer] = {}
        self._programmed: set[Peer] = set()
        self._adopted = False
        self._changed = True
        self._busy = False
        self._initial = asyncio.Event()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._backoff = Backoff(_RETRY_MIN_S, _RETRY_MAX_S)
        self.ready = asyncio.Event()
        """Set once every node known at `initial_sync_done` is routed."""

    def annotations(self) -> Mapping[str, str]:
        """What this node's own Node must carry so that others find it."""
        data = json.dumps({"VNI": VNI, "VtepMAC": vtep_mac(self._node_name)}) if self._backend is Backend.VXLAN else "{}"
        return {BACKEND_TYPE_ANNOTATION: self._backend.value, BACKEND_DATA_ANNOTATION: data, PUBLIC_IP_ANNOTATION: self._node_ip}

    def node_changed(self, key: str, node: Node | None) -> None:
        """Note the newest state of the Node `key`; None if it is gone. The object is only read."""
        if key == self._node_name:
            return
        peer = peer_of(node, self._backend) if node is not None else None
        if peer == self._wanted.get(key):
            return
        if peer is None:
            del self._wanted[key]
        else:
            self._wanted[key] = peer
        self._changed = True
        self._wake.set()

    def initial_sync_done(self) -> None:
        """Tell that every existing Node has been reported: routes of unknown nodes may be removed from now on."""
        self._initial.set()

    def resync(self) -> None:
        """Look at device and routes again, because something else may have changed them."""
        self._changed, self._adopted = True, False
        self._wake.set()

    async def wait_synced(self) -> None:
        """Wait until everything reported so far is routed."""
        if self._changed or self._busy:
            self._idle.clear()
            await self._idle.wait()

    async def run(self) -> None:
        """Program until cancelled. Device and routes stay when this ends: pods go on talking."""
        await self._initial.wait()
        while True:
            if not self._changed:
                self._idle.set()
                await self._wake.wait()
            self._wake.clear()
            try:
                await self._sync()
            except NetlinkRefusedError as e:
                self._changed, self._adopted = True, False
                delay_s = self._backoff.next_s("sync")
                log.warning("cannot program the routes to other nodes delay_s=%.1f error=%s", delay_s, e)
                await asyncio.sleep(delay_s)
            else:
                self._backoff.forget("sync")

    async def cleanup(self) -> None:
        """Remove the device and every route of ours. For use after `run` has ended."""
        await on_rtnetlink(self._links.cleanup)
        self._programmed.clear()
        self._changed, self._adopted = True, False

    async def _sync(self) -> None:
        self._changed, self._busy = False, True
        adopted, self._adopted = self._adopted, True
        try:
            wanted = set(self._wanted.values())
            if not adopted:
                await on_rtnetlink(lambda ipr: self._links.setup(ipr, wanted))
                self._programmed = set()
            gone, new = self._programmed - wanted, wanted - self._programmed
            await on_rtnetlink(lambda ipr: self._links.change(ipr, gone, new))
            self._programmed = wanted
        except (NetlinkRefusedError, asyncio.CancelledError):
            self._changed, self._adopted = True, False
            raise
        finally:
            self._busy = False
        log.info("routes to other nodes programmed nodes=%d added=%d removed=%d", len(wanted), len(new), len(gone))
        self.ready.set()
