"""Rules of services.

Which addresses and node ports are free is the registry's to know; here is what the object alone can get wrong.

Source: pkg/apis/core/validation/validation.go (validateService, ValidateServiceUpdate, ValidateLoadBalancerStatus)
"""

from __future__ import annotations

from .. import addresses, syntax
from ..core_v1 import Service, ServicePort, ServiceSpec
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required
from .common import PROTOCOLS, cidr, dns_label, ip_address, labels, one_of, port, port_or_name, present, qualified, special_ip, subdomain

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_AFFINITY_S_MAX = 86400
_TOPOLOGY_MODE, _TOPOLOGY_HINTS = "service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints"
_SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_ONLY_BALANCERS = "may only be used when `type` is 'LoadBalancer'"
_ONCE = "may not change once set"


def is_headless(spec: ServiceSpec) -> bool:
    return spec.cluster_ips == ["None"]


def needs_health_check(spec: ServiceSpec) -> bool:
    """Whether load balancers ask nodes if they have endpoints of the service."""
    return spec.type == "LoadBalancer" and spec.external_traffic_policy == "Local"


def is_external(spec: ServiceSpec) -> bool:
    """Whether the service is reached from outside of the cluster."""
    return spec.type in ("LoadBalancer", "NodePort") or (spec.type == "ClusterIP" and bool(spec.external_ips))


def service(causes: Causes, obj: Service) -> None:
    _service(causes, obj, None)


