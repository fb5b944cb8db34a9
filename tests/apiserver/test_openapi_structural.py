"""Schemas of definitions are published as upstream's builder makes them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from minikube_py.apis.apiextensions_v1 import JSONSchemaProps
from minikube_py.apis.resources import ResourceType
from minikube_py.apiserver.openapi_custom import CustomResource, object_schema_v2, object_schema_v3
from minikube_py.apiserver.openapi_document import META

FOOS = ResourceType("bar.k8s.io", "v1", "foos", "foo", "Foo", True)
KIND = {"x-kubernetes-group-version-kind": [{"group": "bar.k8s.io", "version": "v1", "kind": "Foo"}]}
TEXT = {"type": "string"}
SHARED = {META + "DeleteOptions": {"properties": {"apiVersion": TEXT, "kind": TEXT}}}
METADATA = {"allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}]}
OWN = {"apiVersion": TEXT, "kind": TEXT, "metadata": METADATA}
_CONVENTIONS = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
EMBEDDED_OWN = {
    "apiVersion": {
        "type": "string",
        "description": f"apiVersion defines the versioned schema of this representation of an object. More info: {_CONVENTIONS}#resources",
    },
    "kind": {
        "type": "string",
        "description":
            f"kind is a string value representing the type of this object. In CamelCase. More info: {_CONVENTIONS}#types-kinds",
    },
    "metadata": METADATA,
}
CHOICE = [{"type": "integer"}, {"type": "string"}]
IOS = {"x-kubernetes-int-or-string": True}
PRESERVE = {"x-kubernetes-preserve-unknown-fields": True}
EMBEDDED = {"x-kubernetes-embedded-resource": True, "type": "object"}


def published(schema: Any) -> tuple[Any, Any]:
    """What a schema is in v3 and in v2, without the description of metadata."""
    custom = CustomResource(FOOS, msgspec.convert(schema, JSONSchemaProps))
    both = object_schema_v3(custom, SHARED), object_schema_v2(custom, SHARED)
    for document in both:
        _forget_descriptions(document)
    return both


def _forget_descriptions(schema: Any) -> None:
    for child in schema.get("properties", {}).values():
        _forget_descriptions(child)
        if "metadata" in child.get("properties", {}):
            child["properties"]["metadata"].pop("description", None)
    if "metadata" in schema.get("properties", {}):
        schema["properties"]["metadata"] = {"allOf": schema["properties"]["metadata"]["allOf"]}


def field(schema: Any) -> tuple[Any, Any]:
    """What the schema of a field is in v3 and in v2."""
    v3, v2 = published({"type": "object", "properties": {"f": schema}})
    return v3["properties"]["f"], v2["properties"]["f"]


@pytest.mark.parametrize(("schema", "v3", "v2"), [
    ({"type": "object"}, {"type": "object", "properties": OWN}, {"type": "object", "properties": OWN}),
    ({"type": "object", **PRESERVE}, {"type": "object", "properties": OWN, **PRESERVE}, {"type": "object"}),
    (
        {"type": "object", "properties": {"status": {"type": "object"}, "spec": {"type": "object"}}, "example": 1, "id": "x"},
        {"type": "object", "properties": {"spec": {"type": "object"}, "status": {"type": "object"}, **OWN}},
        {"type": "object", "properties": {"spec": {"type": "object"}, "status": {"type": "object"}, **OWN}},
    ),
])
def test_objects_get_their_kind_and_metadata(schema: Any, v3: Any, v2: Any) -> None:
    assert published(schema) == ({**v3, **KIND}, {**v2, **KIND})


@pytest.mark.parametrize(("schema", "v3"), [
    ({**IOS, "anyOf": CHOICE}, {**IOS, "anyOf": CHOICE}),
    ({**IOS, "allOf": [{"anyOf": CHOICE}, {"minimum": 42.0}]}, {**IOS, "allOf": [{"anyOf": CHOICE}, {"minimum": 42.0}]}),
    ({**IOS, "anyOf": [{"minimum": 42.0}]}, {**IOS, "anyOf": [{"minimum": 42.0}], "allOf": [{"anyOf": CHOICE}]}),
    (
        {**IOS, "anyOf": [{"minimum": 42.0}], "allOf": [{"minimum": 42.0}]},
        {**IOS, "anyOf": [{"minimum": 42.0}], "allOf": [{"anyOf": CHOICE}, {"minimum": 42.0}]},
    ),
    (IOS, {**IOS, "anyOf": CHOICE}),
])
def test_a_number_or_string_is_spelt_out_in_v3_and_free_in_v2(schema: Any, v3: Any) -> None:
    assert field(schema) == (v3, IOS)


@pytest.mark.parametrize(("schema", "v2"), [
    (PRESERVE, PRESERVE),
    ({"type": "object", "properties": {"a": TEXT}, **PRESERVE}, PRESERVE),
    ({"type": "array", "items": TEXT, **PRESERVE}, PRESERVE),
    ({"type": "string", "nullable": True, "enum": ["a"]}, {"enum": ["a"]}),
    ({"type": "object", "nullable": True, "properties": {"a": TEXT}}, {}),
    ({"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}, {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}),
    ({"type": "integer", "default": 3, "minimum": 1.0, "not": {"minimum": 7.0}}, {"type": "integer", "minimum": 1.0}),
    (
        {"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "string", "nullable": True}, "b": TEXT}},
        {"type": "object", "required": ["b"], "properties": {"a": {}, "b": TEXT}},
    ),
    (
        {"type": "object", "required": ["a"], "additionalProperties": {"type": "string", "nullable": True}},
        {"type": "object", "additionalProperties": {}},
    ),
    ({"type": "object", "additionalProperties": True}, {"type": "object", "additionalProperties": True}),
])
def test_v2_says_only_what_kubectl_can_read(schema: Any, v2: Any) -> None:
    v3, reduced = field(schema)
    assert (v3, reduced) == (schema, v2)


def test_embedded_objects_get_their_kind_and_metadata_too() -> None:
    v3, v2 = field({**EMBEDDED, "properties": {"spec": TEXT}, "required": ["spec"]})
    assert v3 == v2 == {**EMBEDDED, "properties": {"spec": TEXT, **EMBEDDED_OWN}, "required": ["spec", "kind", "apiVersion"]}
    v3, v2 = field({**EMBEDDED, **PRESERVE})
    assert v3 == {**EMBEDDED, **PRESERVE, "properties": EMBEDDED_OWN, "required": ["kind", "apiVersion"]}
    assert v2 == {"x-kubernetes-embedded-resource": True, **PRESERVE}
