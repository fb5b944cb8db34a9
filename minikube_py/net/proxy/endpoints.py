"""Which endpoints of a service this node sends traffic to.

Pure: EndpointSlices in, addresses out. Knows readiness, termination, topology hints and locality; knows nothing of rules.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ...apis.core_v1 import ServicePort
from ...apis.discovery_v1 import Endpoint, EndpointSlice


class Backend(NamedTuple):
    """Where a connection is sent."""

    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class Locality:
    """Where this node is: its name, and its zone ("" if it has none)."""

    node_name: str
    zone: str = ""


@dataclass(frozen=True, slots=True)
class PortBackends:
    """The endpoints of one service port, each list sorted and without duplicates.

    `cluster` is for traffic that may go anywhere, `local` for traffic that must stay on this node. `exists` tells that the
    port has a usable endpoint on some node: then traffic that finds none here is dropped, otherwise it is rejected.
    """

    cluster: tuple[Backend, ...]
    local: tuple[Backend, ...]
    exists: bool


class _Candidate(NamedTuple):
    backend: Backend
    endpoint: Endpoint


def port_backends(port: ServicePort, slices: Iterable[EndpointSlice], locality: Locality, family: str) -> PortBackends:
    """Choose the endpoints of one service port.

    Args:
        slices: every EndpointSlice of the service.
        family: "IPv4" or "IPv6"; slices of another address type are passed over.
    Source: kubernetes.io/docs/reference/networking/virtual-ips/#traffic-policies, KEP-1669 (terminating endpoints)
    """
    candidates = list(_candidates(port, slices, family))
    everywhere = _usable(candidates)
    here = _usable([c for c in candidates if c.endpoint.node_name == locality.node_name])
    cluster = {c.backend for c in _near(everywhere, locality)}
    local = {c.backend for c in here}
    return PortBackends(tuple(sorted(cluster)), tuple(sorted(local)), bool(everywhere))


def is_address(text: str, family: str) -> bool:
    """Whether `text` is an address of this family. What is not never reaches the rules, whoever let it pass before."""
    try:
        socket.inet_pton(socket.AF_INET6 if family == "IPv6" else socket.AF_INET, text)
    except OSError:
        return False
    return True


def local_endpoints(slices: Iterable[EndpointSlice], locality: Locality) -> int:
    """How many usable endpoints of a service are on this node."""
    here = (e for each in slices for e in each.endpoints or () if e.node_name == locality.node_name and e.addresses and _is_ready(e))
    return len({e.addresses[0] for e in here})


def _candidates(port: ServicePort, slices: Iterable[EndpointSlice], family: str) -> Iterable[_Candidate]:
    for each in slices:
        if each.address_type != family:
            continue
        for slice_port in each.ports or ():
            if (slice_port.name or "") != port.name or (slice_port.protocol or "TCP") != (port.protocol or "TCP") or not slice_port.port:
                continue
            for endpoint in each.endpoints or ():
                if endpoint.addresses and is_address(endpoint.addresses[0], family):
                    yield _Candidate(Backend(endpoint.addresses[0], slice_port.port), endpoint)


def _usable(candidates: list[_Candidate]) -> list[_Candidate]:
    """The ready ones; if there are none, those that still serve while they terminate."""
    ready = [c for c in candidates if _is_ready(c.endpoint)]
    return ready or [c for c in candidates if _serves_while_terminating(c.endpoint)]


def _is_ready(endpoint: Endpoint) -> bool:
    return endpoint.conditions.ready is not False


def _serves_while_terminating(endpoint: Endpoint) -> bool:
    conditions = endpoint.conditions
    return conditions.serving is True and conditions.terminating is True


def _near(candidates: list[_Candidate], locality: Locality) -> list[_Candidate]:
    """Narrow to the endpoints hinted for this node or else zone, if every endpoint carries such hints and one fits.

    Source: kubernetes.io/docs/concepts/services-networking/topology-aware-routing/#safeguards
    """
    hints = [c.endpoint.hints for c in candidates]
    if all(h is not None and h.for_nodes for h in hints):
        near = [c for c in candidates if c.endpoint.hints and any(n.name == locality.node_name for n in c.endpoint.hints.for_nodes)]
        if near:
            return near
    if locality.zone and all(h is not None and h.for_zones for h in hints):
        near = [c for c in candidates if c.endpoint.hints and any(z.name == locality.zone for z in c.endpoint.hints.for_zones)]
        if near:
            return near
    return candidates
