"""Rules of the schemas in CustomResourceDefinitions.

Owns what OpenAPI schemas may say at all, and the order in which upstream asks: whether the schema is structural (`structural.rules`),
whether its defaults are right (`structural.default_rules`), these rules here, and last the expressions in it (`cel`).

Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ...core.errors import Cause
from ..cel import check_rules
from ..field_paths import FieldPathError, resolve
from ..structural.default_rules import check_defaults, has_unknown_fields
from ..structural.nodes import META_FIELDS, Document
from ..structural.rules import check_structural, conversion_problem
from .causes import Causes, forbidden, invalid, not_supported, required
from .internal_definitions import SCHEMA_FIELDS, InternalSpec, is_set, shown_items, shown_schema

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_LIST_TYPES = ("atomic", "set", "map")
_MAP_TYPES = ("atomic", "granular")
_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
# What may stand at the root of a schema if its status is checked by itself, as the schema of the property alone.
_AT_ROOT = (
    "Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum", "ExclusiveMinimum", "MaxLength", "MinLength",
    "Pattern", "MaxItems", "MinItems", "UniqueItems", "MultipleOf", "Required", "Items", "Properties", "ExternalDocs", "Example",
    "XPreserveUnknownFields", "XValidations",
)
_STATUS_ENABLED = "at the root of the schema if the status subresource is enabled"
_RULES = "x-kubernetes-validations"
_LIST_TYPE, _MAP_TYPE, _LIST_KEYS = "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-list-map-keys"


@dataclass(frozen=True, slots=True)
class Strictness:
    """Which of the rules hold that older definitions may break."""

    schema: bool = True
    structural: bool = True
    pruned_defaults: bool = True
    known_types: bool = True
    atomic_sets: bool = True
    map_keys: bool = True


STRICT = Strictness()


def strictness(spec: InternalSpec) -> Strictness:
    """What an update must obey: what the old spec breaks, the new one may break."""
    schemas = spec.schemas
    has_structure = [not conversion_problem(schema) and not check_structural(schema, "") for schema in schemas]
    return Strictness(
        schema=spec.common.schema is not None or all(part.schema is not None for _, part in spec.versions),
        structural=all(has_structure),
        pruned_defaults=not any(right and has_unknown_fields(schema) for right, schema in zip(has_structure, schemas, strict=True)),
        known_types=not has_schema_with(spec, lambda schema: schema.get("type", "") not in ("", *_TYPES)),
        atomic_sets=not has_schema_with(spec, lambda schema: bool(_sets(schema, ""))),
        map_keys=not has_schema_with(spec, lambda schema: bool(_keys(schema, ""))),
    )


def has_schema_with(spec: InternalSpec, predicate: Callable[[Document], bool]) -> bool:
    """Whether a schema of the spec, or any part of one, has a property."""
    return any(predicate(part) for schema in spec.schemas for part in parts(schema))


def parts(schema: Document) -> Iterator[Document]:
    """A schema and all the schemas in it."""
    yield schema
    for name in ("items", "additionalProperties", "additionalItems", "not"):
        if isinstance(schema.get(name), dict):
            yield from parts(schema[name])
    for name in ("items", "allOf", "anyOf", "oneOf"):
        if isinstance(schema.get(name), list):
            for part in schema[name]:
                yield from parts(part)
    for name in ("properties", "patternProperties", "definitions", "dependencies"):
        for part in (schema.get(name) or {}).values():
            if isinstance(part, dict):
                yield from parts(part)


def extended(schema: Document) -> bool:
    """Whether a schema says something that only structural schemas may."""
    return bool(
        schema.get("x-kubernetes-embedded-resource") or schema.get("x-kubernetes-preserve-unknown-fields") is not None
        or schema.get("x-kubernetes-int-or-string") or schema.get(_LIST_KEYS) or schema.get(_LIST_TYPE) is not None or schema.get(_RULES)
    )


def check_schema(causes: Causes, schema: Document, path: str, *, status: bool, strict: Strictness, same: bool) -> None:
    """What is wrong with the schema at `path`.

    Args:
        status: the status subresource is enabled.
        same: it is the schema that the version had before.
    """
    found: Causes = []
    if status:
        _root(found, schema, path)
    if schema.get("nullable"):
        found.append(forbidden(f"{path}.nullable", "nullable cannot be true at the root"))
    unreadable = ""
    structural = False
    if strict.structural:
        unreadable = conversion_problem(schema)
        wrong = [] if unreadable else check_structural(schema, path) or check_defaults(schema, path, pruned=strict.pruned_defaults)
        structural = not unreadable and not wrong
        found += wrong
    before = len(found)
    _Rules(strict).check(found, schema, path, _Place())
    if structural and len(found) == before:
        found += check_rules(schema, path, suppress_expression_cost=same)
    if unreadable and not found:
        found.append(invalid(path, "", unreadable))
    causes += found


def _root(causes: Causes, schema: Document, path: str) -> None:
    for name in SCHEMA_FIELDS:
        if not is_set(name, schema):
            continue
        if name == "Type":
            if schema["type"] != "object":
                causes.append(invalid(f"{path}.type", schema["type"], f'only "object" is allowed as the type {_STATUS_ENABLED}'))
                return
        elif name not in _AT_ROOT:
            causes.append(invalid(path, shown_schema(schema), f"only [{' '.join(_AT_ROOT)}] fields are allowed {_STATUS_ENABLED}"))
            return


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a schema stands.

    Attributes:
        no_default: why there can be no default, None if there can.
        in_meta: inside of the type or metadata of a resource.
        root: it is the whole schema.
    """

    no_default: str | None = None
    in_meta: bool = False
    root: bool = True


