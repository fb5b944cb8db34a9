"""The fields of values that were not there before: all that they hold, and themselves."""

from __future__ import annotations

from typing import Any

from .field_set import FieldSet
from .field_types import FieldType, ListType, MapType
from .list_keys import by_element, grouped, keys_of
from .path_element import FIELD, SELF


def fields_of(type_: FieldType, value: Any) -> FieldSet:
    """All fields below a value; not the value itself.

    Raises: FieldPathError.
    """
    return {element: node for element, node in added(type_, value).items() if element != SELF}


def added(type_: FieldType, value: Any) -> FieldSet:
    """The node of a value that was not there before: all below it, and itself."""
    if value is None or (type_.scalar and type_.map is None):
        return {}
    form = type_.form_of(value)
    if form.map is not None:
        below = _added_map(form.map, value) if not form.map.atomic and value else {}
    elif form.list is not None and not form.scalar:
        below = _added_list(form.list, value) if not form.list.atomic and value else {}
    else:
        return {}
    return {SELF: {}, **below} if below else {}


def _added_map(map_: MapType, value: Any) -> FieldSet:
    if not isinstance(value, dict):
        return _added_struct(map_, value)
    element = map_.element
    if element is not None and element.scalar and element.map is None and not map_.fields:
        return {FIELD + name: {} for name in sorted(value)}
    unset = {field.name: field.zero for field in map_.by_value if field.name not in value}
    found: FieldSet = {}
    for name in sorted({**unset, **value} if unset else value):
        child = map_.of(name)
        if child is not None:
            found[FIELD + name] = added(child, value[name] if name in value else unset[name])
    return found


def _added_struct(map_: MapType, value: Any) -> FieldSet:
    found: FieldSet = {}
    columns = map_.columns
    for child, (element, field, leaf) in zip(columns.values(value), columns.fields, strict=False):
        if child:
            found[element] = {} if leaf else added(field.type, child)
        elif field.always:
            found[element] = added(field.type, child)
        elif child is not None and field.nullable:
            found[element] = {}
    return found


def _added_list(list_: ListType, values: list[Any]) -> FieldSet:
    keys = keys_of(list_, values)
    return by_element(list_, {key: one_added(list_, same) for key, same in grouped(keys, values).items()})


def one_added(list_: ListType, values: list[Any]) -> FieldSet:
    """The node of an element that is new. Of equal ones only the place is known, not what they hold."""
    return added(list_.element, values[0]) if len(values) == 1 else {}
