"""Fields, entries and items of values: a.b, has(a.b), a[b], a.?b, a[?b].

Source: github.com/google/cel-spec doc/langdef.md (field selection, index); cel-go interpreter/attributes.go
"""

from __future__ import annotations

from .documents import lookup
from .errors import CelError, NoSuchOverloadError
from .values import NONE, Optional, Value, View, is_list, is_map, show_key, type_name


def select(value: Value, field: Value) -> Value:
    """value.field. Raises: CelError."""
    if isinstance(value, View) and not value.is_list:
        found, result = value.find(field)
    elif type(value) is dict:
        found, result = lookup(value, field)
    elif type(value) is Optional:
        return select_optional(value, field)
    else:
        raise NoSuchOverloadError
    if not found:
        raise CelError(f"no such key: {show_key(field)}")
    return result


def has(value: Value, field: Value) -> bool:
    """has(value.field). Raises: CelError."""
    if type(value) is Optional:
        return value.present and has(value.value, field)
    if not is_map(value):
        raise NoSuchOverloadError
    return lookup(value, field)[0]


def index(value: Value, key: Value) -> Value:
    """value[key]. Raises: CelError."""
    if not is_list(value):
        return select(value, key)
    at = _position(key)
    if not 0 <= at < len(value):
        raise CelError(f"index out of bounds: {at}")
    return value[at] if type(value) is list else value.item(at)


def _position(key: Value) -> int:
    if type(key) is bool or not isinstance(key, int | float) or (isinstance(key, float) and not key.is_integer()):
        raise CelError(f"unsupported index type '{type_name(key)}' in list")
    return int(key)


def select_optional(value: Value, key: Value) -> Optional:
    """value.?key and value[?key]: none if it is not there. Raises: CelError."""
    if type(value) is Optional:
        if not value.present:
            return NONE
        value = value.value
    if is_list(value):
        at = _position(key)
        return Optional(True, index(value, at)) if 0 <= at < len(value) else NONE
    if not is_map(value):
        raise NoSuchOverloadError
    found, result = lookup(value, key)
    return Optional(True, result) if found else NONE
