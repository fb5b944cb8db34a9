"""What can be wrong with a field, as StatusCause rows.

Each function makes one cause; the sentence is the one that clients of Kubernetes know. A path is text ("spec.containers[0].name") and
is only built for what is wrong.

Source: staging/src/k8s.io/apimachinery/pkg/util/validation/field/errors.go
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from ...core.errors import Cause
from ..go_numbers import json_number, show_number
from ..syntax import quote
from .go_values import go_json, is_typed

Causes = list[Cause]
IMMUTABLE = "field is immutable"
WHOLE = "[]"  # the path of the object as a whole, as field.NewPath("") shows


class _Omitted:
    """The value of an error that shows none."""


OMITTED = _Omitted()


@dataclass(frozen=True, slots=True)
class Raw:
    """A value without a type of its own, as in custom resources: what is empty in it is shown as empty, not as null."""

    value: Any


def show(value: Any) -> str:
    """A value as messages show it: text in quotes, numbers and flags plain, null for what is unset, and anything else as JSON."""
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return show_number(value)
    if isinstance(value, Raw):
        return json_text(value.value) if isinstance(value.value, dict | list) else show(value.value)
    return go_json(value) if not value or is_typed(value) else json_text(value)


_HTML = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def json_text(value: Any) -> str:
    """JSON as Go writes it: keys of maps in order, numbers in Go's form, characters of HTML escaped."""
    return msgspec.json.encode(_in_go_form(value), order="deterministic").decode().translate(_HTML)


def _in_go_form(value: Any) -> Any:
    if isinstance(value, float):
        return json_number(value)
    if isinstance(value, dict):
        return {key: _in_go_form(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_in_go_form(item) for item in value]
    return value


def _with(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text


def required(path: str, detail: str = "") -> Cause:
    return Cause("FieldValueRequired", _with("Required value", detail), path)


def invalid(path: str, value: Any, detail: str) -> Cause:
    if value is OMITTED:
        return Cause("FieldValueInvalid", _with("Invalid value", detail), path)
    return Cause("FieldValueInvalid", _with(f"Invalid value: {show(value)}", detail), path)


def not_supported(path: str, value: Any, supported: Iterable[str]) -> Cause:
    values = ", ".join(quote(text) for text in supported)
    detail = f"supported values: {values}" if values else ""
    return Cause("FieldValueNotSupported", _with(f"Unsupported value: {show(value)}", detail), path)


def duplicate(path: str, value: Any, detail: str = "") -> Cause:
    return Cause("FieldValueDuplicate", _with(f"Duplicate value: {show(value)}", detail), path)


def forbidden(path: str, detail: str) -> Cause:
    return Cause("FieldValueForbidden", _with("Forbidden", detail), path)


def not_found(path: str, value: Any, detail: str = "") -> Cause:
    return Cause("FieldValueNotFound", _with(f"Not found: {show(value)}", detail), path)


def too_long(path: str, bytes_max: int) -> Cause:
    return Cause("FieldValueTooLong", f"Too long: may not be more than {bytes_max} {'byte' if bytes_max == 1 else 'bytes'}", path)


def too_many(path: str, count: int, items_max: int) -> Cause:
    return Cause("FieldValueTooMany", f"Too many: {count}: must have at most {items_max} {'item' if items_max == 1 else 'items'}", path)


def internal(path: str, detail: str) -> Cause:
    return Cause("InternalError", f"Internal error: {detail}", path)


def type_invalid(path: str, value: Any, detail: str) -> Cause:
    return Cause("FieldValueTypeInvalid", _with(f"Invalid value: {show(value)}", detail), path)
