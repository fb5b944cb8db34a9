"""What the proxy's maps must hold for one Service: a pure function of the Service, its EndpointSlices and this node.

Owns the translation of Kubernetes' words (ClusterIP, NodePort, traffic policies, session affinity) into map elements. The unit
is the frontend: one address, protocol and port that clients may use. All elements of a frontend come and go together.
"""

from __future__ import annotations

import ipaddress
import logging
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from ...apis.core_v1 import Service, ServicePort
from ...apis.discovery_v1 import EndpointSlice
from .endpoints import Backend, Locality, PortBackends, is_address, port_backends
from .ruleset import AFFINITY_ID, LOCAL_SLOT, BalanceChain, Scope

log = logging.getLogger(__name__)

SERVICE_PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
"""A Service with this label belongs to another proxy.
Source: kubernetes.io/docs/reference/labels-annotations-taints/#servicekubernetesioservice-proxy-name"""

AFFINITY_TIMEOUT_S = 10_800
"""Source: kubernetes.io/docs/reference/networking/virtual-ips/#session-affinity"""


_LOOPBACK = "127.0.0.1"


class Frontend(NamedTuple):
    """An address that clients connect to."""

    ip: str
    protocol: str
    port: int

    @property
    def key(self) -> str:
        return f"{self.ip} . {self.protocol} . {self.port}"


@dataclass(slots=True)
class FrontendRules:
    """What one frontend needs.

    Attributes:
        elements: value by (set name, key); "" for an element of a set.
        chains: the shared chains that the elements go to.
        hairpin: pods of this node that are endpoints: what they send to themselves is masqueraded.
        backends: every endpoint that traffic may be sent to.
    """

    elements: dict[tuple[str, str], str] = field(default_factory=dict)
    chains: set[BalanceChain] = field(default_factory=set)
    hairpin: frozenset[str] = frozenset()
    backends: frozenset[Backend] = frozenset()


# Stands for no address: what is claimed by it belongs to the table as a whole.
_RANGES = Frontend("", "", 0)


class HostPort(NamedTuple):
    """A port of this node that leads to a pod of this node.

    Attributes:
        host_ip: "" or an unspecified address means every address of the node, 127.0.0.1 included.
    """

    host_ip: str
    protocol: str
    host_port: int
    pod_ip: str
    container_port: int


@dataclass(frozen=True, slots=True)
class NodeView:
    """What of this node the rules depend on.

    Attributes:
        family: "IPv4" or "IPv6".
        node_ips: addresses that NodePorts answer on.
        own_addresses: service addresses that programs of this node answer themselves (the cluster DNS); never translated.
    """

    locality: Locality
    node_ips: tuple[str, ...] = ()
    own_addresses: frozenset[str] = frozenset()
    family: str = "IPv4"


def service_rules(service: Service, slices: Iterable[EndpointSlice], node: NodeView) -> dict[Frontend, FrontendRules]:
    """All frontends of one Service and what each needs; empty if the Service is not this proxy's business.

    Source: kubernetes.io/docs/reference/networking/virtual-ips/
    """
    if not _is_proxied(service):
        return {}
    rules: dict[Frontend, FrontendRules] = {}
    slices = list(slices)
    affinity_s = _affinity_s(service)
    for port in service.spec.ports:
        backends = port_backends(port, slices, node.locality, node.family)
        for ip in _cluster_ips(service, node):
            frontend = _frontend(ip, port, port.port)
            rules[frontend] = _internal(frontend, service, backends, affinity_s)
        for frontend, allowed in _external_frontends(service, port, node):
            rules[frontend] = _external(frontend, service, backends, affinity_s, allowed)
    return rules


