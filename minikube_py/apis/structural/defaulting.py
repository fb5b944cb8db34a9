"""Defaulting: properties that are missing, or null where null is no value, get the default of their schema.

Owns the dropping of nulls, too: one that is not a value and has no default goes. Defaults lose what objects would lose, and are completed
by the defaults of their own schema, when the nodes are made, so that filling one in is a copy.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting/algorithm.go, prune.go, prunenulls.go
"""

from __future__ import annotations

from typing import Any

from .embedded import coerce
from .nodes import Node
from .pruning import prune

# A step from a place of a document to one below: the name of a field, or None into a list.
_Step = str | None


def prune_defaults(root: Node) -> None:
    """Drop what is unknown in the defaults of a schema, and fields of embedded metadata that are of a wrong type."""
    _prune_defaults(root, root, ())


def _prune_defaults(node: Node, root: Node, steps: tuple[_Step, ...]) -> None:
    if node.default is not None and (root.embeds or type(node.default) in (dict, list)):
        node.default = _pruned(node.default, root, steps)
    for name, child in node.properties.items():
        _prune_defaults(child, root, (*steps, name))
    if node.additional is not None:
        _prune_defaults(node.additional, root, (*steps, "*"))
    if node.items is not None:
        _prune_defaults(node.items, root, (*steps, None))
    node.defaulted = tuple((name, child) for name, child in node.properties.items() if child.default is not None)


def _pruned(default: Any, root: Node, steps: tuple[_Step, ...]) -> Any:
    """What is left of a default in an object that has nothing else; None if it is gone itself."""
    value = copy(default)
    for step in reversed(steps):
        value = [value] if step is None else {step: value}
    coerce(value, root, drop_wrong=True)
    prune(value, root, root=True)
    for step in steps:
        value = value[0] if step is None else value.get(step)
        if value is None:
            return None
    return value


def complete(node: Node) -> None:
    """Give every default below `node` the defaults of its own schema; once, when a schema is compiled."""
    for child in node.children():
        complete(child)
    if type(node.default) in (dict, list):
        node.default = copy(node.default)
        fill(node.default, node)


def fill(value: Any, node: Node) -> None:
    """Default `value` in place."""
    if type(value) is dict:
        _fill_map(value, node)
    elif type(value) is list and node.items is not None:
        items = node.items
        for index, item in enumerate(value):
            if item is None:
                if not items.nullable:
                    value[index] = copy(items.default)
            elif type(item) is dict or type(item) is list:
                fill(item, items)


def _fill_map(value: dict[str, Any], node: Node) -> None:
    properties = node.properties
    gone = None
    for name, item in value.items():
        if item is not None:
            if type(item) is dict or type(item) is list:
                child = properties.get(name) or node.additional
                if child is not None:
                    fill(item, child)
            continue
        child = properties.get(name) or node.additional
        if child is None or child.nullable:
            continue
        if child.default is None:
            gone = [*gone, name] if gone else [name]
        else:
            value[name] = copy(child.default)
    if gone:
        for name in gone:
            del value[name]
    for name, child in node.defaulted:
        if name not in value:
            value[name] = copy(child.default)


def copy(value: Any) -> Any:
    """A copy of a JSON value."""
    if type(value) is dict:
        return {name: copy(item) for name, item in value.items()}
    if type(value) is list:
        return [copy(item) for item in value]
    return value
