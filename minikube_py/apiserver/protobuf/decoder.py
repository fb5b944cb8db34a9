"""From protobuf to plain documents, driven by the wire table.

Owns the envelope (`runtime.Unknown` behind four magic bytes) and the shapes that are special in JSON: times, quantities, int-or-string,
raw JSON. A field that Go holds by value is always on the wire; its zero is dropped here, as JSON's `omitempty` drops it, unless the field
is a pointer upstream (`POINTERS`), where zero is a value.

Source: kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding, protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from .wire_table import WIRE

MAGIC = b"k8s\x00"
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

# Numbers and booleans that are pointers upstream. Source: Go types of k8s.io/api and k8s.io/apimachinery.
POINTERS = frozenset({
    "activeDeadlineSeconds", "allocateLoadBalancerNodePorts", "allowPrivilegeEscalation", "allowVolumeExpansion", "attachRequired",
    "automountServiceAccountToken", "averageUtilization", "backoffLimit", "backoffLimitPerIndex", "blockOwnerDeletion",
    "completions", "controller", "defaultMode", "deletionGracePeriodSeconds", "enableServiceLinks", "endPort", "expirationSeconds",
    "failedJobsHistoryLimit", "fsGroup", "gracePeriodSeconds", "hostUsers", "immutable", "leaseDurationSeconds", "leaseTransitions",
    "maxFailedIndexes", "minDomains", "minReplicas", "mode", "nodePort", "optional", "orphanDependents", "parallelism", "partition",
    "podInfoOnMount", "port", "priority", "privileged", "progressDeadlineSeconds", "publishNotReadyAddresses",
    "readOnlyRootFilesystem", "ready", "remainingItemCount", "replicas", "requiresRepublish", "revisionHistoryLimit", "runAsGroup",
    "runAsNonRoot", "runAsUser", "seLinuxMount", "sendInitialEvents", "serving", "setHostnameAsFQDN", "shareProcessNamespace",
    "stabilizationWindowSeconds", "startingDeadlineSeconds", "storageCapacity", "successfulJobsHistoryLimit", "suspend",
    "terminationGracePeriodSeconds", "terminating", "timeoutSeconds", "tolerationSeconds", "ttlSecondsAfterFinished",
})
# Of these names, and of what is an int-or-string, the fields that are by value: zero means unset.
BY_VALUE = frozenset({
    "core_v1.ServicePort.nodePort", "core_v1.ServiceSpec.publishNotReadyAddresses", "core_v1.Probe.timeoutSeconds",
    "core_v1.ContainerStatus.ready", "core_v1.ServicePort.targetPort",
})


class ProtobufError(ValueError):
    """The bytes are not what they should be."""


def decode_unknown(body: bytes) -> dict[str, Any]:
    """The plain document, with apiVersion and kind, in a protobuf request body.

    Raises: ProtobufError.
    """
    if not body.startswith(MAGIC):
        raise ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    api_version = kind = ""
    raw = b""
    for number, value in _fields(body[len(MAGIC) :]):
        if number == 1 and isinstance(value, bytes):
            for inner, text in _fields(value):
                if inner == 1 and isinstance(text, bytes):
                    api_version = text.decode()
                elif inner == 2 and isinstance(text, bytes):
                    kind = text.decode()
        elif number == 2 and isinstance(value, bytes):
            raw = value
    group, _, version = api_version.rpartition("/")
    message = f"{group.split('.')[0] or 'core'}_{version}.{kind}"
    if message not in WIRE and f"meta_v1.{kind}" in WIRE:
        message = f"meta_v1.{kind}"
    if message not in WIRE:
        raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"')
    try:
        return {"kind": kind, "apiVersion": api_version, **_message(message, raw)}
    except (IndexError, UnicodeDecodeError, struct.error, msgspec.DecodeError, RecursionError, OverflowError) as error:
        raise ProtobufError(f"malformed protobuf of {kind}: {error}") from error


def _fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """Field numbers and values of a message.

    Raises: ProtobufError.
    """
    fields: list[tuple[int, int | bytes]] = []
    position, end = 0, len(data)
    while position < end:
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, position = _varint(data, position)
            fields.append((number, value))
            continue
        if kind == BYTES:
            length, position = _varint(data, position)
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
        else:
            raise ProtobufError(f"proto: illegal wireType {kind}")
        if position + length > end:
            raise ProtobufError("unexpected EOF")
        fields.append((number, data[position : position + length]))
        position += length
    return fields


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data):
            raise ProtobufError("unexpected EOF")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ProtobufError("proto: integer overflow")


@cache
def _rows(message: str) -> dict[int, tuple[str, str, str, bool]]:
    """Field number -> JSON name, shape, kind, and whether zero is a value."""
    return {
        number: (name, shape, kind, (name in POINTERS or kind in ("intorstring", "pointer")) and f"{message}.{name}" not in BY_VALUE)
        for number, name, shape, kind in WIRE[message]
    }


def _message(message: str, data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = {}
    rows = _rows(message)
    for number, value in _fields(data):
        row = rows.get(number)
        if row is None:
            continue
        name, shape, kind, zero_counts = row
        if shape == "map":
            _map_entry(document.setdefault(name, {}), kind, value)
        elif shape == "list":
            document.setdefault(name, []).append(_value(kind, value))
        elif shape == "inline":
            document.update(_message(kind, _bytes(value)))
        else:
            plain = _value(kind, value)
            if plain is not None and (plain or zero_counts or isinstance(plain, dict)):
                document[name] = plain
    return document


def _map_entry(target: dict[str, Any], kind: str, value: int | bytes) -> None:
    key: str = ""
    item: Any = {} if "." in kind else ""
    for number, part in _fields(_bytes(value)):
        if number == 1:
            key = _bytes(part).decode()
        elif number == 2:
            item = _value(kind, part)
    target[key] = item


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ProtobufError("proto: wrong wireType")
    return value


def _value(kind: str, value: int | bytes) -> Any:
    """One value as JSON has it; None for an unset time."""
    match kind:
        case "int":
            if not isinstance(value, int):
                raise ProtobufError("proto: wrong wireType")
            return value - (1 << 64) if value >= 1 << 63 else value
        case "bool":
            return bool(value)
        case "string" | "pointer":
            return _bytes(value).decode()
        case "bytes":
            return base64.b64encode(_bytes(value)).decode()
        case "double":
            return struct.unpack("<d", _bytes(value))[0]
        case "time" | "microtime":
            return _time(kind, _bytes(value))
        case "quantity":
            return next((_bytes(part).decode() for number, part in _fields(_bytes(value)) if number == 1), "0")
        case "intorstring":
            return _int_or_string(_bytes(value))
        case "raw":
            raw = next((_bytes(part) for number, part in _fields(_bytes(value)) if number == 1), b"")
            return msgspec.json.decode(raw) if raw else None
        case "strings":
            return [_bytes(part).decode() for number, part in _fields(_bytes(value)) if number == 1]
    return _message(kind, _bytes(value))


def _time(kind: str, data: bytes) -> str | None:
    seconds = nanoseconds = 0
    if not data:
        return None
    for number, part in _fields(data):
        if isinstance(part, int):
            part = part - (1 << 64) if part >= 1 << 63 else part
            seconds, nanoseconds = (part, nanoseconds) if number == 1 else (seconds, part)
    try:
        moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    except (ValueError, OSError) as error:
        raise ProtobufError(f"time out of range: {seconds}") from error
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if kind == "microtime" else "%Y-%m-%dT%H:%M:%SZ")


def _int_or_string(data: bytes) -> int | str:
    is_string, number_value, text = False, 0, ""
    for number, part in _fields(data):
        if number == 1:
            is_string = part == 1
        elif number == 2 and isinstance(part, int):
            number_value = part - (1 << 64) if part >= 1 << 63 else part
        elif number == 3:
            text = _bytes(part).decode()
    return text if is_string else number_value
