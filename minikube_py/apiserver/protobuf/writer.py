"""From plain documents to protobuf, by the same table, for the clients that take nothing else: what they get is made from the JSON answer.

Fields that a document leaves out are left out, which Go reads as their zeros; those that the table has no number for are lost.

Source: k8s.io/apimachinery/pkg/runtime/serializer/protobuf (RawSerializer, Serializer), pkg/util/framer (length-delimited frames)
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from .decoder import MAGIC, message_of
from .shapes import EPOCH, TIMES_CACHED
from .wire import write_bytes, write_double, write_number
from .wire_table import WIRE

SCHEMA = "apiextensions_v1.JSONSchemaProps"
Fields = tuple[tuple[int, str, str, str], ...]
# What the table, which is made for requests, has not: the one message of meta.k8s.io/v1beta1 that is not v1's, and a list.
OTHERS: dict[tuple[str, str], str] = {
    ("meta.k8s.io/v1beta1", "PartialObjectMetadataList"): "meta_v1beta1.PartialObjectMetadataList",
    ("apiregistration.k8s.io/v1", "APIServiceList"): "apiregistration_v1.APIServiceList",
}
OTHER_FIELDS: dict[str, Fields] = {
    "meta_v1beta1.PartialObjectMetadataList": (
        (1, "items", "list", "meta_v1.PartialObjectMetadata"), (2, "metadata", "one", "meta_v1.ListMeta"),
    ),
    "apiregistration_v1.APIServiceList": (
        (1, "metadata", "one", "meta_v1.ListMeta"), (2, "items", "list", "apiregistration_v1.APIService"),
    ),
}


def encode_document(document: dict[str, Any]) -> bytes:
    """An object that says what it is as the body of an answer. Some documents of discovery name their kind only.

    Raises: LookupError for a kind that has no message.
    """
    version, kind = document.get("apiVersion", ""), document["kind"]
    message = OTHERS.get((version, kind)) or message_of(version, kind)
    if not message:
        raise LookupError(f"{version} {kind} has no protobuf form")
    named = write_bytes(1, version.encode()) + write_bytes(2, kind.encode())
    # The coding and type of what is inside, which nobody sets, are on the wire nevertheless.
    return MAGIC + write_bytes(1, named) + write_bytes(2, write_message(message, document)) + write_bytes(3, b"") + write_bytes(4, b"")


def encode_event(event: dict[str, Any]) -> bytes:
    """An event of a watch, with its length before it: an object in its envelope, in an event without one."""
    body = write_bytes(1, event["type"].encode()) + write_bytes(2, write_bytes(1, encode_document(event["object"])))
    return len(body).to_bytes(4) + body


def write_message(message: str, document: dict[str, Any]) -> bytes:
    """The message of a document, its fields in the order of their numbers."""
    out = bytearray()
    for number, name, shape, kind in _fields(message):
        if shape == "inline":
            out += write_bytes(number, write_message(kind, document))
            continue
        value = document.get(name)
        if value is None:
            continue
        if shape == "list":
            for item in value:
                out += _field(number, kind, item)
        elif shape == "map":
            for key in sorted(value):
                out += write_bytes(number, write_bytes(1, key.encode()) + _field(2, kind, value[key]))
        else:
            out += _field(number, kind, value)
    return bytes(out)


@lru_cache(None)
def _fields(message: str) -> Fields:
    return tuple(sorted(OTHER_FIELDS.get(message) or WIRE[message]))


def _field(number: int, kind: str, value: Any) -> bytes:
    """A value with its tag."""
    if kind == "string":
        return write_bytes(number, value.encode())
    if kind in ("int32", "int64", "bool"):
        return write_number(number, int(value))
    if kind == "double":
        return write_double(number, value)
    writer = WRITERS.get(kind)
    return write_bytes(number, writer(value) if writer is not None else write_message(kind, value))


@lru_cache(TIMES_CACHED)
def _time(value: str) -> bytes:
    since = datetime.fromisoformat(value) - EPOCH
    nanoseconds = write_number(2, since.microseconds * 1000)
    return write_number(1, since.days * 86400 + since.seconds) + nanoseconds


def _int_or_string(value: int | str) -> bytes:
    return write_number(1, 1) + write_bytes(3, value.encode()) if isinstance(value, str) else write_number(1, 0) + write_number(2, value)


def _schema(value: dict[str, Any]) -> bytes:
    return write_message(SCHEMA, value)


def _schema_or_bool(value: Any) -> bytes:
    return write_number(1, int(value)) if isinstance(value, bool) else write_number(1, 1) + write_bytes(2, _schema(value))


def _schema_or_list(value: Any) -> bytes:
    if not isinstance(value, list):
        return write_bytes(1, _schema(value))
    return b"".join(write_bytes(2, item.encode() if isinstance(item, str) else _schema(item)) for item in value)


def _strings(value: list[str]) -> bytes:
    return b"".join(write_bytes(1, item.encode()) for item in value)


WRITERS: dict[str, Callable[[Any], bytes]] = {
    "time": _time, "microtime": _time, "intorstring": _int_or_string, "bytes": base64.b64decode,
    "quantity": lambda value: write_bytes(1, str(value).encode()),
    "raw": lambda value: write_bytes(1, msgspec.json.encode(value)),
    "strings": _strings, "meta_v1.Verbs": _strings,
    "schemaorbool": _schema_or_bool, "schemaorarray": _schema_or_list, "schemaorstrings": _schema_or_list,
}
