"""Printers of custom resources: the columns that a definition names, read by JSON paths.

Source: staging/src/k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor/tableconvertor.go
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from minikube_py.apis.apiextensions_v1 import CustomResourceColumnDefinition
from minikube_py.apis.go_numbers import json_number, show_number
from minikube_py.apis.go_time import canonical_time, time_problem
from minikube_py.apis.jsonpath import JsonPathError, Template
from minikube_py.apis.validation.causes import json_text

from .form import AGE, NAME, UNKNOWN, Column, Printer, since

log = logging.getLogger(__name__)
_CREATED = Template("{.metadata.creationTimestamp}")
# What Go reads as a time that is unset, as it does "".
_ZERO_TIME = "null"
_INVALID = "<invalid>"


def _printed(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return show_number(value)
    return "<no value>" if value is None else json_text(value)


def _cell(path: Template, document: dict[str, Any], kind: str, now: datetime) -> Any:
    """The first value at a path, in the type of its column; None where there is none, or where it does not fit."""
    try:
        found = path.find(document)
    except JsonPathError:
        return None
    if not found:
        return None
    value = found[0]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "string":
            return _printed(value)
        case "integer":
            return int(value) if is_number else None
        case "number":
            return json_number(float(value)) if is_number else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "date" if isinstance(value, str):
            return _elapsed(value, now)
    return None


def _elapsed(text: str, now: datetime) -> str:
    """How long ago a time was."""
    if text in ("", _ZERO_TIME):
        return UNKNOWN
    try:
        return _INVALID if time_problem(text) else since(canonical_time(text), now)
    except ValueError:  # a time after the year 9999
        return _INVALID


def custom_printer(definitions: Sequence[CustomResourceColumnDefinition]) -> Printer:
    """The printer of a custom resource, whose objects are plain documents. Without columns of its own it shows name and age.

    A column whose path does not read ends the table before it.
    """
    columns: list[Column] = []
    readers: list[tuple[Template, str]] = []
    for definition in definitions:
        try:
            path = Template(f"{{{definition.json_path}}}")
        except JsonPathError as error:
            log.warning("columns are left out, because a path does not read column=%s path=%s: %s", definition.name,
                        definition.json_path, error)
            break
        described = definition.description or f"Custom resource definition column (in JSONPath format): {definition.json_path}"
        columns.append(Column(definition.name, definition.type, definition.format, described, definition.priority or 0))
        readers.append((path, definition.type))
    if not definitions:
        columns, readers = [AGE._replace(type="date")], [(_CREATED, "date")]

    def cells(document: dict[str, Any], now: datetime) -> list[Any]:
        return [document.get("metadata", {}).get("name", ""), *(_cell(path, document, kind, now) for path, kind in readers)]

    return Printer((NAME, *columns), cells)
