"""Rules of resource lists: names of resources, amounts, requests within limits.

Source: pkg/apis/core/validation/validation.go (ValidateContainerResourceRequirements and below)
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from .. import core_v1, syntax
from ..object import Quantity
from ..pod_resources import aggregate
from ..quantity import NANO, QuantityError, canonical, nano_value
from .causes import Causes, duplicate, forbidden, invalid, not_found, not_supported, required
from .common import dns_label

_CONTAINER = frozenset(("cpu", "memory", "ephemeral-storage"))
_OBJECTS = frozenset((
    "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports",
    "services.loadbalancers",
))
_QUOTA = _CONTAINER | _OBJECTS | {
    "requests.cpu", "requests.memory", "requests.storage", "requests.ephemeral-storage", "limits.cpu", "limits.memory",
    "limits.ephemeral-storage",
}
_STANDARD = _QUOTA | {"storage"}
_HUGE_PAGES = "hugepages-"
_QUOTA_HUGE_PAGES = (_HUGE_PAGES, f"requests.{_HUGE_PAGES}")
POD_LEVEL = ("cpu", _HUGE_PAGES, "memory")


def is_native(name: str) -> bool:
    """Whether Kubernetes itself gives the resource its meaning."""
    return "/" not in name or "kubernetes.io/" in name


def overcommit_allowed(name: str) -> bool:
    """Whether requests of the resource may be less than its limit: native resources other than huge pages."""
    return is_native(name) and not name.startswith(_HUGE_PAGES)


def is_extended(name: str) -> bool:
    return not is_native(name) and not name.startswith("requests.") and not syntax.label_key(f"requests.{name}")


def is_standard_for_quota(name: str) -> bool:
    return name in _QUOTA or name.startswith(_QUOTA_HUGE_PAGES)


def resource_name(causes: Causes, path: str, name: str) -> None:
    """A name of a resource anywhere."""
    if name in _STANDARD:
        return
    if complaints := syntax.label_key(name):
        causes += [invalid(path, name, complaint) for complaint in complaints]
    elif "/" not in name and not name.startswith(_QUOTA_HUGE_PAGES):
        causes.append(invalid(path, name, "must be a standard resource type or fully qualified"))


def container_resource_name(causes: Causes, path: str, name: str) -> None:
    if name in _CONTAINER:
        return
    resource_name(causes, path, name)
    if "/" not in name:
        if not name.startswith(_HUGE_PAGES):
            causes.append(invalid(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        causes.append(invalid(path, name, "doesn't follow extended resource name standard"))


def quota_resource_name(causes: Causes, path: str, name: str) -> None:
    resource_name(causes, path, name)
    if "/" not in name and not is_standard_for_quota(name):
        causes.append(invalid(path, name, "must be a standard resource for quota"))


def _pod_resource_name(causes: Causes, path: str, name: str) -> None:
    before = len(causes)
    resource_name(causes, path, name)
    if len(causes) == before and name not in ("cpu", "memory") and not name.startswith(_HUGE_PAGES):
        causes.append(not_supported(path, name, POD_LEVEL))


def amount(causes: Causes, path: str, name: str, quantity: Quantity) -> None:
    """An amount of a resource: not less than none, and whole for what is counted."""
    value = nano_value(quantity)
    if value < 0:
        causes.append(invalid(path, canonical(quantity), "must be greater than or equal to 0"))
    if value % NANO and (name in _OBJECTS or is_extended(name)):
        causes.append(invalid(path, canonical(quantity), "must be an integer"))


def resource_list(causes: Causes, path: str, resources: dict[str, Quantity]) -> None:
    """The overhead of a runtime class: amounts as containers' limits are."""
    requirements(causes, path, core_v1.ResourceRequirements(limits=resources), ())


