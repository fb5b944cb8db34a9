"""size, type, dyn and the conversions between scalars.

Source: cel-go common/types (ConvertToType)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from ..ast import Uint
from ..errors import CelError
from ..times import SECOND, Duration, Timestamp, int_to_duration, int_to_timestamp, parse_duration, parse_timestamp
from ..values import INT_MAX, INT_MIN, UINT_MAX, Value, int64, show_double, type_of, uint64

_BOOLS = {text: True for text in ("1", "t", "T", "TRUE", "true", "True")} | {
    text: False for text in ("0", "f", "F", "FALSE", "false", "False")
}
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_UNSIGNED = re.compile(r"[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:inf|infinity)|nan", re.ASCII | re.IGNORECASE)
_TEXT_MAX = 400  # no number in reach is written longer


def wrong(text: str, kind: str) -> CelError:
    return CelError(f"type conversion error from 'string' to '{kind}'")


def _same(value: Value) -> Value:
    return value


def _string_to_bool(text: str) -> bool:
    if text not in _BOOLS:
        raise wrong(text, "bool")
    return _BOOLS[text]


def _string_to_int(text: str) -> int:
    if len(text) > _TEXT_MAX or _INTEGER.fullmatch(text) is None or not INT_MIN <= (amount := int(text)) <= INT_MAX:
        raise wrong(text, "int")
    return amount


def _string_to_uint(text: str) -> Uint:
    if len(text) > _TEXT_MAX or _UNSIGNED.fullmatch(text) is None or (amount := int(text)) > UINT_MAX:
        raise wrong(text, "uint")
    return Uint(amount)


def string_to_double(text: str) -> float:
    if len(text) > _TEXT_MAX or _FLOAT.fullmatch(text) is None:
        raise wrong(text, "double")
    amount = float(text)
    if math.isinf(amount) and "inf" not in text.lower():
        raise wrong(text, "double")
    return amount


def _double_to_int(amount: float) -> int:
    if not -(2.0**63) < amount < 2.0**63:
        raise CelError("integer overflow")
    return int(amount)


def _double_to_uint(amount: float) -> Uint:
    if not 0 <= amount < 2.0**64:
        raise CelError("unsigned integer overflow")
    return Uint(int(amount))


def _bytes_to_string(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise CelError("invalid UTF-8 in bytes, cannot convert to string") from error


def _parsed(read: Callable[[str], Any], kind: str) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        try:
            return read(text)
        except CelError as error:
            raise wrong(text, kind) from error

    return convert


def _timestamp_to_int(moment: Timestamp) -> int:
    return moment.ns // SECOND


def _duration_to_int(span: Duration) -> int:
    return span.ns


def text(value: Value) -> str:
    """string(value) of a scalar."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return show_double(value)
    if isinstance(value, bytes):
        return _bytes_to_string(value)
    if isinstance(value, Duration | Timestamp):
        return value.text()
    raise CelError(f"type conversion error from '{type_of(value).name}' to 'string'")


def _to_bytes(value: str) -> bytes:
    return value.encode(errors="surrogatepass")


def _to_uint(amount: int) -> Uint:
    return uint64(amount)


def _to_int(amount: int) -> int:
    return int64(int(amount))


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    **{id: len for id in (
        "size_bytes", "size_list", "size_map", "size_string", "bytes_size", "list_size", "map_size", "string_size",
    )},
    **{id: _same for id in (
        "to_dyn", "bool_to_bool", "bytes_to_bytes", "double_to_double", "duration_to_duration", "int64_to_int64", "string_to_string",
        "timestamp_to_timestamp", "uint64_to_uint64",
    )},
    **{id: text for id in (
        "bool_to_string", "bytes_to_string", "double_to_string", "duration_to_string", "int64_to_string", "timestamp_to_string",
        "uint64_to_string",
    )},
    "type": type_of,
    "string_to_bool": _string_to_bool,
    "string_to_bytes": _to_bytes,
    "int64_to_double": float,
    "uint64_to_double": float,
    "string_to_double": string_to_double,
    "int64_to_duration": int_to_duration,
    "string_to_duration": _parsed(parse_duration, "google.protobuf.Duration"),
    "double_to_int64": _double_to_int,
    "duration_to_int64": _duration_to_int,
    "string_to_int64": _string_to_int,
    "timestamp_to_int64": _timestamp_to_int,
    "uint64_to_int64": _to_int,
    "int64_to_timestamp": int_to_timestamp,
    "string_to_timestamp": _parsed(parse_timestamp, "google.protobuf.Timestamp"),
    "double_to_uint64": _double_to_uint,
    "int64_to_uint64": _to_uint,
    "string_to_uint64": _string_to_uint,
}
