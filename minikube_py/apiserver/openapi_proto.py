"""The protobuf form of an OpenAPI v2 document, which Go clients ask for.

Owns the wire format of the messages that the document's parts map to; what has no place in those messages is left out, as their own
JSON reader does with it. Values of extensions travel as YAML text, for which JSON serves.

Source: google/gnostic openapiv2/OpenAPIv2.proto (message and field numbers), protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from .protobuf.wire import write_bytes, write_double, write_number

Encoder = Callable[[int, Any], bytes]
"""Takes a field number and a value, and returns the field as it goes on the wire."""

def _text(number: int, value: str) -> bytes:
    return write_bytes(number, value.encode())


def _flag(number: int, value: bool) -> bytes:
    return write_number(number, 1) if value else b""


def _integer(number: int, value: float) -> bytes:
    return write_number(number, int(value))


def _any(number: int, value: Any) -> bytes:
    return write_bytes(number, _text(2, msgspec.json.encode(value).decode() + "\n"))


def _each(encoder: Encoder) -> Encoder:
    """Return the encoder of a repeated field."""
    return lambda number, values: b"".join(encoder(number, value) for value in values)


def _named(encoder: Encoder) -> Encoder:
    """Return the encoder of a map that is a repeated pair of name and value."""
    return lambda number, values: b"".join(write_bytes(number, _text(1, name) + encoder(2, value)) for name, value in values.items())


def _map(encoder: Encoder, inner: int = 1) -> Encoder:
    """Return the encoder of a message that holds nothing but such a map, in field `inner`."""
    named = _named(encoder)
    return lambda number, values: write_bytes(number, named(inner, values))


def _wrapped(field: int, encoder: Encoder) -> Encoder:
    """Return the encoder of a message in which the value is the field `field`."""
    return lambda number, value: write_bytes(number, encoder(field, value))


def _message(fields: Mapping[str, tuple[int, Encoder]], extensions: int) -> Encoder:
    """Return the encoder of an object whose keys are fields; keys that begin with x- go to the field `extensions`."""

    def encode(number: int, value: Mapping[str, Any]) -> bytes:
        parts = []
        for key, child in value.items():
            known = fields.get(key)
            if known is not None:
                parts.append(known[1](known[0], child))
            elif key.startswith("x-"):
                parts.append(write_bytes(extensions, _text(1, key) + _any(2, child)))
        return write_bytes(number, b"".join(parts))

    return encode


def _schema(number: int, value: Mapping[str, Any]) -> bytes:
    return _SCHEMA(number, value)


def _additional_properties(number: int, value: Any) -> bytes:
    return write_bytes(number, _flag(2, value) if isinstance(value, bool) else _schema(1, value))


def _strings(number: int, value: str | list[str]) -> bytes:
    """Encode a message that holds a list of strings; a single one is a list of one."""
    return write_bytes(number, _each(_text)(1, [value] if isinstance(value, str) else value))


def _parameter(number: int, value: Mapping[str, Any]) -> bytes:
    """Encode a Parameter: body, query or path."""
    place = value["in"]
    if place == "body":
        return write_bytes(number, _BODY_PARAMETER(1, value))
    sub_schema = _QUERY_PARAMETER(3, value) if place == "query" else _PATH_PARAMETER(4, value)
    return write_bytes(number, write_bytes(2, sub_schema))


def _parameters_item(number: int, value: Mapping[str, Any]) -> bytes:
    reference = value.get("$ref")
    return write_bytes(number, _parameter(1, value) if reference is None else write_bytes(2, _text(1, reference)))


_TEXTS: Final = _each(_text)

_SCHEMA: Final = _message(
    {
        "$ref": (1, _text),
        "format": (2, _text),
        "title": (3, _text),
        "description": (4, _text),
        "default": (5, _any),
        "multipleOf": (6, write_double),
        "maximum": (7, write_double),
        "exclusiveMaximum": (8, _flag),
        "minimum": (9, write_double),
        "exclusiveMinimum": (10, _flag),
        "maxLength": (11, _integer),
        "minLength": (12, _integer),
        "pattern": (13, _text),
        "maxItems": (14, _integer),
        "minItems": (15, _integer),
        "uniqueItems": (16, _flag),
        "maxProperties": (17, _integer),
        "minProperties": (18, _integer),
        "required": (19, _TEXTS),
        "enum": (20, _each(_any)),
        "additionalProperties": (21, _additional_properties),
        "type": (22, _strings),
        "items": (23, _wrapped(1, _schema)),
        "properties": (25, _map(_schema)),
        "example": (30, _any),
    },
    extensions=31,
)
_BODY_PARAMETER: Final = _message(
    {"description": (1, _text), "name": (2, _text), "in": (3, _text), "required": (4, _flag), "schema": (5, _schema)}, extensions=6
)
_QUERY_PARAMETER: Final = _message(
    {
        "required": (1, _flag),
        "in": (2, _text),
        "description": (3, _text),
        "name": (4, _text),
        "type": (6, _text),
        "format": (7, _text),
        "uniqueItems": (20, _flag),
    },
    extensions=23,
)
_PATH_PARAMETER: Final = _message(
    {
        "required": (1, _flag),
        "in": (2, _text),
        "description": (3, _text),
        "name": (4, _text),
        "type": (5, _text),
        "format": (6, _text),
        "uniqueItems": (19, _flag),
    },
    extensions=22,
)
_RESPONSE: Final = _message({"description": (1, _text), "schema": (2, _wrapped(1, _schema))}, extensions=5)
_OPERATION: Final = _message(
    {
        "tags": (1, _TEXTS),
        "description": (3, _text),
        "operationId": (5, _text),
        "produces": (6, _TEXTS),
        "consumes": (7, _TEXTS),
        "parameters": (8, _each(_parameters_item)),
        "responses": (9, _map(_wrapped(1, _RESPONSE))),
        "deprecated": (11, _flag),
    },
    extensions=13,
)
_PATH_ITEM: Final = _message(
    {
        "get": (2, _OPERATION),
        "put": (3, _OPERATION),
        "post": (4, _OPERATION),
        "delete": (5, _OPERATION),
        "options": (6, _OPERATION),
        "head": (7, _OPERATION),
        "patch": (8, _OPERATION),
        "parameters": (9, _each(_parameters_item)),
    },
    extensions=10,
)
_INFO: Final = _message({"title": (1, _text), "version": (2, _text), "description": (3, _text)}, extensions=7)
_API_KEY: Final = _message({"type": (1, _text), "name": (2, _text), "in": (3, _text), "description": (4, _text)}, extensions=5)
_DOCUMENT_FIELDS: Final[dict[str, tuple[int, Encoder]]] = {
    "swagger": (1, _text),
    "info": (2, _INFO),
    "paths": (8, _map(_PATH_ITEM, inner=2)),
    "definitions": (9, _map(_schema)),
    "parameters": (10, _map(_parameter)),
    "security": (12, _each(_map(_strings))),
    "securityDefinitions": (13, _map(_wrapped(2, _API_KEY))),
}


def encode_v2(document: Mapping[str, Any]) -> bytes:
    """Return an OpenAPI v2 document, as `openapi_v2.swagger` makes it, as a protobuf message."""
    return b"".join(encoder(number, document[key]) for key, (number, encoder) in _DOCUMENT_FIELDS.items() if key in document)
