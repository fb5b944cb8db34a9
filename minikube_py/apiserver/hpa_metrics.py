"""Metrics of autoscalers between autoscaling/v2 and the forms that they have in annotations of v1.

Source: pkg/apis/autoscaling/v1/conversion.go
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from minikube_py.apis import autoscaling_v2 as v2
from minikube_py.apis.meta_v1 import LabelSelector
from minikube_py.apis.object import Quantity
from minikube_py.apis.quantity import QuantityError, canonical, nano_value

from . import hpa_annotations as forms

T = TypeVar("T", forms.Metric, forms.CurrentMetric)


def valid(found: list[T] | None) -> list[T]:
    """The forms, or none of them if one has an amount that is no quantity: such an annotation is malformed."""
    try:
        for form in found or ():
            for amount in _amounts(msgspec.to_builtins(form)):
                canonical(amount)
    except QuantityError:
        return []
    return found or []


def _amounts(document: dict[str, Any]) -> Iterable[Quantity]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _amounts(value)
        elif name.endswith("Value"):
            yield value


def form_of(metric: v2.MetricSpec) -> forms.Metric:
    """A metric of the specification in its form."""
    form = forms.Metric(type=metric.type)
    if metric.object is not None:
        target, reference = _target(metric.object.target), _reference(metric.object.described_object)
        form.object = forms.ObjectSource(
            target=reference, metric_name=_name(metric.object.metric), target_value=_amount(target.value),
            selector=_selector(metric.object.metric), average_value=target.average_value)
    if metric.pods is not None:
        form.pods = forms.PodsSource(
            metric_name=_name(metric.pods.metric), target_average_value=_amount(_target(metric.pods.target).average_value),
            selector=_selector(metric.pods.metric))
    if metric.resource is not None:
        target = _target(metric.resource.target)
        form.resource = forms.ResourceSource(
            name=metric.resource.name, target_average_utilization=target.average_utilization, target_average_value=target.average_value)
    if metric.container_resource is not None:
        target = _target(metric.container_resource.target)
        form.container_resource = forms.ContainerResourceSource(
            name=metric.container_resource.name, container=metric.container_resource.container,
            target_average_utilization=target.average_utilization, target_average_value=target.average_value)
    if metric.external is not None:
        target = _target(metric.external.target)
        form.external = forms.ExternalSource(
            metric_name=_name(metric.external.metric), metric_selector=_selector(metric.external.metric), target_value=target.value,
            target_average_value=target.average_value)
    return form


def metric_of(form: forms.Metric) -> v2.MetricSpec:
    """The metric of the specification that a form tells."""
    metric = v2.MetricSpec(type=form.type)
    if form.object is not None:
        average = form.object.average_value
        # The form always has a value; zero is none, as a target must be positive.
        value = form.object.target_value if average is None or nano_value(form.object.target_value) else None
        metric.object = v2.ObjectMetricSource(
            described_object=_described(form.object.target), metric=_metric(form.object.metric_name, form.object.selector),
            target=v2.MetricTarget(type="Value" if average is None else "AverageValue", value=value, average_value=average))
    if form.pods is not None:
        metric.pods = v2.PodsMetricSource(
            metric=_metric(form.pods.metric_name, form.pods.selector),
            target=v2.MetricTarget(type="AverageValue", average_value=form.pods.target_average_value))
    if form.resource is not None:
        metric.resource = v2.ResourceMetricSource(name=form.resource.name, target=_resource_target(form.resource))
    if form.container_resource is not None:
        metric.container_resource = v2.ContainerResourceMetricSource(
            name=form.container_resource.name, container=form.container_resource.container,
            target=_resource_target(form.container_resource))
    if form.external is not None:
        kind = "AverageValue" if form.external.target_value is None else "Value"
        metric.external = v2.ExternalMetricSource(
            metric=_metric(form.external.metric_name, form.external.metric_selector),
            target=v2.MetricTarget(type=kind, value=form.external.target_value, average_value=form.external.target_average_value))
    return metric


def _resource_target(form: forms.ResourceSource) -> v2.MetricTarget:
    kind = "AverageValue" if form.target_average_utilization is None else "Utilization"
    return v2.MetricTarget(type=kind, average_utilization=form.target_average_utilization, average_value=form.target_average_value)


def form_of_current(metric: v2.MetricStatus) -> forms.CurrentMetric:
    """A metric of the status in its form."""
    form = forms.CurrentMetric(type=metric.type)
    if metric.object is not None:
        current = _current(metric.object.current)
        form.object = forms.ObjectStatus(
            target=_reference(metric.object.described_object), metric_name=_name(metric.object.metric),
            current_value=_amount(current.value), selector=_selector(metric.object.metric), average_value=current.average_value)
    if metric.pods is not None:
        form.pods = forms.PodsStatus(
            metric_name=_name(metric.pods.metric), current_average_value=_amount(_current(metric.pods.current).average_value),
            selector=_selector(metric.pods.metric))
    if metric.resource is not None:
        current = _current(metric.resource.current)
        form.resource = forms.ResourceStatus(
            name=metric.resource.name, current_average_utilization=current.average_utilization,
            current_average_value=_amount(current.average_value))
    if metric.container_resource is not None:
        current = _current(metric.container_resource.current)
        form.container_resource = forms.ContainerResourceStatus(
            name=metric.container_resource.name, container=metric.container_resource.container,
            current_average_utilization=current.average_utilization, current_average_value=_amount(current.average_value))
    if metric.external is not None:
        current = _current(metric.external.current)
        form.external = forms.ExternalStatus(
            metric_name=_name(metric.external.metric), metric_selector=_selector(metric.external.metric),
            current_value=_amount(current.value), current_average_value=current.average_value)
    return form


def current_of(form: forms.CurrentMetric) -> v2.MetricStatus:
    """The metric of the status that a form tells."""
    metric = v2.MetricStatus(type=form.type)
    if form.object is not None:
        metric.object = v2.ObjectMetricStatus(
            described_object=_described(form.object.target), metric=_metric(form.object.metric_name, form.object.selector),
            current=v2.MetricValueStatus(value=form.object.current_value, average_value=form.object.average_value))
    if form.pods is not None:
        metric.pods = v2.PodsMetricStatus(
            metric=_metric(form.pods.metric_name, form.pods.selector),
            current=v2.MetricValueStatus(average_value=form.pods.current_average_value))
    if form.resource is not None:
        metric.resource = v2.ResourceMetricStatus(name=form.resource.name, current=_resource_current(form.resource))
    if form.container_resource is not None:
        metric.container_resource = v2.ContainerResourceMetricStatus(
            name=form.container_resource.name, container=form.container_resource.container,
            current=_resource_current(form.container_resource))
    if form.external is not None:
        metric.external = v2.ExternalMetricStatus(
            metric=_metric(form.external.metric_name, form.external.metric_selector),
            current=v2.MetricValueStatus(value=form.external.current_value, average_value=form.external.current_average_value))
    return metric


def _resource_current(form: forms.ResourceStatus) -> v2.MetricValueStatus:
    return v2.MetricValueStatus(average_utilization=form.current_average_utilization, average_value=form.current_average_value)


def _target(target: v2.MetricTarget | None) -> v2.MetricTarget:
    return target if target is not None else v2.MetricTarget()


def _current(current: v2.MetricValueStatus | None) -> v2.MetricValueStatus:
    return current if current is not None else v2.MetricValueStatus()


def _amount(quantity: Quantity | None) -> Quantity:
    return quantity if quantity is not None else "0"


def _name(metric: v2.MetricIdentifier | None) -> str:
    return metric.name if metric is not None else ""


def _selector(metric: v2.MetricIdentifier | None) -> forms.Selector | None:
    if metric is None or metric.selector is None:
        return None
    return msgspec.convert(msgspec.to_builtins(metric.selector), forms.Selector)


def _metric(name: str, selector: forms.Selector | None) -> v2.MetricIdentifier:
    known = msgspec.convert(msgspec.to_builtins(selector), LabelSelector) if selector is not None else None
    return v2.MetricIdentifier(name=name, selector=known)


def _reference(reference: v2.CrossVersionObjectReference | None) -> forms.Reference:
    if reference is None:
        return forms.Reference()
    return forms.Reference(kind=reference.kind, name=reference.name, api_version=reference.api_version)


def _described(reference: forms.Reference) -> v2.CrossVersionObjectReference:
    return v2.CrossVersionObjectReference(kind=reference.kind, name=reference.name, api_version=reference.api_version)
