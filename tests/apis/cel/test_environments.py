"""What expressions of admission and of device selectors see, and what they come to."""

from __future__ import annotations

import pytest

from minikube_py.apis.cel import types as t
from minikube_py.apis.cel.environments import OBJECT, PATCH, AdmissionExpressions, ExpressionError, check_device_selector
from minikube_py.apis.cel.types import Type


@pytest.mark.parametrize(("source", "kind"), [
    ("object", t.DYN), ("oldObject.metadata.name", t.DYN), ("request.userInfo.extra", t.map_of(t.STRING, t.list_of(t.STRING))),
    ("request.requestKind.version", t.STRING), ("request.options.dryRun", t.DYN), ("namespaceObject.status.conditions[0].reason", t.STRING),
    ("namespaceObject.metadata.creationTimestamp", t.TIMESTAMP),
    ("authorizer.group('').resource('pods').fieldSelector('a=b')", t.RESOURCE_CHECK),
    ("authorizer.serviceAccount('a', 'b').path('/x').check('get').errored()", t.BOOL), ("authorizer.requestResource", t.RESOURCE_CHECK),
])
def test_admission_sees(source: str, kind: Type) -> None:
    assert AdmissionExpressions().check(source).type == kind


@pytest.mark.parametrize("source", [
    "params", "variables.a", "self", "Object{}", "jsonpatch.escapeKey('a')", "cel.bind(a, 1, a)", "authorizer.all"])
def test_admission_does_not_see(source: str) -> None:
    with pytest.raises(ExpressionError, match="compilation failed: ERROR: <input>:1:"):
        AdmissionExpressions().check(source)


def test_variables_see_those_before_them_under_simple_types() -> None:
    expressions = AdmissionExpressions(params=True, variables={})
    for name, source in (("limit", "int(params.limit)"), ("labels", "namespaceObject.metadata.labels"), ("who", "request.userInfo"),
                         ("groups", "[request.kind]"), ("sum", "variables.limit + size(variables.labels)")):
        expressions.define(name, expressions.check(source))
    expressions.define("broken", None)
    texts = t.map_of(t.STRING, t.STRING)
    assert expressions.variables == {
        "limit": t.INT, "labels": texts, "who": t.DYN, "groups": t.list_of(t.DYN), "sum": t.INT, "broken": t.DYN}


@pytest.mark.parametrize(("source", "kind"), [
    ("Object{metadata: Object.metadata{labels: {'a': 'b'}}, ?spec: optional.none()}", OBJECT),
    ("JSONPatch{op: 'test', value: object}", PATCH),
    ("object.spec.on ? [JSONPatch{op: 'remove', path: '/a'}] : []", t.list_of(PATCH)), ("jsonpatch.escapeKey('a/b')", t.STRING),
])
def test_patches_can_be_made(source: str, kind: Type) -> None:
    assert AdmissionExpressions().check(source, kind, patches=True).type == kind


@pytest.mark.parametrize(("source", "complaint"), [
    ("JSONPatch{to: 'a'}", "undefined field 'to'"), ("Thing{}", "undeclared reference to 'Thing' (in container '')"),
    ("request{name: 'a'}", "'kubernetes.AdmissionRequest' is not a type"), ("net.IP{}", "'net.IP' is not a message type"),
    ("JSONPatch{?op: 'add'}", "expected type 'optional_type(string)' but found 'string'"),
])
def test_objects_that_cannot_be_made(source: str, complaint: str) -> None:
    with pytest.raises(ExpressionError) as told:
        AdmissionExpressions().check(source, patches=True)
    assert complaint in str(told.value)


@pytest.mark.parametrize(("source", "cheap"), [
    ("device.driver == 'a.example.com'", True), ("device.attributes['a.example.com'].model.matches('^a.*$')", True),
    ("has(device.attributes['a.example.com'].model) && 'a' in device.attributes", True),
    ("device.attributes.all(d, device.attributes.all(e, device.attributes.all(f, device.attributes.all(g, d + e + f + g != ''))))", False),
])
def test_selectors_cost(source: str, cheap: bool) -> None:
    assert (check_device_selector(source) < 1_000_000) is cheap
