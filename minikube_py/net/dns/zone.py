"""The names of the cluster: services, their endpoints, pods, and the addresses the other way round.

An index that is kept up to date by `service_changed` and `slice_changed`: a query is a few dictionary lookups, whatever the
size of the cluster. Pure: no messages, no sockets.

Source: github.com/kubernetes/dns/blob/master/docs/specification.md (schema 1.1.0)
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ...apis.core_v1 import Service
from ...apis.discovery_v1 import EndpointSlice
from ..slices import SlicesByService

SCHEMA_VERSION = "1.1.0"


class Target(NamedTuple):
    """Where an SRV record points: a name, the addresses of that name, and a port."""

    name: str
    addresses: tuple[str, ...]
    port: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a name stands for. All names are absolute, without the last dot.

    Attributes:
        addresses: for A and AAAA, mixed.
        targets: for SRV.
        alias: for CNAME; "" if the name is no alias.
        pointers: names for PTR.
        texts: for TXT.
        apex: the name is the zone itself, which has SOA and NS.
    """

    addresses: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    alias: str = ""
    pointers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    apex: bool = False


_EMPTY = Found()
"""A name that exists and has no records: it has names below it."""


@dataclass(slots=True)
class _ServiceRecords:
    """The records of one service: by (port name, protocol), by endpoint host name, and for the service name itself."""

    found: Found
    ports: dict[tuple[str, str], Found] = field(default_factory=dict)
    hosts: dict[str, Found] = field(default_factory=dict)
    pointers: dict[str, str] = field(default_factory=dict)


class ClusterZone:
    """The zone of one cluster domain, and the reverse names of its address ranges.

    Args:
        domain: cluster domain without dots at its ends ("cluster.local").
        dns_ip: address of the name server.
        ranges: pod and service ranges: their reverse names are answered here and never asked upstream.
    """

    def __init__(self, domain: str, dns_ip: str, ranges: Iterable[str]) -> None:
        self.domain = domain.lower()
        self.name_server = f"ns.dns.{self.domain}"
        self._dns_ip = dns_ip
        self._suffix = "." + self.domain
        self.ranges_changed(ranges)
        self._services: dict[str, Service] = {}
        self._slices = SlicesByService()
        self._records: dict[tuple[str, str], _ServiceRecords] = {}
        self._namespaces: set[str] = set()
        self._services_in: Counter[str] = Counter()
        self._pointers: dict[str, dict[str, str]] = {}

    def ranges_changed(self, ranges: Iterable[str]) -> None:
        """Note the pod and service ranges, all of them."""
        self._ranges = [ipaddress.ip_network(r) for r in ranges]

    def service_changed(self, key: str, service: Service | None) -> None:
        """Note the newest state of the Service `key` (namespace/name); None if it is gone. The object is only read."""
        if service is None:
            self._services.pop(key, None)
        else:
            self._services[key] = service
        self._index(key)

    def slice_changed(self, key: str, endpoint_slice: EndpointSlice | None) -> None:
        """Note the newest state of the EndpointSlice `key` (namespace/name); None if it is gone. The object is only read."""
        for service in self._slices.change(key, endpoint_slice):
            self._index(service)

    def namespace_changed(self, name: str, exists: bool) -> None:
        """Note that a namespace exists: names of its pods are answered, and itself is an empty name rather than an unknown one."""
        if exists:
            self._namespaces.add(name)
        else:
            self._namespaces.discard(name)

    def owns(self, name: str) -> bool:
        """Whether this zone is the authority for `name` (lower case, without the last dot)."""
        if name == self.domain or name.endswith(self._suffix):
            return True
        ip = _reversed_address(name)
        return ip is not None and any(ip in r for r in self._ranges)

    def find(self, name: str) -> Found | None:
        """What `name` stands for; None if it does not exist (NXDOMAIN). `owns(name)` must hold."""
        if name == self.domain:
            return Found(apex=True)
        if not name.endswith(self._suffix):
            return self._find_reverse(name)
        *below, kind = name[: -len(self._suffix)].split(".")
        if kind == "svc":
            return self._find_in_services(below)
        if kind == "pod":
            return self._find_in_pods(below)
        if kind == "dns":
            return _EMPTY if not below else Found(addresses=(self._dns_ip,)) if below == ["ns"] else None
        return Found(texts=(SCHEMA_VERSION,)) if kind == "dns-version" and not below else None

    def _find_in_services(self, below: list[str]) -> Found | None:
        if not below:
            return _EMPTY
        *below, namespace = below
        if not below:
            return _EMPTY if self._has_namespace(namespace) else None
        *below, service = below
        records = self._records.get((namespace, service))
        if records is None:
            return None
        if not below:
            return records.found
        if len(below) == 2:
            port, protocol = below
            return records.ports.get((port[1:], protocol[1:])) if port[:1] == "_" == protocol[:1] else None
        if len(below) != 1:
            return None
        if below[0][:1] == "_":
            return _EMPTY if any(protocol == below[0][1:] for _, protocol in records.ports) else None
        return records.hosts.get(below[0])

    def _find_in_pods(self, below: list[str]) -> Found | None:
        if not below:
            return _EMPTY
        if not self._has_namespace(below[-1]):
            return None
        if len(below) == 1:
            return _EMPTY
        ip = _dashed_address(below[0]) if len(below) == 2 else None
        return Found(addresses=(ip,)) if ip else None

    def _find_reverse(self, name: str) -> Found | None:
        ip = _reversed_address(name)
        names = self._pointers.get(str(ip))
        return Found(pointers=tuple(sorted(set(names.values())))) if names else None

    def _has_namespace(self, name: str) -> bool:
        return name in self._namespaces or name in self._services_in

    def _index(self, key: str) -> None:
        namespace, _, name = key.partition("/")
        old = self._records.pop((namespace, name), None)
        if old is not None:
            self._services_in[namespace] -= 1
            if not self._services_in[namespace]:
                del self._services_in[namespace]
            for ip in old.pointers:
                del self._pointers[ip][key]
                if not self._pointers[ip]:
                    del self._pointers[ip]
        service = self._services.get(key)
        if service is None:
            return
        records = _service_records(service, self._slices.of(key), f"{name}.{namespace}.svc{self._suffix}")
        self._records[namespace, name] = records
        self._services_in[namespace] += 1
        for ip, pointer in records.pointers.items():
            self._pointers.setdefault(ip, {})[key] = pointer


