"""Rules of horizontal pod autoscalers, in the form of autoscaling/v2, and of Scale.

Source: pkg/apis/autoscaling/validation/validation.go, pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go
"""

from __future__ import annotations

from dataclasses import dataclass

from .. import syntax
from ..autoscaling_v1 import Scale
from ..autoscaling_v2 import (
    ContainerResourceMetricSource,
    CrossVersionObjectReference,
    ExternalMetricSource,
    HorizontalPodAutoscaler,
    HPAScalingRules,
    MetricIdentifier,
    MetricSpec,
    MetricTarget,
    ObjectMetricSource,
    PodsMetricSource,
    ResourceMetricSource,
)
from ..quantity import nano_value
from . import resources
from .causes import Causes, forbidden, invalid, not_supported, required
from .common import matches, non_negative, present
from .rules import KindRules, Rules, SubresourceRules

_SOURCES = ("ContainerResource", "External", "Object", "Pods", "Resource")
_FIELDS = {"Object": "object", "Pods": "pods", "Resource": "resource", "External": "external", "ContainerResource": "containerResource"}
_PERIOD_S_MAX, _STABILIZATION_S_MAX = 1800, 3600


@dataclass(frozen=True, slots=True)
class _Reference:
    """Which apiVersions of a reference are let through."""

    anything: bool = False
    no_group: bool = False

    def complaint(self, api_version: str) -> str:
        if self.anything:
            return ""
        if api_version.count("/") > 1:
            return f"unexpected GroupVersion string: {api_version}"
        return "" if self.no_group or "/" in api_version.lstrip("/") else "apiVersion must specify API group"


_DESCRIBED = _Reference(no_group=True)


def autoscaler(causes: Causes, obj: HorizontalPodAutoscaler) -> None:
    _spec(causes, obj, 1, _target_rules(obj), _DESCRIBED)


def update_autoscaler(causes: Causes, new: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler) -> None:
    """References keep an apiVersion that these rules would refuse, and zero replicas stay allowed where they were."""
    now, was = new.spec.scale_target_ref, old.spec.scale_target_ref
    same = (now.kind, now.api_version) == (was.kind, was.api_version)
    described = [metric.object.described_object or CrossVersionObjectReference() for metric in old.spec.metrics
                 if metric.type == "Object" and metric.object is not None]
    wrong = any(_DESCRIBED.complaint(reference.api_version) for reference in described)
    _spec(causes, new, 0 if old.spec.min_replicas == 0 else 1, _Reference(anything=True) if same else _target_rules(new),
          _Reference(anything=True) if wrong else _DESCRIBED)


def _target_rules(obj: HorizontalPodAutoscaler) -> _Reference:
    target = obj.spec.scale_target_ref
    return _Reference(no_group=target.kind == "ReplicationController")


