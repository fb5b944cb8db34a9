"""Structural schemas as types of expressions, with bounds on their sizes.

A DeclType is the type of one schema: what the checker calls it, how many elements (items, entries, characters) a value may have and
how short it may be in JSON. Fields that expressions cannot reach (no type, a name without an identifier) are absent.

Source: staging/src/k8s.io/apiserver/pkg/cel/common/schemas.go, pkg/cel/types.go, pkg/cel/limits.go
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import types as t
from .documents import with_meta
from .escaping import RESERVED, escape
from .types import Type

Schema = dict[str, Any]

REQUEST_BYTES_MAX = 3 * 1024 * 1024
_STRING_MIN, _BOOL_MIN, _NUMBER_MIN = 2, 4, 1
# Longest and shortest JSON of the formats, quotes included.
_FORMAT_MAX = {"duration": 32, "date": 12, "date-time": 32}
_FORMAT_MIN = {"duration": 3, "date": 12, "date-time": 21}
_FORMAT_TYPES = {"duration": t.DURATION, "date": t.TIMESTAMP, "date-time": t.TIMESTAMP, "byte": t.BYTES}


@dataclass(slots=True)
class DeclType:
    """Attributes:
    type: objects are all called "object" here; `Declarations` gives them names.
    elements_max: items, entries or characters (bytes of UTF-8 for strings).
    json_min: bytes of the shortest JSON.
    fields: of an object, by identifier.
    any_field: of a map whose entries are read as fields too, every one of them.
    """

    type: Type
    elements_max: int = 0
    json_min: int = 0
    item: DeclType | None = None
    fields: dict[str, DeclType] | None = None
    any_field: DeclType | None = None


def decl_type(schema: Schema, is_resource: bool = False) -> DeclType | None:
    """The type of a schema; None if expressions cannot see it.

    Args:
        is_resource: it is the root of a resource, whose metadata rules may always read.
    """
    if schema.get("x-kubernetes-int-or-string"):
        limit = schema.get("maxLength")
        return DeclType(t.DYN, max(limit, 0) * 4 if limit is not None else REQUEST_BYTES_MAX - 2, 1)
    if is_resource:
        schema = with_meta(schema)
    kind = schema.get("type")
    if kind == "array":
        return _array(schema)
    if kind == "object":
        return _object(schema)
    if kind == "string":
        return _string(schema)
    return {
        "boolean": DeclType(t.BOOL, 0, _BOOL_MIN), "number": DeclType(t.DOUBLE, 0, _NUMBER_MIN), "integer": DeclType(t.INT, 0, _NUMBER_MIN),
    }.get(kind or "")


def _inner(schema: Any) -> DeclType | None:
    return decl_type(schema, bool(schema.get("x-kubernetes-embedded-resource"))) if isinstance(schema, dict) else None


def _array(schema: Schema) -> DeclType | None:
    item = _inner(schema.get("items"))
    if item is None:
        return None
    limit = schema.get("maxItems")
    count = max(limit, 0) if limit is not None else (REQUEST_BYTES_MAX - 2) // (item.json_min + 1)
    return DeclType(t.list_of(item.type), count, 2, item)


def _object(schema: Schema) -> DeclType | None:
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        value = _inner(additional)
        if value is None:
            return None
        limit = schema.get("maxProperties")
        # A key of two quotes, a colon, a comma.
        count = max(limit, 0) if limit is not None else (REQUEST_BYTES_MAX - 2) // (value.json_min + 6)
        return DeclType(t.map_of(t.STRING, value.type), count, 2, value)
    required = set(schema.get("required") or ())
    fields: dict[str, DeclType] = {}
    json_min = 2
    for name, inner in (schema.get("properties") or {}).items():
        found = _inner(inner)
        if found is None:
            continue
        identifier = escape(name)
        if identifier is not None:
            fields[identifier] = found
        if name in required and inner.get("default") is None:
            json_min += len(name.encode()) + found.json_min + 4
    return DeclType(t.object_type("object"), 0, json_min, None, fields)


def _string(schema: Schema) -> DeclType:
    format_ = schema.get("format") or ""
    limit = schema.get("maxLength")
    kind = _FORMAT_TYPES.get(format_, t.STRING)
    if format_ in _FORMAT_MAX:
        return DeclType(kind, _FORMAT_MAX[format_], _FORMAT_MIN[format_])
    if limit is not None:
        # The limit counts characters, each of up to four bytes.
        return DeclType(kind, max(limit, 0) * (1 if kind is t.BYTES else 4), _STRING_MIN)
    if kind is t.STRING and schema.get("enum"):
        return DeclType(kind, max((len(value.encode()) for value in schema["enum"] if isinstance(value, str)), default=0), _STRING_MIN)
    return DeclType(kind, REQUEST_BYTES_MAX - 2, _STRING_MIN)


@dataclass(slots=True)
class Declarations:
    """Names for the objects within a type, which messages show: "selfType.spec.ports.@idx".

    Attributes:
        root: the type that `self` has.
    """

    root: Type = t.DYN
    _fields: dict[str, dict[str, Type]] = field(default_factory=dict)

    @classmethod
    def of(cls, decl: DeclType, name: str) -> Declarations:
        declarations = cls()
        declarations.root = declarations._named(decl, name)
        return declarations

    def _named(self, decl: DeclType, name: str) -> Type:
        if decl.fields is not None:
            self._fields[name] = {identifier: self._named(inner, f"{name}.{identifier}") for identifier, inner in decl.fields.items()}
            return t.object_type(name)
        if decl.item is None:
            return decl.type
        if decl.type.kind == "map":
            return t.map_of(t.STRING, self._named(decl.item, f"{name}.@elem"))
        return t.list_of(self._named(decl.item, f"{name}.@idx"))

    def field_type(self, object_name: str, identifier: str) -> Type | None:
        """The type of a field. A field with the name of a keyword may be written as it is."""
        fields = self._fields.get(object_name, {})
        found = fields.get(identifier)
        if found is None and identifier in RESERVED:
            return fields.get(f"__{identifier}__")
        return found
