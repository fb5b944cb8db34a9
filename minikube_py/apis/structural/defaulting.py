"""Defaulting: properties that are missing, or null where null is no value, get the default of their schema.

Owns the dropping of nulls, too: one that is not a value and has no default goes. Defaults are completed by the defaults of their own
schema when the nodes are made, so that filling one in is a copy.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting/algorithm.go, prunenulls.go
"""

from __future__ import annotations

from typing import Any

from .nodes import Node


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
