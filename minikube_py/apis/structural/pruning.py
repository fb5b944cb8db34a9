"""Pruning: what the schema does not specify is dropped.

The usual document has nothing to drop: it is walked once, and a path is only built for what is dropped.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning/algorithm.go
"""

from __future__ import annotations

from typing import Any

from .nodes import META_FIELDS, Node


def prune(value: Any, node: Node | None, *, root: bool = False) -> list[str]:
    """Drop fields of `value`, in place, that `node` does not specify; None specifies nothing.

    Args:
        root: the value is a whole resource, whose apiVersion, kind and metadata stay.
    Returns: the paths of what was dropped ("spec.list[0].foo"), sorted.
    """
    dropped = _keep(value, node, root) if node is not None and node.preserve else _prune(value, node, root)
    dropped.sort()
    return dropped


def _prune(value: Any, node: Node | None, root: bool = False) -> list[str]:
    """As `prune`, for a node that does not preserve; paths are relative and start with "." but for those of the root."""
    dropped: list[str] = []
    if type(value) is list:
        items = node.items if node is not None else None
        descend = _keep if items is not None and items.preserve else _prune
        for index, item in enumerate(value):
            if type(item) is dict or type(item) is list:
                found = descend(item, items)  # type: ignore[arg-type]
                if found:
                    dropped += _below(f"[{index}]", item, found)
        return dropped
    if type(value) is not dict:
        return dropped
    if node is None:
        dropped = list(value)
        value.clear()
        return dropped
    properties, has_additional = node.properties, node.has_additional
    gone: list[str] = []
    for name, item in value.items():
        child = properties.get(name)
        if child is None:
            if (root or node.embedded) and name in META_FIELDS:
                continue
            if not has_additional:
                gone.append(name)
                continue
            child = node.additional
        elif (root or node.embedded) and name in META_FIELDS:
            continue
        if type(item) is dict or type(item) is list:
            found = _keep(item, child) if child is not None and child.preserve else _prune(item, child)
            if found:
                dropped += _below(name, item, found)
    for name in gone:
        del value[name]
    return dropped + gone if gone else dropped


def _keep(value: Any, node: Node, root: bool = False) -> list[str]:
    """Where unknown fields are preserved, only what is specified below is pruned."""
    dropped: list[str] = []
    if type(value) is list:
        if node.items is not None:
            for index, item in enumerate(value):
                found = _keep(item, node.items)
                if found:
                    dropped += _below(f"[{index}]", item, found)
        return dropped
    if type(value) is not dict:
        return dropped
    for name, item in value.items():
        if (root or node.embedded) and name in META_FIELDS:
            continue
        child = node.properties.get(name)
        if child is None:
            if not node.has_additional:
                continue
            child = node.additional
        found = _keep(item, child) if child is not None and child.preserve else _prune(item, child)
        if found:
            dropped += _below(name, item, found)
    return dropped


def _below(where: str, value: Any, paths: list[str]) -> list[str]:
    """The paths of what was dropped in `value`, which is at `where`: those of fields are joined by a dot, those of items are not."""
    joint = where if type(value) is list else f"{where}."
    return [joint + path for path in paths]
