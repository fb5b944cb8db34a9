"""Sets of the fields that a plain document mentions, and documents without the fields of a set.

Source: sigs.k8s.io/structured-merge-diff/v6/typed/{tofieldset,remove}.go, fieldpath/set.go (EnsureNamedFieldsAreMembers)
"""

from __future__ import annotations

from typing import Any

from .field_set import EMPTY, FieldSet, is_member, ordered
from .field_types import FieldType, ListType, MapType
from .list_keys import element_of, key_of
from .path_element import FIELD, KEY, SELF


def fields_in(type_: FieldType, document: Any) -> FieldSet:
    """What a document says something about: its leaves, the elements of its lists, and the keys of its maps.

    Raises: FieldPathError.
    """
    form = type_.form_of(document)
    return _in_map(form.map, document) if form.map is not None and not form.map.atomic and isinstance(document, dict) else EMPTY


def _node_of(type_: FieldType, value: Any) -> tuple[FieldSet, bool]:
    """What is below a value, and whether the value itself is a leaf."""
    form = type_.form_of(value)
    if form.map is not None:
        if form.map.atomic:
            return EMPTY, True
        return (_in_map(form.map, value), False) if isinstance(value, dict) else (EMPTY, False)
    if form.scalar or form.list is None:
        return EMPTY, True
    if form.list.atomic:
        return EMPTY, True
    return (_in_list(form.list, value), False) if isinstance(value, list) else (EMPTY, False)


def _in_map(map_: MapType, value: dict[str, Any]) -> FieldSet:
    found: FieldSet = {}
    for name in sorted(value):
        child = map_.of(name)
        if child is None:
            continue
        below, leaf = _node_of(child, value[name])
        member = leaf or value[name] is None or value[name] == {} or name not in map_.fields
        if member or below:
            found[FIELD + name] = _joined(below, member)
    return found


def _joined(below: FieldSet, member: bool) -> FieldSet:
    return {SELF: {}, **below} if member and below else below


def _in_list(list_: ListType, values: list[Any]) -> FieldSet:
    found: FieldSet = {}
    for index, value in enumerate(values):
        element = element_of(list_, key_of(list_, index, value))
        # Elements that cannot be told apart are one, of which nothing more is known.
        found[element] = {} if element in found else _joined(_node_of(list_.element, value)[0], True)
    return ordered(found)


def with_named_fields(type_: FieldType | None, fields: FieldSet) -> FieldSet:
    """The set with the declared fields on the way to its members."""
    result: FieldSet = {}
    for element, node in fields.items():
        if element == SELF:
            result[SELF] = node
            continue
        declared, child = False, None
        if element.startswith(FIELD) and type_ is not None and type_.map is not None:
            name = element[2:]
            declared, child = name in type_.map.fields, type_.map.of(name)
        elif element.startswith(KEY) and type_ is not None and type_.list is not None:
            child = type_.list.element
        below = with_named_fields(child, node)
        result[element] = {SELF: {}, **below} if declared and not is_member(below) else below
    return result


def without(type_: FieldType, value: Any, fields: FieldSet) -> Any:
    """The document without the members of a set. What holds nothing any more is null.

    Atomic lists and maps on the way to a member go as a whole.
    """
    form = type_.form_of(value)
    if form.map is not None:
        if not isinstance(value, dict) or not value or form.map.atomic:
            return None
        return _map_without(form.map, value, fields)
    if form.scalar or form.list is None:
        return value
    if not isinstance(value, list) or not value or form.list.atomic:
        return None
    return _list_without(form.list, value, fields)


def _map_without(map_: MapType, value: dict[str, Any], fields: FieldSet) -> dict[str, Any] | None:
    kept = {}
    for name, child in value.items():
        node = fields.get(FIELD + name)
        if node is None:
            kept[name] = child
        elif not is_member(node):
            child_type = map_.of(name)
            kept[name] = child if child_type is None else without(child_type, child, node)
    return kept or None


def _list_without(list_: ListType, values: list[Any], fields: FieldSet) -> list[Any] | None:
    kept = []
    for index, value in enumerate(values):
        node = fields.get(element_of(list_, key_of(list_, index, value)))
        if node is None:
            kept.append(value)
        elif not is_member(node):
            kept.append(without(list_.element, value, node))
    return kept or None
