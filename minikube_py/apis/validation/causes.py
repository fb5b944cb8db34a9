"""What can be wrong with a field, as StatusCause rows.

Each function makes one cause; the sentence is the one that clients of Kubernetes know. A path is text ("spec.containers[0].name") and
is only built for what is wrong.

Source: staging/src/k8s.io/apimachinery/pkg/util/validation/field/errors.go
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ...core.errors import Cause
from ..syntax import quote

Causes = list[Cause]
IMMUTABLE = "field is immutable"


def show(value: Any) -> str:
    """A value as messages show it: text in quotes, numbers plain, null, and anything else as JSON."""
    if isinstance(value, str):
        return quote(value)
    return msgspec.json.encode(value).decode()


def _with(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text


def required(path: str, detail: str = "") -> Cause:
    return Cause("FieldValueRequired", _with("Required value", detail), path)


def invalid(path: str, value: Any, detail: str) -> Cause:
    return Cause("FieldValueInvalid", _with(f"Invalid value: {show(value)}", detail), path)


def not_supported(path: str, value: Any, supported: Iterable[str]) -> Cause:
    values = ", ".join(quote(text) for text in supported)
    detail = f"supported values: {values}" if values else ""
    return Cause("FieldValueNotSupported", _with(f"Unsupported value: {show(value)}", detail), path)


def duplicate(path: str, value: Any) -> Cause:
    return Cause("FieldValueDuplicate", f"Duplicate value: {show(value)}", path)


def forbidden(path: str, detail: str) -> Cause:
    return Cause("FieldValueForbidden", _with("Forbidden", detail), path)


def not_found(path: str, value: Any) -> Cause:
    return Cause("FieldValueNotFound", f"Not found: {show(value)}", path)


def too_long(path: str, bytes_max: int) -> Cause:
    return Cause("FieldValueTooLong", f"Too long: may not be more than {bytes_max} bytes", path)


def too_many(path: str, count: int, items_max: int) -> Cause:
    return Cause("FieldValueTooMany", f"Too many: {count}: must have at most {items_max} items", path)


def type_invalid(path: str, value: Any, detail: str) -> Cause:
    return Cause("FieldValueTypeInvalid", _with(f"Invalid value: {show(value)}", detail), path)
