"""Rules of API services.

Source: staging/src/k8s.io/kube-aggregator/pkg/apis/apiregistration/validation/validation.go
"""

from __future__ import annotations

from .. import syntax
from ..apiregistration_v1 import APIService
from .causes import Causes, invalid, not_supported, required
from .common import matches
from .rules import Rules, SubresourceRules, cluster

_GROUP_PRIORITY_MAX, _VERSION_PRIORITY_MAX = 20000, 1000


def api_service(causes: Causes, obj: APIService) -> None:
    spec, name = obj.spec, obj.metadata.name
    wanted = f"{spec.version}.{spec.group}"
    if name and name != wanted and not syntax.path_segment(name):
        causes.append(invalid("metadata.name", name, f'must be `spec.version+"."+spec.group`: {syntax.quote(wanted)}'))
    if not spec.group and spec.version != "v1":
        causes.append(required("spec.group", "only v1 may have an empty group and it better be legacy kube"))
    if spec.group:
        matches(causes, "spec.group", spec.group, syntax.dns_subdomain)
    matches(causes, "spec.version", spec.version, syntax.dns_1035_label)
    for value, wire, high in ((spec.group_priority_minimum, "groupPriorityMinimum", _GROUP_PRIORITY_MAX),
                              (spec.version_priority, "versionPriority", _VERSION_PRIORITY_MAX)):
        if not 1 <= value <= high:
            causes.append(invalid(f"spec.{wire}", value, f"must be positive and less than {high}"))
    service, insecure, ca_bundle = spec.service, bool(spec.insecure_skip_tls_verify), spec.ca_bundle or b""
    if service is None:
        if ca_bundle:
            causes.append(invalid("spec.caBundle", f"{len(ca_bundle)} bytes", "local APIServices may not have a caBundle"))
        if insecure:
            causes.append(invalid("spec.insecureSkipTLSVerify", True, "local APIServices may not have insecureSkipTLSVerify"))
        return
    for text, wire in ((service.namespace, "namespace"), (service.name, "name")):
        if not text:
            causes.append(required(f"spec.service.{wire}"))
    if complaints := syntax.port_number(service.port or 0):
        causes.append(invalid("spec.service.port", service.port or 0, f"port is not valid: {', '.join(complaints)}"))
    if insecure and ca_bundle:
        causes.append(invalid("spec.insecureSkipTLSVerify", True, "may not be true if caBundle is present"))


def update_status(causes: Causes, new: APIService, old: APIService) -> None:
    statuses = ("True", "False", "Unknown")
    causes += [not_supported(f"status.conditions[{index}].status", condition.status, statuses)
               for index, condition in enumerate(new.status.conditions) if condition.status not in statuses]


RULES: Rules = {APIService: cluster(api_service, name=syntax.path_segment)}
SUBRESOURCES: SubresourceRules = {(APIService, "status"): update_status}
