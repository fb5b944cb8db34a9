"""Rules of ingresses and ingress classes.

Source: pkg/apis/networking/validation/validation.go
"""

from __future__ import annotations

from .. import addresses, syntax
from ..core_v1 import TypedLocalObjectReference
from ..networking_v1 import (
    HTTPIngressPath,
    Ingress,
    IngressBackend,
    IngressClass,
    IngressClassParametersReference,
    IngressRule,
    IngressServiceBackend,
)
from .causes import Causes, forbidden, invalid, not_supported, required, too_long
from .common import immutable, matches, port, present
from .names import domain_prefixed_path
from .ratcheting import legacy_ip
from .rules import KindRules, Rules, SubresourceRules, cluster

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_CONTROLLER_BYTES_MAX = 250
_BAD_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_BAD_SUFFIXES = ("/..", "/.")


def ingress(causes: Causes, obj: Ingress) -> None:
    _spec(causes, obj, secret_names=True, wildcard_rules=True)
    annotation, name = obj.metadata.annotations.get(CLASS_ANNOTATION), obj.spec.ingress_class_name
    if annotation is not None and name is not None and annotation != name:
        causes.append(invalid(f"annotations.{CLASS_ANNOTATION}", annotation, "must match `ingressClassName` when both are specified"))


def update_ingress(causes: Causes, new: Ingress, old: Ingress) -> None:
    """What was wrong before these rules were made may stay wrong."""
    secret_names = all(not syntax.dns_subdomain(tls.secret_name) for tls in old.spec.tls if tls.secret_name)
    _spec(causes, new, secret_names=secret_names, wildcard_rules=not any(_is_wrong_wildcard(rule) for rule in old.spec.rules))


def _is_wrong_wildcard(rule: IngressRule) -> bool:
    causes: Causes = []
    if "*" in rule.host:
        _rule_value(causes, "", rule)
    return bool(causes)


def _spec(causes: Causes, obj: Ingress, *, secret_names: bool, wildcard_rules: bool) -> None:
    spec = obj.spec
    if not spec.rules and spec.default_backend is None:
        causes.append(invalid("spec", spec.rules, "either `defaultBackend` or `rules` must be specified"))
    if spec.default_backend is not None:
        _backend(causes, "spec.defaultBackend", spec.default_backend)
    for index, rule in enumerate(spec.rules):
        where = f"spec.rules[{index}]"
        if rule.host:
            if addresses.sloppy(rule.host) is not None:
                causes.append(invalid(f"{where}.host", rule.host, "must be a DNS name, not an IP address"))
            _host(causes, f"{where}.host", rule.host)
        if wildcard_rules or "*" not in rule.host:
            _rule_value(causes, where, rule)
    for index, tls in enumerate(spec.tls):
        for number, host in enumerate(tls.hosts):
            _host(causes, f"spec.tls[{index}].hosts[{number}]", host)
        if secret_names and tls.secret_name:
            matches(causes, f"spec.tls[{index}].secretName", tls.secret_name, syntax.dns_subdomain)
    if spec.ingress_class_name is not None:
        matches(causes, "spec.ingressClassName", spec.ingress_class_name, syntax.dns_subdomain)


def _host(causes: Causes, path: str, host: str) -> None:
    matches(causes, path, host, syntax.wildcard_subdomain if "*" in host else syntax.dns_subdomain)


def _rule_value(causes: Causes, path: str, rule: IngressRule) -> None:
    if rule.http is None:
        return
    if not rule.http.paths:
        causes.append(required(f"{path}.http.paths"))
    for index, item in enumerate(rule.http.paths):
        _path(causes, f"{path}.http.paths[{index}]", item)