def host_port_rules(ports: Iterable[HostPort], node: NodeView) -> dict[Frontend, FrontendRules]:
    """The frontends of one pod's host ports. The client's address is kept, as the pod is on this node; but for 127.0.0.1.

    Source: kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/#support-hostport
    """
    rules: dict[Frontend, FrontendRules] = {}
    for port in ports:
        ips = (*node.node_ips, _LOOPBACK) if port.host_ip in ("", "0.0.0.0", "::") else (port.host_ip,)
        for ip in (ip for ip in ips if is_address(ip, node.family) and is_address(port.pod_ip, node.family)):
            frontend = Frontend(ip, port.protocol.lower(), port.host_port)
            backend = Backend(port.pod_ip, port.container_port)
            rules[frontend] = FrontendRules(hairpin=frozenset({port.pod_ip}), backends=frozenset({backend}))
            _balance(rules[frontend], frontend, Scope.LOCAL, (backend,), 0, from_inside_too=True)
    return rules


def range_rules(ranges: Iterable[str]) -> dict[Frontend, FrontendRules]:
    """Elements by which the addresses of further ranges of services are refused where nothing claims them."""
    elements = {("service_ranges", cidr): "" for cidr in ranges}
    return {_RANGES: FrontendRules(elements)} if elements else {}


def _is_proxied(service: Service) -> bool:
    spec = service.spec
    return spec.type != "ExternalName" and spec.cluster_ip not in ("", "None") and SERVICE_PROXY_NAME_LABEL not in service.metadata.labels


def _affinity_s(service: Service) -> int:
    if service.spec.session_affinity != "ClientIP":
        return 0
    config = service.spec.session_affinity_config
    configured = config.client_ip.timeout_seconds if config is not None and config.client_ip is not None else None
    return configured or AFFINITY_TIMEOUT_S


def _frontend(ip: str, port: ServicePort, number: int | None) -> Frontend:
    return Frontend(ip, (port.protocol or "TCP").lower(), number or 0)


def _cluster_ips(service: Service, node: NodeView) -> Iterator[str]:
    ips = service.spec.cluster_ips or [service.spec.cluster_ip]
    return (ip for ip in ips if _usable_here(ip, node))


def _external_frontends(service: Service, port: ServicePort, node: NodeView) -> Iterator[tuple[Frontend, tuple[str, ...]]]:
    """Frontends reached from outside, each with the source ranges that it is limited to (none: not limited)."""
    spec = service.spec
    port.port = port.port or 0
    if port.node_port and spec.type in ("NodePort", "LoadBalancer"):
        for ip in node.node_ips:
            yield _frontend(ip, port, port.node_port), ()
    for ip in spec.external_ips:
        if _usable_here(ip, node):
            yield _frontend(ip, port, port.port), ()
    if spec.type == "LoadBalancer":
        ranges = tuple(r.strip() for r in spec.load_balancer_source_ranges)
        for ingress in service.status.load_balancer.ingress:
            # With mode Proxy the balancer hands connections to a NodePort; its address means nothing here.
            if ingress.ip and ingress.ip_mode != "Proxy" and _usable_here(ingress.ip, node):
                yield _frontend(ingress.ip, port, port.port), ranges


def _usable_here(ip: str, node: NodeView) -> bool:
    return ip not in node.own_addresses and is_address(ip, node.family)


def _internal(frontend: Frontend, service: Service, backends: PortBackends, affinity_s: int) -> FrontendRules:
    rules = FrontendRules()
    if service.spec.internal_traffic_policy == "Local" and backends.exists:
        if not backends.local:
            rules.elements["services", frontend.key] = "drop"
            return rules
        _balance(rules, frontend, Scope.INTERNAL, backends.local, affinity_s)
    elif backends.cluster:
        _balance(rules, frontend, Scope.INTERNAL, backends.cluster, affinity_s)
    else:
        rules.elements["no_endpoints", frontend.key] = ""
    _note_backends(rules, backends)
    return rules


