"""Strategic merge patch: a merge patch that knows which lists are sets or maps by a key, and takes directives.

The rules of lists come from the types (`apis/list_rules.py`); fields that a type does not know merge as in a JSON merge patch.
Nothing of the document or the patch is changed; what did not change is shared with the result.

Directives: `$patch: replace|delete|merge` in a map or in an element of a list, `$retainKeys` (the only fields that stay),
`$deleteFromPrimitiveList/x` and `$setElementOrder/x` beside the list `x`.

Source: k8s.io/apimachinery/pkg/util/strategicpatch/patch.go; the design of directives in kubernetes/community
contributors/devel/sig-api-machinery/strategic-merge-patch.md
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis.list_rules import LIST_RULES
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import struct_of_field
from minikube_py.core.errors import BadRequestError

PATCH = "$patch"
RETAIN_KEYS = "$retainKeys"
DELETE_FROM = "$deleteFromPrimitiveList/"
SET_ORDER = "$setElementOrder/"
NO_RULE = ("", "", "", ())

Map = dict[str, Any]
Struct = type[Object] | None


def strategic_merge_patch(document: Any, patch: Any, struct: type[Object]) -> Any:
    """The document with the patch merged in.

    Args:
        struct: the type of the document.
    Raises: BadRequestError for a patch whose shape does not fit, or an unknown directive.
    """
    if not isinstance(patch, dict):
        raise BadRequestError("invalid JSON document")
    return _merge_map(document if isinstance(document, dict) else {}, patch, struct)


def _merge_map(document: Map, patch: Map, struct: Struct) -> Map:
    directive = patch.get(PATCH, "merge")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != PATCH}
    if directive == "delete":
        return {}
    if directive != "merge":
        raise BadRequestError(f"unknown patch type: {directive} in map: {patch}")
    merged = _retained(document, patch)
    for key, value in patch.items():
        if key.startswith(DELETE_FROM):
            name = key.removeprefix(DELETE_FROM)
            unwanted = _list(value, "invalid patch format of primitive list")
            if isinstance(merged.get(name), list):
                merged[name] = [item for item in merged[name] if item not in unwanted]
    ordered = {key.removeprefix(SET_ORDER): value for key, value in patch.items() if key.startswith(SET_ORDER)}
    for key, value in patch.items():
        if not key.startswith("$") and key not in ordered:
            _merge_field(merged, key, value, struct)
    for key, order in ordered.items():
        _merge_ordered(merged, key, _list(order, "invalid patch format of setElementOrder list"), patch, struct)
    return merged


def _retained(document: Map, patch: Map) -> Map:
    """A copy of the fields that the patch lets stay."""
    retained = patch.get(RETAIN_KEYS)
    if retained is None:
        return dict(document)
    wrong = "invalid patch format of retainKeys"
    names = _list(retained, wrong)
    if any(value is not None and not key.startswith("$") and key not in names for key, value in patch.items()):
        raise BadRequestError(wrong)
    return {key: value for key, value in document.items() if key in names}


def _list(value: Any, wrong: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadRequestError(wrong)
    return value


def _rule(struct: Struct, field: str) -> tuple[bool, str]:
    """Whether lists of a field merge, and by which key; "" for lists of plain values."""
    if struct is None:
        return False, ""
    name = f"{struct.__module__.rsplit('.', 1)[1]}.{struct.__name__}"
    strategy, merge_key, _, _ = LIST_RULES.get(name, {}).get(field, NO_RULE)
    return "merge" in strategy.split(","), merge_key


def _merge_field(merged: Map, key: str, value: Any, struct: Struct) -> None:
    if value is None:
        merged.pop(key, None)
        return
    present = merged.get(key)
    inner = struct_of_field(struct, key) if struct is not None else None
    if isinstance(value, dict):
        merged[key] = _merge_map(present if isinstance(present, dict) else {}, value, inner)
    elif isinstance(value, list):
        merges, merge_key = _rule(struct, key)
        if merges:
            merged[key] = _merge_list(present if isinstance(present, list) else [], value, merge_key, inner)
        else:
            merged[key] = [_without_directives(item) for item in value]
    else:
        merged[key] = value


def _merge_list(present: list[Any], patch: list[Any], merge_key: str, inner: Struct) -> list[Any]:
    """Elements of the patch replace those that they name; others are new and come last."""
    if not merge_key:
        return [*present, *(item for index, item in enumerate(patch) if item not in present and item not in patch[:index])]
    if any(not isinstance(item, dict) for item in patch):
        raise BadRequestError(f"expected a list of maps with the key {merge_key}")
    if any(item.get(PATCH) == "replace" for item in patch):
        return [_without_directives(item) for item in patch if PATCH not in item]
    merged = list(present)
    for item in patch:
        if merge_key not in item:
            raise BadRequestError(f"map: {item} does not contain declared merge key: {merge_key}")
        directive, name = item.get(PATCH), item[merge_key]
        if directive == "delete":
            merged = [known for known in merged if _name(known, merge_key) != name]
            continue
        if directive is not None:
            raise BadRequestError(f"unknown patch type: {directive} in map: {item}")
        place = next((index for index, known in enumerate(merged) if _name(known, merge_key) == name), None)
        if place is None:
            merged.append(_merge_map({}, item, inner))
        else:
            merged[place] = _merge_map(merged[place], item, inner)
    return merged


def _merge_ordered(merged: Map, field: str, order: list[Any], patch: Map, struct: Struct) -> None:
    """Merge a list whose order the patch gives.

    Elements that the patch's author knows come in his order, those that only the server knows keep theirs, and the two are merged so
    that an element of the server stays before those that it was before.
    """
    before = merged.get(field)
    if field in patch:
        _merge_field(merged, field, patch[field], struct)
    items = merged.get(field)
    if not isinstance(items, list):
        return
    _, merge_key = _rule(struct, field)
    wanted = [_name(item, merge_key) for item in order]
    _check_order(patch.get(field), wanted, merge_key)
    places = [_name(item, merge_key) for item in before] if isinstance(before, list) else []
    known = [item for item in items if _name(item, merge_key) in wanted]
    known.sort(key=lambda item: wanted.index(_name(item, merge_key)))
    foreign = [item for item in items if _name(item, merge_key) not in wanted]
    result: list[Any] = []
    while known and foreign:
        mine, theirs = _name(known[0], merge_key), _name(foreign[0], merge_key)
        first = mine in places and theirs in places and places.index(mine) < places.index(theirs)
        result.append(known.pop(0) if first else foreign.pop(0))
    merged[field] = [*result, *known, *foreign]


def _check_order(items: Any, wanted: list[Any], merge_key: str) -> None:
    """The elements of a patch's list are in its $setElementOrder, in that order."""
    if not isinstance(items, list):
        return
    names = [_name(item, merge_key) for item in items if not (isinstance(item, dict) and item.get(PATCH) == "delete")]
    places = [wanted.index(name) if name in wanted else -1 for name in names]
    if -1 in places or places != sorted(places):
        raise BadRequestError(f"The order in patch list:\n{names}\n doesn't match $setElementOrder list:\n{wanted}\n")


def _name(item: Any, merge_key: str) -> Any:
    return item.get(merge_key) if merge_key and isinstance(item, dict) else item


def _without_directives(value: Any) -> Any:
    """A value that replaces what was there: its directives and nulls do not stay."""
    if isinstance(value, dict):
        return {key: _without_directives(item) for key, item in value.items() if not key.startswith("$") and item is not None}
    if isinstance(value, list):
        return [_without_directives(item) for item in value if not (isinstance(item, dict) and PATCH in item)]
    return value
