"""Turns the definitions that kubernetes-validate ships, JSON Schema made from the v2 document, into the schemas of OpenAPI v3.

What the detour lost (defaults, enumerations) comes back from `openapi_facts.py`.

Source: k8s.io/kube-openapi pkg/generators (defaults), pkg/builder3 (references)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openapi_facts import DEFAULTS, ENUMERATIONS, POINTERS, STRUCTS

Document = dict[str, Any]

DEFINITION_PREFIX = "#/$defs/"
SCHEMA_PREFIX = "#/components/schemas/"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
UNTYPED: dict[str, Document] = {
    INT_OR_STRING: {
        "description": "IntOrString is a whole number or a string, such as a port number or its name, a count or a percentage.",
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
    QUANTITY: {
        "description": (
            "Quantity is a fixed-point number with an optional suffix: a binary one (Ki, Mi, Gi, Ti, Pi, Ei), "
            "a decimal one (n, u, m, k, M, G, T, P, E) or a decimal exponent (e3, E-2)."
        ),
        "oneOf": [{"type": "string"}, {"type": "number"}],
    },
}
_ZEROS: dict[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False}


class Converter:
    """Converts definitions, each of which may refer to the others."""

    def __init__(self, definitions: Mapping[str, Document]) -> None:
        self._definitions = definitions
        self.used: set[str] = set()
        """The `Kind.field` of all facts that found their field."""

    def schemas(self) -> dict[str, Document]:
        """Every schema by name."""
        return {name: UNTYPED.get(name) or self._definition(name, definition) for name, definition in self._definitions.items()}

    def _definition(self, name: str, definition: Document) -> Document:
        result = self._value(definition)
        required = definition.get("required", ())
        kind = name.rsplit(".", 1)[1]
        for field, schema in definition.get("properties", {}).items():
            result["properties"][field] = self._field(f"{kind}.{field}", schema, required=field in required)
        return result

    def _field(self, field: str, schema: Document, *, required: bool) -> Document:
        """One property, with its default and its enumeration."""
        name = field.partition(".")[2]
        result = self._value({key: value for key, value in schema.items() if key != "enum"})
        struct = self._is_struct(schema) and (required or name in STRUCTS) and field not in POINTERS
        if field in DEFAULTS:
            self.used.add(field)
            result["default"] = DEFAULTS[field]
        elif struct:
            result["default"] = {}
        elif required and result.get("type") in _ZEROS and result.get("format") != "byte":
            result["default"] = _ZEROS[result["type"]]
        if field in ENUMERATIONS:
            self.used.add(field)
            _enumerate(result, ENUMERATIONS[field])
        return _wrapped(result)

    def _value(self, schema: Document) -> Document:
        """A schema without what only a field has. Null is no type in OpenAPI."""
        result: Document = {}
        for key, value in schema.items():
            match key:
                case "type":
                    result["type"] = value if isinstance(value, str) else next(name for name in value if name != "null")
                case "$ref":
                    result["$ref"] = value.replace(DEFINITION_PREFIX, SCHEMA_PREFIX)
                case "properties":
                    result[key] = {}
                case "items" | "additionalProperties" if isinstance(value, dict):
                    result[key] = self._element(value)
                case "enum":
                    raise ValueError(f"the definitions hold an enumeration, which they did not: {value}")
                case _:
                    result[key] = value
        return result

    def _element(self, schema: Document) -> Document:
        """What a list or a map holds: it is always there, so it has a default."""
        result = self._value(schema)
        if self._is_struct(schema):
            result["default"] = {}
        elif result.get("type") in _ZEROS and result.get("format") != "byte":
            result["default"] = _ZEROS[result["type"]]
        return _wrapped(result)

    def _is_struct(self, schema: Document) -> bool:
        """Whether a schema refers to a struct, and not to a type that writes itself (times, quantities, free values)."""
        reference = schema.get("$ref", "").removeprefix(DEFINITION_PREFIX)
        return "properties" in self._definitions.get(reference, {})


def _enumerate(schema: Document, values: list[str]) -> None:
    """State the values of a field; those of a list belong to its items."""
    if "items" in schema:
        schema["items"]["enum"] = values
        return
    schema["enum"] = values
    lines = "\n".join(f' - `"{value}"`' for value in values)
    schema["description"] = f"{schema.get('description', '')}\n\nPossible enum values:\n{lines}".lstrip()


def _wrapped(schema: Document) -> Document:
    """In v3, nothing may stand beside a reference."""
    if "$ref" not in schema or len(schema) == 1:
        return schema
    return {"allOf": [{"$ref": schema.pop("$ref")}], **schema}
