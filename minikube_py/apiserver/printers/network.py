"""Printers of services, endpoints, ingresses and network policies.

Source: pkg/printers/internalversion/printers.go
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from minikube_py.apis import core_v1, discovery_v1, networking_v1

from .form import AGE, NAME, NONE, UNKNOWN, UNSET, Column, Printer, age, labels, more, selector, strings, wide

_SHOWN = 3


def _external_addresses(obj: core_v1.Service) -> str:
    spec = obj.spec
    match spec.type:
        case "ExternalName":
            return spec.external_name
        case "ClusterIP" | "NodePort":
            return ",".join(spec.external_ips) or NONE
        case "LoadBalancer":
            return ",".join([*_balancers(obj.status.load_balancer), *spec.external_ips]) or "<pending>"
    return UNKNOWN


def _balancers(status: core_v1.LoadBalancerStatus | networking_v1.IngressLoadBalancerStatus | None) -> list[str]:
    """Addresses or else names of load balancers, each once."""
    return sorted({text for ingress in (status.ingress if status is not None else ()) if (text := ingress.ip or ingress.hostname)})


def _service_ports(ports: list[core_v1.ServicePort]) -> str:
    return ",".join(f"{p.port}:{p.node_port}/{p.protocol}" if p.node_port > 0 else f"{p.port}/{p.protocol}" for p in ports) or NONE


def _service(obj: core_v1.Service, now: datetime) -> list[Any]:
    spec = obj.spec
    address = spec.cluster_ips[0] if spec.cluster_ips else spec.cluster_ip
    return [
        obj.metadata.name, spec.type, address or NONE, _external_addresses(obj), _service_ports(spec.ports), age(obj, now),
        labels(spec.selector),
    ]


def _host_port(ip: str, port: int | None) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _endpoints(obj: core_v1.Endpoints, now: datetime) -> list[Any]:
    addresses = []
    for subset in obj.subsets:
        if not subset.ports:
            addresses += [address.ip for address in subset.addresses]
        for port in subset.ports:
            addresses += [_host_port(address.ip, port.port) for address in subset.addresses]
    return [obj.metadata.name, more(addresses, _SHOWN, "" if obj.subsets else NONE), age(obj, now)]


def _endpoint_slice(obj: discovery_v1.EndpointSlice, now: datetime) -> list[Any]:
    ports = [str(port.port) if port.port is not None else "*" if port.name is None else port.name for port in obj.ports or ()]
    addresses = [address for endpoint in obj.endpoints or () for address in endpoint.addresses]
    return [obj.metadata.name, obj.address_type, more(ports, _SHOWN, UNSET), more(addresses, _SHOWN, UNSET), age(obj, now)]


def _ingress(obj: networking_v1.Ingress, now: datetime) -> list[Any]:
    name = obj.spec.ingress_class_name
    return [
        obj.metadata.name, NONE if name is None else name, _hosts(obj.spec.rules), ",".join(_balancers(obj.status.load_balancer)),
        "80, 443" if obj.spec.tls else "80", age(obj, now),
    ]


def _hosts(rules: list[networking_v1.IngressRule]) -> str:
    """The first hosts; any rule behind the last that is shown counts as one more, and rules without a host are among the shown."""
    hosts: list[str] = []
    for rule in rules:
        if len(hosts) == _SHOWN:
            return f"{','.join(hosts)} + {len(rules) - _SHOWN} more..."
        if rule.host:
            hosts.append(rule.host)
    return ",".join(hosts) or "*"


def _ingress_class(obj: networking_v1.IngressClass, now: datetime) -> list[Any]:
    parameters, text = obj.spec.parameters, NONE
    if parameters is not None:
        text = f"{parameters.kind}{'' if parameters.api_group is None else '.' + parameters.api_group}/{parameters.name}"
    return [obj.metadata.name, obj.spec.controller, text, age(obj, now)]


def _network_policy(obj: networking_v1.NetworkPolicy, now: datetime) -> list[Any]:
    return [obj.metadata.name, selector(obj.spec.pod_selector), age(obj, now)]


def _ip_address(obj: networking_v1.IPAddress, now: datetime) -> list[Any]:
    """As upstream's, with an age that has no column."""
    parent, text = obj.spec.parent_ref, NONE
    if parent is not None:
        kind = f"{parent.resource}.{parent.group}" if parent.group else parent.resource
        text = "/".join([kind.lower(), *([parent.namespace] if parent.namespace else []), parent.name])
    return [obj.metadata.name, text, age(obj, now)]


def _service_cidr(obj: networking_v1.ServiceCIDR, now: datetime) -> list[Any]:
    return [obj.metadata.name, ",".join(obj.spec.cidrs), age(obj, now)]


KINDS: dict[str, Printer] = {
    "services": Printer((NAME, *strings("Type", "Cluster-IP", "External-IP", "Port(s)"), AGE, *wide("Selector")), _service),
    "endpoints": Printer((NAME, Column("Endpoints"), AGE), _endpoints),
    "endpointslices.discovery.k8s.io": Printer((NAME, *strings("AddressType", "Ports", "Endpoints"), AGE), _endpoint_slice),
    "ingresses.networking.k8s.io": Printer((NAME, *strings("Class", "Hosts", "Address", "Ports"), AGE), _ingress),
    "ingressclasses.networking.k8s.io": Printer((NAME, *strings("Controller", "Parameters"), AGE), _ingress_class),
    "networkpolicies.networking.k8s.io": Printer((NAME, Column("Pod-Selector"), AGE), _network_policy),
    "ipaddresses.networking.k8s.io": Printer((NAME, Column("ParentRef")), _ip_address),
    "servicecidrs.networking.k8s.io": Printer((NAME, Column("CIDRs"), AGE), _service_cidr),
}
