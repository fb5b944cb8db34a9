"""Schemas of custom resource definitions as OpenAPI documents publish them: v3 with everything that counts, v2 with what kubectl can read.

Owns what a definition's schema becomes. It does not own names, metadata and list kinds of the resource (openapi_custom).

Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema (kubeopenapi.go, unfold.go), pkg/controller/openapi (builder, v2)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from minikube_py.apis.apiextensions_v1 import JSONSchemaProps

from .openapi_document import META, SCHEMA_PREFIX, Document

PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_EMBEDDED: Final = "x-kubernetes-embedded-resource"
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_ALTERNATIVES: Final = [{"type": "integer"}, {"type": "string"}]
# What a published schema leaves out, and flags that say nothing when they are false.
_UNPUBLISHED: Final = ("$schema", "example", "externalDocs", "id")
_FLAGS: Final = ("exclusiveMaximum", "exclusiveMinimum", "nullable", "uniqueItems", PRESERVE, _EMBEDDED, _INT_OR_STRING)
_JUNCTORS: Final = ("allOf", "anyOf", "not", "oneOf")

Convert = Callable[[Document], Document]


def plain(schema: JSONSchemaProps) -> Document:
    """The schema as a document; its free values (defaults, enumerations) are shared with it."""
    document: Document = msgspec.to_builtins(schema)
    return document


def schema_v3(schema: Document, embedded: Document) -> Document:
    """A structural schema for a v3 document.

    Args:
        embedded: the properties that every embedded object has: apiVersion, kind and metadata.
    """
    result = _with_children(schema, lambda child: schema_v3(child, embedded))
    if schema.get(_INT_OR_STRING):
        _unfold(result)
    if schema.get(_EMBEDDED):
        _embed(result, embedded)
    return result


def schema_v2(schema: Document, embedded: Document) -> Document:
    """A structural schema for a v2 document: without junctors and defaults, and untyped where kubectl would refuse what it may hold."""
    reduced = {key: value for key, value in schema.items() if key not in (*_JUNCTORS, "default", "nullable")}
    if schema.get("nullable"):
        _drop(reduced, "type", "items", "properties")
    if schema.get(PRESERVE):
        _drop(reduced, "items", "properties")
        if reduced.get("type") == "object":
            del reduced["type"]
    if reduced.get("type") == "array" and "items" not in reduced:
        del reduced["type"]
    if "required" in reduced:
        properties = reduced.get("properties", {})
        required = [name for name in reduced["required"] if not properties.get(name, {}).get("nullable")]
        values = reduced.get("additionalProperties")
        _drop(reduced, "required")
        if required and not (isinstance(values, dict) and values.get("nullable")):
            reduced["required"] = required
    result = _with_children(reduced, lambda child: schema_v2(child, embedded))
    if schema.get(_EMBEDDED) and not schema.get(PRESERVE):
        _embed(result, embedded)
    return result


def metadata(name: str, description: str) -> Document:
    """The metadata of an object or a list, as a v3 document refers to it."""
    return {"allOf": [{"$ref": f"{SCHEMA_PREFIX}{META}{name}"}], "description": description}


def _with_children(schema: Document, convert: Convert) -> Document:
    """A copy without what is not published, with converted properties, items and values."""
    result = {key: value for key, value in schema.items() if key not in _UNPUBLISHED and (value or key not in _FLAGS)}
    if "properties" in result:
        result["properties"] = {name: convert(child) for name, child in sorted(result["properties"].items())}
    for key in ("additionalProperties", "items"):
        if isinstance(result.get(key), dict):
            result[key] = convert(result[key])
    return result


def _unfold(schema: Document) -> None:
    """Say in plain OpenAPI what x-kubernetes-int-or-string means, unless the schema does."""
    any_of, all_of = schema.get("anyOf"), schema.get("allOf", [])
    if any_of == _ALTERNATIVES or (all_of and all_of[0].get("anyOf") == _ALTERNATIVES):
        return
    if any_of is None and not all_of:
        schema["anyOf"] = _ALTERNATIVES
    else:
        schema["allOf"] = [{"anyOf": _ALTERNATIVES}, *all_of]


def _embed(schema: Document, embedded: Document) -> None:
    schema["properties"] = {**schema.get("properties", {}), **embedded}
    required = schema.get("required", [])
    schema["required"] = [*required, *(name for name in ("kind", "apiVersion") if name not in required)]


def _drop(schema: dict[str, Any], *keys: str) -> None:
    for key in keys:
        schema.pop(key, None)
