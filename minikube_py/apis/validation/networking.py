"""Rules of ingresses and network policies.

Source: pkg/apis/networking/validation/validation.go
"""

from __future__ import annotations

import ipaddress

from .. import syntax
from ..networking_v1 import (
    HTTPIngressPath,
    Ingress,
    IngressBackend,
    IngressClass,
    IngressServiceBackend,
    IPAddress,
    IPBlock,
    NetworkPolicy,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    ServiceCIDR,
)
from .causes import Causes, forbidden, invalid, not_supported, required
from .common import PROTOCOLS, cidr, immutable, label_selector, matches, port, port_or_name, present

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_CONTROLLER_BYTES_MAX = 250


def ingress(causes: Causes, obj: Ingress) -> None:
    spec = obj.spec
    if not spec.rules and spec.default_backend is None:
        causes.append(invalid("spec", spec.rules, "either `defaultBackend` or `rules` must be specified"))
    for index, tls in enumerate(spec.tls):
        for number, host in enumerate(tls.hosts):
            _host(causes, f"spec.tls[{index}].hosts[{number}]", host)
        if tls.secret_name:
            matches(causes, f"spec.tls[{index}].secretName", tls.secret_name, syntax.dns_subdomain)
    for index, rule in enumerate(spec.rules):
        if rule.host:
            _rule_host(causes, f"spec.rules[{index}].host", rule.host)
        if rule.http is not None:
            if not rule.http.paths:
                causes.append(required(f"spec.rules[{index}].http.paths"))
            for number, item in enumerate(rule.http.paths):
                _path(causes, f"spec.rules[{index}].http.paths[{number}]", item)
    if spec.default_backend is not None:
        _backend(causes, "spec.defaultBackend", spec.default_backend)
    if spec.ingress_class_name is not None:
        matches(causes, "spec.ingressClassName", spec.ingress_class_name, syntax.dns_subdomain)


def _host(causes: Causes, path: str, host: str) -> None:
    matches(causes, path, host, syntax.wildcard_subdomain if "*" in host else syntax.dns_subdomain)


