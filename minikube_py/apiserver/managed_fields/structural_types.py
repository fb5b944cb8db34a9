"""Field types of custom resources, from the structural schemas of their definitions.

Source: k8s.io/kube-openapi/pkg/schemaconv/openapi.go, k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder/builder.go
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis import meta_v1

from .field_types import ANY, BOOLEAN, DEDUCED, NUMERIC, STRING, UNTYPED, FieldType, ListType, MapType, StructField
from .struct_types import type_of

Schema = dict[str, Any]
PRESERVES = "x-kubernetes-preserve-unknown-fields"


def custom_field_type(schema: Schema | None, *, preserves: bool = False) -> FieldType:
    """The type of the documents of one version of a custom resource.

    Args:
        schema: its openAPIV3Schema; None if it has none, and nothing is known of its fields.
        preserves: spec.preserveUnknownFields of the definition.
    """
    if schema is None:
        return _with_metadata(DEDUCED)
    return _with_metadata(_convert(schema, preserves))


def _with_metadata(type_: FieldType) -> FieldType:
    """The type of an object: every one has a kind and metadata."""
    content = type_.map if type_.map is not None else MapType(element=DEDUCED)
    fields = dict(content.fields)
    fields["apiVersion"] = StructField("apiVersion", STRING)
    fields["kind"] = StructField("kind", STRING)
    fields["metadata"] = StructField("metadata", type_of(meta_v1.ObjectMeta), always=True, by_value=True, zero={})
    return FieldType(map_=MapType(lambda: fields, content.element))


def _convert(schema: Schema, preserves: bool) -> FieldType:
    # What is below a schema that preserves unknown fields does so, too.
    preserves = preserves or schema.get(PRESERVES) is True
    kind = schema.get("type", "")
    if kind == "object":
        return FieldType(map_=_map(schema, preserves))
    if kind == "array":
        return FieldType(list_=_list(schema, preserves))
    if kind in ("integer", "number"):
        return NUMERIC
    if kind == "boolean":
        return BOOLEAN
    if kind == "string":
        return STRING if schema.get("format", "") in ("", "byte") else ANY
    return FieldType("untyped", _list(schema, preserves), _map(schema, preserves))


def _map(schema: Schema, preserves: bool) -> MapType:
    properties: Schema = schema.get("properties") or {}
    fields = {name: StructField(name, _convert(value, preserves), value.get("default")) for name, value in properties.items()}
    others = schema.get("additionalProperties")
    element: FieldType | None = None
    if isinstance(others, dict):
        element = _convert(others, preserves)
    elif others or (others is None and (preserves or not properties)):
        element = DEDUCED
    map_ = MapType(lambda: fields, element, atomic=schema.get("x-kubernetes-map-type") == "atomic")
    map_.deduced = not fields and element is DEDUCED
    return map_


def _list(schema: Schema, preserves: bool) -> ListType:
    items = schema.get("items")
    element = _convert(items, preserves) if isinstance(items, dict) else UNTYPED
    keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
    relation = schema.get("x-kubernetes-list-type", "atomic")
    return ListType(element, keys if relation == "map" else (), atomic=relation == "atomic")
