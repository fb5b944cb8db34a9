"""Rules of endpoints and endpoint slices.

Source: pkg/apis/core/validation/validation.go (ValidateEndpoints), pkg/apis/discovery/validation/validation.go
"""

from __future__ import annotations

from .. import addresses, syntax
from ..core_v1 import Endpoints, EndpointSubset
from ..discovery_v1 import Endpoint, EndpointHints, EndpointPort, EndpointSlice
from .causes import Causes, duplicate, internal, invalid, not_supported, required, too_many
from .common import PROTOCOLS, dns_label, immutable, ip_address, labels, one_of, port, qualified, special_ip, subdomain

_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
_ADDRESSES_MAX, _ENDPOINTS_MAX, _PORTS_MAX, _TOPOLOGY_MAX, _HINTS_MAX = 100, 1000, 20000, 16, 8
_ZONE = "topology.kubernetes.io/zone"


def endpoints(causes: Causes, obj: Endpoints) -> None:
    for index, subset in enumerate(obj.subsets):
        _subset(causes, f"subsets[{index}]", subset)


def update_endpoints(causes: Causes, new: Endpoints, old: Endpoints) -> None:
    if new.subsets != old.subsets:
        endpoints(causes, new)


def _subset(causes: Causes, path: str, subset: EndpointSubset) -> None:
    if not subset.addresses and not subset.not_ready_addresses:
        causes.append(required(path, "must specify `addresses` or `notReadyAddresses`"))
    for wire, items in (("addresses", subset.addresses), ("notReadyAddresses", subset.not_ready_addresses)):
        for index, address in enumerate(items):
            where = f"{path}.{wire}[{index}]"
            ip_address(causes, f"{where}.ip", address.ip)
            if address.hostname:
                dns_label(causes, f"{where}.hostname", address.hostname)
            if address.node_name is not None:
                subdomain(causes, f"{where}.nodeName", address.node_name)
            special_ip(causes, f"{where}.ip", address.ip)
    for index, item in enumerate(subset.ports):
        where = f"{path}.ports[{index}]"
        if item.name:
            dns_label(causes, f"{where}.name", item.name)
        elif len(subset.ports) > 1:
            causes.append(required(f"{where}.name"))
        port(causes, f"{where}.port", item.port)
        one_of(causes, f"{where}.protocol", item.protocol or "", PROTOCOLS)
        if item.app_protocol is not None:
            qualified(causes, f"{where}.appProtocol", item.app_protocol)


def endpoint_slice(causes: Causes, obj: EndpointSlice) -> None:
    one_of(causes, "addressType", obj.address_type, _ADDRESS_TYPES)
    _endpoints(causes, obj)
    _ports(causes, obj.ports or [])


def _endpoints(causes: Causes, obj: EndpointSlice) -> None:
    if len(obj.endpoints or ()) > _ENDPOINTS_MAX:
        causes.append(too_many("endpoints", len(obj.endpoints or ()), _ENDPOINTS_MAX))
        return
    for index, item in enumerate(obj.endpoints or ()):
        _endpoint(causes, f"endpoints[{index}]", item, obj.address_type)


def _endpoint(causes: Causes, path: str, item: Endpoint, kind: str) -> None:
    where = f"{path}.addresses"
    if not item.addresses:
        causes.append(required(where, "must contain at least 1 address"))
    elif len(item.addresses) > _ADDRESSES_MAX:
        causes.append(too_many(where, len(item.addresses), _ADDRESSES_MAX))
    for index, address in enumerate(item.addresses):
        if kind == "FQDN":
            _domain_name(causes, f"{where}[{index}]", address)
        elif kind in _ADDRESS_TYPES:
            _address(causes, f"{where}[{index}]", address, kind)
    if item.node_name is not None:
        subdomain(causes, f"{path}.nodeName", item.node_name)
    topology = item.deprecated_topology
    if topology:
        where = f"{path}.deprecatedTopology"
        if len(topology) > _TOPOLOGY_MAX:
            causes.append(too_many(where, len(topology), _TOPOLOGY_MAX))
        labels(causes, where, topology)
        if _ZONE in topology:
            causes.append(internal(f"{where}[{_ZONE}]", "reserved key was not removed in conversion"))
    if item.hostname is not None:
        dns_label(causes, f"{path}.hostname", item.hostname)
    if item.hints is not None:
        _hints(causes, f"{path}.hints", item.hints)


def _address(causes: Causes, path: str, address: str, kind: str) -> None:
    before = len(causes)
    ip_address(causes, path, address)
    if len(causes) > before:
        return
    if addresses.is_ipv6(address) != (kind == "IPv6"):
        causes.append(invalid(path, address, f"must be an {kind} address"))
    special_ip(causes, path, address)


def _domain_name(causes: Causes, path: str, name: str) -> None:
    """A name of at least two labels; a dot may end it."""
    if not name:
        causes.append(required(path))
        return
    name = name.removesuffix(".")
    if complaints := syntax.dns_subdomain(name):
        causes.append(invalid(path, name, ",".join(complaints)))
    elif "." not in name:
        causes.append(invalid(path, name, "should be a domain with at least two segments separated by dots"))
    else:
        causes += [invalid(path, label, ",".join(complaints)) for label in name.split(".") if (complaints := syntax.dns_label(label))]


def _hints(causes: Causes, path: str, hints: EndpointHints) -> None:
    """For whom an endpoint is meant first."""
    for items, wire in ((hints.for_zones, "forZones"), (hints.for_nodes, "forNodes")):
        if len(items) > _HINTS_MAX:
            causes.append(too_many(f"{path}.{wire}", len(items), _HINTS_MAX))
            return
    zones: set[str] = set()
    for index, zone in enumerate(hints.for_zones):
        where = f"{path}.forZones[{index}].name"
        if zone.name in zones:
            causes.append(duplicate(where, zone.name))
        zones.add(zone.name)
        causes += [invalid(where, zone.name, complaint) for complaint in syntax.label_value(zone.name)]
    nodes: set[str] = set()
    for index, node in enumerate(hints.for_nodes):
        where = f"{path}.forNodes[{index}].name"
        if node.name in nodes:
            causes.append(duplicate(where, node.name))
        nodes.add(node.name)
        subdomain(causes, where, node.name)


def _ports(causes: Causes, ports: list[EndpointPort]) -> None:
    if len(ports) > _PORTS_MAX:
        causes.append(too_many("ports", len(ports), _PORTS_MAX))
        return
    names: set[str] = set()
    for index, item in enumerate(ports):
        where = f"ports[{index}]"
        name = item.name or ""
        if name:
            dns_label(causes, f"{where}.name", name)
        if name in names:
            causes.append(duplicate(f"{where}.name", name))
        names.add(name)
        if item.protocol is None:
            causes.append(required(f"{where}.protocol"))
        elif item.protocol not in PROTOCOLS:
            causes.append(not_supported(f"{where}.protocol", item.protocol, PROTOCOLS))
        if item.app_protocol is not None:
            qualified(causes, f"{where}.appProtocol", item.app_protocol)


def update_endpoint_slice(causes: Causes, new: EndpointSlice, old: EndpointSlice) -> None:
    wrong: Causes = []
    _endpoints(wrong, new)
    one_of(causes, "addressType", new.address_type, _ADDRESS_TYPES)
    if wrong and new.endpoints != old.endpoints:
        causes += wrong
    _ports(causes, new.ports or [])
    immutable(causes, "addressType", new.address_type, old.address_type)
