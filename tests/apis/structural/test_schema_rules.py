"""Rules of a schema are part of its validation, unless other mistakes keep them from it."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis.structural import compile_schema
from minikube_py.core.errors import Cause

SCHEMA = compile_schema({"type": "object", "properties": {
    "spec": {"type": "object", "properties": {"low": {"type": "integer"}, "high": {"type": "integer"}, "name": {"type": "string",
        "maxLength": 3}},
             "required": ["low"],
             "x-kubernetes-validations": [{"rule": "!has(self.high) || self.low <= self.high", "message": "low must not exceed high"}]},
    "status": {"type": "object", "properties": {"ready": {"type": "integer"}}},
}})
UNCHECKED = (
    '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors '
             "to complete validation")


@pytest.mark.parametrize(("spec", "complaints"), [
    ({"low": 1, "high": 2}, []),
    ({"low": 2, "high": 1}, ["spec: Invalid value: low must not exceed high"]),
    ({"high": 1}, ["spec.low: Required value", UNCHECKED]),
    ({"low": 2, "high": 1, "name": "abcd"}, ["spec.name: Too long: may not be more than 3 bytes", UNCHECKED]),
])
def test_rules_come_last(spec: dict[str, Any], complaints: list[str]) -> None:
    causes = SCHEMA.validate({"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "a"}, "spec": spec})
    assert [f"{cause.field}: {cause.message}" for cause in causes] == complaints


def test_mistakes_of_metadata_keep_them_from_it_too() -> None:
    earlier = [Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")]
    causes = SCHEMA.validate({"spec": {"low": 2, "high": 1}}, earlier=earlier)
    assert [f"{cause.field}: {cause.message}" for cause in causes] == [UNCHECKED]


def test_rules_hold_for_the_whole_object_when_its_status_changes() -> None:
    old = {"spec": {"low": 1, "high": 1}, "status": {"ready": 0}}
    new = {"spec": {"low": 2, "high": 1}, "status": {"ready": 1}}
    assert [cause.field for cause in SCHEMA.validate(new, old, status=True)] == ["spec"]


def test_what_rules_have_against_unchanged_parts_is_a_warning() -> None:
    old = {"spec": {"low": 2, "high": 1}, "status": {"ready": 0}}
    warnings: list[str] = []
    assert SCHEMA.validate(old | {"status": {"ready": 1}}, old, warnings=warnings) == []
    assert len(warnings) == 1 and "low must not exceed high" in warnings[0]


ITEMS = {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer"}},
         "x-kubernetes-validations": [{"rule": "self.n < 5"}]}


@pytest.mark.parametrize(("kind", "fields"), [
    ({}, ["list[0]"]), ({"x-kubernetes-list-type": "atomic"}, ["list[0]"]),
    ({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}, []),
])
def test_only_items_with_keys_correspond_to_former_ones(kind: dict[str, Any], fields: list[str]) -> None:
    schema = compile_schema({"type": "object", "properties": {"list": {"type": "array", "items": ITEMS} | kind}})
    bad, good = {"name": "a", "n": 9}, {"name": "b", "n": 1}
    assert [cause.field for cause in schema.validate({"list": [bad, good]}, {"list": [bad]})] == fields
    assert schema.validate({"list": [bad], "more": 1}, {"list": [bad]}) == []