def _rule_host(causes: Causes, path: str, host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        _host(causes, path, host)
    else:
        causes.append(invalid(path, host, "must be a DNS name, not an IP address"))


def _path(causes: Causes, path: str, item: HTTPIngressPath) -> None:
    if item.path_type is None:
        causes.append(required(f"{path}.pathType", "pathType must be specified"))
    elif item.path_type not in _PATH_TYPES:
        causes.append(not_supported(f"{path}.pathType", item.path_type, _PATH_TYPES))
    text = item.path
    if item.path_type in ("Exact", "Prefix"):
        if not text.startswith("/"):
            causes.append(invalid(f"{path}.path", text, "must be an absolute path"))
        for part in ("//", "/./", "/../", "%2f", "%2F"):
            if part in text:
                causes.append(invalid(f"{path}.path", text, f"must not contain '{part}'"))
        for part in ("/..", "/."):
            if text.endswith(part):
                causes.append(invalid(f"{path}.path", text, f"cannot end with '{part}'"))
    elif text and not text.startswith("/"):
        causes.append(invalid(f"{path}.path", text, "must be an absolute path"))
    _backend(causes, f"{path}.backend", item.backend or IngressBackend())


def _backend(causes: Causes, path: str, backend: IngressBackend) -> None:
    if backend.resource is not None and backend.service is not None:
        causes.append(invalid(path, "", "cannot set both resource and service backends"))
    elif backend.resource is not None:
        for value, wire in ((backend.resource.kind, "kind"), (backend.resource.name, "name")):
            if not value:
                causes.append(required(f"{path}.resource.{wire}", f"{wire} is required"))
    elif backend.service is None:
        causes.append(invalid(path, "", "cannot have an empty backend"))
    else:
        _service_backend(causes, path, backend.service)


def _service_backend(causes: Causes, path: str, service: IngressServiceBackend) -> None:
    if not service.name:
        causes.append(required(f"{path}.service.name"))
    else:
        matches(causes, f"{path}.service.name", service.name, syntax.dns_1035_label)
    name, number = (service.port.name, service.port.number) if service.port is not None else ("", None)
    if name and number:
        causes.append(invalid(f"{path}.service.port", "", "cannot set both port name & port number"))
    elif name:
        matches(causes, f"{path}.service.port.name", name, syntax.port_name)
    elif number:
        port(causes, f"{path}.service.port.number", number)
    else:
        causes.append(required(f"{path}.service.port", "port name or number is required"))


def ingress_class(causes: Causes, obj: IngressClass) -> None:
    controller = obj.spec.controller
    if len(controller) > _CONTROLLER_BYTES_MAX:
        causes.append(invalid("spec.controller", controller, syntax.too_long(_CONTROLLER_BYTES_MAX)))
    host, slash, path = controller.partition("/")
    if not controller:
        causes.append(required("spec.controller"))
    elif not slash or not host or not path:
        causes.append(invalid("spec.controller", controller, 'must be a domain-prefixed path (such as "acme.io/foo")'))
    else:
        matches(causes, "spec.controller", host, syntax.dns_subdomain)
    parameters = obj.spec.parameters
    if parameters is None:
        return
    for value, wire in ((parameters.kind, "kind"), (parameters.name, "name")):
        if not value:
            causes.append(required(f"spec.parameters.{wire}", f"{wire} is required"))
    if parameters.scope not in ("Cluster", "Namespace"):
        causes.append(not_supported("spec.parameters.scope", parameters.scope or "", ("Cluster", "Namespace")))
    if parameters.scope == "Namespace" and not parameters.namespace:
        causes.append(required("spec.parameters.namespace", "`parameters.scope` is set to 'Namespace'"))
    if parameters.scope == "Cluster" and parameters.namespace is not None:
        causes.append(forbidden("spec.parameters.namespace", "`parameters.scope` is set to 'Cluster'"))


def update_ingress_class(causes: Causes, new: IngressClass, old: IngressClass) -> None:
    immutable(causes, "spec.controller", new.spec.controller, old.spec.controller)
    ingress_class(causes, new)


def network_policy(causes: Causes, obj: NetworkPolicy) -> None:
    spec = obj.spec
    label_selector(causes, "spec.podSelector", spec.pod_selector)
    for index, incoming in enumerate(spec.ingress):
        _rule(causes, f"spec.ingress[{index}]", "from", incoming.ports, incoming.from_)
    for index, outgoing in enumerate(spec.egress):
        _rule(causes, f"spec.egress[{index}]", "to", outgoing.ports, outgoing.to)
    if len(spec.policy_types) > 2:
        causes.append(invalid("spec.policyTypes", spec.policy_types, "may not specify more than two policyTypes"))
    for index, kind in enumerate(spec.policy_types):
        if kind not in ("Egress", "Ingress"):
            causes.append(not_supported(f"spec.policyTypes[{index}]", kind, ("Egress", "Ingress")))


def _rule(causes: Causes, path: str, wire: str, ports: list[NetworkPolicyPort], peers: list[NetworkPolicyPeer]) -> None:
    for index, item in enumerate(ports):
        where = f"{path}.ports[{index}]"
        if item.protocol is not None and item.protocol not in PROTOCOLS:
            causes.append(not_supported(f"{where}.protocol", item.protocol, PROTOCOLS))
        if item.port is not None:
            port_or_name(causes, f"{where}.port", item.port)
        if item.end_port is not None:
            _end_port(causes, where, item)
    for index, peer in enumerate(peers):
        _peer(causes, f"{path}.{wire}[{index}]", peer)


def _end_port(causes: Causes, path: str, item: NetworkPolicyPort) -> None:
    if item.port is None:
        causes.append(required(f"{path}.port", "must be specified when endPort is specified"))
    elif isinstance(item.port, str):
        causes.append(invalid(f"{path}.port", item.port, "must be an integer if endPort is specified"))
    elif (item.end_port or 0) < item.port:
        causes.append(invalid(f"{path}.endPort", item.port, "must be greater than or equal to `port`"))
    port(causes, f"{path}.endPort", item.end_port)


def _peer(causes: Causes, path: str, peer: NetworkPolicyPeer) -> None:
    label_selector(causes, f"{path}.podSelector", peer.pod_selector)
    label_selector(causes, f"{path}.namespaceSelector", peer.namespace_selector)
    if peer.ip_block is not None:
        if peer.pod_selector is not None or peer.namespace_selector is not None:
            causes.append(forbidden(path, "may not specify both ipBlock and another peer"))
        _block(causes, f"{path}.ipBlock", peer.ip_block)
    elif peer.pod_selector is None and peer.namespace_selector is None:
        causes.append(required(path, "must specify a peer"))


def _block(causes: Causes, path: str, block: IPBlock) -> None:
    if not block.cidr:
        causes.append(required(f"{path}.cidr"))
        return
    before = len(causes)
    cidr(causes, f"{path}.cidr", block.cidr)
    if len(causes) > before:
        return
    outer = ipaddress.ip_network(block.cidr, strict=False)
    for index, text in enumerate(block.except_):
        where = f"{path}.except[{index}]"
        before = len(causes)
        cidr(causes, where, text)
        if len(causes) > before:
            continue
        inner = ipaddress.ip_network(text, strict=False)
        if inner.version != outer.version or inner == outer or not (
                inner.network_address in outer and inner.prefixlen > outer.prefixlen):
            causes.append(invalid(where, text, "must be a strict subset of `cidr`"))


def ip_address_object(causes: Causes, obj: IPAddress) -> None:
    name = obj.metadata.name
    try:
        if str(ipaddress.ip_address(name)) != name:
            causes.append(invalid("metadata.name", name, f"must be in canonical form ({syntax.quote(str(ipaddress.ip_address(name)))})"))
    except ValueError:
        causes.append(invalid("metadata.name", name, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"))
    parent = obj.spec.parent_ref
    if parent is None:
        causes.append(required("spec.parentRef"))
        return
    present(causes, "spec.parentRef.resource", parent.resource, syntax.path_segment)
    present(causes, "spec.parentRef.name", parent.name, syntax.path_segment)


def update_ip_address(causes: Causes, new: IPAddress, old: IPAddress) -> None:
    immutable(causes, "spec.parentRef", new.spec.parent_ref, old.spec.parent_ref)
    ip_address_object(causes, new)


def service_cidr(causes: Causes, obj: ServiceCIDR) -> None:
    if not obj.spec.cidrs:
        causes.append(required("spec.cidrs", "at least one CIDR required"))
    for index, text in enumerate(obj.spec.cidrs):
        cidr(causes, f"spec.cidrs[{index}]", text)


def update_service_cidr(causes: Causes, new: ServiceCIDR, old: ServiceCIDR) -> None:
    immutable(causes, "spec.cidrs", new.spec.cidrs, old.spec.cidrs)
    service_cidr(causes, new)
