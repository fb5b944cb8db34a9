"""Optional values. (`or` and `orValue` evaluate their second operand only if they need it: see `program`.)

Source: cel-go cel/library.go
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import CelError
from ..values import NONE, Optional, Value, is_zero


def _of(value: Value) -> Optional:
    return Optional(True, value)


def _of_non_zero(value: Value) -> Optional:
    return NONE if is_zero(value) else Optional(True, value)


def value_of(optional: Optional) -> Value:
    if not optional.present:
        raise CelError("optional.none() dereference")
    return optional.value


def _unwrap(items: Any) -> list[Value]:
    found = []
    for item in items:
        if not isinstance(item, Optional):
            raise CelError("value is not optional")
        if item.present:
            found.append(item.value)
    return found


def _first(items: Any) -> Optional:
    return next((Optional(True, item) for item in items), NONE)


def _last(items: Any) -> Optional:
    if not len(items):
        return NONE
    return Optional(True, items[-1] if isinstance(items, list) else items.item(len(items) - 1))


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "optional_of": _of,
    "optional_ofNonZeroValue": _of_non_zero,
    "optional_none": lambda: NONE,
    "optional_value": value_of,
    "optional_hasValue": lambda optional: optional.present,
    "optional_unwrap": _unwrap,
    "optional_unwrapOpt": _unwrap,
    "list_first": _first,
    "list_last": _last,
}
