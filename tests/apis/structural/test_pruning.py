"""Pruning drops what the schema does not specify, tells the paths, and keeps what preserving schemas and resources keep."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from minikube_py.apis.structural import CoercionError, compile_schema

STRING = {"type": "string"}
PRESERVING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
RESOURCE = {"type": "object", "x-kubernetes-embedded-resource": True,
            "properties": {"spec": {"type": "object", "properties": {"a": STRING}}}}


def root(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[str]]] = {
    "the resource's own fields stay": (
        root(), {"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "x", "odd": 1}, "spec": {}},
        {"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "x", "odd": 1}}, ["spec"]),
    "fields of objects": (root(spec=root(a=STRING)), {"spec": {"a": "", "b": {"c": 1}}}, {"spec": {"a": ""}}, ["spec.b"]),
    "items of lists": (
        root(list={"type": "array", "items": root(a=STRING)}), {"list": [{"a": ""}, {"b": 1}, 3]}, {"list": [{"a": ""}, {}, 3]},
        ["list[1].b"]),
    "lists in lists": (
        root(list={"type": "array", "items": {"type": "array", "items": root()}}), {"list": [[{}, {"x": 1}]]}, {"list": [[{}, {}]]},
        ["list[0][1].x"]),
    "values of maps": (
        root(map={"type": "object", "additionalProperties": root(a=STRING)}), {"map": {"k": {"a": "", "b": 1}}}, {"map": {"k": {"a": ""}}},
        ["map.k.b"]),
    "any value of a free map": (
        root(map={"type": "object", "additionalProperties": True}), {"map": {"k": 1, "l": {"m": 1}}}, {"map": {"k": 1, "l": {}}},
        ["map.l.m"]),
    "preserved fields": (root(spec=PRESERVING), {"spec": {"a": {"b": [{"c": 1}]}}}, {"spec": {"a": {"b": [{"c": 1}]}}}, []),
    "specified fields below preserved ones": (
        root(spec=PRESERVING | {"properties": {"a": root(b=STRING)}}), {"spec": {"a": {"b": "", "c": 1}, "z": {"q": 1}}},
        {"spec": {"a": {"b": ""}, "z": {"q": 1}}}, ["spec.a.c"]),
    "preserving at the root": (PRESERVING, {"a": {"b": 1}}, {"a": {"b": 1}}, []),
    "embedded resources": (
        root(item=RESOURCE), {"item": {"apiVersion": "v1", "kind": "P", "metadata": {"name": "n"}, "spec": {"a": "", "b": 1}, "z": 1}},
        {"item": {"apiVersion": "v1", "kind": "P", "metadata": {"name": "n"}, "spec": {"a": ""}}}, ["item.spec.b", "item.z"]),
    "metadata of embedded resources": (
        root(item=RESOURCE), {"item": {"apiVersion": "v1", "kind": "P", "metadata": {"name": "n", "odd": 1, "labels": {"a": "b"}}}},
        {"item": {"apiVersion": "v1", "kind": "P", "metadata": {"name": "n", "labels": {"a": "b"}}}}, ["item.metadata.odd"]),
    "null metadata of embedded resources": (
        root(item=RESOURCE), {"item": {"apiVersion": "v1", "kind": "P", "metadata": None}},
        {"item": {"apiVersion": "v1", "kind": "P", "metadata": {}}}, []),
    "times of embedded resources, as they are written": (
        root(item=RESOURCE), {"item": {"apiVersion": "v1", "kind": "P", "metadata": {"creationTimestamp": "2020-01-01T00:30:00.5+01:00"}}},
        {"item": {"apiVersion": "v1", "kind": "P", "metadata": {"creationTimestamp": "2019-12-31T23:30:00Z"}}}, []),
    "paths in order": (root(), {"b": 1, "a": 1, "c": 1}, {}, ["a", "b", "c"]),
}


@pytest.mark.parametrize(("schema", "document", "kept", "dropped"), CASES.values(), ids=CASES.keys())
def test_what_is_not_specified_is_dropped_and_told(
    schema: dict[str, Any], document: dict[str, Any], kept: dict[str, Any], dropped: list[str]
) -> None:
    compiled, given = compile_schema(schema), deepcopy(document)
    assert compiled.prune(given) == dropped
    assert given == kept
    assert compiled.prune(given) == []


@pytest.mark.parametrize(("resource", "message"), [
    ({"apiVersion": 1, "kind": "P"}, "item.apiVersion: Invalid value: 1: must be a string"),
    ({"apiVersion": "v1", "kind": ["P"]}, 'item.kind: Invalid value: ["P"]: must be a string'),
    ({"apiVersion": "v1", "kind": "P", "metadata": "x"},
     'item.metadata: Invalid value: "x": json: cannot unmarshal string into Go value of type v1.ObjectMeta'),
    ({"apiVersion": "v1", "kind": "P", "metadata": []},
     "item.metadata: Invalid value: []: json: cannot unmarshal array into Go value of type v1.ObjectMeta"),
    ({"apiVersion": "v1", "kind": "P", "metadata": {"creationTimestamp": "x"}},
     'item.metadata: Invalid value: {"creationTimestamp":"x"}: parsing time "x" as "2006-01-02T15:04:05Z07:00": '
     'cannot parse "x" as "2006"'),
    ({"apiVersion": "v1", "kind": "P", "metadata": {"labels": {"a": 1}}},
     'item.metadata: Invalid value: {"labels":{"a":1}}: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type '
     "string"),
    ({"apiVersion": "v1", "kind": "P", "metadata": {"generation": 1e30}},
     'item.metadata: Invalid value: {"generation":1e+30}: json: cannot unmarshal number 1e+30 into Go struct field ObjectMeta.generation '
     "of type int64"),
])
def test_an_embedded_resource_without_the_form_of_one_is_refused(resource: dict[str, Any], message: str) -> None:
    with pytest.raises(CoercionError) as caught:
        compile_schema(root(item=RESOURCE)).prune({"item": resource})
    assert str(caught.value) == message
