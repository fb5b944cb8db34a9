"""Expressions about one document, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from minikube_py.apis.cel.ast import Checked
from minikube_py.apis.cel.checker import check
from minikube_py.apis.cel.documents import reader
from minikube_py.apis.cel.estimates import Range, estimate
from minikube_py.apis.cel.program import Program
from minikube_py.apis.cel.schema_types import Declarations, decl_type

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"}, "text": {"type": "string"}, "count": {"type": "integer"}, "ratio": {"type": "number"},
        "on": {"type": "boolean"}, "absent": {"type": "string"}, "maybe": {"type": "string", "nullable": True},
        "either": {"x-kubernetes-int-or-string": True}, "percent": {"x-kubernetes-int-or-string": True},
        "numbers": {"type": "array", "items": {"type": "integer"}}, "names": {"type": "array", "items": {"type": "string"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "inner": {"type": "object", "properties": {"depth": {"type": "integer"}, "more": {"type": "object", "properties": {
            "depth": {"type": "integer"}}}}},
        "items": {"type": "array", "items": {"type": "object", "properties": {"key": {"type": "string"}, "value": {"type": "integer"}}}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "set2": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "map": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key"], "items": {
            "type": "object", "properties": {"key": {"type": "string"}, "value": {"type": "integer"}}}},
        "day": {"type": "string", "format": "date"}, "moment": {"type": "string", "format": "date-time"},
        "span": {"type": "string", "format": "duration"}, "data": {"type": "string", "format": "byte"},
        "namespace": {"type": "string"}, "dash-ed": {"type": "string"}, "dot.ted": {"type": "string"}, "sl/ash": {"type": "string"},
        "under__score": {"type": "string"}, "with space": {"type": "string"},
        "opaque": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "embedded": {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": {"type": "object", "properties": {
            "size": {"type": "integer"}}}}},
    },
}
DOCUMENT: dict[str, Any] = {
    "name": "web-1", "text": "Grüße, Welt", "count": 3, "ratio": 2.5, "on": True, "maybe": None, "either": 7, "percent": "25%",
    "numbers": [3, 1, 2], "names": ["b", "a", "c"], "labels": {"app": "web", "tier": "front"},
    "inner": {"depth": 1, "more": {"depth": 2}}, "items": [{"key": "x", "value": 1}, {"key": "y", "value": 2}],
    "set": ["a", "b"], "set2": ["b", "a"], "map": [{"key": "x", "value": 1}, {"key": "y", "value": 2}],
    "day": "2024-02-29", "moment": "2024-02-29T12:30:15.5Z", "span": "1h30m", "data": "aGVsbG8=",
    "namespace": "prod", "dash-ed": "d", "dot.ted": "t", "sl/ash": "s", "under__score": "u", "with space": "w",
    "opaque": {"anything": [1]}, "embedded": {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "e"}, "spec": {"size": 4}},
}
_DECL = decl_type(SCHEMA)
assert _DECL is not None
_DECLARATIONS = Declarations.of(_DECL, "selfType")


def checked(expression: str) -> Checked:
    root = _DECLARATIONS.root
    return check(expression, {"self": root, "oldSelf": root}, _DECLARATIONS.field_type)


@pytest.fixture(scope="session")
def check_expression() -> Callable[[str], Checked]:
    return checked


@pytest.fixture(scope="session")
def evaluate() -> Callable[[str], Any]:
    """The value of an expression about DOCUMENT."""
    document = reader(SCHEMA)(DOCUMENT)

    def run(expression: str) -> Any:
        return Program(checked(expression), ("self", "oldSelf")).evaluate(document, document)

    return run


@pytest.fixture(scope="session")
def cost() -> Callable[[str, dict[str, Any], Any], int]:
    """What an expression about a document of a schema costs when it runs."""

    def run(expression: str, schema: dict[str, Any], document: Any) -> int:
        declarations = Declarations.of(_decl(schema), "selfType")
        program = Program(check(expression, {"self": declarations.root}, declarations.field_type), ("self",))
        return program.run(reader(schema)(document)).cost

    return run


@pytest.fixture(scope="session")
def estimated() -> Callable[[str, dict[str, Any]], Range]:
    """The range of costs of an expression about a schema."""

    def run(expression: str, schema: dict[str, Any]) -> Range:
        decl = _decl(schema)
        declarations = Declarations.of(decl, "selfType")
        return estimate(check(expression, {"self": declarations.root}, declarations.field_type), decl)

    return run


def _decl(schema: dict[str, Any]) -> Any:
    decl = decl_type(schema)
    assert decl is not None
    return decl
