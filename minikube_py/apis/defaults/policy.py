"""Defaults of what governs workloads: autoscalers, disruption budgets, priorities, RBAC, flow control, runtime classes, tokens.

Source: pkg/apis/{autoscaling,rbac,scheduling,flowcontrol,authentication}/*/defaults.go
"""

from __future__ import annotations

from .. import autoscaling_v1, autoscaling_v2
from ..authentication_v1 import TokenRequest
from ..autoscaling_v2 import HPAScalingPolicy, HPAScalingRules, MetricSpec, MetricTarget, ResourceMetricSource
from ..flowcontrol_v1 import FlowSchema, LimitedPriorityLevelConfiguration, PriorityLevelConfiguration
from ..node_v1 import RuntimeClass
from ..rbac_v1 import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from ..scheduling_v1 import PriorityClass
from .quantities import resource_list, single
from .table import Defaults

RBAC_GROUP = "rbac.authorization.k8s.io"
_TOKEN_S = 3600


def set_autoscaler(autoscaler: autoscaling_v2.HorizontalPodAutoscaler) -> None:
    spec = autoscaler.spec
    if spec.min_replicas is None:
        spec.min_replicas = 1
    if not spec.metrics:
        target = MetricTarget(type="Utilization", average_utilization=80)
        spec.metrics = [MetricSpec(type="Resource", resource=ResourceMetricSource(name="cpu", target=target))]
    for metric in spec.metrics:
        source = metric.resource or metric.container_resource or metric.pods or metric.object or metric.external
        if source is not None:
            source.target.average_value = single(source.target.average_value)
            source.target.value = single(source.target.value)
    autoscaler.status.current_metrics = autoscaler.status.current_metrics or None
    for current in autoscaler.status.current_metrics or ():
        seen = current.resource or current.container_resource or current.pods or current.object or current.external
        if seen is not None:
            seen.current.average_value = single(seen.current.average_value)
            seen.current.value = single(seen.current.value)
    if spec.behavior is not None:
        spec.behavior.scale_up = _scaling_rules(spec.behavior.scale_up, up=True)
        spec.behavior.scale_down = _scaling_rules(spec.behavior.scale_down, up=False)


def _scaling_rules(rules: HPAScalingRules | None, *, up: bool) -> HPAScalingRules:
    rules = rules or HPAScalingRules()
    if up and rules.stabilization_window_seconds is None:
        rules.stabilization_window_seconds = 0
    if rules.select_policy is None:
        rules.select_policy = "Max"
    if not rules.policies:
        pods = [HPAScalingPolicy(type="Pods", value=4, period_seconds=15)] if up else []
        rules.policies = [*pods, HPAScalingPolicy(type="Percent", value=100, period_seconds=15)]
    rules.tolerance = single(rules.tolerance)
    return rules


def set_autoscaler_v1(autoscaler: autoscaling_v1.HorizontalPodAutoscaler) -> None:
    if autoscaler.spec.min_replicas is None:
        autoscaler.spec.min_replicas = 1


def set_role(role: Role | ClusterRole) -> None:
    """No rules are null: what upstream stores does not tell an empty list from none."""
    role.rules = role.rules or None


def set_binding(binding: RoleBinding | ClusterRoleBinding) -> None:
    if not binding.role_ref.api_group:
        binding.role_ref.api_group = RBAC_GROUP
    for subject in binding.subjects:
        if not subject.api_group and subject.kind in ("User", "Group"):
            subject.api_group = RBAC_GROUP


def set_priority_class(priority_class: PriorityClass) -> None:
    if priority_class.preemption_policy is None:
        priority_class.preemption_policy = "PreemptLowerPriority"


def set_flow_schema(schema: FlowSchema) -> None:
    if not schema.spec.matching_precedence:
        schema.spec.matching_precedence = 1000
    for rules in schema.spec.rules:
        for rule in rules.resource_rules:
            rule.namespaces = rule.namespaces or None


def set_priority_level(level: PriorityLevelConfiguration) -> None:
    exempt, limited = level.spec.exempt, level.spec.limited
    for part in (exempt, limited):
        if part is not None:
            if part.nominal_concurrency_shares is None:
                part.nominal_concurrency_shares = 30 if part is limited else 0
            if part.lendable_percent is None:
                part.lendable_percent = 0
    if limited is not None:
        _set_queuing(limited)


def _set_queuing(limited: LimitedPriorityLevelConfiguration) -> None:
    queuing = limited.limit_response.queuing
    if queuing is not None:
        queuing.hand_size = queuing.hand_size or 8
        queuing.queues = queuing.queues or 64
        queuing.queue_length_limit = queuing.queue_length_limit or 50


def set_runtime_class(runtime_class: RuntimeClass) -> None:
    if runtime_class.overhead is not None:
        resource_list(runtime_class.overhead.pod_fixed)


def set_token_request(request: TokenRequest) -> None:
    if request.spec.expiration_seconds is None:
        request.spec.expiration_seconds = _TOKEN_S


DEFAULTS: Defaults = {
    autoscaling_v2.HorizontalPodAutoscaler: set_autoscaler, autoscaling_v1.HorizontalPodAutoscaler: set_autoscaler_v1,
    Role: set_role, ClusterRole: set_role, RoleBinding: set_binding, ClusterRoleBinding: set_binding,
    PriorityClass: set_priority_class, FlowSchema: set_flow_schema, PriorityLevelConfiguration: set_priority_level,
    RuntimeClass: set_runtime_class, TokenRequest: set_token_request,
}