def _service(causes: Causes, obj: Service, old: Service | None) -> None:
    spec, annotations = obj.spec, obj.metadata.annotations
    if annotations:
        mode, hints = annotations.get(_TOPOLOGY_MODE), annotations.get(_TOPOLOGY_HINTS)
        if mode is not None and hints is not None and mode != hints:
            causes.append(invalid(f"metadata.annotations[{_TOPOLOGY_MODE}]", mode,
                                  f"must match annotations[{_TOPOLOGY_HINTS}] when both are specified"))
    headless = is_headless(spec)
    if not spec.ports and not headless and spec.type != "ExternalName":
        causes.append(required("spec.ports"))
    if spec.type in ("LoadBalancer", "NodePort") and headless:
        causes.append(invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {spec.type} services"))
    if spec.type == "ExternalName":
        _external_name(causes, spec)
    names: set[str] = set()
    for index, item in enumerate(spec.ports):
        _port(causes, f"spec.ports[{index}]", item, names, named=len(spec.ports) > 1)
    if spec.selector:
        labels(causes, "spec.selector", spec.selector)
    one_of(causes, "spec.sessionAffinity", spec.session_affinity, ("ClientIP", "None"))
    _affinity(causes, spec)
    if spec.type != "ExternalName":
        families(causes, spec, old.spec if old is not None else None)
    _external_ips(causes, spec, old)
    one_of(causes, "spec.type", spec.type, _TYPES)
    _port_numbers(causes, spec)
    _source_ranges(causes, obj, old)
    _load_balancer(causes, spec)
    _traffic(causes, spec)


def _external_name(causes: Causes, spec: ServiceSpec) -> None:
    for value, wire in ((spec.cluster_ips, "clusterIPs"), (spec.ip_families, "ipFamilies"), (spec.ip_family_policy, "ipFamilyPolicy")):
        if value:
            causes.append(forbidden(f"spec.{wire}", "may not be set for ExternalName services"))
    present(causes, "spec.externalName", spec.external_name.removesuffix("."), syntax.dns_subdomain)


def _port(causes: Causes, path: str, item: ServicePort, names: set[str], *, named: bool) -> None:
    if item.name:
        dns_label(causes, f"{path}.name", item.name)
        if item.name in names:
            causes.append(duplicate(f"{path}.name", item.name))
        names.add(item.name)
    elif named:
        causes.append(required(f"{path}.name"))
    port(causes, f"{path}.port", item.port)
    one_of(causes, f"{path}.protocol", item.protocol, PROTOCOLS)
    port_or_name(causes, f"{path}.targetPort", item.target_port)
    if item.app_protocol is not None:
        qualified(causes, f"{path}.appProtocol", item.app_protocol)


def _affinity(causes: Causes, spec: ServiceSpec) -> None:
    config = spec.session_affinity_config
    path = "spec.sessionAffinityConfig"
    if spec.session_affinity == "None" and config is not None:
        causes.append(forbidden(path, "must not be set when session affinity is None"))
    if spec.session_affinity != "ClientIP":
        return
    client = config.client_ip if config is not None else None
    if config is None:
        causes.append(required(path, "when session affinity type is ClientIP"))
    elif client is None:
        causes.append(required(f"{path}.clientIP", "when session affinity type is ClientIP"))
    elif client.timeout_seconds is None:
        causes.append(required(f"{path}.clientIP.timeoutSeconds", "when session affinity type is ClientIP"))
    elif not 0 < client.timeout_seconds <= _AFFINITY_S_MAX:
        causes.append(invalid(f"{path}.clientIP.timeoutSeconds", client.timeout_seconds,
                              f"must be greater than 0 and less than {_AFFINITY_S_MAX}"))


def families(causes: Causes, spec: ServiceSpec, old: ServiceSpec | None) -> None:
    """Cluster addresses, families and their policy agree."""
    ips = spec.cluster_ips
    if spec.cluster_ip and not ips:
        causes.append(required("spec.clusterIPs"))
    elif spec.cluster_ip and ips[0] != spec.cluster_ip:
        causes.append(invalid("spec.clusterIPs", ips, "first value must match `clusterIP`"))
    elif not spec.cluster_ip and ips:
        causes.append(invalid("spec.clusterIPs", ips, "must be empty when `clusterIP` is not specified"))
    for index, family in enumerate(spec.ip_families):
        if family not in ("IPv4", "IPv6"):
            causes.append(not_supported(f"spec.ipFamilies[{index}]", family, ("IPv4", "IPv6")))
        if family in spec.ip_families[:index]:
            causes.append(duplicate(f"spec.ipFamilies[{index}]", family))
    if spec.ip_family_policy is not None and spec.ip_family_policy not in _FAMILY_POLICIES:
        causes.append(not_supported("spec.ipFamilyPolicy", spec.ip_family_policy, _FAMILY_POLICIES))
    before = len(causes)
    known = old.cluster_ips if old is not None else ()
    for index, address in enumerate(ips):
        if index == 0 and address == "None":
            if len(ips) > 1:
                causes.append(invalid("spec.clusterIPs", ips, "'None' must be the first and only value"))
        elif address not in known:
            ip_address(causes, f"spec.clusterIPs[{index}]", address)
    wrong = len(causes) > before
    if len(ips) > 2:
        causes.append(invalid("spec.clusterIPs", ips, "may only hold up to 2 values"))
    if wrong:
        return
    if len(ips) > 1 and not addresses.dual_stack(ips):
        causes.append(invalid("spec.clusterIPs", ips, "may specify no more than one IP for each IP family"))
    if not is_headless(spec):
        for index, (address, family) in enumerate(zip(ips, spec.ip_families, strict=False)):
            if family in ("IPv4", "IPv6") and addresses.is_ipv6(address) != (family == "IPv6"):
                causes.append(invalid(f"spec.clusterIPs[{index}]", address,
                                      f"expected an {family} value as indicated by `ipFamilies[{index}]`"))


def _external_ips(causes: Causes, spec: ServiceSpec, old: Service | None) -> None:
    known = old.spec.external_ips if old is not None else ()
    for index, address in enumerate(spec.external_ips):
        where = f"spec.externalIPs[{index}]"
        before = len(causes)
        if address not in known:
            ip_address(causes, where, address)
        if len(causes) == before:
            special_ip(causes, where, address)


def _port_numbers(causes: Causes, spec: ServiceSpec) -> None:
    node_ports: set[tuple[str, int]] = set()
    ports: set[tuple[str, int | None]] = set()
    if spec.type == "ClusterIP":
        causes += [forbidden(f"spec.ports[{index}].nodePort", "may not be used when `type` is 'ClusterIP'")
                   for index, item in enumerate(spec.ports) if item.node_port]
    for index, item in enumerate(spec.ports):
        if item.node_port:
            if (item.protocol, item.node_port) in node_ports:
                causes.append(duplicate(f"spec.ports[{index}].nodePort", item.node_port))
            node_ports.add((item.protocol, item.node_port))
    for index, item in enumerate(spec.ports):
        if (item.protocol, item.port) in ports:
            causes.append(duplicate(f"spec.ports[{index}]", ServicePort(protocol=item.protocol, port=item.port, target_port=0)))
        ports.add((item.protocol, item.port))


def _source_ranges(causes: Causes, obj: Service, old: Service | None) -> None:
    spec = obj.spec
    if spec.load_balancer_source_ranges:
        path = "spec.LoadBalancerSourceRanges"
        if spec.type != "LoadBalancer":
            causes.append(forbidden(path, _ONLY_BALANCERS))
        known = [text.strip() for text in old.spec.load_balancer_source_ranges] if old is not None else []
        for index, text in enumerate(spec.load_balancer_source_ranges):
            if text.strip() not in known:
                cidr(causes, f"{path}[{index}]", text.strip())
        return
    listed = obj.metadata.annotations.get(_SOURCE_RANGES)
    if listed is None:
        return
    path = f"metadata.annotations[{_SOURCE_RANGES}]"
    if spec.type != "LoadBalancer":
        causes.append(forbidden(path, _ONLY_BALANCERS))
    if (old is None or old.metadata.annotations.get(_SOURCE_RANGES) != listed) and listed.strip():
        for text in listed.strip().split(","):
            cidr(causes, path, text.strip())


def _load_balancer(causes: Causes, spec: ServiceSpec) -> None:
    balancer = spec.type == "LoadBalancer"
    if spec.allocate_load_balancer_node_ports is not None and not balancer:
        causes.append(forbidden("spec.allocateLoadBalancerNodePorts", _ONLY_BALANCERS))
    if spec.allocate_load_balancer_node_ports is None and balancer:
        causes.append(required("allocateLoadBalancerNodePorts"))
    _balancer_class(causes, spec)


def _balancer_class(causes: Causes, spec: ServiceSpec) -> None:
    name = spec.load_balancer_class
    if name is None:
        return
    if spec.type == "LoadBalancer":
        qualified(causes, "spec.loadBalancerClass", name)
    else:
        causes.append(forbidden("spec.loadBalancerClass", _ONLY_BALANCERS))


def _traffic(causes: Causes, spec: ServiceSpec) -> None:
    policy = spec.external_traffic_policy
    if is_external(spec):
        one_of(causes, "spec.externalTrafficPolicy", policy, ("Cluster", "Local"))
    elif policy:
        causes.append(invalid("spec.externalTrafficPolicy", policy, "may only be set for externally-accessible services"))
    health = spec.health_check_node_port
    if health and not needs_health_check(spec):
        causes.append(invalid("spec.healthCheckNodePort", health,
                              "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
    elif health:
        port(causes, "spec.healthCheckNodePort", health)
    internal = spec.internal_traffic_policy
    if internal is None:
        if spec.type in ("ClusterIP", "LoadBalancer", "NodePort"):
            causes.append(required("spec.internalTrafficPolicy"))
    elif internal not in ("Cluster", "Local"):
        causes.append(not_supported("spec.internalTrafficPolicy", internal, ("Cluster", "Local")))
    if spec.traffic_distribution is not None and spec.traffic_distribution not in _DISTRIBUTIONS:
        causes.append(not_supported("spec.trafficDistribution", spec.traffic_distribution, _DISTRIBUTIONS))


def update_service(causes: Causes, new: Service, old: Service) -> None:
    """The first cluster address and family stay, unless the service is or was an external name."""
    own, was = new.spec, old.spec
    if "ExternalName" not in (own.type, was.type):
        _addresses_changed(causes, own, was)
        _families_changed(causes, own, was)
    if own.type == was.type == "LoadBalancer" and own.load_balancer_class != was.load_balancer_class:
        causes.append(invalid("spec.loadBalancerClass", own.load_balancer_class, _ONCE))
    _balancer_class(causes, own)
    if needs_health_check(own) and needs_health_check(was) and own.health_check_node_port != was.health_check_node_port:
        causes.append(forbidden("spec.healthCheckNodePort", "field is immutable"))
    _service(causes, new, old)


def _addresses_changed(causes: Causes, own: ServiceSpec, was: ServiceSpec) -> None:
    ips, before = own.cluster_ips, was.cluster_ips
    if is_headless(own) and is_headless(was):
        return
    if len(ips) == len(before):
        causes += [invalid(f"spec.clusterIPs[{index}]", ips, _ONCE)
                   for index, (one, other) in enumerate(zip(ips, before, strict=True)) if one != other]
        return
    if not ips:
        causes.append(invalid("spec.clusterIPs[0]", ips, "primary clusterIP can not be unset"))
    if before and ips and ips[0] != before[0]:
        causes.append(invalid("spec.clusterIPs[0]", ips, _ONCE))
    if len(ips) == 1 and len(before) > 1 and own.ip_family_policy != "SingleStack":
        causes.append(invalid("spec.ipFamilyPolicy", own.ip_family_policy,
                              "must be set to 'SingleStack' when releasing the secondary clusterIP"))


def _families_changed(causes: Causes, own: ServiceSpec, was: ServiceSpec) -> None:
    named, before = own.ip_families, was.ip_families
    if is_headless(own) or is_headless(was):
        return
    if len(named) == len(before):
        causes += [invalid("spec.ipFamilies[0]", named, _ONCE) for one, other in zip(named, before, strict=True) if one != other]
        return
    if len(before) > len(named) and not own.cluster_ips:
        causes.append(invalid("spec.ipFamilies[0]", named, "primary ipFamily can not be unset"))
    if before and named and named[0] != before[0]:
        causes.append(invalid("spec.ipFamilies[0]", own.cluster_ips, _ONCE))
    if len(named) == 1 and len(before) > 1 and own.ip_family_policy != "SingleStack":
        causes.append(invalid("spec.ipFamilyPolicy", own.ip_family_policy,
                              "must be set to 'SingleStack' when releasing the secondary ipFamily"))


def update_service_status(causes: Causes, new: Service, old: Service) -> None:
    """What a load balancer says of itself."""
    balancer, before = new.status.load_balancer, old.status.load_balancer
    ingresses = balancer.ingress
    path = "status.loadBalancer.ingress"
    if ingresses and new.spec.type != "LoadBalancer":
        causes.append(forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'"))
        return
    known = {ingress.ip for ingress in before.ingress}
    for index, ingress in enumerate(ingresses):
        where = f"{path}[{index}]"
        if ingress.ip and ingress.ip not in known:
            ip_address(causes, f"{where}.ip", ingress.ip)
        mode = ingress.ip_mode
        if mode is None:
            if ingress.ip:
                causes.append(required(f"{where}.ipMode", "must be specified when `ip` is set"))
        elif not ingress.ip:
            causes.append(forbidden(f"{where}.ipMode", "may not be specified when `ip` is not set"))
        elif mode not in ("Proxy", "VIP"):
            causes.append(not_supported(f"{where}.ipMode", mode, ("Proxy", "VIP")))
        if ingress.hostname:
            subdomain(causes, f"{where}.hostname", ingress.hostname)
            if addresses.sloppy(ingress.hostname) is not None:
                causes.append(invalid(f"{where}.hostname", ingress.hostname, "must be a DNS name, not an IP address"))
