"""Every mistake of a value has upstream's reason, field and message."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis.structural import compile_schema

NESTED = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
INT_OR_STRING = {"x-kubernetes-int-or-string": True}
TYPE, INVALID = "FieldValueTypeInvalid", "FieldValueInvalid"

# schema of the field x, its value, and the complaints as "reason field: message"
CASES: list[tuple[dict[str, Any], Any, list[str]]] = [
    ({"type": "integer"}, "3", [f'{TYPE} x: Invalid value: "string": x in body must be of type integer: "string"']),
    ({"type": "integer"}, 1.5, [f'{TYPE} x: Invalid value: "number": x in body must be of type integer: "number"']),
    ({"type": "integer"}, 2.0, []),
    ({"type": "integer"}, True, [f'{TYPE} x: Invalid value: "boolean": x in body must be of type integer: "boolean"']),
    ({"type": "integer"}, None, [f'{TYPE} x: Invalid value: "null": x in body must be of type integer: "null"']),
    ({"type": "integer", "nullable": True}, None, []),
    ({"type": "number"}, 3, []),
    ({"type": "number"}, "3", [f'{TYPE} x: Invalid value: "string": x in body must be of type number: "string"']),
    ({"type": "string"}, 3, [f'{TYPE} x: Invalid value: "integer": x in body must be of type string: "integer"']),
    ({"type": "boolean"}, "true", [f'{TYPE} x: Invalid value: "string": x in body must be of type boolean: "string"']),
    ({"type": "object"}, [], [f'{TYPE} x: Invalid value: "array": x in body must be of type object: "array"']),
    ({"type": "array", "items": {"type": "string"}}, {}, [f'{TYPE} x: Invalid value: "object": x in body must be of type array: "object"']),
    ({}, {"any": ["thing"]}, []),
    (INT_OR_STRING, 3, []),
    (INT_OR_STRING, "3", []),
    (INT_OR_STRING, True, [f'{TYPE} x: Invalid value: "boolean": x in body must be of type integer,string: "boolean"']),
    ({"type": "integer", "minimum": 2}, 1, [f"{INVALID} x: Invalid value: 1: x in body should be greater than or equal to 2"]),
    ({"type": "integer", "minimum": 2, "exclusiveMinimum": True}, 2,
     [f"{INVALID} x: Invalid value: 2: x in body should be greater than 2"]),
    ({"type": "integer", "maximum": 2}, 3, [f"{INVALID} x: Invalid value: 3: x in body should be less than or equal to 2"]),
    ({"type": "integer", "maximum": 2, "exclusiveMaximum": True}, 2, [f"{INVALID} x: Invalid value: 2: x in body should be less than 2"]),
    ({"type": "number", "maximum": 2.5}, 3.25, [f"{INVALID} x: Invalid value: 3.25: x in body should be less than or equal to 2.5"]),
    ({"type": "integer", "multipleOf": 5}, 7, [f"{INVALID} x: Invalid value: 7: x in body should be a multiple of 5"]),
    ({"type": "number", "multipleOf": 0.1}, 0.3, []),
    ({"type": "number", "multipleOf": 0.1}, 0.35, [f"{INVALID} x: Invalid value: 0.35: x in body should be a multiple of 0.1"]),
    ({"type": "integer", "format": "int32"}, 2**31,
     [f'{INVALID} <nil>: Invalid value: "": Checked value must be of type integer with format int32 in x']),
    ({"type": "integer", "format": "int32"}, 2**31 - 1, []),
    ({"type": "string", "maxLength": 3}, "äöüß", ["FieldValueTooLong x: Too long: may not be more than 3 bytes"]),
    ({"type": "string", "maxLength": 3}, "äöü", []),
    ({"type": "string", "minLength": 2}, "ä", [f'{INVALID} x: Invalid value: "ä": x in body should be at least 2 chars long']),
    ({"type": "string", "pattern": "^a+$"}, "b", [f"""{INVALID} x: Invalid value: "b": x in body should match '^a+$'"""]),
    ({"type": "string", "enum": ["a", "b"]}, "c", ['FieldValueNotSupported x: Unsupported value: "c": supported values: "a", "b"']),
    ({"type": "integer", "enum": [1, 2]}, 3, ['FieldValueNotSupported x: Unsupported value: 3: supported values: "1", "2"']),
    ({"type": "string", "nullable": True, "enum": ["a"]}, None,
     ['FieldValueNotSupported x: Unsupported value: null: supported values: "a"']),
    ({"type": "string", "format": "ipv4"}, "1.2.3", [f'{TYPE} x: Invalid value: "1.2.3": x in body must be of type ipv4: "1.2.3"']),
    ({"type": "string", "format": "made-up"}, "1.2.3", []),
    ({"type": "array", "items": {"type": "string"}, "maxItems": 1}, ["a", "b"],
     ["FieldValueTooMany x: Too many: 2: must have at most 1 item"]),
    ({"type": "array", "items": {"type": "string"}, "minItems": 1}, [],
     [f"{INVALID} x: Invalid value: 0: x in body should have at least 1 items"]),
    ({"type": "array", "items": {"type": "string"}}, ["a", 1],
     [f'{TYPE} x[1]: Invalid value: "integer": x[1] in body must be of type string: "integer"']),
    ({"type": "object", "additionalProperties": {"type": "string"}}, {"k": 1},
     [f'{TYPE} x.k: Invalid value: "integer": x.k in body must be of type string: "integer"']),
    ({"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 1}, {"k": "", "l": ""},
     ["FieldValueTooMany x: Too many: 2: must have at most 1 item"]),
    ({"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}, {},
     [f"{INVALID} x: Invalid value: 0: x in body should have at least 1 properties"]),
    (NESTED | {"required": ["a", "b"]}, {"b": ""}, ["FieldValueRequired x.a: Required value"]),
    (NESTED | {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {},
     [f'{INVALID} <nil>: Invalid value: "": "x" must validate at least one schema (anyOf)', "FieldValueRequired x.a: Required value"]),
    (NESTED | {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": "", "b": ""},
     [f'{INVALID} <nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives']),
    (NESTED | {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"b": ""}, []),
    (NESTED | {"allOf": [{"required": ["a"]}, {"required": ["b"]}]}, {},
     ["FieldValueRequired x.a: Required value", "FieldValueRequired x.b: Required value",
      f'{INVALID} <nil>: Invalid value: "": "x" must validate all the schemas (allOf). None validated']),
    (NESTED | {"not": {"required": ["a"]}}, {"a": ""}, [f'{INVALID} <nil>: Invalid value: "": "x" must not validate the schema (not)']),
]


@pytest.mark.parametrize(("schema", "value", "complaints"), CASES, ids=str)
def test_messages(schema: dict[str, Any], value: Any, complaints: list[str]) -> None:
    compiled = compile_schema({"type": "object", "properties": {"x": schema}})
    assert [f"{cause.reason} {cause.field}: {cause.message}" for cause in compiled.validate({"x": value})] == complaints


SCALED = {"type": "object", "properties": {
    "spec": {"type": "object", "properties": {"n": {"type": "integer"}}},
    "status": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
}}


@pytest.mark.parametrize(("status", "complaints"), [
    ({"n": "x"}, ['status.n: Invalid value: "string": n in body must be of type integer: "string"']),
    ({}, ["status.n: Required value"]),
    ({"n": 1}, []),
])
def test_of_a_status_only_the_status_is_checked(status: dict[str, Any], complaints: list[str]) -> None:
    causes = compile_schema(SCALED).validate({"spec": {"n": "odd"}, "status": status}, status=True)
    assert [f"{cause.field}: {cause.message}" for cause in causes] == complaints
