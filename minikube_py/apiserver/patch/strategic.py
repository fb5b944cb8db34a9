"""Strategic merge patch: a merge patch that knows which lists are sets or maps by a key, and takes directives.

The rules of lists come from the types (`apis/list_rules.py`); fields that a type does not know merge as in a JSON merge patch.
Source: kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch,
k8s.io/apimachinery/pkg/util/strategicpatch/patch.go, the design of directives in kubernetes/community
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

Struct = type[Object] | None


def strategic_merge_patch(document: Any, patch: Any, struct: type[Object]) -> Any:
    """The document with the patch merged in.

    Args:
        struct: the type of the document.
    Raises: BadRequestError for a patch whose shape does not fit, or an unknown directive.
    """
    return _merge_map(document if isinstance(document, dict) else {}, patch, struct)


def _merge_map(document: dict[str, Any], patch: dict[str, Any], struct: Struct) -> dict[str, Any]:
    directive = patch.get(PATCH)
    if directive == "replace":
        return {key: _clean(value) for key, value in patch.items() if key != PATCH}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise BadRequestError(f"unknown patch type: {directive}")
    merged = dict(document)
    retained = patch.get(RETAIN_KEYS)
    if retained is not None:
        _check_retained(retained, patch)
        merged = {key: value for key, value in merged.items() if key in retained}
    for key, value in patch.items():
        if key.startswith(DELETE_FROM):
            name = key.removeprefix(DELETE_FROM)
            if isinstance(merged.get(name), list):
                merged[name] = [item for item in merged[name] if item not in _list(key, value)]
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_field(merged, key, value, struct)
    for key, value in patch.items():
        if key.startswith(SET_ORDER):
            _order_field(merged, key.removeprefix(SET_ORDER), _list(key, value), patch, struct)
    return merged


def _check_retained(retained: Any, patch: dict[str, Any]) -> None:
    if not isinstance(retained, list):
        raise BadRequestError(f"invalid patch format of {RETAIN_KEYS}: {retained}")
    for key in patch:
        if not key.startswith("$") and patch[key] is not None and key not in retained:
            raise BadRequestError(f"{RETAIN_KEYS} directive doesn't include all fields present in the patch: {key}")


def _list(key: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadRequestError(f"invalid patch format of {key}: expected a list, got {value}")
    return value


def _rule(struct: Struct, field: str) -> tuple[str, str, str, tuple[str, ...]]:
    if struct is None:
        return NO_RULE
    name = f"{struct.__module__.rsplit('.', 1)[1]}.{struct.__name__}"
    return LIST_RULES.get(name, {}).get(field, NO_RULE)


def _merge_field(merged: dict[str, Any], key: str, value: Any, struct: Struct) -> None:
    if value is None:
        merged.pop(key, None)
        return
    strategy, merge_key, _, _ = _rule(struct, key)
    inner = struct_of_field(struct, key) if struct is not None else None
    present = merged.get(key)
    if isinstance(value, dict):
        if "replace" in strategy.split(",") and PATCH not in value:
            merged[key] = _clean(value)
            return
        result = _merge_map(present if isinstance(present, dict) else {}, value, inner)
        if value.get(PATCH) == "delete":
            merged.pop(key, None)
        else:
            merged[key] = result
    elif isinstance(value, list):
        if present is not None and not isinstance(present, list):
            present = None
        merged[key] = _merge_list(present or [], value, "merge" in strategy.split(","), merge_key, inner)
    else:
        merged[key] = value


def _merge_list(present: list[Any], patch: list[Any], merges: bool, merge_key: str, inner: Struct) -> list[Any]:
    if any(isinstance(item, dict) and item.get(PATCH) == "replace" and len(item) == 1 for item in patch):
        return [_clean(item) for item in patch if not (isinstance(item, dict) and item.get(PATCH) == "replace" and len(item) == 1)]
    if not merges:
        return [_clean(item) for item in patch]
    if not merge_key:
        return [*present, *(item for item in dict.fromkeys(patch) if item not in present)]
    merged = list(present)
    for item in patch:
        if not isinstance(item, dict):
            raise BadRequestError(f"invalid patch format: expected a map in a list with merge key {merge_key}, got {item}")
        if merge_key not in item:
            raise BadRequestError(f"map: {item} does not contain declared merge key: {merge_key}")
        places = [i for i, known in enumerate(merged) if isinstance(known, dict) and known.get(merge_key) == item[merge_key]]
        if item.get(PATCH) == "delete":
            merged = [known for i, known in enumerate(merged) if i not in places]
        elif places:
            merged[places[0]] = _merge_map(merged[places[0]], item, inner)
        else:
            merged.append(_merge_map({}, item, inner))
    return merged


def _order_field(merged: dict[str, Any], field: str, order: list[Any], patch: dict[str, Any], struct: Struct) -> None:
    """Put a list into the wanted order; elements that only the server knows stay behind their present predecessors."""
    items = merged.get(field)
    if not isinstance(items, list):
        return
    _, merge_key, _, _ = _rule(struct, field)

    def name(item: Any) -> Any:
        return item.get(merge_key) if merge_key and isinstance(item, dict) else item

    wanted = [name(item) for item in order]
    ranks = {key: rank for rank, key in enumerate(wanted)}
    placed = sorted((item for item in items if name(item) in ranks), key=lambda item: ranks[name(item)])
    result: list[Any] = []
    following = iter(placed)
    last_known = {name(item) for item in placed}
    upcoming = next(following, None)
    for item in items:
        if name(item) in last_known:
            if upcoming is not None:
                result.append(upcoming)
                upcoming = next(following, None)
        else:
            result.append(item)
    merged[field] = result


def _clean(value: Any) -> Any:
    """A value that replaces what was there: its directives and nulls do not stay."""
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items() if not key.startswith("$") and item is not None}
    if isinstance(value, list):
        return [_clean(item) for item in value if not (isinstance(item, dict) and item.get(PATCH) == "delete")]
    return value