def _path(causes: Causes, path: str, item: HTTPIngressPath) -> None:
    if item.path_type is None:
        causes.append(required(f"{path}.pathType", "pathType must be specified"))
        return
    text, where = item.path, f"{path}.path"
    if item.path_type not in _PATH_TYPES:
        causes.append(not_supported(f"{path}.pathType", item.path_type, _PATH_TYPES))
    elif item.path_type == "ImplementationSpecific":
        if text and not text.startswith("/"):
            causes.append(invalid(where, text, "must be an absolute path"))
    else:
        if not text.startswith("/"):
            causes.append(invalid(where, text, "must be an absolute path"))
        causes += [invalid(where, text, f"must not contain '{part}'") for part in _BAD_SEQUENCES if part in text]
        causes += [invalid(where, text, f"cannot end with '{part}'") for part in _BAD_SUFFIXES if text.endswith(part)]
    _backend(causes, f"{path}.backend", item.backend)


def _backend(causes: Causes, path: str, backend: IngressBackend) -> None:
    if backend.resource is not None and backend.service is not None:
        causes.append(invalid(path, "", "cannot set both resource and service backends"))
    elif backend.resource is not None:
        _reference(causes, f"{path}.resource", backend.resource)
    elif backend.service is not None:
        _service(causes, path, backend.service)
    else:
        causes.append(invalid(path, "", "resource or service backend is required"))


def _service(causes: Causes, path: str, service: IngressServiceBackend) -> None:
    present(causes, f"{path}.service.name", service.name, syntax.dns_label)
    name, number = service.port.name, service.port.number
    if name and number:
        causes.append(invalid(path, "", "cannot set both port name & port number"))
    elif name:
        matches(causes, f"{path}.service.port.name", name, syntax.port_name)
    elif number:
        port(causes, f"{path}.service.port.number", number)
    else:
        causes.append(required(path, "port name or number is required"))


def _reference(causes: Causes, path: str, reference: TypedLocalObjectReference | IngressClassParametersReference) -> None:
    if reference.api_group is not None:
        matches(causes, f"{path}.apiGroup", reference.api_group, syntax.dns_subdomain)
    present(causes, f"{path}.kind", reference.kind, syntax.path_segment)
    present(causes, f"{path}.name", reference.name, syntax.path_segment)


def update_ingress_status(causes: Causes, new: Ingress, old: Ingress) -> None:
    balancer, before = new.status.load_balancer, old.status.load_balancer
    known = {entry.ip for entry in before.ingress}
    for index, entry in enumerate(balancer.ingress):
        where = f"status.loadBalancer.ingress[{index}]"
        if entry.ip:
            legacy_ip(causes, f"{where}.ip", entry.ip, known)
        if entry.hostname:
            matches(causes, f"{where}.hostname", entry.hostname, syntax.dns_subdomain)
            if addresses.sloppy(entry.hostname) is not None:
                causes.append(invalid(f"{where}.hostname", entry.hostname, "must be a DNS name, not an IP address"))


def ingress_class(causes: Causes, obj: IngressClass) -> None:
    controller = obj.spec.controller
    if len(controller.encode()) > _CONTROLLER_BYTES_MAX:
        causes.append(too_long("spec.controller", _CONTROLLER_BYTES_MAX))
    domain_prefixed_path(causes, "spec.controller", controller)
    if obj.spec.parameters is not None:
        _parameters(causes, "spec.parameters", obj.spec.parameters)


def _parameters(causes: Causes, path: str, parameters: IngressClassParametersReference) -> None:
    _reference(causes, path, parameters)
    scope, namespace = parameters.scope, parameters.namespace
    if scope is None:
        causes.append(required(f"{path}.scope"))
    elif scope not in ("Cluster", "Namespace"):
        causes.append(not_supported(f"{path}.scope", scope, ("Cluster", "Namespace")))
    elif scope == "Cluster":
        if namespace is not None:
            causes.append(forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'"))
    elif namespace is None:
        causes.append(required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'"))
    else:
        matches(causes, f"{path}.namespace", namespace, syntax.dns_label)


def update_ingress_class(causes: Causes, new: IngressClass, old: IngressClass) -> None:
    immutable(causes, "spec.controller", new.spec.controller, old.spec.controller)
    ingress_class(causes, new)


RULES: Rules = {Ingress: KindRules(ingress, update_ingress), IngressClass: cluster(ingress_class, update_ingress_class)}
SUBRESOURCES: SubresourceRules = {(Ingress, "status"): update_ingress_status}
