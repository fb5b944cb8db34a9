"""The cluster IPs that can be given out: those of the ranges that are ready, less what services and other IPAddresses hold.

Ranges are those of the ServiceCIDRs that are ready and stay, of the cluster's first address family. Until there is any, the range of the
options counts: the default ServiceCIDR is made from it. IPAddresses that the allocator made itself hold nothing that their service does
not hold.
Source: pkg/registry/core/service/ipallocator (cidrallocator.go, ipallocator.go)
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator
from typing import TypeVar

from minikube_py.apis import networking_v1
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import decoder
from minikube_py.apis.service_addresses import ALLOCATOR, MANAGED_BY
from minikube_py.core.errors import internal
from minikube_py.store.interface import Entry, Store, WatchEvent

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
T = TypeVar("T", bound=Object)

CIDRS, ADDRESSES = "servicecidrs.networking.k8s.io", "ipaddresses.networking.k8s.io"
# The lower part of a range is for addresses that people choose: a sixteenth of it, within these limits.
_CHOSEN_SHARE, _CHOSEN_MIN, _CHOSEN_MAX = 16, 16, 256
# Random tries before a range is searched in order.
_TRIES = 16


class ServiceRanges:
    """Cluster IPs, as numbers, each given out once.

    Args:
        default: range of the options.
        store: where ServiceCIDRs and IPAddresses are kept; read by `load`, followed from then on.
    """

    def __init__(self, default: str, store: Store) -> None:
        self.default: Network = ipaddress.ip_network(default)
        self._store = store
        self._networks: dict[str, list[Network]] = {}
        self._taken: set[int] = set()
        self._reserved: set[int] = set()

    @property
    def family(self) -> str:
        """The address family of the cluster."""
        return f"IPv{self.default.version}"

    def load(self) -> None:
        for collection, changed in ((CIDRS, self._cidr_changed), (ADDRESSES, self._address_changed)):
            listing = self._store.list(collection)
            for entry in listing.entries:
                changed(WatchEvent("ADDED", entry, None))
            self._store.watch(collection, listing.revision, changed)

    def hold(self, number: int) -> None:
        """Note what a service has already, wherever it lies."""
        self._taken.add(number)

    def take(self, address: Address) -> str:
        """Take an address that a client chose; return why not, or ""."""
        if not any(address in network and _first(network) <= int(address) <= _last(network) for network in self._ready()):
            return "the provided network does not match the current range"
        if not self._is_free(int(address)):
            return "provided IP is already allocated"
        self._taken.add(int(address))
        return ""

    def take_any(self) -> Address:
        """Take any free address.

        Raises: InternalError when all are taken.
        """
        for network in self._ready():
            for number in _candidates(network):
                if self._is_free(number):
                    self._taken.add(number)
                    return network[number - int(network.network_address)]
        raise internal("failed to allocate a serviceIP: range is full")

    def free(self, number: int) -> None:
        self._taken.discard(number)

    def _is_free(self, number: int) -> bool:
        return number not in self._taken and number not in self._reserved

    def _ready(self) -> list[Network]:
        """The ranges to take from, the default one first."""
        if not self._networks:
            return [self.default]
        found = dict.fromkeys(network for networks in self._networks.values() for network in networks)
        return sorted(found, key=lambda network: network != self.default)

    def _cidr_changed(self, event: WatchEvent) -> None:
        cidr = _decoded(networking_v1.ServiceCIDR, event.entry)
        if event.type == "DELETED":
            self._networks.pop(cidr.metadata.name, None)
            return
        # One without the condition is ready: nobody may be there who sets it.
        ready = all(row.status == "True" for row in cidr.status.conditions if row.type == "Ready")
        networks = [ipaddress.ip_network(text, strict=False) for text in cidr.spec.cidrs]
        usable = ready and not cidr.metadata.deletion_timestamp
        self._networks[cidr.metadata.name] = [each for each in networks if usable and each.version == self.default.version]

    def _address_changed(self, event: WatchEvent) -> None:
        found = _decoded(networking_v1.IPAddress, event.entry)
        number = int(ipaddress.ip_address(found.metadata.name))
        if event.type == "DELETED" or found.metadata.labels.get(MANAGED_BY) == ALLOCATOR:
            self._reserved.discard(number)
        else:
            self._reserved.add(number)


def _first(network: Network) -> int:
    return int(network.network_address) + 1


def _last(network: Network) -> int:
    """The last address of a range; that of an IPv4 broadcast is none."""
    return int(network.broadcast_address) - (network.version == 4)


def _candidates(network: Network) -> Iterator[int]:
    """The numbers of a range in the order in which they are tried: random ones, then all, those that people choose last."""
    size = network.num_addresses
    chosen = min(max(_CHOSEN_MIN, size // _CHOSEN_SHARE), _CHOSEN_MAX) if size > _CHOSEN_MIN else 0
    start, last = _first(network) + chosen, _last(network)
    if start <= last:
        for _ in range(_TRIES):
            yield random.randint(start, last)
    yield from range(start, last + 1)
    yield from range(_first(network), min(start, last + 1))


def _decoded(kind: type[T], entry: Entry) -> T:
    found: T = entry.obj if entry.obj is not None else decoder(kind).decode(entry.data)
    return found
