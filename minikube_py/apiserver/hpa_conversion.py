"""Autoscalers between autoscaling/v1, which knows a target for the processor alone, and v2, which is stored.

What v1 has no field for goes through annotations and back. They are written by this conversion only: what stands in one of them when an
object comes from v2 is dropped, and none of them is stored.

Source: pkg/apis/autoscaling/v1/conversion.go, pkg/apis/autoscaling/helpers.go
"""

from __future__ import annotations

import msgspec

from minikube_py.apis import autoscaling_v1, autoscaling_v2
from minikube_py.apis.autoscaling_v2 import MetricSpec, MetricStatus, MetricTarget

from . import hpa_annotations as forms
from . import hpa_metrics as metrics

DEFAULT_CPU_UTILIZATION = 80


def hpa_v2_to_v1(new: autoscaling_v2.HorizontalPodAutoscaler) -> autoscaling_v1.HorizontalPodAutoscaler:
    """The autoscaler as autoscaling/v1 shows it. `new` is not changed."""
    spec, status, reference = new.spec, new.status, new.spec.scale_target_ref
    old = autoscaling_v1.HorizontalPodAutoscaler(
        kind="HorizontalPodAutoscaler", api_version="autoscaling/v1",
        metadata=msgspec.structs.replace(new.metadata, annotations=_annotations(new)))
    old.spec = autoscaling_v1.HorizontalPodAutoscalerSpec(
        min_replicas=spec.min_replicas, max_replicas=spec.max_replicas,
        scale_target_ref=autoscaling_v1.CrossVersionObjectReference(
            kind=reference.kind, name=reference.name, api_version=reference.api_version),
    )
    old.status = autoscaling_v1.HorizontalPodAutoscalerStatus(
        current_replicas=status.current_replicas, desired_replicas=status.desired_replicas, last_scale_time=status.last_scale_time,
        observed_generation=status.observed_generation,
    )
    targets = [target for metric in spec.metrics if (target := _cpu_target(metric)) is not None]
    if targets:
        old.spec.target_cpu_utilization_percentage = targets[0]
    for current in status.current_metrics or ():
        source = current.resource
        if current.type == "Resource" and source is not None and source.name == "cpu" \
                and source.current.average_utilization is not None:
            old.status.current_cpu_utilization_percentage = source.current.average_utilization
    return old


def _cpu_target(metric: MetricSpec) -> int | None:
    """The target that v1 has a field for, if the metric is that."""
    source = metric.resource
    if metric.type != "Resource" or source is None or source.name != "cpu":
        return None
    return source.target.average_utilization


def _annotations(new: autoscaling_v2.HorizontalPodAutoscaler) -> dict[str, str]:
    annotations = dict(forms.others(new.metadata.annotations))
    others = [metrics.form_of(metric) for metric in new.spec.metrics if _cpu_target(metric) is None]
    if others:
        annotations[forms.METRICS] = forms.write(others)
    if new.status.current_metrics:
        # The field for the processor does not have the raw value, so that metric is told here too.
        annotations[forms.CURRENT_METRICS] = forms.write([metrics.form_of_current(current) for current in new.status.current_metrics])
    if new.spec.behavior is not None:
        annotations[forms.BEHAVIOR] = forms.write_behavior(new.spec.behavior)
    if new.status.conditions:
        annotations[forms.CONDITIONS] = forms.write([
            forms.Condition(type=condition.type, status=condition.status, last_transition_time=condition.last_transition_time,
                            reason=condition.reason, message=condition.message) for condition in new.status.conditions])
    return annotations


def hpa_v1_to_v2(old: autoscaling_v1.HorizontalPodAutoscaler) -> autoscaling_v2.HorizontalPodAutoscaler:
    """The autoscaler in the stored version. Metadata is shared with `old`."""
    spec, status, reference, annotations = old.spec, old.status, old.spec.scale_target_ref, old.metadata.annotations
    new = autoscaling_v2.HorizontalPodAutoscaler(
        kind="HorizontalPodAutoscaler", api_version="autoscaling/v2",
        metadata=msgspec.structs.replace(old.metadata, annotations=forms.others(annotations)))
    new.spec = autoscaling_v2.HorizontalPodAutoscalerSpec(
        min_replicas=spec.min_replicas, max_replicas=spec.max_replicas, behavior=forms.read_behavior(annotations),
        metrics=_metrics(spec, annotations),
        scale_target_ref=autoscaling_v2.CrossVersionObjectReference(
            kind=reference.kind, name=reference.name, api_version=reference.api_version),
    )
    new.status = autoscaling_v2.HorizontalPodAutoscalerStatus(
        current_replicas=status.current_replicas, desired_replicas=status.desired_replicas, last_scale_time=status.last_scale_time,
        observed_generation=status.observed_generation, current_metrics=_current_metrics(status, annotations) or None,
    )
    for condition in forms.read(annotations, forms.CONDITIONS, list[forms.Condition]) or ():
        new.status.conditions.append(autoscaling_v2.HorizontalPodAutoscalerCondition(
            type=condition.type, status=condition.status, last_transition_time=condition.last_transition_time,
            reason=condition.reason, message=condition.message))
    return new


def _metrics(spec: autoscaling_v1.HorizontalPodAutoscalerSpec, annotations: dict[str, str]) -> list[MetricSpec]:
    """Those of the annotation, then that of the field; an autoscaler without any has a target for the processor."""
    found = [metrics.metric_of(form) for form in metrics.valid(forms.read(annotations, forms.METRICS, list[forms.Metric]))]
    utilization = spec.target_cpu_utilization_percentage
    if utilization is None and not found:
        utilization = DEFAULT_CPU_UTILIZATION
    if utilization is not None:
        target = MetricTarget(type="Utilization", average_utilization=utilization)
        found.append(MetricSpec(type="Resource", resource=autoscaling_v2.ResourceMetricSource(name="cpu", target=target)))
    return found


def _current_metrics(status: autoscaling_v1.HorizontalPodAutoscalerStatus, annotations: dict[str, str]) -> list[MetricStatus]:
    """Those of the annotation, which know more; without one that of the field."""
    told = forms.read(annotations, forms.CURRENT_METRICS, list[forms.CurrentMetric])
    if told is not None and (not told or metrics.valid(told)):
        return [metrics.current_of(form) for form in told]
    if status.current_cpu_utilization_percentage is None:
        return []
    current = autoscaling_v2.MetricValueStatus(average_utilization=status.current_cpu_utilization_percentage)
    return [MetricStatus(type="Resource", resource=autoscaling_v2.ResourceMetricStatus(name="cpu", current=current))]
