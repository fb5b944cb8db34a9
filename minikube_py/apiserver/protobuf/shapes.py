"""Values whose JSON form is not that of their message: times, quantities, int-or-string, raw JSON, schemas that may be something else.

Every reader gets the whole buffer and where its message begins and ends, and returns the plain value; UNSET where Go would leave it out.

Source: k8s.io/apimachinery/pkg/apis/meta/v1/time_proto.go, pkg/api/resource/quantity_proto.go, pkg/util/intstr, pkg/runtime/types_proto.go
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from minikube_py.apis.json_text import decode_first, too_deep

from .wire import ProtobufError, fields, text

Reader = Callable[[bytes, int, int], Any]
UNSET: Any = object()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES_CACHED = 8192


@lru_cache(TIMES_CACHED)
def rfc3339(seconds: int) -> str:
    """A time as JSON has it, "" for Go's zero time.

    Raises: ProtobufError for a time beyond the year 9999.
    """
    try:
        moment = EPOCH + timedelta(seconds=seconds)
        return f"{moment.replace(tzinfo=None).isoformat()}Z" if moment.year > 1 else ""
    except OverflowError as error:
        raise ProtobufError(f"Time.MarshalJSON: year outside of range [0,9999]: {seconds}") from error


def _moment(data: bytes, position: int, end: int) -> tuple[int, int]:
    seconds = nanoseconds = 0
    for number, value in fields(data, position, end):
        if number == 1 and isinstance(value, int):
            seconds = value
        elif number == 2 and isinstance(value, int):
            nanoseconds = value
    return seconds, nanoseconds


def time(data: bytes, position: int, end: int) -> Any:
    return rfc3339(_moment(data, position, end)[0]) or UNSET if position < end else UNSET


def micro_time(data: bytes, position: int, end: int) -> Any:
    if position >= end:
        return UNSET
    seconds, nanoseconds = _moment(data, position, end)
    if not 0 <= nanoseconds < 10**9:
        raise ProtobufError(f"nanoseconds out of range: {nanoseconds}")
    moment = rfc3339(seconds)
    return f"{moment[:-1]}.{nanoseconds // 1000:06d}Z" if moment else UNSET


def quantity(data: bytes, position: int, end: int) -> str:
    # Nearly always one short string.
    if end - position > 2 and data[position] == 10 and data[position + 1] == end - position - 2 < 128:
        return data[position + 2 : end].decode()
    return next((text(value) for number, value in fields(data, position, end) if number == 1), "") or "0"


def int_or_string(data: bytes, position: int, end: int) -> int | str:
    is_string, number_value, string_value = False, 0, ""
    for number, value in fields(data, position, end):
        if number == 1:
            is_string = value == 1
        elif number == 2 and isinstance(value, int):
            number_value = value
        elif number == 3:
            string_value = text(value)
    return string_value if is_string else number_value


def raw(data: bytes, position: int, end: int) -> Any:
    """JSON in a field of its own, taken as it is, without what comes after it."""
    found = b""
    for number, value in fields(data, position, end):
        if number == 1 and isinstance(value, bytes):
            found = value
    if not found:
        return UNSET
    if too_deep(found):
        raise ProtobufError("raw JSON exceeded max depth")
    try:
        msgspec.json.decode(found)
    except msgspec.DecodeError:
        document = found.decode()
        found = document[: decode_first(document)[1]].encode()
    return msgspec.Raw(found)


def strings(data: bytes, position: int, end: int) -> list[str]:
    return [text(value) for number, value in fields(data, position, end) if number == 1]


def schema_readers(schema: Reader) -> dict[str, Reader]:
    """The readers of what may be a schema or something else.

    Args:
        schema: reads a JSONSchemaProps.
    """

    def or_array(data: bytes, position: int, end: int) -> Any:
        one: Any = UNSET
        many = []
        for number, value in fields(data, position, end):
            if number == 1 and isinstance(value, bytes):
                one = schema(value, 0, len(value))
            elif number == 2 and isinstance(value, bytes):
                many.append(schema(value, 0, len(value)))
        return many or one

    def or_bool(data: bytes, position: int, end: int) -> Any:
        allows, found = False, UNSET
        for number, value in fields(data, position, end):
            if number == 1:
                allows = bool(value)
            elif number == 2 and isinstance(value, bytes):
                found = schema(value, 0, len(value))
        return allows if found is UNSET else found

    def or_strings(data: bytes, position: int, end: int) -> Any:
        found: Any = UNSET
        names = []
        for number, value in fields(data, position, end):
            if number == 1 and isinstance(value, bytes):
                found = schema(value, 0, len(value))
            elif number == 2:
                names.append(text(value))
        return names or found

    return {"schemaorarray": or_array, "schemaorbool": or_bool, "schemaorstrings": or_strings}


READERS: dict[str, Reader] = {
    "time": time, "microtime": micro_time, "quantity": quantity, "intorstring": int_or_string, "raw": raw, "strings": strings,
}


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()