class _Rules:
    """The rules of every schema, under one strictness."""

    def __init__(self, strict: Strictness) -> None:
        self._strict = strict

    def check(self, causes: Causes, schema: Document, path: str, place: _Place) -> None:
        self._standard(causes, schema, path, place)
        if schema.get("uniqueItems"):
            detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
            causes.append(forbidden(f"{path}.uniqueItems", detail))
        self._below(causes, schema, path, replace(place, root=False), place.root)
        if schema.get("x-kubernetes-preserve-unknown-fields") is False:
            causes.append(invalid(f"{path}.x-kubernetes-preserve-unknown-fields", False, "must be true or undefined"))
        self._collections(causes, schema, path)
        for index, rule in enumerate(schema.get(_RULES) or ()):
            _rule(causes, schema, rule, f"{path}.{_RULES}[{index}]")

    def _standard(self, causes: Causes, schema: Document, path: str, place: _Place) -> None:
        get = schema.get
        type_ = get("type") or ""
        if self._strict.known_types and type_ and type_ not in _TYPES:
            causes.append(not_supported(f"{path}.type", type_, _TYPES))
        if get("default") is not None and place.no_default is not None:
            causes.append(forbidden(f"{path}.default", f"must not be set {place.no_default}".rstrip()))
        for name in ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"):
            value = get(name)
            if value or (name == "additionalItems" and value is not None):
                causes.append(forbidden(f"{path}.{name}", f"{name} is not supported"))
        if type_ == "null":
            causes.append(forbidden(f"{path}.type", "type cannot be set to null, use nullable as an alternative"))
        if isinstance(get("items"), list) and get("items"):
            causes.append(forbidden(f"{path}.items", "items must be a schema object and not an array"))
        if place.in_meta and get("x-kubernetes-embedded-resource"):
            causes.append(forbidden(f"{path}.x-kubernetes-embedded-resource", "must not be used inside of resource meta"))

    def _below(self, causes: Causes, schema: Document, path: str, place: _Place, root: bool) -> None:
        """The schemas inside of a schema."""
        properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
        if additional is not None and additional is not True and properties:
            detail = "additionalProperties and properties are mutual exclusive"
            causes.append(forbidden(f"{path}.additionalProperties", detail))
        if isinstance(additional, dict):
            # Which defaults would be filled in there depends on the keys of the object.
            inside = replace(place, no_default="inside additionalProperties applying to object metadata") if place.in_meta else place
            self.check(causes, additional, f"{path}.additionalProperties", inside)
        for name, child in properties.items():
            inside = place
            if name in META_FIELDS and (root or schema.get("x-kubernetes-embedded-resource")):
                inside = replace(place, in_meta=True, no_default=f"in top-level {name}" if root else place.no_default)
            self.check(causes, child, f"{path}.properties[{name}]", inside)
        if isinstance(schema.get("not"), dict):
            self.check(causes, schema["not"], f"{path}.not", place)
        for name in ("allOf", "oneOf", "anyOf"):
            for index, part in enumerate(schema.get(name) or ()):
                self.check(causes, part, f"{path}.{name}[{index}]", place)
        for name, part in (schema.get("definitions") or {}).items():
            self.check(causes, part, f"{path}.definitions[{name}]", place)
        items = schema.get("items")
        if isinstance(items, dict):
            self.check(causes, items, f"{path}.items", place)
        for index, part in enumerate(items if isinstance(items, list) else ()):
            self.check(causes, part, f"{path}.items[{index}]", place)
        for name, part in (schema.get("dependencies") or {}).items():
            if isinstance(part, dict):
                self.check(causes, part, f"{path}.dependencies[{name}]", place)

    def _collections(self, causes: Causes, schema: Document, path: str) -> None:
        """The kinds of lists and maps."""
        type_, list_type, map_type = schema.get("type") or "", schema.get(_LIST_TYPE), schema.get(_MAP_TYPE)
        for value, wanted, name in ((map_type, "object", _MAP_TYPE), (list_type, "array", _LIST_TYPE)):
            if value is not None and type_ != wanted:
                detail = f"must be {wanted} if {name} is specified"
                causes.append(invalid(f"{path}.type", type_, detail) if type_ else required(f"{path}.type", detail))
            elif name == _LIST_TYPE and self._strict.atomic_sets:
                causes += _sets(schema, path)
            supported = _MAP_TYPES if name == _MAP_TYPE else _LIST_TYPES
            if value is not None and value not in supported:
                causes.append(not_supported(f"{path}.{name}", value, supported))
        keys = schema.get(_LIST_KEYS)
        if keys and list_type != "map":
            detail = f"must be map if {_LIST_KEYS} is non-empty"
            where = f"{path}.{_LIST_TYPE}"
            causes.append(required(where, detail) if list_type is None else invalid(where, list_type, detail))
        if list_type == "map":
            _map_list(causes, schema, keys or [], path)
        if self._strict.map_keys:
            causes += _keys(schema, path)


