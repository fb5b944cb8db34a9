"""Comparing two versions of an object by fields: what was changed or added, and what was removed.

Values may be typed objects or plain documents; of typed objects only what differs is visited. Sets come out in their order.

Source: sigs.k8s.io/structured-merge-diff/v6/typed/compare.go
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from minikube_py.apis.custom import CustomObject
from minikube_py.apis.scheme import encode

from .field_set import EMPTY, FieldSet, ordered
from .field_types import FieldType, ListType, MapType, StructField, is_map
from .list_keys import MISSING, by_element, grouped, keys_of, present
from .new_fields import added, fields_of, one_added
from .path_element import FIELD, SELF

Changes = tuple[FieldSet, FieldSet]
Shape = tuple[Hashable, ...]
# Parts of new objects whose fields are kept.
PARTS_MAX = 512
PART_BYTES_MAX = 8192
PART_NAMES_MAX = 64
_parts: dict[tuple[FieldType, bytes], FieldSet | None] = {}


def compare(type_: FieldType, old: Any, new: Any) -> Changes:
    """The fields that are new or have another value in `new`, and those that are gone.

    A container that is new or gone counts itself, beside what it holds.
    Raises: FieldPathError.
    """
    if type_.map is None:
        raise TypeError("objects are maps")
    if isinstance(old, CustomObject) and isinstance(new, CustomObject):
        changed, removed = _compare_maps(type_.map, old.content, new.content)
        of_metadata = type_.map.fields.get("metadata")
        if of_metadata is None or of_metadata.type.map is None:
            return changed, removed
        below = _compare_maps(of_metadata.type.map, old.metadata, new.metadata)
        return _with(changed, "f:metadata", below[0]), _with(removed, "f:metadata", below[1])
    return _compare_maps(type_.map, old, new)


def _with(fields: FieldSet, element: str, node: FieldSet) -> FieldSet:
    return ordered({**fields, element: node}) if node else fields


def fields_of_new(type_: FieldType, zero: Any, new: Any) -> FieldSet:
    """What `compare` finds changed in a new object, which differs from an empty one of its kind.

    Objects made from one template have equal parts: the fields of a part are kept by its bytes.
    Raises: FieldPathError.
    """
    if type_.map is None or isinstance(new, CustomObject):
        return compare(type_, zero, new)[0]
    changed: FieldSet = {}
    columns = type_.map.columns
    for before, after, (element, field, leaf) in zip(columns.values(zero), columns.values(new), columns.fields, strict=False):
        if before is after:
            continue
        if leaf or field.name == "metadata" or not hasattr(after, "__struct_fields__"):
            _compare_child(field.type, element, present(field, before), present(field, after), changed, {})
            continue
        key = field.type, encode(after)
        node = _parts.get(key, MISSING)
        if node is MISSING:
            empty = present(field, before)
            node = added(field.type, after) if empty is MISSING else _compare_present(field.type, empty, after)[0]
            if len(key[1]) <= PART_BYTES_MAX:
                if len(_parts) >= PARTS_MAX:
                    del _parts[next(iter(_parts))]
                _parts[key] = node
        if node is not None:
            changed[element] = node
    return changed


def shape_of_new(type_: FieldType, zero: Any, new: Any) -> Shape | None:
    """What the fields of a new object depend on: objects with equal shapes have equal `fields_of_new`.

    Of a map of plain values that are its names, of a scalar its value, of other parts their bytes; parts that are as empty as in an empty
    object are left out. None for objects whose shape costs more than it saves.
    """
    if type_.map is None or isinstance(new, CustomObject):
        return None
    shape: list[Hashable] = []
    columns = type_.map.columns
    for before, after, (element, field, leaf) in zip(columns.values(zero), columns.values(new), columns.fields, strict=False):
        if field.name == "metadata" and field.type.map is not None:
            parts = field.type.map.columns
            for was, part, (name, below, whole) in zip(parts.values(before), parts.values(after), parts.fields, strict=False):
                if part or (was is not part and (was or type(was) is not type(part))):
                    shape += name, _shape_of_part(below.type, part, leaf=whole)
        elif after or (before is not after and (before or type(before) is not type(after))):
            shape += element, _shape_of_part(field.type, after, leaf=leaf)
    return tuple(shape) if None not in shape else None


def _shape_of_part(type_: FieldType, value: Any, *, leaf: bool) -> Hashable:
    """What the fields of a part of a new object depend on; None if that is too much to keep."""
    if not value:
        return type(value).__name__, None  # A field has one empty value of each type.
    if isinstance(value, (str, int, float)):
        return value
    if not leaf and isinstance(value, dict) and type_.map is not None:
        element = type_.map.element
        if element is not None and element.leaf and not type_.map.fields:
            return tuple(value) if len(value) <= PART_NAMES_MAX else None
    data = encode(value)
    return data if len(data) <= PART_BYTES_MAX else None


# Structs and maps.


def _compare_maps(map_: MapType, old: Any, new: Any) -> Changes:
    if isinstance(old, dict) or isinstance(new, dict):
        return _compare_dicts(map_, old, new)
    changed: FieldSet = {}
    removed: FieldSet = {}
    columns = map_.columns
    # One value more than there are fields, see Columns.
    for before, after, (element, field, _) in zip(columns.values(old), columns.values(new), columns.fields, strict=False):
        if before is after or (before == after and _same(field.type, before, after)):
            continue
        _compare_child(field.type, element, present(field, before), present(field, after), changed, removed)
    return changed, removed


def _compare_dicts(map_: MapType, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Changes:
    old, new = old or {}, new or {}
    changed: FieldSet = {}
    removed: FieldSet = {}
    fields = map_.fields
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, MISSING), new.get(name, MISSING)
        if equal(before, after):
            continue
        field = fields.get(name)
        if field is None:
            child = map_.element
            if child is None:
                continue
        else:
            child = field.type
            if field.by_value:
                before, after = _at_least(field, before), _at_least(field, after)
        _compare_child(child, FIELD + name, before, after, changed, removed)
    return changed, removed


def _at_least(field: StructField, value: Any) -> Any:
    """The value of a field that is there even if the document lacks it."""
    if value is not MISSING:
        return value
    return field.zero


def _compare_child(type_: FieldType, element: str, before: Any, after: Any, changed: FieldSet, removed: FieldSet) -> None:
    if before is MISSING:
        if after is not MISSING:
            changed[element] = added(type_, after)
    elif after is MISSING:
        removed[element] = added(type_, before)
    else:
        modified, gone = _compare_present(type_, before, after)
        if modified is not None:
            changed[element] = modified
        if gone:
            removed[element] = gone


def _compare_present(type_: FieldType, before: Any, after: Any) -> tuple[FieldSet | None, FieldSet]:
    """What changed in a value that both have, None for nothing (an empty set is the value itself), and what is gone from it."""
    one, other = type_.form_of(before), type_.form_of(after)
    if before is not None and after is not None and not _alike(one, other):
        return _compare_unlike(one, other, before, after)
    form = one if after is None else other
    if form.map is not None:
        empty = not _size(before) and not _size(after)
        if form.map.atomic or empty:
            return (None if equal(before, after) else {}), EMPTY
        return _below(_compare_maps(form.map, before if is_map(before) else {}, after if is_map(after) else {}))
    if form.scalar or form.list is None:
        return (None if equal(before, after) else {}), EMPTY
    if form.list.atomic or not (before or after):
        return (None if equal(before, after) else {}), EMPTY
    return _below(_compare_lists(form.list, before or [], after or []))


def _below(changes: Changes) -> tuple[FieldSet | None, FieldSet]:
    return changes[0] or None, changes[1]


def _alike(one: FieldType, other: FieldType) -> bool:
    return one is other or (one.scalar, one.list, one.map) == (other.scalar, other.list, other.map)


def _size(value: Any) -> int:
    """Of a map: whether it has anything. A typed object has, for what concerns merging."""
    return len(value) if isinstance(value, dict) else int(is_map(value))


def _compare_unlike(one: FieldType, other: FieldType, before: Any, after: Any) -> tuple[FieldSet | None, FieldSet]:
    """A value became one of another form: what was below is gone, what is below now is new, and the value itself has changed."""
    gone, _ = _unlike_side(one, before)
    new, whole = _unlike_side(other, after)
    _, was_whole = _unlike_side(one, before)
    if not (whole or was_whole):
        return new or None, gone
    return ({SELF: {}, **new} if new else {}), gone


def _unlike_side(form: FieldType, value: Any) -> tuple[FieldSet, bool]:
    """What a value has below it, and whether it counts as a whole."""
    granular = (form.map is not None and not form.map.atomic) or (form.map is None and form.list is not None and not form.list.atomic)
    below = fields_of(form, value) if granular and value else EMPTY
    return below, not below


# Lists.


def _compare_lists(list_: ListType, old: list[Any], new: list[Any]) -> Changes:
    keys, new_keys = keys_of(list_, old), keys_of(list_, new)
    changed: dict[Any, FieldSet] = {}
    removed: dict[Any, FieldSet] = {}
    if keys == new_keys and len(set(keys)) == len(keys):
        pairs: Iterable[tuple[Any, list[Any], list[Any]]] = (
            (key, [before], [after]) for key, before, after in zip(keys, old, new, strict=True) if before is not after
        )
    else:
        befores, afters = grouped(keys, old), grouped(new_keys, new)
        pairs = ((key, befores.get(key, []), afters.get(key, [])) for key in befores | afters)
    for key, before, after in pairs:
        if len(before) == 1 and len(after) == 1:
            modified, gone = _compare_present(list_.element, before[0], after[0])
            if modified is not None:
                changed[key] = modified
            if gone:
                removed[key] = gone
        elif len(before) > 1 and len(after) > 1:
            if not equal(before, after):
                changed[key] = {}
        else:
            if after:
                changed[key] = one_added(list_, after)
            if before:
                removed[key] = one_added(list_, before)
    return by_element(list_, changed), by_element(list_, removed)


# Equality: numbers equal numbers, but not booleans.


def _same(type_: FieldType, one: Any, other: Any) -> bool:
    """Whether values that Python takes as equal are: of typed values they are."""
    return type_.map is None or not type_.scalar or equal(one, other)


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same to the API."""
    if one is other:
        return True
    if one != other:
        return False
    if isinstance(one, dict):
        return all(equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return all(map(equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool)
