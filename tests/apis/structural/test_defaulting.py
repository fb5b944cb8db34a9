"""Defaulting fills in what is missing, replaces nulls that are no values, and drops those without a default."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from minikube_py.apis.structural import compile_schema


def root(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


A = {"type": "string", "default": "a"}
INTEGER = {"type": "integer"}
RESOURCE = {"type": "object", "x-kubernetes-embedded-resource": True}
WHOLE = {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n", "odd": 1, "labels": {"a": 1}}}
RIGHT = {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n"}}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "missing": (root(a=A), {}, {"a": "a"}),
    "present": (root(a=A), {"a": "b"}, {"a": "b"}),
    "empty is present": (root(a=A), {"a": ""}, {"a": ""}),
    "false and zero are values": (
        root(a={"type": "boolean", "default": False}, n={"type": "integer", "default": 0}), {}, {"a": False, "n": 0}),
    "null replaced": (root(a=A), {"a": None}, {"a": "a"}),
    "null kept": (root(a=A | {"nullable": True}), {"a": None}, {"a": None}),
    "null dropped": (root(a={"type": "string"}), {"a": None}, {}),
    "null of a field that is not specified": (root(), {"a": None}, {"a": None}),
    "no default inside what is missing": (root(spec=root(a=A)), {}, {}),
    "default inside a default": (root(spec=root(a=A) | {"default": {}}), {}, {"spec": {"a": "a"}}),
    "items": (root(list={"type": "array", "items": root(a=A)}), {"list": [{}, {"a": "x"}]}, {"list": [{"a": "a"}, {"a": "x"}]}),
    "null items": (
        root(list={"type": "array", "items": root(a=A, b=INTEGER) | {"default": {"b": 1}}}),
        {"list": [None]}, {"list": [{"b": 1, "a": "a"}]}),
    "null items without a default stay": (root(list={"type": "array", "items": {"type": "string"}}), {"list": [None]}, {"list": [None]}),
    "values of maps": (root(map={"type": "object", "additionalProperties": root(a=A)}), {"map": {"k": {}}}, {"map": {"k": {"a": "a"}}}),
    "null values of maps": (
        root(map={"type": "object", "additionalProperties": {"type": "string"}}), {"map": {"k": None}}, {"map": {}}),
    "embedded metadata": (
        root(r=root(metadata=root(name={"type": "string", "default": "n"})) | {"x-kubernetes-embedded-resource": True}),
        {"r": {"metadata": {}}}, {"r": {"metadata": {"name": "n"}}}),
    "what is unknown in a default": (root(spec=root(a=A, b=INTEGER) | {"default": {"b": 1, "c": 2}}), {}, {"spec": {"b": 1, "a": "a"}}),
    "what is unknown in the metadata of a default": (root(r=RESOURCE | {"default": WHOLE}), {}, {"r": RIGHT}),
    "and where that preserves what is unknown": (
        root(r=RESOURCE | {"x-kubernetes-preserve-unknown-fields": True, "default": WHOLE}), {}, {"r": RIGHT}),
    "and further below": (root(spec=root(r=RESOURCE) | {"default": {"r": WHOLE}}), {}, {"spec": {"r": RIGHT}}),
    "and where metadata alone has a default": (
        root(r=RESOURCE | root(metadata={"type": "object", "default": WHOLE["metadata"]})), {"r": {}}, {"r": {"metadata": {"name": "n"}}}),
    "and in lists and maps": (
        root(l={"type": "array", "items": {"type": "object", "additionalProperties": RESOURCE | root(metadata=root(
            name={"type": "string", "default": "n"}, odd={"type": "integer", "default": 1}))}}),
        {"l": [{"k": {"metadata": {}}}]}, {"l": [{"k": {"metadata": {"name": "n"}}}]}),
}


@pytest.mark.parametrize(("schema", "document", "wanted"), CASES.values(), ids=CASES.keys())
def test_defaults(schema: dict[str, Any], document: dict[str, Any], wanted: dict[str, Any]) -> None:
    compiled, given = compile_schema(schema), deepcopy(document)
    compiled.default(given)
    assert given == wanted
    compiled.default(given)
    assert given == wanted


def test_documents_share_no_default() -> None:
    compiled = compile_schema(root(list={"type": "array", "items": {"type": "string"}, "default": ["a"]}))
    one: dict[str, Any] = {}
    other: dict[str, Any] = {}
    compiled.default(one)
    compiled.default(other)
    one["list"].append("b")
    assert other == {"list": ["a"]}
