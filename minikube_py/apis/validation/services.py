"""Rules of services, endpoints and endpoint slices.

Which addresses and node ports are free is the registry's to know; here is what the object alone can get wrong.

Source: pkg/apis/core/validation/validation.go (ValidateService, ValidateEndpoints), pkg/apis/discovery/validation/validation.go
"""

from __future__ import annotations

import ipaddress

from .. import syntax
from ..core_v1 import Endpoints, EndpointSubset, Service, ServicePort, ServiceSpec
from ..discovery_v1 import EndpointSlice
from .causes import IMMUTABLE, Causes, duplicate, forbidden, invalid, not_supported, required, too_many
from .common import PROTOCOLS, cidr, immutable, ip_address, labels, matches, one_of, port, port_or_name, present, special_ip

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_AFFINITY_S_MAX = 86400
_SLICE_ADDRESSES_MAX, _SLICE_ENDPOINTS_MAX, _SLICE_PORTS_MAX = 100, 1000, 20000


def service(causes: Causes, obj: Service) -> None:
    spec = obj.spec
    headless = spec.cluster_ip == "None"
    if not spec.ports and not headless and spec.type != "ExternalName":
        causes.append(required("spec.ports"))
    if spec.type in ("LoadBalancer", "NodePort") and headless:
        causes.append(invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {spec.type} services"))
    if spec.type == "ExternalName":
        _external_name(causes, spec)
    _ports(causes, spec)
    if spec.selector:
        labels(causes, "spec.selector", spec.selector)
    one_of(causes, "spec.sessionAffinity", spec.session_affinity, ("ClientIP", "None"))
    _affinity(causes, spec)
    _families(causes, spec)
    for index, address in enumerate(spec.external_ips):
        ip_address(causes, f"spec.externalIPs[{index}]", address)
        special_ip(causes, f"spec.externalIPs[{index}]", address)
    one_of(causes, "spec.type", spec.type, _TYPES)
    _load_balancer(causes, spec)
    _traffic(causes, spec)


def _external_name(causes: Causes, spec: ServiceSpec) -> None:
    for value, wire in ((spec.cluster_ips, "clusterIPs"), (spec.ip_families, "ipFamilies"), (spec.ip_family_policy, "ipFamilyPolicy")):
        if value:
            causes.append(forbidden(f"spec.{wire}", "may not be set for ExternalName services"))
    present(causes, "spec.externalName", spec.external_name.removesuffix("."), syntax.dns_subdomain)


def _ports(causes: Causes, spec: ServiceSpec) -> None:
    names: set[str] = set()
    node_ports: set[tuple[str, int]] = set()
    ports: set[tuple[str, int | None]] = set()
    for index, item in enumerate(spec.ports):
        where = f"spec.ports[{index}]"
        _port(causes, where, item, named=len(spec.ports) > 1)
        if item.name and item.name in names:
            causes.append(duplicate(f"{where}.name", item.name))
        names.add(item.name)
        if item.node_port:
            if spec.type == "ClusterIP":
                causes.append(forbidden(f"{where}.nodePort", "may not be used when `type` is 'ClusterIP'"))
            if (item.protocol, item.node_port) in node_ports:
                causes.append(duplicate(f"{where}.nodePort", item.node_port))
            node_ports.add((item.protocol, item.node_port))
        if (item.protocol, item.port) in ports:
            causes.append(duplicate(where, {"protocol": item.protocol, "port": item.port}))
        ports.add((item.protocol, item.port))


def _port(causes: Causes, path: str, item: ServicePort, *, named: bool) -> None:
    if item.name:
        matches(causes, f"{path}.name", item.name, syntax.dns_label)
    elif named:
        causes.append(required(f"{path}.name"))
    port(causes, f"{path}.port", item.port)
    one_of(causes, f"{path}.protocol", item.protocol, PROTOCOLS)
    port_or_name(causes, f"{path}.targetPort", item.target_port)
    if item.app_protocol is not None:
        matches(causes, f"{path}.appProtocol", item.app_protocol, syntax.label_key)


def _affinity(causes: Causes, spec: ServiceSpec) -> None:
    config = spec.session_affinity_config
    path = "spec.sessionAffinityConfig"
    if spec.session_affinity == "None" and config is not None:
        causes.append(forbidden(path, "must not be set when session affinity is None"))
    if spec.session_affinity != "ClientIP":
        return
    timeout_s = config.client_ip.timeout_seconds if config is not None and config.client_ip is not None else None
    if timeout_s is None:
        causes.append(required(path, "when session affinity type is ClientIP"))
    elif not 0 < timeout_s <= _AFFINITY_S_MAX:
        causes.append(invalid(f"{path}.clientIP.timeoutSeconds", timeout_s, f"must be greater than 0 and less than {_AFFINITY_S_MAX}"))


def _families(causes: Causes, spec: ServiceSpec) -> None:
    """Cluster addresses, families and their policy agree."""
    for index, family in enumerate(spec.ip_families):
        if family not in ("IPv4", "IPv6"):
            causes.append(not_supported(f"spec.ipFamilies[{index}]", family, ("IPv4", "IPv6")))
        if family in spec.ip_families[:index]:
            causes.append(duplicate(f"spec.ipFamilies[{index}]", family))
    policies = ("PreferDualStack", "RequireDualStack", "SingleStack")
    if spec.ip_family_policy is not None and spec.ip_family_policy not in policies:
        causes.append(not_supported("spec.ipFamilyPolicy", spec.ip_family_policy, policies))
    if spec.cluster_ip and spec.cluster_ips and spec.cluster_ip != spec.cluster_ips[0]:
        causes.append(invalid("spec.clusterIPs", spec.cluster_ips, "first value must match `clusterIP`"))
    if len(spec.cluster_ips) > 2:
        causes.append(invalid("spec.clusterIPs", spec.cluster_ips, "may only hold up to 2 values"))
    for index, address in enumerate(spec.cluster_ips or ([spec.cluster_ip] if spec.cluster_ip else [])):
        where = f"spec.clusterIPs[{index}]"
        if address == "None":
            if index or len(spec.cluster_ips) > 1:
                causes.append(invalid(where, address, "must be empty, 'None', or a valid IP address"))
        elif address:
            _cluster_address(causes, where, address, spec.ip_families[index] if index < len(spec.ip_families) else "")


def _cluster_address(causes: Causes, path: str, address: str, family: str) -> None:
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        causes.append(invalid(path, address, "must be empty, 'None', or a valid IP address"))
        return
    if family and family != f"IPv{version}":
        causes.append(invalid(path, address, f"expected an {family} value as indicated by `ipFamilies[0]`"))


def _load_balancer(causes: Causes, spec: ServiceSpec) -> None:
    only = "may only be used when `type` is 'LoadBalancer'"
    balancer = spec.type == "LoadBalancer"
    if spec.load_balancer_source_ranges and not balancer:
        causes.append(forbidden("spec.LoadBalancerSourceRanges", only))
    for index, text in enumerate(spec.load_balancer_source_ranges):
        cidr(causes, f"spec.LoadBalancerSourceRanges[{index}]", text.strip())
    if spec.allocate_load_balancer_node_ports is not None and not balancer:
        causes.append(forbidden("spec.allocateLoadBalancerNodePorts", only))
    if spec.load_balancer_class is not None:
        if not balancer:
            causes.append(forbidden("spec.loadBalancerClass", only))
        else:
            matches(causes, "spec.loadBalancerClass", spec.load_balancer_class, syntax.label_key)


def _traffic(causes: Causes, spec: ServiceSpec) -> None:
    external = spec.type in ("LoadBalancer", "NodePort") or (spec.type == "ClusterIP" and bool(spec.external_ips))
    policy = spec.external_traffic_policy
    if external:
        one_of(causes, "spec.externalTrafficPolicy", policy, ("Cluster", "Local"))
    elif policy:
        causes.append(invalid("spec.externalTrafficPolicy", policy, "may only be set for externally-accessible services"))
    if spec.health_check_node_port and not needs_health_check(spec):
        causes.append(invalid("spec.healthCheckNodePort", spec.health_check_node_port,
                              "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
    internal = spec.internal_traffic_policy
    if internal is None:
        if spec.type in ("ClusterIP", "LoadBalancer", "NodePort"):
            causes.append(required("spec.internalTrafficPolicy"))
    elif internal not in ("Cluster", "Local"):
        causes.append(not_supported("spec.internalTrafficPolicy", internal, ("Cluster", "Local")))
    distributions = ("PreferClose", "PreferSameNode", "PreferSameZone")
    if spec.traffic_distribution is not None and spec.traffic_distribution not in distributions:
        causes.append(not_supported("spec.trafficDistribution", spec.traffic_distribution, distributions))


def needs_health_check(spec: ServiceSpec) -> bool:
    """Whether load balancers ask nodes if they have endpoints of the service."""
    return spec.type == "LoadBalancer" and spec.external_traffic_policy == "Local"


def update_service(causes: Causes, new: Service, old: Service) -> None:
    """The first cluster address and family stay, unless the service is or was an external name."""
    own, was = new.spec, old.spec
    if "ExternalName" not in (own.type, was.type):
        if was.cluster_ips and own.cluster_ips[:1] != was.cluster_ips[:1] and (own.cluster_ips or own.cluster_ip != was.cluster_ip):
            causes.append(invalid("spec.clusterIPs[0]", own.cluster_ips or own.cluster_ip, "may not change once set"))
        elif was.cluster_ip and own.cluster_ip != was.cluster_ip:
            causes.append(invalid("spec.clusterIP", own.cluster_ip, IMMUTABLE))
        if len(own.cluster_ips) == len(was.cluster_ips) == 2 and own.cluster_ips[1] != was.cluster_ips[1]:
            causes.append(invalid("spec.clusterIPs[1]", own.cluster_ips, "may not change once set"))
        if was.ip_families and own.ip_families and own.ip_families[0] != was.ip_families[0]:
            causes.append(invalid("spec.ipFamilies[0]", own.ip_families, "may not change once set"))
    if own.type == was.type == "LoadBalancer" and own.load_balancer_class != was.load_balancer_class:
        causes.append(invalid("spec.loadBalancerClass", own.load_balancer_class, "may not change once set"))
    if needs_health_check(own) and needs_health_check(was) and was.health_check_node_port \
            and own.health_check_node_port != was.health_check_node_port:
        causes.append(forbidden("spec.healthCheckNodePort", IMMUTABLE))
    service(causes, new)


def update_service_status(causes: Causes, new: Service, old: Service) -> None:
    balancer = new.status.load_balancer
    for index, ingress in enumerate(balancer.ingress if balancer is not None else ()):
        where = f"status.loadBalancer.ingress[{index}]"
        if ingress.ip:
            ip_address(causes, f"{where}.ip", ingress.ip)
        if ingress.ip_mode is not None and ingress.ip_mode not in ("Proxy", "VIP"):
            causes.append(not_supported(f"{where}.ipMode", ingress.ip_mode, ("Proxy", "VIP")))
        if ingress.hostname:
            matches(causes, f"{where}.hostname", ingress.hostname, syntax.dns_subdomain)


def endpoints(causes: Causes, obj: Endpoints) -> None:
    for index, subset in enumerate(obj.subsets):
        _subset(causes, f"subsets[{index}]", subset)


def _subset(causes: Causes, path: str, subset: EndpointSubset) -> None:
    if not subset.addresses and not subset.not_ready_addresses:
        causes.append(required(path, "must specify `addresses` or `notReadyAddresses`"))
    for wire, addresses in (("addresses", subset.addresses), ("notReadyAddresses", subset.not_ready_addresses)):
        for index, address in enumerate(addresses):
            where = f"{path}.{wire}[{index}]"
            ip_address(causes, f"{where}.ip", address.ip)
            special_ip(causes, f"{where}.ip", address.ip)
            if address.hostname:
                matches(causes, f"{where}.hostname", address.hostname, syntax.dns_label)
            if address.node_name is not None:
                matches(causes, f"{where}.nodeName", address.node_name, syntax.dns_subdomain)
    for index, item in enumerate(subset.ports):
        where = f"{path}.ports[{index}]"
        if not item.name:
            if len(subset.ports) > 1:
                causes.append(required(f"{where}.name"))
        else:
            matches(causes, f"{where}.name", item.name, syntax.dns_label)
        port(causes, f"{where}.port", item.port)
        one_of(causes, f"{where}.protocol", item.protocol or "", PROTOCOLS)


def endpoint_slice(causes: Causes, obj: EndpointSlice) -> None:
    one_of(causes, "addressType", obj.address_type, ("FQDN", "IPv4", "IPv6"))
    if len(obj.endpoints) > _SLICE_ENDPOINTS_MAX:
        causes.append(too_many("endpoints", len(obj.endpoints), _SLICE_ENDPOINTS_MAX))
    for index, item in enumerate(obj.endpoints):
        _slice_addresses(causes, f"endpoints[{index}]", item.addresses, obj.address_type)
        if item.node_name is not None:
            matches(causes, f"endpoints[{index}].nodeName", item.node_name, syntax.dns_subdomain)
        if item.hostname is not None:
            matches(causes, f"endpoints[{index}].hostname", item.hostname, syntax.dns_label)
    if len(obj.ports) > _SLICE_PORTS_MAX:
        causes.append(too_many("ports", len(obj.ports), _SLICE_PORTS_MAX))
    names: set[str] = set()
    for index, item_port in enumerate(obj.ports):
        where = f"ports[{index}]"
        name = item_port.name or ""
        if name:
            matches(causes, f"{where}.name", name, syntax.dns_label)
        if name in names:
            causes.append(duplicate(f"{where}.name", name))
        names.add(name)
        one_of(causes, f"{where}.protocol", item_port.protocol or "", PROTOCOLS)


def _slice_addresses(causes: Causes, path: str, addresses: list[str], kind: str) -> None:
    if not addresses:
        causes.append(required(f"{path}.addresses", "must contain at least 1 address"))
    elif len(addresses) > _SLICE_ADDRESSES_MAX:
        causes.append(too_many(f"{path}.addresses", len(addresses), _SLICE_ADDRESSES_MAX))
    for number, address in enumerate(addresses):
        where = f"{path}.addresses[{number}]"
        if kind == "FQDN":
            matches(causes, where, address.removesuffix("."), syntax.dns_subdomain)
            continue
        try:
            family = f"IPv{ipaddress.ip_address(address).version}"
        except ValueError:
            family = ""
        if kind != family:
            causes.append(invalid(where, address, f"must be a valid {kind} address"))
        special_ip(causes, where, address)


def update_endpoint_slice(causes: Causes, new: EndpointSlice, old: EndpointSlice) -> None:
    immutable(causes, "addressType", new.address_type, old.address_type)
    endpoint_slice(causes, new)
