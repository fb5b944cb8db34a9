"""A CustomResourceDefinition as upstream's rules see it: converted to the internal type, and values of that type in messages.

What all versions have in common stands at the top of the internal spec, and so do the paths of what is wrong with it. Internal types have
no JSON names: a message shows every field by its Go name, set or not, in the order of the declaration.

Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/conversion.go, pkg/apis/apiextensions/{types,types_jsonschema}.go
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..apiextensions_v1 import (
    CustomResourceColumnDefinition,
    CustomResourceDefinitionSpec,
    CustomResourceDefinitionVersion,
    CustomResourceSubresources,
    SelectableField,
)
from .causes import json_text

Document = dict[str, Any]


@dataclass(slots=True)
class Part:
    """What a version says, or what all say.

    Attributes:
        schema: the openAPIV3Schema as a document, None if there is none.
        has_validation: whether there is something that could hold a schema.
    """

    schema: Document | None = None
    has_validation: bool = False
    subresources: CustomResourceSubresources | None = None
    columns: list[CustomResourceColumnDefinition] = field(default_factory=list)
    selectable: list[SelectableField] = field(default_factory=list)

    @property
    def has_status(self) -> bool:
        return self.subresources is not None and self.subresources.status is not None


@dataclass(slots=True)
class InternalSpec:
    """The common part, and what each version has besides.

    Attributes:
        schemas: all schemas that there are.
    """

    common: Part
    versions: list[tuple[CustomResourceDefinitionVersion, Part]]

    @property
    def schemas(self) -> list[Document]:
        return [part.schema for part in (self.common, *(part for _, part in self.versions)) if part.schema is not None]

    def shown(self) -> msgspec.Raw:
        """The versions as messages show them."""
        return _raw([_version(version, part) for version, part in self.versions])


def internal(spec: CustomResourceDefinitionSpec) -> InternalSpec:
    """The internal form of a spec."""
    parts = [_part(version) for version in spec.versions]
    common = Part()
    if not parts:
        return InternalSpec(common, [])
    first = parts[0]
    same_schema = all((part.has_validation, part.schema) == (first.has_validation, first.schema) for part in parts)
    if all(part.subresources == first.subresources for part in parts):
        common.subresources = first.subresources
        for part in parts:
            part.subresources = None
    if all(part.columns == first.columns for part in parts):
        common.columns = first.columns
        for part in parts:
            part.columns = []
    if same_schema and all(part.selectable == first.selectable for part in parts):
        common.selectable = first.selectable
        for part in parts:
            part.selectable = []
    if same_schema:
        common.schema, common.has_validation = first.schema, first.has_validation
        for part in parts:
            part.schema, part.has_validation = None, False
    return InternalSpec(common, list(zip(spec.versions, parts, strict=True)))


def _part(version: CustomResourceDefinitionVersion) -> Part:
    schema = version.schema.open_apiv3_schema if version.schema is not None else None
    return Part(
        schema=msgspec.to_builtins(schema) if schema is not None else None, has_validation=version.schema is not None,
        subresources=version.subresources, columns=version.additional_printer_columns, selectable=version.selectable_fields,
    )


def shown_schema(schema: Document) -> msgspec.Raw:
    """A schema as messages show it."""
    return _raw(_schema(schema))


def shown_items(items: Any) -> msgspec.Raw:
    """The items of a schema as messages show them."""
    return _raw(_items(items))


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _json(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json_text(value).encode())


def _version(version: CustomResourceDefinitionVersion, part: Part) -> Document:
    schema = {"OpenAPIV3Schema": _schema(part.schema) if part.schema is not None else None} if part.has_validation else None
    return {
        "Name": version.name, "Served": version.served, "Storage": version.storage, "Deprecated": bool(version.deprecated),
        "DeprecationWarning": version.deprecation_warning, "Schema": schema, "Subresources": _subresources(part.subresources),
        "AdditionalPrinterColumns": [_column(column) for column in part.columns] or None,
        "SelectableFields": [{"JSONPath": selected.json_path} for selected in part.selectable] or None,
    }


def _subresources(subresources: CustomResourceSubresources | None) -> Document | None:
    if subresources is None:
        return None
    scale = subresources.scale
    shown = {
        "SpecReplicasPath": scale.spec_replicas_path, "StatusReplicasPath": scale.status_replicas_path,
        "LabelSelectorPath": scale.label_selector_path,
    } if scale is not None else None
    return {"Status": {} if subresources.status is not None else None, "Scale": shown}


def _column(column: CustomResourceColumnDefinition) -> Document:
    return {
        "Name": column.name, "Type": column.type, "Format": column.format, "Description": column.description,
        "Priority": column.priority or 0, "JSONPath": column.json_path,
    }


SCHEMA_FIELDS = {
    "ID": "id", "Schema": "$schema", "Ref": "$ref", "Description": "description", "Type": "type", "Nullable": "nullable",
    "Format": "format", "Title": "title", "Default": "default", "Maximum": "maximum", "ExclusiveMaximum": "exclusiveMaximum",
    "Minimum": "minimum", "ExclusiveMinimum": "exclusiveMinimum", "MaxLength": "maxLength", "MinLength": "minLength",
    "Pattern": "pattern", "MaxItems": "maxItems", "MinItems": "minItems", "UniqueItems": "uniqueItems", "MultipleOf": "multipleOf",
    "Enum": "enum", "MaxProperties": "maxProperties", "MinProperties": "minProperties", "Required": "required", "Items": "items",
    "AllOf": "allOf", "OneOf": "oneOf", "AnyOf": "anyOf", "Not": "not", "Properties": "properties",
    "AdditionalProperties": "additionalProperties", "PatternProperties": "patternProperties", "Dependencies": "dependencies",
    "AdditionalItems": "additionalItems", "Definitions": "definitions", "ExternalDocs": "externalDocs", "Example": "example",
    "XPreserveUnknownFields": "x-kubernetes-preserve-unknown-fields", "XEmbeddedResource": "x-kubernetes-embedded-resource",
    "XIntOrString": "x-kubernetes-int-or-string", "XListMapKeys": "x-kubernetes-list-map-keys", "XListType": "x-kubernetes-list-type",
    "XMapType": "x-kubernetes-map-type", "XValidations": "x-kubernetes-validations",
}
"""The fields of the internal JSONSchemaProps, in order, and their names on the wire."""
_TEXT = frozenset({"ID", "Schema", "Description", "Type", "Format", "Title", "Pattern"})
_FLAGS = frozenset({"Nullable", "ExclusiveMaximum", "ExclusiveMinimum", "UniqueItems", "XEmbeddedResource", "XIntOrString"})
_LISTS = frozenset({"AllOf", "OneOf", "AnyOf"})
_MAPS = frozenset({"Properties", "PatternProperties", "Definitions"})


def is_set(name: str, schema: Document) -> bool:
    """Whether a field of a schema, by its Go name, has another value than that of an empty schema."""
    value = schema.get(SCHEMA_FIELDS[name])
    if name in _TEXT or name in _FLAGS or isinstance(value, list) or name in _MAPS:
        return bool(value)
    return value is not None


def _schema(schema: Document) -> Document:
    return {name: _field(name, schema.get(wire)) for name, wire in SCHEMA_FIELDS.items()}


def _field(name: str, value: Any) -> Any:
    if name in _TEXT:
        return value or ""
    if name in _FLAGS:
        return bool(value)
    if value in (None, [], {}) and name not in ("Default", "Example", "Not", "Items", "AdditionalProperties"):
        return None
    if name in _LISTS:
        return [_schema(part) for part in value]
    if name in _MAPS:
        return {key: _schema(value[key]) for key in sorted(value)}
    if name == "Not":
        return _schema(value) if value is not None else None
    if name == "Items":
        return _items(value)
    if name in ("AdditionalProperties", "AdditionalItems"):
        return _schema_or_flag(value)
    if name == "Dependencies":
        return {key: _dependency(value[key]) for key in sorted(value)}
    if name == "ExternalDocs":
        return {"Description": value.get("description", ""), "URL": value.get("url", "")}
    if name == "XValidations":
        return [_rule(rule) for rule in value]
    return _json(value)


def _items(items: Any) -> Document | None:
    if items is None:
        return None
    many = isinstance(items, list)
    return {"Schema": None if many else _schema(items), "JSONSchemas": [_schema(item) for item in items] if many else None}


def _schema_or_flag(value: Any) -> Document | None:
    if value is None:
        return None
    schema = isinstance(value, dict)
    return {"Allows": True if schema else bool(value), "Schema": _schema(value) if schema else None}


def _dependency(value: Any) -> Document:
    schema = isinstance(value, dict)
    return {"Schema": _schema(value) if schema else None, "Property": None if schema else value}


def _rule(rule: Document) -> Document:
    return {
        "Rule": rule.get("rule", ""), "Message": rule.get("message", ""), "MessageExpression": rule.get("messageExpression", ""),
        "Reason": rule.get("reason"), "FieldPath": rule.get("fieldPath", ""), "OptionalOldSelf": rule.get("optionalOldSelf"),
    }
