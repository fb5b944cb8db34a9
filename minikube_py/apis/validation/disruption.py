"""Rules of disruption budgets.

Source: pkg/apis/policy/validation/validation.go
"""

from __future__ import annotations

from .. import syntax
from ..meta_v1 import LabelSelector
from ..policy_v1 import PodDisruptionBudget
from .causes import Causes, invalid, not_supported
from .common import at_most_whole, int_or_percent, non_negative
from .conditions import conditions
from .ratcheting import selector_after
from .rules import KindRules, Rules, SubresourceRules

_POLICIES = ("AlwaysAllow", "IfHealthyBudget")


def disruption_budget(causes: Causes, obj: PodDisruptionBudget) -> None:
    _spec(causes, obj, None)


def update_disruption_budget(causes: Causes, new: PodDisruptionBudget, old: PodDisruptionBudget) -> None:
    _spec(causes, new, old.spec.selector)


def _spec(causes: Causes, obj: PodDisruptionBudget, old_selector: LabelSelector | None) -> None:
    spec = obj.spec
    if spec.min_available is not None and spec.max_unavailable is not None:
        causes.append(invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"))
    for value, wire in ((spec.min_available, "minAvailable"), (spec.max_unavailable, "maxUnavailable")):
        if value is not None:
            int_or_percent(causes, f"spec.{wire}", value)
            at_most_whole(causes, f"spec.{wire}", value)
    selector_after(causes, "spec.selector", spec.selector, old_selector)
    policy = spec.unhealthy_pod_eviction_policy
    if policy is not None and policy not in _POLICIES:
        causes.append(not_supported("spec.unhealthyPodEvictionPolicy", policy, _POLICIES))


def update_disruption_budget_status(causes: Causes, new: PodDisruptionBudget, old: PodDisruptionBudget) -> None:
    status = new.status
    conditions(causes, "status.conditions", status.conditions)
    non_negative(causes, "status.disruptionsAllowed", status.disruptions_allowed)
    non_negative(causes, "status.currentHealthy", status.current_healthy)
    non_negative(causes, "status.desiredHealthy", status.desired_healthy)
    non_negative(causes, "status.expectedPods", status.expected_pods)


RULES: Rules = {PodDisruptionBudget: KindRules(disruption_budget, update_disruption_budget, name=syntax.path_segment)}
SUBRESOURCES: SubresourceRules = {(PodDisruptionBudget, "status"): update_disruption_budget_status}
