"""YAML bodies, read with bounds: what is nested too deeply would exhaust the stack of the C library, what its aliases multiply the memory.

Go's parser refuses both too. Source: sigs.k8s.io/yaml, go-yaml's limits on depth and aliasing
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import yaml

# Levels of nesting. No kind comes near, and the composer takes a stack frame or more a level.
DEPTH_MAX = 200
# Nodes that a document may have with its aliases resolved, or as many as it has bytes.
NODES_MAX = 100_000


class YamlError(ValueError):
    """The body is no YAML, or none that can be JSON; the message is one line."""


def load_yaml(body: bytes) -> Any:
    """The plain document, of what JSON knows alone.

    Raises: YamlError.
    """
    loader_class: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_depth(body, loader_class)
        loader = loader_class(body)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if b"*" in body and _expanded(node, {}) > max(NODES_MAX, len(body)):
                raise YamlError("yaml: document contains excessive aliasing")
            return msgspec.json.decode(msgspec.json.encode(loader.construct_document(node)))
        finally:
            loader.dispose()
    except YamlError:
        raise
    except (yaml.YAMLError, msgspec.DecodeError, TypeError, ValueError, RecursionError) as error:
        raise YamlError(" ".join(str(error).split())) from error


def _check_depth(body: bytes, loader_class: Any) -> None:
    depth = 0
    for event in yaml.parse(body, loader_class):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MAX:
                raise YamlError("yaml: exceeded max depth")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _expanded(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes there are when each alias stands for a copy; one that contains itself has too many."""
    found = known.get(id(node))
    if found is not None:
        return found
    known[id(node)] = sys.maxsize
    count = 1
    if isinstance(node, yaml.SequenceNode):
        count += sum(_expanded(item, known) for item in node.value)
    elif isinstance(node, yaml.MappingNode):
        count += sum(_expanded(key, known) + _expanded(value, known) for key, value in node.value)
    known[id(node)] = count
    return count
