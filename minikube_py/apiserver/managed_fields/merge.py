"""Merging what somebody applies into a live document, and checking what he applies.

Source: sigs.k8s.io/structured-merge-diff/v6/typed/{merge,validate,helpers}.go
"""

from __future__ import annotations

from typing import Any

from .field_types import FieldType, ListType, MapType
from .list_keys import FieldPathError, element_of, key_of
from .path_element import display

MISSING = object()
GO_TYPES = {str: "string", bool: "bool", int: "int64", float: "float64"}


class TypedError(ValueError):
    """A document that is not of its type; the message is upstream's."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(errors[0] if len(errors) == 1 else "\n".join(["errors:", *(f"  {error}" for error in errors)]))


def check(type_: FieldType, document: Any) -> None:
    """Raises: TypedError for fields that are not declared, values of other forms, and list elements that are equal or have no key."""
    errors: list[str] = []
    _check(type_, document, "", errors)
    if errors:
        raise TypedError(errors)


def _check(type_: FieldType, value: Any, path: str, errors: list[str]) -> None:
    form = type_.form_of(value)
    if value is None:
        return
    if form.map is not None:
        if not isinstance(value, dict):
            errors.append(_at(path, f"expected map, got &{{{go_text(value)}}}"))
            return
        for name, child in value.items():
            child_type = form.map.of(name)
            if child_type is None:
                errors.append(f"{path}.{name}: field not declared in schema")
                return
            _check(child_type, child, f"{path}.{name}", errors)
    elif form.scalar or form.list is None:
        _check_scalar(form.scalar, value, path, errors)
    elif not isinstance(value, list):
        errors.append(_at(path, f"expected list, got &{{{go_text(value)}}}"))
    else:
        _check_list(form.list, value, path, errors)


def _check_list(list_: ListType, values: list[Any], path: str, errors: list[str]) -> None:
    seen = set()
    for index, value in enumerate(values):
        element = f"i:{index}"
        if not list_.atomic:
            try:
                element = element_of(list_, key_of(list_, index, value))
            except FieldPathError as error:
                errors.append(_at(path, str(error)))
                return
            if element in seen:
                errors.append(_at(path, f"duplicate entries for key {display(element)}"))
            seen.add(element)
        _check(list_.element, value, path + display(element), errors)


def _check_scalar(scalar: str, value: Any, path: str, errors: list[str]) -> None:
    kind = type(value)
    if scalar == "numeric" and kind not in (int, float):
        errors.append(_at(path, f"expected numeric (int or float), got {GO_TYPES.get(kind) or go_container(value)}"))
    elif scalar == "string" and kind is not str:
        errors.append(_at(path, f"expected string, got &value.valueUnstructured{{Value:{go_syntax(value)}}}"))
    elif scalar == "boolean" and kind is not bool:
        errors.append(_at(path, f"expected boolean, got &{{{go_text(value)}}}"))
    elif scalar == "untyped" and kind in (dict, list):
        errors.append(_at(path, f"expected any scalar, got &{{{go_text(value)}}}"))


def _at(path: str, message: str) -> str:
    return f"{path}: {message}" if path else message


def go_container(value: Any) -> str:
    return "map[string]interface {}" if isinstance(value, dict) else "[]interface {}"


def go_text(value: Any) -> str:
    """A value as Go's %v prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "<nil>"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{name}:{go_text(value[name])}" for name in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(go_text, value)) + "]"
    return str(value)


def go_syntax(value: Any) -> str:
    """A value as Go's %#v prints it."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if value is None:
        return "interface {}(nil)"
    if isinstance(value, dict):
        return "map[string]interface {}{" + ", ".join(f"{go_syntax(name)}:{go_syntax(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(map(go_syntax, value)) + "}"
    return go_text(value)


def merge(type_: FieldType, live: Any, applied: Any) -> Any:
    """The live document with what is applied in it: leaves are replaced, nothing is removed.

    Elements of lists come in the order of what is applied, with the others where they were among them. Parts that do not change are shared
    with the arguments.
    """
    if live is MISSING:
        return applied
    if applied is MISSING:
        return live
    # The form of what is applied counts; null has none, and takes that of what is live.
    form = type_.form_of(live if applied is None else applied)
    if form.map is not None:
        return _merge_maps(form.map, live, applied)
    if form.scalar or form.list is None:
        return applied
    return _merge_lists(form.list, live, applied)


def _merge_maps(map_: MapType, live: Any, applied: Any) -> Any:
    mine = applied if isinstance(applied, dict) else {}
    theirs = live if isinstance(live, dict) else {}
    if map_.atomic or not (mine or theirs):
        return applied
    if not mine:
        return theirs
    merged = dict(theirs)
    for name, value in mine.items():
        child = map_.of(name)
        merged[name] = value if child is None else merge(child, theirs.get(name, MISSING), value)
    return merged


def _merge_lists(list_: ListType, live: Any, applied: Any) -> Any:
    mine = applied if isinstance(applied, list) else []
    theirs = live if isinstance(live, list) else []
    if list_.atomic or not (mine or theirs):
        return applied
    if not mine:
        return theirs
    before = [(element_of(list_, key_of(list_, index, value)), value) for index, value in enumerate(theirs)]
    after = [(element_of(list_, key_of(list_, index, value)), value) for index, value in enumerate(mine)]
    known: dict[str, Any] = {}
    for element, value in before:
        known[element] = None if element in known else value  # Those that cannot be told apart are replaced, not merged.
    return _interleaved(list_, before, after, known)


def _interleaved(list_: ListType, before: list[tuple[str, Any]], after: list[tuple[str, Any]], known: dict[str, Any]) -> list[Any]:
    """Both lists in one: shared elements in the order of the second, others of the first before the shared one that they were before."""
    wanted = {element for element, _ in after}
    shared = [element for element, _ in after if element in known]  # The first is the next one to come.
    merged: list[Any] = []
    done: set[str] = set()
    left = right = 0
    while left < len(before) or right < len(after):
        theirs = before[left][0] if left < len(before) else None
        mine = after[right][0] if right < len(after) else None
        if theirs is not None and theirs != mine:
            if theirs not in wanted:
                merged.append(before[left][1])
                left += 1
                continue
            if mine is not None and shared and shared[0] != theirs:
                left += 1  # It comes where the other list has it.
                continue
            if theirs in done:
                left += 1
        elif theirs is not None:
            left += 1
        if mine is not None:
            merged.append(merge(list_.element, known.get(mine, MISSING), after[right][1]))
            done.add(mine)
            right += 1
            if shared and shared[0] == mine:
                shared.pop(0)
    return merged
