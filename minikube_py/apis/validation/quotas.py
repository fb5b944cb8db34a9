"""Rules of limit ranges and resource quotas.

Source: pkg/apis/core/validation/validation.go (ValidateLimitRange, ValidateResourceQuota), pkg/apis/core/helper/helpers.go
"""

from __future__ import annotations

import math

from ..core_v1 import LimitRange, LimitRangeItem, ResourceQuota, ResourceQuotaSpec
from ..object import Quantity
from ..quantity import NANO, canonical, milli_value, nano_value
from . import resources
from .causes import IMMUTABLE, Causes, duplicate, forbidden, invalid, required
from .common import qualified

_LIMIT_TYPES = ("Container", "PersistentVolumeClaim", "Pod")
_MILLI_VALUE_MAX = (2**63 - 1) // 1000
_POD_SCOPES = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "PriorityClass", "CrossNamespacePodAffinity")
_SCOPES = (*_POD_SCOPES, "VolumeAttributesClass")
_EXISTS_SCOPES = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")
_EXISTS_ONLY = ("must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
                "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity")
_OF_PODS = frozenset(("pods", "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"))
_CONFLICTS = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))


def limit_range(causes: Causes, obj: LimitRange) -> None:
    types: set[str] = set()
    for index, item in enumerate(obj.spec.limits or ()):
        where = f"spec.limits[{index}]"
        before = len(causes)
        qualified(causes, f"{where}.type", item.type)
        if len(causes) == before and "/" not in item.type and item.type not in _LIMIT_TYPES:
            causes.append(invalid(f"{where}.type", item.type, "must be a standard limit type or fully qualified"))
        if item.type in types:
            causes.append(duplicate(f"{where}.type", item.type))
        types.add(item.type)
        _names(causes, where, item)
        _relations(causes, where, item)


def _names(causes: Causes, path: str, item: LimitRangeItem) -> None:
    rule = resources.container_resource_name if item.type in ("Pod", "Container") else resources.resource_name
    for wire, amounts in (("max", item.max), ("min", item.min)):
        for name in amounts:
            rule(causes, f"{path}.{wire}[{name}]", name)
    for wire, amounts in (("default", item.default), ("defaultRequest", item.default_request)):
        if item.type == "Pod":
            if amounts:
                causes.append(forbidden(f"{path}.{wire}", "may not be specified when `type` is 'Pod'"))
            continue
        for name in amounts:
            rule(causes, f"{path}.{wire}[{name}]", name)
    if item.type == "PersistentVolumeClaim" and "storage" not in item.min and "storage" not in item.max:
        causes.append(required(f"{path}.limits", "either minimum or maximum storage value is required, but neither was provided"))
    for name in item.max_limit_request_ratio:
        rule(causes, f"{path}.maxLimitRequestRatio[{name}]", name)


def _relations(causes: Causes, path: str, item: LimitRangeItem) -> None:
    """What is least, most and usual of a resource fits together."""
    of_pod = item.type == "Pod"
    usual: dict[str, Quantity] = {} if of_pod else item.default
    usual_request: dict[str, Quantity] = {} if of_pod else item.default_request
    for name in dict.fromkeys((*item.max, *item.min, *usual, *usual_request, *item.max_limit_request_ratio)):
        least, most = item.min.get(name), item.max.get(name)
        default, request = usual.get(name), usual_request.get(name)
        where = f"{path}.defaultRequest[{name}]"
        _not_above(causes, f"{path}.min[{name}]", least, ("min", least), ("max", most))
        _not_above(causes, where, request, ("min", least), ("default request", request))
        _not_above(causes, where, request, ("default request", request), ("max", most))
        _not_above(causes, where, request, ("default request", request), ("default limit", default))
        _not_above(causes, f"{path}.default[{name}]", least, ("min", least), ("default", default))
        _not_above(causes, f"{path}.default[{name}]", most, ("default", default), ("max", most))
        _ratio(causes, f"{path}.maxLimitRequestRatio[{name}]", item.max_limit_request_ratio.get(name), least, most)
        if default is not None and request is not None and not resources.overcommit_allowed(name) \
                and nano_value(default) != nano_value(request):
            causes.append(invalid(where, canonical(request), f"default value {canonical(default)} must equal to defaultRequest value "
                                                             f"{canonical(request)} in {name}"))


