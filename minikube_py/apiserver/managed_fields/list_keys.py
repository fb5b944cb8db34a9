"""How the elements of granular lists are told apart: the keys of each, and their path elements in order.

Source: sigs.k8s.io/structured-merge-diff/v6/typed/helpers.go
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .field_set import FieldSet
from .field_types import ListType, StructField, is_map
from .path_element import encode_value, key_element, value_element, value_order

MISSING = object()


class FieldPathError(ValueError):
    """The elements of a granular list cannot be told apart by their keys."""


def present(field: StructField, value: Any) -> Any:
    """The value of a field of a typed object as the wire shows it; MISSING if it does not."""
    if field.always:
        return value
    return MISSING if (value is None if field.nullable else not value) else value


def grouped(keys: list[Any], values: list[Any]) -> dict[Any, list[Any]]:
    """Key -> the values that have it: more than one if they cannot be told apart."""
    found: dict[Any, list[Any]] = {}
    for key, value in zip(keys, values, strict=True):
        found.setdefault(key, []).append(value)
    return found


def by_element(list_: ListType, nodes: dict[Any, FieldSet]) -> FieldSet:
    """Nodes by the path elements of their keys, in order."""
    if len(nodes) < 2:
        return {element_of(list_, key): node for key, node in nodes.items()}
    keys = sorted(nodes, key=_order_of_keys if list_.keys else value_order)
    return {element_of(list_, key): nodes[key] for key in keys}


def _order_of_keys(key: tuple[Any, ...]) -> list[Any]:
    return [value_order(value) for value in key]


def keys_of(list_: ListType, values: list[Any]) -> list[Any]:
    """What each element is told from the others by.

    Raises: FieldPathError.
    """
    if not list_.keys:
        return [_plain(index, value) for index, value in enumerate(values)]
    fields = list_.key_fields
    if len(fields) == 1 and fields[0].always and values and not isinstance(values[0], dict):
        attribute = fields[0].attribute
        return [(getattr(value, attribute),) for value in values]
    return [key_of(list_, index, value) for index, value in enumerate(values)]


def key_of(list_: ListType, index: int, value: Any) -> Any:
    """What one element is told from the others by: the values of its keys, or itself.

    Raises: FieldPathError.
    """
    if not list_.keys:
        return _plain(index, value)
    if isinstance(value, dict):
        return tuple([_key(index, field, value.get(field.name, MISSING)) for field in list_.key_fields])
    if is_map(value):
        return tuple([_key(index, field, present(field, getattr(value, field.attribute))) for field in list_.key_fields])
    raise FieldPathError(f"element {index}: associative list with keys may not have "
                         + ("a null element" if value is None else "non-map elements"))


def element_of(list_: ListType, key: Any) -> str:
    """The path element of a key."""
    if not list_.keys:
        return value_element(key)
    if len(key) == 1 and isinstance(key[0], str):
        return _text_element(list_.keys[0], key[0])
    return key_element(zip(list_.keys, key, strict=True))


@lru_cache(4096)
def _text_element(name: str, value: str) -> str:
    return key_element([(name, value)])


def _plain(index: int, value: Any) -> Any:
    if value is None:
        raise FieldPathError(f"element {index}: associative list without keys has an element that's an explicit null")
    if isinstance(value, list):
        raise FieldPathError(f"element {index}: not supported: associative list with lists as elements")
    if is_map(value):
        raise FieldPathError(f"element {index}: associative list without keys has an element that's a map type")
    return value


def _key(index: int, field: StructField, value: Any) -> Any:
    if value is not MISSING:
        return value if not isinstance(value, (list, dict)) else _frozen(value)
    if field.default is None:
        raise FieldPathError(f'element {index}: associative list with keys has an element that omits key field "{field.name}" '
                             "(and doesn't have default value)")
    return field.default


def _frozen(value: Any) -> str:
    """A key that is no plain value: no schema allows it, but objects that were stored before may have it."""
    return encode_value(value)
