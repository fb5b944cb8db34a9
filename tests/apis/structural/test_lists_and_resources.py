"""Lists have nothing twice, and embedded resources are resources."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis.structural import compile_schema

SET = {"type": "array", "x-kubernetes-list-type": "set", "items": {"x-kubernetes-preserve-unknown-fields": True}}
BY_KEYS = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "name"], "items": {
    "type": "object", "x-kubernetes-preserve-unknown-fields": True}}
BY_NAME = BY_KEYS | {"x-kubernetes-list-map-keys": ["name"]}
RESOURCE = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}


def complaints(schema: dict[str, Any], value: Any) -> list[str]:
    compiled = compile_schema({"type": "object", "properties": {"x": schema}})
    return [f"{cause.field}: {cause.message}" for cause in compiled.validate({"x": value})]


@pytest.mark.parametrize(("schema", "value", "wanted"), [
    (SET, ["a", "b", "a", "a"], ['x[2]: Duplicate value: "a"']),
    (SET, [1, 1.0, True, "1"], []),
    (SET, [{"b": 1, "a": 2}, {"a": 2, "b": 1}], ['x[1]: Duplicate value: {"a":2,"b":1}']),
    (SET, [[1], [1]], ["x[1]: Duplicate value: [1]"]),
    (BY_NAME, [{"name": "a", "v": 1}, {"name": "a", "v": 2}], ['x[1]: Duplicate value: {"name":"a"}']),
    (BY_NAME, [{}, {}], ["x[1]: Duplicate value: {}"]),
    (BY_KEYS, [{"name": "a", "port": 1}, {"name": "a", "port": 2}, {"name": "a"}], []),
    (BY_KEYS, [{"name": "a", "port": 1}, {"name": "a", "port": 1}], ['x[1]: Duplicate value: {"name":"a","port":1}']),
    ({"type": "object", "additionalProperties": SET}, {"k": [1, 1]}, ["x[k][1]: Duplicate value: 1"]),
    ({"type": "array", "items": SET}, [[1], [1, 1]], ["x[1][1]: Duplicate value: 1"]),
])
def test_nothing_is_there_twice(schema: dict[str, Any], value: Any, wanted: list[str]) -> None:
    assert complaints(schema, value) == wanted


@pytest.mark.parametrize(("value", "wanted"), [
    ({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}, []),
    ({"apiVersion": "v1", "kind": "Pod"}, []),
    ({}, ["x.apiVersion: Required value: must not be empty", "x.kind: Required value: must not be empty"]),
    ({"apiVersion": "", "kind": ""},
     ['x.apiVersion: Invalid value: "": must not be empty', 'x.kind: Invalid value: "": must not be empty']),
    ({"apiVersion": "a/b/c", "kind": "A"}, ['x.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c']),
    ({"apiVersion": "v1", "kind": "A_b"}, [
        "x.kind: Invalid value: \"A_b\": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case "
        "alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
        "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"]),
    ({"apiVersion": "v1", "kind": "A", "metadata": {"name": ".."}}, ["x.metadata.name: Invalid value: \"..\": may not be '..'"]),
])
def test_an_embedded_resource_obeys_the_rules_of_resources(value: dict[str, Any], wanted: list[str]) -> None:
    assert complaints(RESOURCE, value) == wanted
    assert complaints({"type": "array", "items": RESOURCE}, [value]) == [text.replace("x.", "x[0].", 1) for text in wanted]
