"""What makes a schema structural: every field has a type outside of the value rules, and those say nothing about structure.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/{validation,complete,convert}.go
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core.errors import Cause
from ..validation.causes import forbidden, invalid, required
from .nodes import META_FIELDS, Document
from .patterns import PatternError, compile_pattern

_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_UNSUPPORTED = (
    ("id", "id"), ("$schema", "schema"), ("$ref", "$ref"), ("patternProperties", "patternProperties"),
    ("dependencies", "dependencies"), ("additionalItems", "additionalItems"), ("definitions", "definitions"),
)
_ROOT, _ITEM, _FIELD = "at the root", "for specified array items", "for specified object fields"
_DOCUMENTATION = ("externalDocs", "example")
_MUST_BE_EMPTY, _MUST_BE_UNDEFINED, _MUST_BE_FALSE = (
    f"must be {what} to be structural" for what in ("empty", "undefined", "false")
)
# What an alternative can not say. All are forbidden in it.
_NOT_IN_ALTERNATIVES = (
    ("type", _MUST_BE_EMPTY), ("additionalProperties", _MUST_BE_UNDEFINED), ("default", _MUST_BE_UNDEFINED), ("title", _MUST_BE_EMPTY),
    ("description", _MUST_BE_EMPTY), ("nullable", _MUST_BE_FALSE), ("x-kubernetes-preserve-unknown-fields", _MUST_BE_FALSE),
    ("x-kubernetes-embedded-resource", _MUST_BE_FALSE), ("x-kubernetes-int-or-string", _MUST_BE_FALSE),
    ("x-kubernetes-list-map-keys", _MUST_BE_EMPTY), ("x-kubernetes-list-type", _MUST_BE_UNDEFINED),
    ("x-kubernetes-map-type", _MUST_BE_UNDEFINED), ("x-kubernetes-validations", _MUST_BE_EMPTY),
)


def conversion_problem(schema: Document) -> str:
    """Why a schema can not be read as a structural one at all; "" if it can."""
    for wire, name in _UNSUPPORTED:
        value = schema.get(wire)
        if value or (wire == "additionalItems" and value is not None):
            return f"OpenAPIV3Schema '{name}' is not supported"
    for _, part in alternatives(schema, ""):
        if problem := conversion_problem(part):
            return problem
    if isinstance(schema.get("additionalProperties"), dict) and (problem := conversion_problem(schema["additionalProperties"])):
        return problem
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined"
    if isinstance(schema.get("items"), list) and schema["items"]:
        return "OpenAPIV3Schema 'items' must be a schema, but is an array"
    for child in (schema.get("items"), *(schema.get("properties") or {}).values()):
        if isinstance(child, dict) and (problem := conversion_problem(child)):
            return problem
    return ""


def check_structural(schema: Document, path: str) -> list[Cause]:
    """Why a schema is not structural, in the order of the messages.

    The schema is one that `conversion_problem` has nothing against.
    """
    causes: list[Cause] = []
    _structure(causes, schema, _ROOT, path)
    _complete(causes, schema, schema, path, path)
    return sorted(causes, key=lambda cause: f"{cause.field}: {cause.message}")


def alternatives(schema: Document, path: str) -> Iterator[tuple[str, Document]]:
    """The schemas that the value rules of a schema are made of, with their paths."""
    if schema.get("not") is not None:
        yield f"{path}.not", schema["not"]
    for name in ("allOf", "anyOf", "oneOf"):
        for index, part in enumerate(schema.get(name) or ()):
            yield f"{path}.{name}[{index}]", part


def _structure(causes: list[Cause], schema: Document, level: str, path: str) -> None:
    get = schema.get
    type_, items, properties = get("type") or "", get("items"), get("properties") or {}
    if type_ == "array" and not isinstance(items, dict):
        causes.append(required(f"{path}.items", "must be specified"))
    if isinstance(items, dict):
        _structure(causes, items, _ITEM, f"{path}.items")
    for name, child in properties.items():
        _structure(causes, child, _FIELD, f"{path}.properties[{name}]")
    additional = get("additionalProperties")
    if additional is not None:
        if level == _ROOT:
            causes.append(forbidden(f"{path}.additionalProperties", "must not be used at the root"))
        if isinstance(additional, dict):
            _structure(causes, additional, _FIELD, f"{path}.additionalProperties")
    embedded, preserve = bool(get("x-kubernetes-embedded-resource")), bool(get("x-kubernetes-preserve-unknown-fields"))
    either = bool(get("x-kubernetes-int-or-string"))
    for name, value in (("preserve-unknown-fields", preserve), ("embedded-resource", embedded)):
        if either and value:
            causes.append(invalid(f"{path}.x-kubernetes-{name}", True, "must be false if x-kubernetes-int-or-string is true"))
    _values(causes, schema, path, is_int_or_string(schema), is_int_or_string((get("allOf") or [{}])[0]))
    if embedded and type_ != "object":
        detail = "must be object if x-kubernetes-embedded-resource is true"
        causes.append(invalid(f"{path}.type", type_, detail) if type_ else required(f"{path}.type", detail))
    elif not (type_ or either or preserve):
        causes.append(required(f"{path}.type", f"must not be empty {level}"))
    if embedded and additional is not None:
        causes.append(forbidden(f"{path}.additionalProperties", "must not be used if x-kubernetes-embedded-resource is set"))
    if level == _ROOT and type_ not in ("", "object"):
        causes.append(invalid(f"{path}.type", type_, "must be object at the root"))
    _meta(causes, properties, level, embedded, path)
    if embedded and not preserve and not properties:
        detail = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
        causes.append(required(f"{path}.properties", detail))


def _meta(causes: list[Cause], properties: Document, level: str, embedded: bool, path: str) -> None:
    """What the schema of a resource says of its type and metadata."""
    if level == _ROOT or embedded:
        for name in META_FIELDS:
            wanted = "object" if name == "metadata" else "string"
            child = properties.get(name)
            if child is not None and child.get("type") != wanted:
                causes.append(invalid(f"{path}.properties[{name}].type", child.get("type") or "", f"must be {wanted}"))
    if level == _ROOT and "metadata" in properties and _says_more_than_names(properties["metadata"]):
        detail = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        causes.append(forbidden(f"{path}.properties[metadata]", detail))


def _says_more_than_names(metadata: Document) -> bool:
    said = set(_said(metadata)) - {"type", "default"}
    if set(metadata.get("properties") or ()) <= {"name", "generateName"}:
        said.discard("properties")
    return bool(said)


def _said(schema: Document) -> Document:
    """What is set in a schema, documentation aside."""
    return {
        name: value for name, value in schema.items()
        if name not in _DOCUMENTATION and (name == "additionalProperties" or not (value is False or value in (None, "", [], {})))
    }


def is_int_or_string(schema: Document) -> bool:
    """Whether one of the alternatives says that integers and strings are right, which may be said though it names types."""
    return [_said(part) for part in schema.get("anyOf") or ()] == _INT_OR_STRING


def _values(causes: list[Cause], schema: Document, path: str, skip_any: bool, skip_any_in_first: bool) -> None:
    for where, part in alternatives(schema, path):
        if not (skip_any and where.startswith(f"{path}.anyOf[")):
            _alternative(causes, part, where, skip_any_in_first and where == f"{path}.allOf[0]")
    pattern = schema.get("pattern")
    if pattern:
        try:
            compile_pattern(pattern)
        except PatternError as error:
            causes.append(invalid(f"{path}.pattern", pattern, f"must be a valid regular expression, but isn't: {error}"))


def _alternative(causes: list[Cause], schema: Document, path: str, skip_any: bool = False) -> None:
    _values(causes, schema, path, skip_any, False)
    if isinstance(schema.get("items"), dict):
        _alternative(causes, schema["items"], f"{path}.items")
    properties = schema.get("properties") or {}
    for name, child in properties.items():
        _alternative(causes, child, f"{path}.properties[{name}]")
    said = _said(schema)
    for name, detail in _NOT_IN_ALTERNATIVES:
        if name in said or (name == "default" and schema.get("default") is not None):
            causes.append(forbidden(f"{path}.{name}", detail))
    if "metadata" in properties:
        causes.append(forbidden(f"{path}.properties[metadata]", "must not be specified in a nested context"))


def _complete(causes: list[Cause], values: Document, schema: Document, path: str, values_path: str) -> None:
    """Every field that a value rule speaks of is one that the structure has."""
    for where, part in alternatives(values, values_path):
        _complete_alternative(causes, part, schema, path, where)


def _complete_alternative(causes: list[Cause], values: Document, schema: Any, path: str, values_path: str) -> None:
    if not isinstance(schema, dict):
        causes.append(required(path, f"because it is defined in {values_path}"))
        return
    _complete(causes, values, schema, path, values_path)
    if isinstance(values.get("items"), dict):
        _complete_alternative(causes, values["items"], schema.get("items"), f"{path}.items", f"{values_path}.items")
    for name, child in (values.get("properties") or {}).items():
        where = f"properties[{name}]"
        _complete_alternative(causes, child, (schema.get("properties") or {}).get(name), f"{path}.{where}", f"{values_path}.{where}")