def _not_above(
    causes: Causes, path: str, shown: Quantity | None, low: tuple[str, Quantity | None], high: tuple[str, Quantity | None]
) -> None:
    (low_name, least), (high_name, most) = low, high
    if least is not None and most is not None and shown is not None and nano_value(least) > nano_value(most):
        causes.append(invalid(path, canonical(shown),
                              f"{low_name} value {canonical(least)} is greater than {high_name} value {canonical(most)}"))


def _ratio(causes: Causes, path: str, ratio: Quantity | None, least: Quantity | None, most: Quantity | None) -> None:
    if ratio is None:
        return
    shown = canonical(ratio)
    if nano_value(ratio) < NANO:
        causes.append(invalid(path, shown, f"ratio {shown} is less than 1"))
    if least is None or most is None:
        return
    wanted, low, high = (float(-(-nano_value(amount) // NANO)) for amount in (ratio, least, most))
    if max(wanted, low, high) < _MILLI_VALUE_MAX:
        wanted, low, high = milli_value(ratio) / 1000, float(milli_value(least)), float(milli_value(most))
    bound = high / low if low else math.inf if high else math.nan
    if wanted > bound:
        causes.append(invalid(path, shown, f"ratio {shown} is greater than max/min = {bound:f}"))


def resource_quota(causes: Causes, obj: ResourceQuota) -> None:
    _spec(causes, obj.spec)
    _amounts(causes, "status.hard", obj.status.hard)
    _amounts(causes, "status.used", obj.status.used)


def _amounts(causes: Causes, path: str, amounts: dict[str, Quantity]) -> None:
    for name, amount in amounts.items():
        where = f"{path}[{name}]"
        resources.quota_resource_name(causes, where, name)
        resources.amount(causes, where, name, amount)


def _spec(causes: Causes, spec: ResourceQuotaSpec) -> None:
    _amounts(causes, "spec.hard", spec.hard)
    path = "spec.scopes"
    for scope in spec.scopes:
        if scope not in _SCOPES:
            causes.append(invalid(path, spec.scopes, "unsupported scope"))
        causes += [invalid(path, spec.scopes, "unsupported scope applied to resource")
                   for name in spec.hard if not _applies(scope, name)]
    _conflicts(causes, spec, spec.scopes)
    if spec.scope_selector is not None:
        _selector(causes, "spec.scopeSelector.matchExpressions", spec)


def _applies(scope: str, name: str) -> bool:
    """Whether what a scope is about can limit a resource, as far as it is one of Kubernetes' own."""
    if not resources.is_standard_for_quota(name):
        return True
    if scope == "BestEffort":
        return name == "pods"
    if scope in _POD_SCOPES:
        return name in _OF_PODS
    if scope == "VolumeAttributesClass":
        return name in ("persistentvolumeclaims", "requests.storage")
    return True


def _conflicts(causes: Causes, spec: ResourceQuotaSpec, scopes: list[str]) -> None:
    causes += [invalid("spec.scopes", spec.scopes, "conflicting scopes") for one, other in _CONFLICTS if one in scopes and other in scopes]


def _selector(causes: Causes, path: str, spec: ResourceQuotaSpec) -> None:
    expressions = spec.scope_selector.match_expressions if spec.scope_selector is not None else []
    for expression in expressions:
        scope, operator, values = expression.scope_name, expression.operator, expression.values
        if scope not in _SCOPES:
            causes.append(invalid(f"{path}.scopeName", scope, "unsupported scope"))
        causes += [invalid(path, spec.scope_selector, "unsupported scope applied to resource")
                   for name in spec.hard if not _applies(scope, name)]
        if scope in _EXISTS_SCOPES and operator != "Exists":
            causes.append(invalid(f"{path}.operator", operator, _EXISTS_ONLY))
        if operator in ("In", "NotIn"):
            if not values:
                causes.append(required(f"{path}.values",
                                       "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                causes.append(invalid(f"{path}.values", values,
                                      "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"))
        else:
            causes.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    _conflicts(causes, spec, [expression.scope_name for expression in expressions])


def update_resource_quota(causes: Causes, new: ResourceQuota, old: ResourceQuota) -> None:
    _spec(causes, new.spec)
    if set(new.spec.scopes) != set(old.spec.scopes):
        causes.append(invalid("spec.scopes", new.spec.scopes, IMMUTABLE))


def update_resource_quota_status(causes: Causes, new: ResourceQuota, old: ResourceQuota) -> None:
    _amounts(causes, "status.hard", new.status.hard)
    _amounts(causes, "status.used", new.status.used)
