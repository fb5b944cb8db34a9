"""Protobuf request bodies: the envelope (`runtime.Unknown` behind four magic bytes), and the object in it as JSON.

Source: kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding, k8s.io/apimachinery/pkg/runtime/serializer/protobuf
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from .reader import read_message
from .wire import ProtobufError, fields, text
from .wire_table import WIRE

MAGIC = b"k8s\x00"
_encode = msgspec.json.Encoder().encode


class Envelope(NamedTuple):
    """What a body says that it is, and the message in it."""

    api_version: str
    kind: str
    raw: bytes


def read_envelope(body: bytes) -> Envelope:
    """Raises: ProtobufError."""
    if not body:
        raise ProtobufError("empty data")
    if not body.startswith(MAGIC):
        raise ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    if len(body) == len(MAGIC):
        raise ProtobufError("empty body")
    api_version = kind = ""
    raw = b""
    try:
        for number, value in fields(body, len(MAGIC), len(body)):
            if number == 1 and isinstance(value, bytes):
                for inner, name in fields(value, 0, len(value)):
                    if inner == 1:
                        api_version = text(name)
                    elif inner == 2:
                        kind = text(name)
            elif number == 2 and isinstance(value, bytes):
                raw = value
    except UnicodeDecodeError as error:
        raise ProtobufError(str(error)) from error
    return Envelope(api_version, kind, raw)


def message_of(api_version: str, kind: str) -> str:
    """The name of a kind's message in the wire table, "" if there is none. Options of requests are the same in every group."""
    group, _, version = api_version.rpartition("/")
    message = f"{group.split('.')[0] or 'core'}_{version}.{kind}"
    if message not in WIRE:
        message = f"meta_v1.{kind}"
    return message if message in WIRE else ""


def decode_message(message: str, envelope: Envelope) -> bytes:
    """The JSON of an object.

    Raises: ProtobufError.
    """
    raw = envelope.raw
    try:
        document = read_message(message, raw, 0, len(raw))
        return _encode({"kind": envelope.kind, "apiVersion": envelope.api_version, **document})
    except (IndexError, RecursionError) as error:
        raise ProtobufError("unexpected EOF" if isinstance(error, IndexError) else "exceeded max depth") from error
    except (UnicodeDecodeError, msgspec.MsgspecError, ValueError) as error:
        raise ProtobufError(str(error)) from error


def decode_unknown(body: bytes) -> dict[str, Any]:
    """The plain document, with apiVersion and kind, in a protobuf request body.

    Raises: ProtobufError.
    """
    envelope = read_envelope(body)
    message = message_of(envelope.api_version, envelope.kind)
    if not message:
        raise ProtobufError(f'no kind "{envelope.kind}" is registered for version "{envelope.api_version}"')
    document: dict[str, Any] = msgspec.json.decode(decode_message(message, envelope))
    return document