def _spec(causes: Causes, obj: HorizontalPodAutoscaler, lowest: int, target: _Reference, described: _Reference) -> None:
    spec = obj.spec
    low, high = spec.min_replicas, spec.max_replicas
    if low is not None and low < lowest:
        causes.append(invalid("spec.minReplicas", low, f"must be greater than or equal to {lowest}"))
    if high < 1:
        causes.append(invalid("spec.maxReplicas", high, "must be greater than 0"))
    if low is not None and high < low:
        causes.append(invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`"))
    _reference(causes, "spec.scaleTargetRef", spec.scale_target_ref, target)
    for index, metric in enumerate(spec.metrics):
        _metric(causes, f"spec.metrics[{index}]", metric, described)
    if low == 0 and not any(metric.type in ("Object", "External") for metric in spec.metrics):
        causes.append(forbidden("spec.metrics", "must specify at least one Object or External metric to support scaling to zero replicas"))
    if spec.behavior is not None:
        for rules, wire in ((spec.behavior.scale_up, "scaleUp"), (spec.behavior.scale_down, "scaleDown")):
            if rules is not None:
                _scaling(causes, f"spec.behavior.{wire}", rules)


def _reference(causes: Causes, path: str, reference: CrossVersionObjectReference | None, allowed: _Reference) -> None:
    reference = reference or CrossVersionObjectReference()
    present(causes, f"{path}.kind", reference.kind, syntax.path_segment)
    present(causes, f"{path}.name", reference.name, syntax.path_segment)
    if complaint := allowed.complaint(reference.api_version):
        causes.append(invalid(f"{path}.apiVersion", reference.api_version, complaint))


def _metric(causes: Causes, path: str, metric: MetricSpec, described: _Reference) -> None:
    kind = metric.type
    if not kind:
        causes.append(required(f"{path}.type", "must specify a metric source type"))
    if kind not in _SOURCES:
        causes.append(not_supported(f"{path}.type", kind, _SOURCES))
    given = {"object": metric.object, "external": metric.external, "pods": metric.pods, "resource": metric.resource,
             "containerResource": metric.container_resource}
    given = {wire: source for wire, source in given.items() if source is not None}
    for wire, source in [*given.items()][:1]:
        _source(causes, f"{path}.{wire}", source, described)
    expected = _FIELDS.get(kind)
    if expected is None:
        causes.append(not_supported(f"{path}.type", kind, _SOURCES))
    elif expected not in given:
        causes.append(required(f"{path}.{expected}", "must populate information for the given metric source"))
    if len(given) != 1:
        causes += [forbidden(f"{path}.{wire}", "must populate the given metric source only") for wire in given if wire != expected]


def _source(causes: Causes, path: str, source: object, described: _Reference) -> None:
    match source:
        case ObjectMetricSource():
            _reference(causes, f"{path}.describedObject", source.described_object, described)
            target = _identified(causes, path, source.metric, source.target)
            if target.value is None and target.average_value is None:
                causes.append(required(f"{path}.target.averageValue", "must set either a target value or averageValue"))
        case ExternalMetricSource():
            target = _identified(causes, path, source.metric, source.target)
            if target.value is None and target.average_value is None:
                causes.append(required(f"{path}.target.averageValue", "must set either a target value for metric or a per-pod target"))
            if target.value is not None and target.average_value is not None:
                causes.append(forbidden(f"{path}.target.value", "may not set both a target value for metric and a per-pod target"))
        case PodsMetricSource():
            target = _identified(causes, path, source.metric, source.target)
            if target.average_value is None:
                causes.append(required(f"{path}.target.averageValue", "must specify a positive target averageValue"))
        case ResourceMetricSource() | ContainerResourceMetricSource():
            _resource(causes, path, source)


def _identified(causes: Causes, path: str, metric: MetricIdentifier | None, target: MetricTarget | None) -> MetricTarget:
    name = metric.name if metric is not None else ""
    if not name:
        causes.append(required(f"{path}.metric.name", "must specify a metric name"))
    else:
        matches(causes, f"{path}.metric.name", name, syntax.path_segment)
    target = target or MetricTarget()
    _target(causes, f"{path}.target", target)
    return target


def _resource(causes: Causes, path: str, source: ResourceMetricSource | ContainerResourceMetricSource) -> None:
    if not source.name:
        causes.append(required(f"{path}.name", "must specify a resource name"))
    elif isinstance(source, ContainerResourceMetricSource):
        resources.container_resource_name(causes, f"{path}.name", source.name)
    if isinstance(source, ContainerResourceMetricSource):
        if not source.container:
            causes.append(required(f"{path}.container", "must specify a container"))
        else:
            matches(causes, f"{path}.container", source.container, syntax.dns_label)
    target = source.target
    _target(causes, f"{path}.target", target)
    if target.average_utilization is None and target.average_value is None:
        causes.append(required(f"{path}.target.averageUtilization", "must set either a target raw value or a target utilization"))
    if target.average_utilization is not None and target.average_value is not None:
        causes.append(forbidden(f"{path}.target.averageValue", "may not set both a target raw value and a target utilization"))


def _target(causes: Causes, path: str, target: MetricTarget) -> None:
    if not target.type:
        causes.append(required(f"{path}.type", "must specify a metric target type"))
    if target.type not in ("Utilization", "Value", "AverageValue"):
        causes.append(invalid(f"{path}.type", target.type, "must be either Utilization, Value, or AverageValue"))
    for amount, wire in ((target.value, "value"), (target.average_value, "averageValue")):
        if amount is not None and nano_value(amount) <= 0:
            causes.append(invalid(f"{path}.{wire}", str(amount), "must be positive"))
    if target.average_utilization is not None and target.average_utilization < 1:
        causes.append(invalid(f"{path}.averageUtilization", target.average_utilization, "must be greater than 0"))


def _scaling(causes: Causes, path: str, rules: HPAScalingRules) -> None:
    window_s = rules.stabilization_window_seconds
    if window_s is not None and window_s < 0:
        causes.append(invalid(f"{path}.stabilizationWindowSeconds", window_s, "must be greater than or equal to zero"))
    if window_s is not None and window_s > _STABILIZATION_S_MAX:
        causes.append(invalid(f"{path}.stabilizationWindowSeconds", window_s, f"must be less than or equal to {_STABILIZATION_S_MAX}"))
    if rules.select_policy is not None and rules.select_policy not in ("Disabled", "Max", "Min"):
        causes.append(not_supported(f"{path}.selectPolicy", rules.select_policy, ("Disabled", "Max", "Min")))
    if not rules.policies:
        causes.append(required(f"{path}.policies", "must specify at least one Policy"))
    for index, policy in enumerate(rules.policies):
        where = f"{path}.policies[{index}]"
        if policy.type not in ("Percent", "Pods"):
            causes.append(not_supported(f"{where}.type", policy.type, ("Percent", "Pods")))
        if policy.value <= 0:
            causes.append(invalid(f"{where}.value", policy.value, "must be greater than zero"))
        if policy.period_seconds <= 0:
            causes.append(invalid(f"{where}.periodSeconds", policy.period_seconds, "must be greater than zero"))
        if policy.period_seconds > _PERIOD_S_MAX:
            causes.append(invalid(f"{where}.periodSeconds", policy.period_seconds, f"must be less than or equal to {_PERIOD_S_MAX}"))
    if rules.tolerance is not None and nano_value(rules.tolerance) < 0:
        causes.append(invalid(f"{path}.tolerance", str(rules.tolerance), "must be greater than or equal to 0"))


def update_autoscaler_status(causes: Causes, new: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler) -> None:
    non_negative(causes, "status.currentReplicas", new.status.current_replicas)
    non_negative(causes, "status.desiredReplicas", new.status.desired_replicas)


def scale(causes: Causes, obj: Scale) -> None:
    if (obj.spec.replicas or 0) < 0:
        causes.append(invalid("spec.replicas", obj.spec.replicas, "must be greater than or equal to 0"))


RULES: Rules = {HorizontalPodAutoscaler: KindRules(autoscaler, update_autoscaler), Scale: KindRules(scale)}
SUBRESOURCES: SubresourceRules = {(HorizontalPodAutoscaler, "status"): update_autoscaler_status}
