"""Three-way patches of client-side apply: what the user changed since the last apply, and what differs from the object as it is.

Fields that were in the last applied document and are no longer in the new one are deleted; fields of the new one that differ from
the object are set; everything else, which others may have set, stays. Built-in kinds get a strategic merge patch, which merges
lists by their keys; others a JSON merge patch.

Source: kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/#how-apply-calculates-differences-and-merges-changes,
apimachinery pkg/util/strategicpatch (CreateThreeWayMergePatch), pkg/util/jsonmergepatch
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis.list_rules import LIST_RULES
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import struct_of_field

Map = dict[str, Any]
Struct = type[Object] | None
PATCH = "$patch"
RETAIN_KEYS = "$retainKeys"
DELETE_FROM = "$deleteFromPrimitiveList/"
SET_ORDER = "$setElementOrder/"


def three_way_strategic(original: Map, modified: Map, current: Map, struct: type[Object]) -> Map:
    """The strategic merge patch that brings `current` to `modified`; empty if nothing is to be done."""
    changes = _diff(current, modified, struct, changes=True, deletions=False)
    deletions = _diff(original, modified, struct, changes=False, deletions=True)
    return _join(deletions, changes, struct)


def three_way_merge(original: Map, modified: Map, current: Map) -> Map:
    """The JSON merge patch that brings `current` to `modified`; empty if nothing is to be done."""
    changes = _diff(current, modified, None, changes=True, deletions=False)
    deletions = _diff(original, modified, None, changes=False, deletions=True)
    return _join(deletions, changes, None)


def _rule(struct: Struct, field: str) -> tuple[str, str]:
    """Patch strategy and merge key of a field."""
    if struct is None:
        return "", ""
    name = f"{struct.__module__.rsplit('.', 1)[1]}.{struct.__name__}"
    found = LIST_RULES.get(name, {}).get(field)
    return (found[0], found[1]) if found is not None else ("", "")


def _inner(struct: Struct, field: str) -> Struct:
    return struct_of_field(struct, field) if struct is not None else None


def _diff(old: Map, new: Map, struct: Struct, *, changes: bool, deletions: bool) -> Map:
    patch: Map = {}
    for key, value in new.items():
        if key not in old:
            if changes and value is not None:
                patch[key] = value
            continue
        before = old[key]
        if type(before) is not type(value):
            if changes:
                patch[key] = value
        elif isinstance(value, dict):
            _diff_map(patch, key, before, value, struct, changes=changes, deletions=deletions)
        elif isinstance(value, list):
            _diff_list(patch, key, before, value, struct, changes=changes, deletions=deletions)
        elif before != value and changes:
            patch[key] = value
    if deletions:
        patch.update({key: None for key in old if key not in new})
    return patch


def _diff_map(patch: Map, key: str, old: Map, new: Map, struct: Struct, *, changes: bool, deletions: bool) -> None:
    strategy, _ = _rule(struct, key)
    if "replace" in strategy.split(","):
        if old != new and changes:
            patch[key] = {**new, PATCH: "replace"}
        return
    inner = _diff(old, new, _inner(struct, key), changes=changes, deletions=deletions)
    if inner and "retainKeys" in strategy:
        inner[RETAIN_KEYS] = sorted(new)
    if inner:
        patch[key] = inner


def _diff_list(patch: Map, key: str, old: list[Any], new: list[Any], struct: Struct, *, changes: bool, deletions: bool) -> None:
    strategy, merge_key = _rule(struct, key)
    if "merge" not in strategy.split(","):
        if old != new and changes:
            patch[key] = new
        return
    if merge_key:
        if not _keyed(old, merge_key) or not _keyed(new, merge_key):
            if old != new and changes:
                patch[key] = new
            return
        items, order_changed = _diff_keyed(old, new, merge_key, _inner(struct, key), strategy, changes=changes, deletions=deletions)
        if items:
            patch[key] = items
        if changes and (items or order_changed):
            patch[SET_ORDER + key] = [{merge_key: item[merge_key]} for item in new]
        return
    added = [item for item in new if item not in old] if changes else []
    removed = [item for item in old if item not in new] if deletions else []
    if added:
        patch[key] = added
    if removed:
        patch[DELETE_FROM + key] = removed
    if added:
        patch[SET_ORDER + key] = new


def _keyed(items: list[Any], merge_key: str) -> bool:
    return all(isinstance(item, dict) and merge_key in item for item in items)


def _diff_keyed(
    old: list[Map], new: list[Map], merge_key: str, inner: Struct, strategy: str, *, changes: bool, deletions: bool
) -> tuple[list[Map], bool]:
    before = {_hashable(item[merge_key]): item for item in old}
    wanted = [_hashable(item[merge_key]) for item in new]
    items = []
    for key, item in zip(wanted, new, strict=True):
        known = before.get(key)
        if known is None:
            if changes:
                items.append({**item, RETAIN_KEYS: sorted(item)} if "retainKeys" in strategy else item)
            continue
        difference = _diff(known, item, inner, changes=changes, deletions=deletions)
        if difference:
            if "retainKeys" in strategy:
                difference[RETAIN_KEYS] = sorted(item)
            items.append({**difference, merge_key: item[merge_key]})
    if deletions:
        items += [{PATCH: "delete", merge_key: item[merge_key]} for item in old if _hashable(item[merge_key]) not in wanted]
    kept = [key for key in before if key in wanted]
    return items, kept != [key for key in wanted if key in before]


def _join(first: Map, second: Map, struct: Struct) -> Map:
    """Both patches in one; where both say something of a value the second holds."""
    joined = dict(first)
    for key, value in second.items():
        before = joined.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            joined[key] = _join(before, value, _inner(struct, key))
        elif isinstance(before, list) and isinstance(value, list) and _rule(struct, key)[1] and not key.startswith("$"):
            order = second.get(SET_ORDER + key) or []
            joined[key] = _join_keyed(before, value, order, _rule(struct, key)[1], _inner(struct, key))
        else:
            joined[key] = value
    return joined


def _join_keyed(first: list[Map], second: list[Map], order: list[Map], merge_key: str, inner: Struct) -> list[Map]:
    """Items of both, in the order that the server is told beside them; what is deleted comes last."""
    by_key = {_hashable(item.get(merge_key)): item for item in first}
    for item in second:
        key = _hashable(item.get(merge_key))
        by_key[key] = _join(by_key[key], item, inner) if key in by_key else item
    places = {_hashable(item[merge_key]): place for place, item in enumerate(order)}
    return sorted(by_key.values(), key=lambda item: places.get(_hashable(item.get(merge_key)), len(places)))


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else repr(value)
