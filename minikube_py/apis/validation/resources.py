"""Rules of resource lists: names of resources, amounts, requests within limits.

Source: pkg/apis/core/validation/validation.go (ValidateContainerResourceRequirements and below)
"""

from __future__ import annotations

from collections.abc import Collection

from .. import core_v1, syntax
from ..object import Quantity
from ..quantity import NANO, nano_value
from .causes import Causes, duplicate, forbidden, invalid, not_found, required
from .common import matches

_CONTAINER = frozenset(("cpu", "memory", "ephemeral-storage"))
_STANDARD = _CONTAINER | {
    "storage", "requests.storage", "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
    "persistentvolumeclaims", "services.nodeports", "services.loadbalancers", "requests.cpu", "requests.memory", "limits.cpu",
    "limits.memory", "requests.ephemeral-storage", "limits.ephemeral-storage",
}
_HUGE_PAGES = "hugepages-"
_STANDARD_PREFIXES = (_HUGE_PAGES, f"requests.{_HUGE_PAGES}", "attachable-volumes-")
_INTEGERS = frozenset((
    "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports",
    "services.loadbalancers",
))


def overcommit_allowed(name: str) -> bool:
    """Whether requests of the resource may be less than its limit: native resources other than huge pages."""
    return ("/" not in name or "kubernetes.io/" in name) and not name.startswith(_HUGE_PAGES)


def is_extended(name: str) -> bool:
    return "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")


def container_resource_name(causes: Causes, path: str, name: str) -> None:
    if name in _CONTAINER or name.startswith(_HUGE_PAGES):
        return
    matches(causes, path, name, syntax.label_key)
    if "/" not in name:
        causes.append(invalid(path, name, "must be a standard resource for containers"))
    elif not is_extended(name) and "kubernetes.io/" not in name:
        causes.append(invalid(path, name, "doesn't follow extended resource name standard"))


def resource_name(causes: Causes, path: str, name: str) -> None:
    """Names in nodes' capacities, quotas and the like."""
    matches(causes, path, name, syntax.label_key)
    if "/" not in name and name not in _STANDARD and not name.startswith(_STANDARD_PREFIXES):
        causes.append(invalid(path, name, "must be a standard resource type or fully qualified"))


def amount(causes: Causes, path: str, name: str, quantity: Quantity) -> None:
    value = nano_value(quantity)
    if value < 0:
        causes.append(invalid(path, str(quantity), "must be greater than or equal to 0"))
    if value % NANO and (name in _INTEGERS or name.startswith("count/") or is_extended(name)):
        causes.append(invalid(path, str(quantity), "must be an integer"))


def resource_list(causes: Causes, path: str, resources: dict[str, Quantity]) -> None:
    for name, quantity in resources.items():
        where = f"{path}[{name}]"
        resource_name(causes, where, name)
        amount(causes, where, name, quantity)


def requirements(causes: Causes, path: str, resources: core_v1.ResourceRequirements, claims: Collection[str]) -> None:
    """Requests and limits of a container; `claims` are the names of the pod's resource claims."""
    limits, requests = resources.limits, resources.requests
    huge = standard = False
    for name, quantity in limits.items():
        container_resource_name(causes, f"{path}.limits[{name}]", name)
        amount(causes, f"{path}.limits[{name}]", name, quantity)
        huge, standard = huge or name.startswith(_HUGE_PAGES), standard or name in ("cpu", "memory")
    for name, quantity in requests.items():
        container_resource_name(causes, f"{path}.requests[{name}]", name)
        amount(causes, f"{path}.requests[{name}]", name, quantity)
        huge, standard = huge or name.startswith(_HUGE_PAGES), standard or name in ("cpu", "memory")
        limit = limits.get(name)
        if limit is not None:
            _within_limit(causes, path, name, quantity, limit)
        elif not overcommit_allowed(name):
            causes.append(required(f"{path}.limits", "Limit must be set for non overcommitable resources"))
    if huge and not standard:
        causes.append(forbidden(path, "HugePages require cpu or memory"))
    _claims(causes, f"{path}.claims", resources.claims, claims)


def _within_limit(causes: Causes, path: str, name: str, quantity: Quantity, limit: Quantity) -> None:
    if quantity == limit:
        return
    difference = nano_value(quantity) - nano_value(limit)
    if difference and not overcommit_allowed(name):
        causes.append(invalid(f"{path}.requests", str(quantity), f"must be equal to {name} limit of {limit}"))
    elif difference > 0:
        causes.append(invalid(f"{path}.requests", str(quantity), f"must be less than or equal to {name} limit of {limit}"))


def _claims(causes: Causes, path: str, used: list[core_v1.ResourceClaim], known: Collection[str]) -> None:
    seen: set[tuple[str, str]] = set()
    for index, claim in enumerate(used):
        where = f"{path}[{index}]"
        if not claim.name:
            causes.append(required(f"{where}.name"))
            continue
        if (claim.name, claim.request) in seen or (claim.name, "") in seen:
            causes.append(duplicate(where, claim.name))
        seen.add((claim.name, claim.request))
        if claim.name not in known:
            causes.append(not_found(where, claim.name))


def pod_level(causes: Causes, path: str, spec: core_v1.PodSpec, resources: core_v1.ResourceRequirements) -> None:
    """Requests and limits of a pod as a whole."""
    if resources.claims:
        causes.append(forbidden(f"{path}.claims", "claims cannot be set for Resources at pod-level"))
    for side in (resources.limits, resources.requests):
        for name in side:
            if name not in ("cpu", "memory") and not name.startswith(_HUGE_PAGES):
                causes.append(invalid(f"{path}[{name}]", name, "must be one of: cpu, memory, hugepages-"))
    for name, quantity in resources.requests.items():
        if (limit := resources.limits.get(name)) is not None:
            _within_limit(causes, path, name, quantity, limit)
    for index, container in enumerate(spec.containers):
        for name, quantity in (container.resources.limits if container.resources else {}).items():
            pod_limit = resources.limits.get(name)
            if pod_limit is not None and nano_value(quantity) > nano_value(pod_limit):
                causes.append(invalid(f"{path}.containers[{index}][{name}].limits", str(quantity),
                                      f"must be less than or equal to pod limits of {pod_limit}"))