class _EndpointAddress(NamedTuple):
    host: str
    ip: str
    ports: tuple[tuple[str, str, int], ...]


def _service_records(service: Service, slices: Iterable[EndpointSlice], name: str) -> _ServiceRecords:
    spec = service.spec
    if spec.type == "ExternalName":
        return _ServiceRecords(Found(alias=spec.external_name.rstrip(".").lower()))
    endpoints = list(_endpoint_addresses(slices, spec.publish_not_ready_addresses is True))
    headless = spec.cluster_ip == "None"
    records = _headless_records(endpoints, name) if headless else _cluster_ip_records(service, name)
    by_host: dict[str, list[str]] = {}
    for endpoint in endpoints:
        by_host.setdefault(endpoint.host, []).append(endpoint.ip)
        # The pod's own address points to its name below the service only where it has one of its own.
        if headless:
            records.pointers[endpoint.ip] = f"{endpoint.host}.{name}"
    records.hosts = {host: Found(addresses=tuple(ips)) for host, ips in by_host.items()}
    return records


def _cluster_ip_records(service: Service, name: str) -> _ServiceRecords:
    ips = tuple(ip for ip in service.spec.cluster_ips or [service.spec.cluster_ip] if ip)
    ports: dict[tuple[str, str], Found] = {}
    targets = []
    for port in service.spec.ports:
        target = Target(name, ips, port.port or 0)
        targets.append(target)
        if port.name:
            ports[port.name.lower(), (port.protocol or "TCP").lower()] = Found(addresses=ips, targets=(target,))
    return _ServiceRecords(Found(addresses=ips, targets=tuple(targets)), ports, pointers={ip: name for ip in ips})


def _headless_records(endpoints: list[_EndpointAddress], name: str) -> _ServiceRecords:
    targets: dict[tuple[str, str], list[Target]] = {}
    for endpoint in endpoints:
        for port_name, protocol, port in endpoint.ports:
            targets.setdefault((port_name, protocol), []).append(Target(f"{endpoint.host}.{name}", (endpoint.ip,), port))
    ports = {
        key: Found(addresses=tuple(dict.fromkeys(ip for t in found for ip in t.addresses)), targets=tuple(found))
        for key, found in targets.items()
        if key[0]
    }
    ips = tuple(dict.fromkeys(endpoint.ip for endpoint in endpoints))
    return _ServiceRecords(Found(addresses=ips, targets=tuple(t for found in targets.values() for t in found)), ports)


def _endpoint_addresses(slices: Iterable[EndpointSlice], not_ready_too: bool) -> Iterator[_EndpointAddress]:
    seen: set[tuple[str, tuple[tuple[str, str, int], ...]]] = set()
    for each in slices:
        ports = tuple(((p.name or "").lower(), (p.protocol or "TCP").lower(), p.port or 0) for p in each.ports or ())
        for endpoint in each.endpoints or ():
            if not not_ready_too and endpoint.conditions.ready is False:
                continue
            for ip in endpoint.addresses[:1]:
                if (ip, ports) not in seen:
                    seen.add((ip, ports))
                    host = (endpoint.hostname or "").lower() or ip.replace(".", "-").replace(":", "-")
                    yield _EndpointAddress(host, ip, ports)


def _dashed_address(label: str) -> str | None:
    """The address in a pod's name: 10-42-0-5, or an IPv6 address with dashes for its colons."""
    for separator in (".", ":"):
        try:
            return str(ipaddress.ip_address(label.replace("-", separator)))
        except ValueError:
            continue
    return None


def _reversed_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a whole name below in-addr.arpa or ip6.arpa stands for."""
    labels = name.split(".")
    try:
        if labels[-2:] == ["in-addr", "arpa"] and len(labels) == 6:
            return ipaddress.IPv4Address(".".join(reversed(labels[:4])))
        if labels[-2:] == ["ip6", "arpa"] and len(labels) == 34:
            return ipaddress.IPv6Address(int("".join(reversed(labels[:32])), 16))
    except ValueError:
        return None
    return None