def _sets(schema: Document, path: str) -> list[Cause]:
    """Items of sets are compared as a whole."""
    items = schema.get("items")
    if schema.get(_LIST_TYPE) != "set" or not isinstance(items, dict):
        return []
    list_type, map_type = items.get(_LIST_TYPE), items.get(_MAP_TYPE)
    detail = f"must be atomic as item of a list with {_LIST_TYPE}=set"
    if items.get("type") == "array" and list_type not in (None, "atomic"):
        return [invalid(f"{path}.items.{_LIST_TYPE}", list_type, detail)]
    if items.get("type") == "object" and map_type != "atomic":
        return [invalid(f"{path}.items.{_MAP_TYPE}", list_type, detail)]
    return []


def _map_list(causes: Causes, schema: Document, keys: list[str], path: str) -> None:
    items = schema.get("items")
    if not keys:
        causes.append(required(f"{path}.{_LIST_KEYS}", f"must not be empty if {_LIST_TYPE} is map"))
    if items is None:
        causes.append(required(f"{path}.items", f"must have a schema if {_LIST_TYPE} is map"))
        return
    if not isinstance(items, dict):
        causes.append(invalid(f"{path}.items", shown_items(items), f"must only have a single schema if {_LIST_TYPE} is map"))
        return
    if items.get("type") != "object":
        detail = f"must be object if parent array's {_LIST_TYPE} is map"
        causes.append(invalid(f"{path}.items.type", items.get("type") or "", detail))
        return
    properties = items.get("properties") or {}
    for index, key in enumerate(keys):
        if key not in properties:
            causes.append(invalid(f"{path}.{_LIST_KEYS}", keys, "entries must all be names of item properties"))
        elif properties[key].get("type") in ("array", "object"):
            detail = f"must be a scalar type if parent array's {_LIST_TYPE} is map"
            causes.append(invalid(f"{path}.items.properties[{key}].type", items["type"], detail))
        if key in keys[:index]:
            causes.append(invalid(f"{path}.{_LIST_KEYS}", keys, "must not contain duplicate entries"))


def _keys(schema: Document, path: str) -> list[Cause]:
    """Items of sets and maps are there, and so are the keys of the latter."""
    items, list_type = schema.get("items"), schema.get(_LIST_TYPE)
    if list_type not in ("set", "map") or not isinstance(items, dict):
        return []
    causes = []
    if items.get("nullable"):
        causes.append(forbidden(f"{path}.items.nullable", f"cannot be nullable when {_LIST_TYPE} is {list_type}"))
    properties = items.get("properties") or {}
    for key in (schema.get(_LIST_KEYS) or ()) if list_type == "map" else ():
        where, property_ = f"{path}.items.properties[{key}]", properties.get(key)
        if property_ is None:
            continue
        if key not in (items.get("required") or ()) and property_.get("default") is None:
            detail = f"this property is in {_LIST_KEYS}, so it must have a default or be a required property"
            causes.append(required(f"{where}.default", detail))
        if property_.get("nullable"):
            causes.append(forbidden(f"{where}.nullable", f"this property is in {_LIST_KEYS}, so it cannot be nullable"))
    return causes


def _rule(causes: Causes, schema: Document, rule: dict[str, Any], path: str) -> None:
    """What a validation rule consists of, its expressions aside."""
    text, message, path_ = rule.get("rule", ""), rule.get("message", ""), rule.get("fieldPath", "")
    if not text.strip():
        causes.append(required(f"{path}.rule", "rule is not specified"))
    elif message and not message.strip():
        causes.append(invalid(f"{path}.message", message, "must be non-empty if specified"))
    elif _has_lines(message.strip()):
        causes.append(invalid(f"{path}.message", message, "must not contain line breaks"))
    elif _has_lines(text.strip()) and not message.strip():
        causes.append(required(f"{path}.message", "message must be specified if rule contains line breaks"))
    if rule.get("messageExpression") and not rule["messageExpression"].strip():
        causes.append(required(f"{path}.messageExpression", "messageExpression must be non-empty if specified"))
    if rule.get("reason") is not None and rule["reason"] not in _REASONS:
        causes.append(not_supported(f"{path}.reason", rule["reason"], _REASONS))
    if path_ and not path_.strip():
        causes.append(invalid(f"{path}.fieldPath", path_, "must be non-empty if specified"))
    if _has_lines(path_):
        causes.append(invalid(f"{path}.fieldPath", path_, "must not contain line breaks"))
    if path_ and not conversion_problem(schema):
        try:
            resolve(path_, schema)
        except FieldPathError:
            causes.append(invalid(f"{path}.fieldPath", path_, "must be a valid path"))


def _has_lines(text: str) -> bool:
    return "\n" in text or "\r" in text
