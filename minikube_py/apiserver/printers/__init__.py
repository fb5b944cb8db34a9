"""Server-side printing: the tables that `kubectl get` shows, and objects reduced to their metadata.

Owns the form of a Table; columns and cells of a kind stand side by side in the modules of this package, in `KINDS`.
Source: kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables, pkg/printers/internalversion/printers.go
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from minikube_py.apis.resources import ResourceType
from minikube_py.apis.scheme import encode


class Column(NamedTuple):
    """One column. `priority` 0 is always shown, others only in wide output."""

    name: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0

    def document(self) -> dict[str, Any]:
        return self._asdict()


class Printer(NamedTuple):
    """Columns of a kind, and the cells of one object in the same order."""

    columns: tuple[Column, ...]
    cells: Callable[[Any, datetime], list[Any]]


DEFAULT = Printer(
    (Column("Name", format="name"), Column("Created At", "date")),
    lambda obj, now: [obj.metadata.name, obj.metadata.creation_timestamp],
)
# "pods", "deployments.apps" -> its printer
KINDS: dict[str, Printer] = {}


def columns(resource: ResourceType) -> list[dict[str, Any]]:
    """The columnDefinitions of a resource."""
    return [column.document() for column in KINDS.get(resource.group_resource, DEFAULT).columns]


def partial_object_metadata(obj: Any) -> dict[str, Any]:
    """An object reduced to its metadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj.metadata}


def table(
    resource: ResourceType, objects: Sequence[Any], metadata: dict[str, Any], *, include_object: str = "Metadata", now: datetime
) -> bytes:
    """A meta.k8s.io/v1 Table of objects, as JSON.

    Args:
        metadata: the list's.
        include_object: what of each object its row carries: "Metadata", "Object" or "None".
    """
    printer = KINDS.get(resource.group_resource, DEFAULT)
    rows = []
    for obj in objects:
        row: dict[str, Any] = {"cells": printer.cells(obj, now)}
        if include_object == "Object":
            row["object"] = obj
        elif include_object != "None":
            row["object"] = partial_object_metadata(obj)
        rows.append(row)
    document = {
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns(resource), "rows": rows,
    }
    return encode(document) + b"\n"
