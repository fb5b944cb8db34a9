"""Lists of type set have no item twice, those of type map no keys twice.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype/validation.go
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from ...core.errors import Cause
from ..validation.causes import Raw, duplicate, invalid, json_text
from .nodes import Node

_MISSING = object()
"""Stands for a key that an item lacks, which is not the same as one that is null."""


def check_lists(value: Any, node: Node, path: str = "") -> list[Cause]:
    """What is there twice in the lists of type set and map in `value`."""
    causes: list[Cause] = []
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(item, dict | list):
                continue
            if node.additional is not None and node.additional.keyed_lists:
                causes += check_lists(item, node.additional, f"{path}[{name}]")
            child = node.properties.get(name)
            if child is not None and child.keyed_lists:
                causes += check_lists(item, child, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        if node.list_type == "set":
            causes += [duplicate(f"{path}[{index}]", Raw(value[index])) for index in _repeated(value)]
        elif node.list_type == "map":
            causes += _check_map(value, node, path)
        if node.items is not None and node.items.keyed_lists:
            for index, item in enumerate(value):
                causes += check_lists(item, node.items, f"{path}[{index}]")
    return causes


def _check_map(value: list[Any], node: Node, path: str) -> list[Cause]:
    for index, item in enumerate(value):
        if item is not None and not isinstance(item, dict):
            return [invalid(f"{path}[{index}]", Raw(item), "must be an object for an array of list-type map")]
    keys = [{name: item[name] for name in node.list_keys if name in item} if item is not None else {} for item in value]
    values = [next(iter(key.values()), _MISSING) for key in keys] if len(node.list_keys) == 1 else keys
    return [duplicate(f"{path}[{index}]", Raw(keys[index])) for index in _repeated(values)]


def _repeated(items: list[Any]) -> list[int]:
    """The index of the second appearance of each item that appears more than once."""
    if len(items) <= 1:
        return []
    seen: dict[Hashable, int] = {}
    repeated = []
    for index, item in enumerate(items):
        key = json_text(item) if isinstance(item, dict | list) else item
        mark = (type(item), key)
        seen[mark] = seen.get(mark, 0) + 1
        if seen[mark] == 2:
            repeated.append(index)
    return repeated
