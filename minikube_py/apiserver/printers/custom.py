"""Printers of custom resources: the columns that a definition names, read by JSON paths.

Owns the small part of JSON paths that columns use: fields, indexes, `[*]`, and filters by equality (`[?(@.type=="Ready")]`).

Source: staging/src/k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor/tableconvertor.go
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from minikube_py.apis.apiextensions_v1 import CustomResourceColumnDefinition

from .form import AGE, NAME, Column, Printer, since

_STEP = re.compile(
    r"\.(?P<field>(?:\\.|[^.\[\\])+)"
    r"|\[(?P<index>-?\d+)\]"
    r"|\[(?P<all>\*)\]"
    r"|\[(?P<quote>['\"])(?P<key>.*?)(?P=quote)\]"
    r"|\[\?\(\s*@\.(?P<path>[^=!<>\s]+)\s*==\s*(?P<value>\"[^\"]*\"|'[^']*'|[^)\s]+)\s*\)\]"
)


class PathError(ValueError):
    """A JSON path beyond what columns may use."""


def compile_path(text: str) -> Callable[[Any], list[Any]]:
    """A function from a document to the values that a path leads to.

    Raises: PathError.
    """
    steps: list[re.Match[str]] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise PathError(f"unrecognized character in JSONPath: {text}")
        steps.append(match)
        position = match.end()

    def find(document: Any) -> list[Any]:
        found = [document]
        for step in steps:
            found = [value for item in found for value in _follow(item, step)]
        return found

    return find


def _follow(item: Any, step: re.Match[str]) -> list[Any]:
    if step["field"] or step["key"]:
        key = step["key"] or re.sub(r"\\(.)", r"\1", step["field"])
        return [item[key]] if isinstance(item, dict) and item.get(key) is not None else []
    if step["all"]:
        return list(item) if isinstance(item, list) else list(item.values()) if isinstance(item, dict) else []
    if not isinstance(item, list):
        return []
    if step["index"]:
        index = int(step["index"])
        return [item[index]] if -len(item) <= index < len(item) else []
    wanted = step["value"].strip("'\"")
    inner = compile_path("." + step["path"])
    return [element for element in item if any(_text(value) == wanted for value in inner(element))]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _cell(values: list[Any], kind: str, now: datetime) -> Any:
    """The first value, in the type of its column; None where it does not fit."""
    if not values:
        return None
    value = values[0]
    if kind == "integer":
        return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if kind == "number":
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "date":
        try:
            return since(value, now)
        except (TypeError, ValueError):
            return "<invalid>"
    if len(values) > 1:
        return ",".join(map(_text, values))
    return value if isinstance(value, str) else _text(value)


def custom_printer(definitions: Sequence[CustomResourceColumnDefinition]) -> Printer:
    """The printer of a custom resource, whose objects are plain documents. Without columns of its own it shows name and age.

    Raises: PathError for a column whose path is beyond what columns may use.
    """
    columns = [Column(d.name, d.type, d.format, d.description, d.priority or 0) for d in definitions]
    readers = [(compile_path(d.json_path), d.type) for d in definitions]
    if not definitions:
        columns, readers = [AGE], [(compile_path(".metadata.creationTimestamp"), "date")]

    def cells(document: dict[str, Any], now: datetime) -> list[Any]:
        return [document.get("metadata", {}).get("name", ""), *(_cell(read(document), kind, now) for read, kind in readers)]

    return Printer((NAME, *columns), cells)
