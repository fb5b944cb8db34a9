"""Between versions of a kind that share one stored form: Events (core/v1 is stored) and autoscalers (autoscaling/v2 is stored).

Source: pkg/apis/core/v1/conversion.go and events/v1, pkg/apis/autoscaling/v1/conversion.go
"""

from __future__ import annotations

import msgspec

from minikube_py.apis import autoscaling_v1, autoscaling_v2, core_v1, events_v1


def event_to_core(event: events_v1.Event) -> core_v1.Event:
    """events.k8s.io/v1 to core/v1."""
    series = event.series
    return core_v1.Event(
        kind="Event", api_version="v1", metadata=event.metadata, involved_object=event.regarding or core_v1.ObjectReference(),
        related=event.related, reason=event.reason, message=event.note, type=event.type, action=event.action,
        event_time=event.event_time, reporting_component=event.reporting_controller, reporting_instance=event.reporting_instance,
        source=event.deprecated_source, first_timestamp=event.deprecated_first_timestamp,
        last_timestamp=event.deprecated_last_timestamp, count=event.deprecated_count,
        series=core_v1.EventSeries(count=series.count or 0, last_observed_time=series.last_observed_time) if series else None,
    )


def event_from_core(event: core_v1.Event) -> events_v1.Event:
    """core/v1 to events.k8s.io/v1."""
    series = event.series
    return events_v1.Event(
        kind="Event", api_version="events.k8s.io/v1", metadata=msgspec.structs.replace(event.metadata), regarding=event.involved_object,
        related=event.related, reason=event.reason, note=event.message, type=event.type, action=event.action,
        event_time=event.event_time, reporting_controller=event.reporting_component, reporting_instance=event.reporting_instance,
        deprecated_source=event.source, deprecated_first_timestamp=event.first_timestamp,
        deprecated_last_timestamp=event.last_timestamp, deprecated_count=event.count,
        series=events_v1.EventSeries(count=series.count or 0, last_observed_time=series.last_observed_time) if series else None,
    )


def _is_cpu_utilization(metric: autoscaling_v2.MetricSpec | autoscaling_v2.MetricStatus) -> bool:
    return metric.type == "Resource" and metric.resource is not None and metric.resource.name == "cpu"


def hpa_v1_to_v2(old: autoscaling_v1.HorizontalPodAutoscaler) -> autoscaling_v2.HorizontalPodAutoscaler:
    """autoscaling/v1 to v2: the processor target becomes a resource metric."""
    spec, status = old.spec, old.status
    metrics = []
    if spec.target_cpu_utilization_percentage is not None:
        target = autoscaling_v2.MetricTarget(type="Utilization", average_utilization=spec.target_cpu_utilization_percentage)
        metrics.append(autoscaling_v2.MetricSpec(type="Resource", resource=autoscaling_v2.ResourceMetricSource(name="cpu", target=target)))
    reference = spec.scale_target_ref
    new = autoscaling_v2.HorizontalPodAutoscaler(kind="HorizontalPodAutoscaler", api_version="autoscaling/v2", metadata=old.metadata)
    new.spec = autoscaling_v2.HorizontalPodAutoscalerSpec(
        min_replicas=spec.min_replicas, max_replicas=spec.max_replicas, metrics=metrics,
        scale_target_ref=autoscaling_v2.CrossVersionObjectReference(
            kind=reference.kind, name=reference.name, api_version=reference.api_version) if reference else None,
    )
    new.status = autoscaling_v2.HorizontalPodAutoscalerStatus(
        current_replicas=status.current_replicas, desired_replicas=status.desired_replicas, last_scale_time=status.last_scale_time,
        observed_generation=status.observed_generation,
    )
    if status.current_cpu_utilization_percentage is not None:
        current = autoscaling_v2.MetricValueStatus(average_utilization=status.current_cpu_utilization_percentage)
        new.status.current_metrics = [autoscaling_v2.MetricStatus(
            type="Resource", resource=autoscaling_v2.ResourceMetricStatus(name="cpu", current=current))]
    return new


def hpa_v2_to_v1(new: autoscaling_v2.HorizontalPodAutoscaler) -> autoscaling_v1.HorizontalPodAutoscaler:
    """autoscaling/v2 to v1: what v1 has no field for is left out."""
    spec, status = new.spec, new.status
    reference = spec.scale_target_ref
    old = autoscaling_v1.HorizontalPodAutoscaler(
        kind="HorizontalPodAutoscaler", api_version="autoscaling/v1", metadata=msgspec.structs.replace(new.metadata))
    old.spec = autoscaling_v1.HorizontalPodAutoscalerSpec(
        min_replicas=spec.min_replicas, max_replicas=spec.max_replicas,
        scale_target_ref=autoscaling_v1.CrossVersionObjectReference(
            kind=reference.kind, name=reference.name, api_version=reference.api_version) if reference else None,
    )
    old.status = autoscaling_v1.HorizontalPodAutoscalerStatus(
        current_replicas=status.current_replicas or 0, desired_replicas=status.desired_replicas, last_scale_time=status.last_scale_time,
        observed_generation=status.observed_generation,
    )
    for metric in spec.metrics:
        if _is_cpu_utilization(metric) and metric.resource and metric.resource.target:
            old.spec.target_cpu_utilization_percentage = metric.resource.target.average_utilization
    for current in status.current_metrics:
        if _is_cpu_utilization(current) and current.resource and current.resource.current:
            old.status.current_cpu_utilization_percentage = current.resource.current.average_utilization
    return old
