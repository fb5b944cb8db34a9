"""What autoscaling/v1 has no fields for, as it stands in annotations of its autoscalers.

Metrics and conditions have forms of their own there, which are those of the first beta of v2; the behavior has the names of the API
server's internal type. The order of fields is that in which upstream writes them. What does not decode is no annotation of this kind.

Source: staging/src/k8s.io/api/autoscaling/v1/types.go, pkg/apis/autoscaling/{annotations.go,types.go,v1/conversion.go}
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import field

from minikube_py.apis import autoscaling_v2
from minikube_py.apis.object import Int32, Object, Quantity, Time
from minikube_py.apis.quantity import QuantityError, canonical
from minikube_py.apis.validation.causes import json_text

METRICS = "autoscaling.alpha.kubernetes.io/metrics"
BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
ALL = (METRICS, BEHAVIOR, CURRENT_METRICS, CONDITIONS)

T = TypeVar("T")


def others(annotations: dict[str, str]) -> dict[str, str]:
    """The annotations that mean nothing here."""
    return {key: text for key, text in annotations.items() if key not in ALL} if not annotations.keys().isdisjoint(ALL) else annotations


class Form(Object, forbid_unknown_fields=False):
    """Base of the forms; fields of later versions are passed over."""


class Requirement(Form):
    key: str = field(default_factory=str)
    operator: str = field(default_factory=str)
    values: list[str] = []


class Selector(Form):
    match_labels: dict[str, str] = {}
    match_expressions: list[Requirement] = []


class Reference(Form):
    kind: str = field(default_factory=str)
    name: str = field(default_factory=str)
    api_version: str = ""


def _zero() -> Quantity:
    return "0"


class ObjectSource(Form):
    target: Reference = field(default_factory=Reference)
    metric_name: str = field(default_factory=str)
    target_value: Quantity = field(default_factory=_zero)
    selector: Selector | None = None
    average_value: Quantity | None = None


class PodsSource(Form):
    metric_name: str = field(default_factory=str)
    target_average_value: Quantity = field(default_factory=_zero)
    selector: Selector | None = None


class ResourceSource(Form):
    name: str = field(default_factory=str)
    target_average_utilization: Int32 | None = None
    target_average_value: Quantity | None = None


class ContainerResourceSource(ResourceSource):
    container: str = field(default_factory=str)


class ExternalSource(Form):
    metric_name: str = field(default_factory=str)
    metric_selector: Selector | None = None
    target_value: Quantity | None = None
    target_average_value: Quantity | None = None


class Metric(Form):
    """A metric of the specification."""

    type: str = field(default_factory=str)
    object: ObjectSource | None = None
    pods: PodsSource | None = None
    resource: ResourceSource | None = None
    container_resource: ContainerResourceSource | None = None
    external: ExternalSource | None = None


class ObjectStatus(Form):
    target: Reference = field(default_factory=Reference)
    metric_name: str = field(default_factory=str)
    current_value: Quantity = field(default_factory=_zero)
    selector: Selector | None = None
    average_value: Quantity | None = None


class PodsStatus(Form):
    metric_name: str = field(default_factory=str)
    current_average_value: Quantity = field(default_factory=_zero)
    selector: Selector | None = None


class ResourceStatus(Form):
    name: str = field(default_factory=str)
    current_average_utilization: Int32 | None = None
    current_average_value: Quantity = field(default_factory=_zero)


class ContainerResourceStatus(ResourceStatus):
    container: str = field(default_factory=str)


class ExternalStatus(Form):
    metric_name: str = field(default_factory=str)
    metric_selector: Selector | None = None
    current_value: Quantity = field(default_factory=_zero)
    current_average_value: Quantity | None = None


class CurrentMetric(Form):
    """A metric of the status."""

    type: str = field(default_factory=str)
    object: ObjectStatus | None = None
    pods: PodsStatus | None = None
    resource: ResourceStatus | None = None
    container_resource: ContainerResourceStatus | None = None
    external: ExternalStatus | None = None


class Condition(Form):
    type: str = field(default_factory=str)
    status: str = field(default_factory=str)
    last_transition_time: Time | None = field(default_factory=lambda: None)
    reason: str = ""
    message: str = ""


class _Policy(msgspec.Struct, rename="pascal"):
    type: str
    value: int
    period_seconds: int


class _Rules(msgspec.Struct, rename="pascal"):
    stabilization_window_seconds: int | None
    select_policy: str | None
    policies: list[_Policy] | None
    tolerance: Quantity | None


class _Behavior(msgspec.Struct, rename="pascal"):
    scale_up: _Rules | None
    scale_down: _Rules | None


def write(forms: Any) -> str:
    """The text of an annotation."""
    return json_text(forms)


def read(annotations: dict[str, str], name: str, form: type[T]) -> T | None:
    """What an annotation says; None if it is not there or malformed."""
    text = annotations.get(name)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=form)
    except msgspec.DecodeError:
        return None


def write_behavior(behavior: autoscaling_v2.HorizontalPodAutoscalerBehavior) -> str:
    """The text of the behavior's annotation."""
    return json_text(_Behavior(_rules(behavior.scale_up), _rules(behavior.scale_down)))


def _rules(rules: autoscaling_v2.HPAScalingRules | None) -> _Rules | None:
    if rules is None:
        return None
    policies = [_Policy(policy.type, policy.value, policy.period_seconds) for policy in rules.policies]
    return _Rules(rules.stabilization_window_seconds, rules.select_policy, policies or None, rules.tolerance)


_WIRE_NAMES = {name.lower(): name for struct in (
    autoscaling_v2.HorizontalPodAutoscalerBehavior, autoscaling_v2.HPAScalingRules, autoscaling_v2.HPAScalingPolicy,
) for name in struct.__struct_encode_fields__}


def read_behavior(annotations: dict[str, str]) -> autoscaling_v2.HorizontalPodAutoscalerBehavior | None:
    """The behavior that an annotation tells; None if it is not there, malformed or empty. Names may be in any case."""
    document = read(annotations, BEHAVIOR, dict[str, Any])
    if document is None:
        return None
    try:
        behavior = msgspec.convert(_with_wire_names(document), autoscaling_v2.HorizontalPodAutoscalerBehavior)
        for rules in (behavior.scale_up, behavior.scale_down):
            if rules is not None and rules.tolerance is not None:
                canonical(rules.tolerance)
    except (msgspec.ValidationError, QuantityError):
        return None
    return behavior if behavior.scale_up is not None or behavior.scale_down is not None else None


def _with_wire_names(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_wire_names(item) for item in value]
    if isinstance(value, dict):
        return {_WIRE_NAMES[key.lower()]: _with_wire_names(item) for key, item in value.items()
                if key.lower() in _WIRE_NAMES and (item is not None or key.lower() != "policies")}
    return value
