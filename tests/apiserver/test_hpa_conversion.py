"""Autoscalers go through autoscaling/v1 and come back whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minikube_py.apis import autoscaling_v1, autoscaling_v2, meta_v1, scheme
from minikube_py.apiserver.hpa_annotations import ALL, BEHAVIOR, CONDITIONS, CURRENT_METRICS, METRICS
from minikube_py.apiserver.hpa_conversion import hpa_v1_to_v2, hpa_v2_to_v1
from tests.conftest import ControlPlane

TARGET = {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}
INGRESS = {"kind": "Ingress", "name": "main", "apiVersion": "networking.k8s.io/v1"}
SELECTOR = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "In", "values": ["d"]}]}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}

# A metric of v2 and its text in the annotation.
METRIC_FORMS: list[tuple[dict[str, Any], str]] = [
    ({"type": "Resource", "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 60}}},
     '[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":60}}]'),
    ({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "100m"}}},
     '[{"type":"Resource","resource":{"name":"cpu","targetAverageValue":"100m"}}]'),
    ({"type": "ContainerResource", "containerResource": {
        "name": "cpu", "container": "app", "target": {"type": "Utilization", "averageUtilization": 60}}},
     '[{"type":"ContainerResource","containerResource":{"name":"cpu","targetAverageUtilization":60,"container":"app"}}]'),
    ({"type": "Pods", "pods": {
        "metric": {"name": "packets", "selector": SELECTOR}, "target": {"type": "AverageValue", "averageValue": "1k"}}},
     '[{"type":"Pods","pods":{"metricName":"packets","targetAverageValue":"1k","selector":{"matchLabels":{"a":"b"},'
     '"matchExpressions":[{"key":"c","operator":"In","values":["d"]}]}}}]'),
    ({"type": "Object", "object": {"describedObject": INGRESS, "metric": {"name": "hits"}, "target": {"type": "Value", "value": "2k"}}},
     '[{"type":"Object","object":{"target":{"kind":"Ingress","name":"main","apiVersion":"networking.k8s.io/v1"},"metricName":"hits",'
     '"targetValue":"2k"}}]'),
    ({"type": "Object", "object": {
        "describedObject": INGRESS, "metric": {"name": "hits"}, "target": {"type": "AverageValue", "averageValue": "5"}}},
     '[{"type":"Object","object":{"target":{"kind":"Ingress","name":"main","apiVersion":"networking.k8s.io/v1"},"metricName":"hits",'
     '"targetValue":"0","averageValue":"5"}}]'),
    ({"type": "External", "external": {"metric": {"name": "queue<1>"}, "target": {"type": "Value", "value": "30"}}},
     '[{"type":"External","external":{"metricName":"queue\\u003c1\\u003e","targetValue":"30"}}]'),
    ({"type": "External", "external": {
        "metric": {"name": "queue", "selector": {"matchLabels": {"a": "b"}}}, "target": {"type": "AverageValue", "averageValue": "30"}}},
     '[{"type":"External","external":{"metricName":"queue","metricSelector":{"matchLabels":{"a":"b"}},"targetAverageValue":"30"}}]'),
]


def of_v2(**parts: Any) -> autoscaling_v2.HorizontalPodAutoscaler:
    document = {"kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2", "metadata": {"name": "web", "namespace": "default"},
                "spec": {"scaleTargetRef": TARGET, "minReplicas": 1, "maxReplicas": 5, "metrics": [CPU]}, "status": {"currentReplicas": 0}}
    for name, part in parts.items():
        document[name] = {**document[name], **part}  # type: ignore[dict-item]
    return scheme.from_document(autoscaling_v2.HorizontalPodAutoscaler, document)


def of_v1(annotations: dict[str, str], **spec: Any) -> autoscaling_v1.HorizontalPodAutoscaler:
    return scheme.from_document(autoscaling_v1.HorizontalPodAutoscaler, {
        "metadata": {"name": "web", "namespace": "default", "annotations": annotations},
        "spec": {"scaleTargetRef": TARGET, "minReplicas": 1, "maxReplicas": 5, **spec}})


@pytest.mark.parametrize(("metric", "text"), METRIC_FORMS)
def test_other_metrics_go_through_an_annotation(metric: dict[str, Any], text: str) -> None:
    new = of_v2(spec={"metrics": [metric, CPU]}, metadata={"annotations": {"own": "a", METRICS: "stale", CONDITIONS: "stale"}})
    old = hpa_v2_to_v1(new)
    assert old.spec.target_cpu_utilization_percentage == 70
    assert old.metadata.annotations == {"own": "a", METRICS: text}
    back = hpa_v1_to_v2(old)
    assert back.spec == new.spec and back.metadata.annotations == {"own": "a"}
    assert new.metadata.annotations["own"] == "a" and METRICS in new.metadata.annotations, "what is converted is not changed"


def test_a_lone_target_for_the_processor_needs_no_annotation() -> None:
    new = of_v2()
    old = hpa_v2_to_v1(new)
    assert (old.spec.target_cpu_utilization_percentage, old.metadata.annotations) == (70, {})
    assert hpa_v1_to_v2(old) == new


def test_behavior_goes_under_internal_names_and_comes_back_under_any_case() -> None:
    behavior = {"scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "tolerance": "50m",
                            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]}}
    new = of_v2(spec={"behavior": behavior})
    old = hpa_v2_to_v1(new)
    assert old.metadata.annotations == {BEHAVIOR: (
        '{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,"PeriodSeconds":15}],'
        '"Tolerance":"50m"},"ScaleDown":null}')}
    assert hpa_v1_to_v2(old).spec == new.spec
    old.metadata.annotations[BEHAVIOR] = json.dumps({"unknown": 1, **behavior})
    assert hpa_v1_to_v2(old).spec == new.spec


def test_status_goes_through_annotations() -> None:
    conditions = [{"type": "AbleToScale", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "R", "message": "m"},
                  {"type": "ScalingActive", "status": "False"}]
    new = of_v2(status={"conditions": conditions, "desiredReplicas": 2, "currentMetrics": [
        {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 61, "averageValue": "120m"}}},
        {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app", "current": {"averageValue": "1"}}},
        {"type": "Pods", "pods": {"metric": {"name": "packets"}, "current": {"averageValue": "3"}}},
        {"type": "Object", "object": {"describedObject": INGRESS, "metric": {"name": "hits"}, "current": {"value": "9"}}},
        {"type": "External", "external": {"metric": {"name": "queue"}, "current": {"value": "0", "averageValue": "4"}}}]})
    old = hpa_v2_to_v1(new)
    assert old.status.current_cpu_utilization_percentage == 61
    assert old.metadata.annotations[CURRENT_METRICS].startswith(
        '[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":61,"currentAverageValue":"120m"}},'
        '{"type":"ContainerResource","containerResource":{"name":"cpu","currentAverageValue":"1","container":"app"}},'
        '{"type":"Pods","pods":{"metricName":"packets","currentAverageValue":"3"}},{"type":"Object","object":{"target":')
    assert old.metadata.annotations[CONDITIONS] == (
        '[{"type":"AbleToScale","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z","reason":"R","message":"m"},'
        '{"type":"ScalingActive","status":"False","lastTransitionTime":null}]')
    assert hpa_v1_to_v2(old).status == new.status


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("text", ["", "{", "7", '{"a":1}', '[{"type":1}]', '{"ScaleUp":{"Tolerance":"x"}}', "nul",
                                  '[{"type":"Pods","status":7,"pods":{"metricName":"a","targetAverageValue":"x","currentAverageValue":"x"}}]'])
def test_malformed_annotations_mean_nothing(name: str, text: str) -> None:
    new = hpa_v1_to_v2(of_v1({name: text}, targetCPUUtilizationPercentage=33))
    assert hpa_v2_to_v1(new) == hpa_v2_to_v1(hpa_v1_to_v2(of_v1({}, targetCPUUtilizationPercentage=33)))


def test_an_autoscaler_without_metrics_watches_the_processor() -> None:
    [metric] = hpa_v1_to_v2(of_v1({})).spec.metrics
    assert metric.resource and metric.resource.target and metric.resource.target.average_utilization == 80
    [other] = hpa_v1_to_v2(of_v1({METRICS: METRIC_FORMS[0][1]})).spec.metrics
    assert other.resource and other.resource.name == "memory"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([metric for metric, _ in METRIC_FORMS]), max_size=6), st.booleans())
def test_every_set_of_metrics_comes_back_in_order(metrics: list[dict[str, Any]], with_cpu: bool) -> None:
    wanted = of_v2(spec={"metrics": [*metrics, CPU] if with_cpu or not metrics else metrics})
    assert hpa_v1_to_v2(hpa_v2_to_v1(wanted)) == wanted


async def test_both_versions_are_views_of_one_object(control_plane: ControlPlane) -> None:
    client = control_plane.client
    made = of_v2(spec={"metrics": [METRIC_FORMS[0][0]], "behavior": {"scaleDown": {"selectPolicy": "Disabled"}}},
                 metadata={"annotations": {METRICS: "[]", "own": "a"}})
    stored = await client.create(made)
    assert stored.metadata.annotations == {"own": "a"}
    old = scheme.deep_copy(await client.get(autoscaling_v1.HorizontalPodAutoscaler, "web", "default"))
    old.spec.max_replicas = 9
    old.metadata.managed_fields, old.metadata.labels = [], {"by": "v1"}
    await client.update(old)
    new = await client.get(autoscaling_v2.HorizontalPodAutoscaler, "web", "default")
    assert (new.spec.max_replicas, new.metadata.labels, new.metadata.annotations) == (9, {"by": "v1"}, {"own": "a"})
    assert new.spec.metrics == stored.spec.metrics and new.spec.behavior == stored.spec.behavior
    assert isinstance(new.metadata, meta_v1.ObjectMeta)
