"""Events that come by events.k8s.io are strict, and never change but for their series."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import core_v1
from minikube_py.apis.validation import events
from minikube_py.apiserver.decoding import object_from_document
from minikube_py.core.errors import Cause

RIGHT: dict[str, Any] = {
    "metadata": {"name": "web.1", "namespace": "default"}, "involvedObject": {"kind": "Pod", "name": "web", "namespace": "default"},
    "eventTime": "2026-01-01T00:00:00.000000Z", "reportingComponent": "example.com/tester", "reportingInstance": "tester-1",
    "action": "Testing", "reason": "Tested", "message": "all is well", "type": "Normal",
}
AT, AT_MICRO = "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z"


def event(**changes: Any) -> core_v1.Event:
    document = {**RIGHT, **changes}
    made: core_v1.Event = object_from_document(
        core_v1.Event, "v1", "Event", {name: value for name, value in document.items() if value is not None})[0]
    return made


def said(causes: list[Cause]) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in causes]


@pytest.mark.parametrize(("changes", "wanted"), [
    ({}, []),
    ({"series": {"count": 2, "lastObservedTime": AT_MICRO}}, []),
    ({"eventTime": None}, ["eventTime: Required value"]),
    ({"type": "Odd"}, ['type: Invalid value: "": has invalid value: Odd']),
    ({"firstTimestamp": AT, "lastTimestamp": AT, "count": 1, "source": {"component": "a"}}, [
        'firstTimestamp: Invalid value: "": needs to be unset', 'lastTimestamp: Invalid value: "": needs to be unset',
        'count: Invalid value: "": needs to be unset', 'source: Invalid value: "": needs to be unset']),
    ({"series": {"count": 1}}, ['series.count: Invalid value: "": should be at least 2', "series.lastObservedTime: Required value"]),
    ({"reportingInstance": None, "action": "x" * 129, "message": "x" * 1025}, [
        "reportingInstance: Required value", 'action: Invalid value: "": can have at most 128 characters',
        'message: Invalid value: "": can have at most 1024 characters']),
    ({"involvedObject": {"kind": "Node", "name": "n"}, "metadata": {"name": "n.1", "namespace": "shop"}}, [
        'involvedObject.namespace: Invalid value: "": does not match event.namespace']),
])
def test_new_events(changes: dict[str, Any], wanted: list[str]) -> None:
    assert said(events.create(event(**changes))) == wanted


@pytest.mark.parametrize(("changes", "wanted"), [
    ({}, []),
    ({"series": {"count": 2, "lastObservedTime": AT_MICRO}}, []),
    ({"series": {"count": 1, "lastObservedTime": AT_MICRO}}, ['series.count: Invalid value: "": should be at least 2']),
    ({"eventTime": "2026-01-01T01:00:00.000000+01:00"}, []),
    ({"eventTime": "2026-01-01T00:00:00.000001Z"}, ['eventTime: Invalid value: "2026-01-01T00:00:00.000001Z": field is immutable']),
    ({"action": "Other", "message": "other", "type": "Warning"}, [
        'message: Invalid value: "other": field is immutable', 'type: Invalid value: "Warning": field is immutable',
        'action: Invalid value: "Other": field is immutable']),
])
def test_events_that_replace_another(changes: dict[str, Any], wanted: list[str]) -> None:
    assert said(events.update(event(**changes), event())) == wanted
