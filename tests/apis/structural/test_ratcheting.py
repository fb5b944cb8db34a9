"""An update is not refused for what it does not change."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis.structural import compile_schema

NAMED = {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer", "maximum": 5}}}
SCHEMA = compile_schema({"type": "object", "properties": {
    "n": {"type": "integer", "maximum": 5},
    "m": {"type": "integer", "maximum": 5},
    "object": {"type": "object", "required": ["must"], "properties": {"must": {"type": "string"}, "n": {"type": "integer", "maximum": 5}}},
    "atomic": {"type": "array", "items": {"type": "integer", "maximum": 5}},
    "map": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": NAMED},
    "values": {"type": "object", "additionalProperties": {"type": "integer", "maximum": 5}},
    "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
    "either": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
               "anyOf": [{"properties": {"a": {"minimum": 5}}, "required": ["a"]}, {"required": ["b"]}]},
}})


@pytest.mark.parametrize(("old", "new", "fields"), [
    ({"n": 9}, {"n": 9}, []),
    ({"n": 9}, {"n": 8}, ["n"]),
    ({"n": 9}, {"n": 9, "m": 9}, ["m"]),
    ({}, {"n": 9}, ["n"]),
    ({"object": {}}, {"object": {}, "n": 1}, []),
    ({"object": {}}, {"object": {"n": 1}}, ["object.must"]),
    ({"object": {"n": 9, "must": "a"}}, {"object": {"n": 9, "must": "b"}}, []),
    ({"atomic": [9]}, {"atomic": [9], "n": 1}, []),
    ({"atomic": [9]}, {"atomic": [9, 1]}, ["atomic[0]"]),
    ({"map": [{"name": "a", "n": 9}]}, {"map": [{"name": "b"}, {"name": "a", "n": 9}]}, []),
    ({"map": [{"name": "a", "n": 9}]}, {"map": [{"name": "b", "n": 9}]}, ["map[0].n"]),
    ({"values": {"a": 9}}, {"values": {"a": 9, "b": 1}}, []),
    ({"values": {"a": 9}}, {"values": {"b": 9}}, ["values.b"]),
    ({"set": ["a", "a"]}, {"set": ["a", "a", "b"]}, []),
    ({"set": ["a"]}, {"set": ["a", "a"]}, ["set[1]"]),
    ({"either": {"a": 1}}, {"either": {"a": 1}, "n": 1}, []),
    ({"either": {"a": 1}}, {"either": {"a": 2}}, ["<nil>", "either.a"]),
])
def test_only_what_was_changed_is_judged(old: dict[str, Any], new: dict[str, Any], fields: list[str]) -> None:
    assert [cause.field for cause in SCHEMA.validate(new, old)] == fields
    assert bool(SCHEMA.validate(new)) is (bool(fields) or new != {"n": 1})


def test_a_status_is_ratcheted_too() -> None:
    schema = compile_schema({"type": "object", "properties": {"status": NAMED}})
    old = {"status": {"n": 9}}
    assert schema.validate({"status": {"n": 9, "name": "x"}}, old, status=True) == []
    assert [cause.field for cause in schema.validate({"status": {"n": 8}}, old, status=True)] == ["status.n"]