def requirements(
    causes: Causes, path: str, resources: core_v1.ResourceRequirements, claims: Collection[str], *,
    name_rule: Callable[[Causes, str, str], None] = container_resource_name,
) -> None:
    """Requests and limits of a container; `claims` are the names of the pod's resource claims."""
    limits, requests = resources.limits, resources.requests
    huge = standard = False
    for name, quantity in limits.items():
        where = f"{path}.limits[{name}]"
        name_rule(causes, where, name)
        amount(causes, where, name, quantity)
        if name.startswith(_HUGE_PAGES):
            huge = True
            _divisible(causes, where, name, quantity)
        standard = standard or name in ("cpu", "memory")
    for name, quantity in requests.items():
        where = f"{path}.requests[{name}]"
        name_rule(causes, where, name)
        amount(causes, where, name, quantity)
        limit = limits.get(name)
        if limit is not None:
            _within_limit(causes, path, name, quantity, limit)
        elif not overcommit_allowed(name):
            causes.append(required(f"{path}.limits", "Limit must be set for non overcommitable resources"))
        if name.startswith(_HUGE_PAGES):
            huge = True
            _divisible(causes, where, name, quantity)
        standard = standard or name in ("cpu", "memory")
    if huge and not standard:
        causes.append(forbidden(path, "HugePages require cpu or memory"))
    if resources.claims:
        _claims(causes, f"{path}.claims", resources.claims, claims)


def _divisible(causes: Causes, path: str, name: str, quantity: Quantity) -> None:
    try:
        size = nano_value(name.removeprefix(_HUGE_PAGES))
    except QuantityError:
        size = 0
    if size <= 0 or size % NANO or nano_value(quantity) % size:
        causes.append(invalid(path, canonical(quantity), f"{canonical(quantity)} is not positive integer multiple of {name}"))


def _within_limit(causes: Causes, path: str, name: str, quantity: Quantity, limit: Quantity) -> None:
    if quantity == limit:
        return
    difference = nano_value(quantity) - nano_value(limit)
    if difference and not overcommit_allowed(name):
        causes.append(invalid(f"{path}.requests", canonical(quantity), f"must be equal to {name} limit of {canonical(limit)}"))
    elif difference > 0:
        causes.append(invalid(f"{path}.requests", canonical(quantity), f"must be less than or equal to {name} limit of {canonical(limit)}"))


def _claims(causes: Causes, path: str, used: list[core_v1.ResourceClaim], known: Collection[str]) -> None:
    names: set[str] = set()
    for index, claim in enumerate(used):
        where = f"{path}[{index}]"
        name = claim.name
        if not name:
            causes.append(required(where))
            continue
        if name in names:
            causes.append(duplicate(where, name))
        else:
            key = name
            if claim.request:
                dns_label(causes, f"{where}.request", claim.request)
                key = f"{name}/{claim.request}"
            if key in names:
                causes.append(duplicate(where, key))
            elif not claim.request:
                causes += [duplicate(where, name) for other in names if other.partition("/")[0] == name]
            names.add(key)
        if name not in known:
            listed = f": {', '.join(sorted(known))}" if known else " which is empty"
            causes.append(not_found(where, name, f"must be one of the names in pod.spec.resourceClaims{listed}"))


def pod_level(causes: Causes, path: str, spec: core_v1.PodSpec, resources: core_v1.ResourceRequirements, claims: Collection[str]) -> None:
    """Requests and limits of a pod as a whole."""
    if spec.os is not None and spec.os.name == "windows":
        causes.append(forbidden(path, "may not be set for a windows pod"))
        return
    if resources.claims:
        causes.append(forbidden(f"{path}.claims", "claims may not be set for Resources at pod-level"))
    requirements(causes, path, resources, claims, name_rule=_pod_resource_name)
    for side, together in (("requests", aggregate(spec, "requests")), ("limits", aggregate(spec, "limits"))):
        given: dict[str, Quantity] = getattr(resources, side)
        for name, needed in together.items():
            whole = given.get(name)
            if whole is not None and (side == "requests" or name.startswith(_HUGE_PAGES)) and nano_value(needed) > nano_value(whole):
                causes.append(invalid(f"{path}.{side}[{name}]", canonical(whole),
                                      f"must be greater than or equal to aggregate container {side} of {canonical(needed)}"))
    for index, container in enumerate(spec.containers):
        for name, quantity in container.resources.limits.items():
            pod_limit = resources.limits.get(name)
            if pod_limit is not None and nano_value(quantity) > nano_value(pod_limit):
                causes.append(invalid(f"{path}.containers[{index}][{name}].limits", canonical(quantity),
                                      f"must be less than or equal to pod limits of {canonical(pod_limit)}"))
