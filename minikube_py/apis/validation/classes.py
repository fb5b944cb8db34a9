"""Rules of what pods are run by: priority classes and runtime classes; and of leases.

Source: pkg/apis/{scheduling,node,coordination}/validation/validation.go, pkg/apis/scheduling/v1/helpers.go
"""

from __future__ import annotations

from .. import syntax
from ..coordination_v1 import Lease
from ..core_v1 import ResourceRequirements, Toleration
from ..node_v1 import RuntimeClass
from ..scheduling_v1 import PriorityClass
from ..system_priority import SYSTEM_CLASSES, USER_PRIORITY_MAX
from . import resources, scheduling
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required
from .common import immutable, labels, matches, non_negative
from .rules import KindRules, Rules, cluster

_SYSTEM_PREFIX = "system-"
_PREEMPTION = ("PreemptLowerPriority", "Never")
_STRATEGIES = ("OldestEmulationVersion",)


def priority_class(causes: Causes, obj: PriorityClass) -> None:
    name, value = obj.metadata.name, obj.value or 0
    if name.startswith(_SYSTEM_PREFIX):
        if complaint := _system_complaint(name, value, default=bool(obj.global_default)):
            causes.append(forbidden("metadata.name", f"priority class names with '{_SYSTEM_PREFIX}' prefix are reserved for system use "
                                                     f"only. error: {complaint}"))
    elif value > USER_PRIORITY_MAX:
        causes.append(forbidden("value", f"maximum allowed value of a user defined priority is {USER_PRIORITY_MAX}"))
    policy = obj.preemption_policy
    if policy is not None and policy not in _PREEMPTION:
        causes.append(not_supported("preemptionPolicy", policy, _PREEMPTION) if policy else required("preemptionPolicy"))


def _system_complaint(name: str, value: int, *, default: bool) -> str:
    if name not in SYSTEM_CLASSES:
        return f"{name} is not a known system priority class"
    if value != SYSTEM_CLASSES[name]:
        return f"value of {name} PriorityClass must be {SYSTEM_CLASSES[name]}"
    return f"globalDefault of {name} PriorityClass must be false" if default else ""


def update_priority_class(causes: Causes, new: PriorityClass, old: PriorityClass) -> None:
    if (new.value or 0) != (old.value or 0):
        causes.append(forbidden("value", "may not be changed in an update."))
    immutable(causes, "preemptionPolicy", new.preemption_policy, old.preemption_policy)


def runtime_class(causes: Causes, obj: RuntimeClass) -> None:
    matches(causes, "handler", obj.handler, syntax.dns_label)
    if obj.overhead is not None:
        resources.requirements(causes, "overhead", ResourceRequirements(limits=obj.overhead.pod_fixed), ())
    if obj.scheduling is not None:
        labels(causes, "scheduling.nodeSelector", obj.scheduling.node_selector)
        _tolerations(causes, "scheduling.tolerations", obj.scheduling.tolerations)


def _tolerations(causes: Causes, path: str, items: list[Toleration]) -> None:
    scheduling.tolerations(causes, path, items)
    seen: set[tuple[str, str, str, str]] = set()
    for index, item in enumerate(items):
        key = (item.key, item.operator, item.value, item.effect)
        if key in seen:
            causes.append(duplicate(f"{path}[{index}]", item))
        seen.add(key)


def update_runtime_class(causes: Causes, new: RuntimeClass, old: RuntimeClass) -> None:
    immutable(causes, "handler", new.handler, old.handler)


def lease(causes: Causes, obj: Lease) -> None:
    spec = obj.spec
    if spec.lease_duration_seconds is not None and spec.lease_duration_seconds <= 0:
        causes.append(invalid("spec.leaseDurationSeconds", spec.lease_duration_seconds, "must be greater than 0"))
    non_negative(causes, "spec.leaseTransitions", spec.lease_transitions)
    if spec.strategy is not None:
        _strategy(causes, "spec.strategy.strategy", spec.strategy)
    if spec.preferred_holder and not spec.strategy:
        causes.append(forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined"))


def _strategy(causes: Causes, path: str, strategy: str) -> None:
    """Names without a domain are Kubernetes' own."""
    if "/" in strategy:
        matches(causes, path, strategy, syntax.label_key)
    elif strategy not in _STRATEGIES:
        causes.append(not_supported(path, strategy, _STRATEGIES))


RULES: Rules = {
    PriorityClass: cluster(priority_class, update_priority_class), RuntimeClass: cluster(runtime_class, update_runtime_class),
    Lease: KindRules(lease),
}