def _external(frontend: Frontend, service: Service, backends: PortBackends, affinity_s: int, allowed: tuple[str, ...]) -> FrontendRules:
    rules = FrontendRules()
    if not backends.cluster:
        rules.elements["no_endpoints", frontend.key] = ""
        return rules
    if service.spec.external_traffic_policy == "Local":
        # From inside the cluster the policy does not apply: such traffic goes to any endpoint.
        _balance(rules, frontend, Scope.INTERNAL, backends.cluster, affinity_s)
        if backends.local:
            _balance(rules, frontend, Scope.LOCAL, backends.local, affinity_s)
        else:
            rules.elements["local_services", frontend.key] = "drop"
    else:
        _balance(rules, frontend, Scope.EXTERNAL, backends.cluster, affinity_s)
    if allowed:
        rules.elements["restricted", frontend.key] = ""
        for source in _collapsed(allowed, frontend.ip):
            rules.elements["allowed_sources", f"{frontend.key} . {source}"] = ""
    _note_backends(rules, backends)
    return rules


def _collapsed(ranges: tuple[str, ...], ip: str) -> list[str]:
    """The ranges of the family of `ip`, without overlaps, which an nft interval set refuses; what is no range allows nobody."""
    v4: list[ipaddress.IPv4Network] = []
    v6: list[ipaddress.IPv6Network] = []
    for each in ranges:
        try:
            network = ipaddress.ip_network(each, strict=False)
        except ValueError:
            log.warning("no source range: passed over range=%r frontend=%s", each, ip)
            continue
        if isinstance(network, ipaddress.IPv4Network):
            v4.append(network)
        else:
            v6.append(network)
    return [str(n) for n in (ipaddress.collapse_addresses(v6) if ":" in ip else ipaddress.collapse_addresses(v4))]


def _note_backends(rules: FrontendRules, backends: PortBackends) -> None:
    rules.backends = frozenset(backends.cluster) | frozenset(backends.local)
    if backends.local:
        rules.hairpin = frozenset(b.ip for b in backends.local)


def _balance(
    rules: FrontendRules,
    frontend: Frontend,
    scope: Scope,
    backends: tuple[Backend, ...],
    affinity_s: int,
    *,
    from_inside_too: bool = False,
) -> None:
    """Add the elements that spread a frontend's connections over `backends`.

    Args:
        from_inside_too: scope LOCAL holds for traffic from pods and from this node as well.
    """
    chain = BalanceChain(scope, len(backends), affinity_s)
    rules.chains.add(chain)
    elements, key = rules.elements, frontend.key
    only_outside = scope is Scope.LOCAL and not from_inside_too
    elements["local_services" if only_outside else "services", key] = f"goto {chain.name}"
    first = LOCAL_SLOT if scope is Scope.LOCAL else 0
    for slot, backend in enumerate(backends, start=first):
        elements["endpoints", f"{key} . {_classid(slot)}"] = f"{backend.ip} . {backend.port}"
    if affinity_s:
        for slot, (identity, backend) in enumerate(_identities(backends), start=first):
            elements["affinity_ids", f"{key} . {_classid(slot)}"] = _classid(identity)
            elements["endpoints", f"{key} . {_classid(identity)}"] = f"{backend.ip} . {backend.port}"


def _identities(backends: tuple[Backend, ...]) -> Iterator[tuple[int, Backend]]:
    """A number for each backend that does not change when others come and go, nor when the agent starts again."""
    taken: set[int] = set()
    for backend in backends:
        identity = zlib.crc32(f"{backend.ip} {backend.port}".encode()) & (LOCAL_SLOT - 1) | AFFINITY_ID
        while identity in taken:
            identity = (identity + 1) & (LOCAL_SLOT - 1) | AFFINITY_ID
        taken.add(identity)
        yield identity, backend


@lru_cache(maxsize=4_096)
def _classid(number: int) -> str:
    """A 32-bit number as nft writes a classid: major:minor in hexadecimal."""
    return f"{number >> 16:x}:{number & 0xFFFF:x}"
