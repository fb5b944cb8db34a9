"""Server-side printing: the tables that `kubectl get` shows, and objects reduced to their metadata.

Owns the form of a Table; columns and cells of a kind stand side by side in the modules of this package, joined in `KINDS`.
Source: kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables, pkg/printers/internalversion/printers.go
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from minikube_py.apis.resources import ResourceType
from minikube_py.apis.scheme import encode

from . import core, network, pods, policy, storage
from .custom import custom_printer
from .descriptions import definitions
from .form import Column, Printer
from .pods import SCALE

__all__ = ["SCALE", "Column", "Printer", "cells", "columns", "custom_printer", "partial_object_metadata", "table"]

# "pods", "deployments.apps" -> its printer
KINDS: dict[str, Printer] = {**pods.KINDS, **core.KINDS, **network.KINDS, **storage.KINDS, **policy.KINDS}


def printer_of(resource: ResourceType) -> Printer:
    """The printer of a built-in resource; name and creation time where there is no better."""
    return KINDS.get(resource.group_resource, core.CREATED)


def columns(resource: ResourceType) -> list[dict[str, Any]]:
    """The columns of a resource."""
    return [column.document() for column in printer_of(resource).columns]


def cells(resource: ResourceType, obj: Any, now: datetime) -> list[Any]:
    """The cells of an object, in the order of the columns."""
    return printer_of(resource).cells(obj, now)


def partial_object_metadata(obj: Any, version: str = "meta.k8s.io/v1") -> dict[str, Any]:
    """An object reduced to its metadata. Plain documents are objects, too."""
    metadata = obj.get("metadata", {}) if isinstance(obj, dict) else obj.metadata
    return {"kind": "PartialObjectMetadata", "apiVersion": version, "metadata": metadata}


def table(
    resource: ResourceType, objects: Sequence[Any], metadata: dict[str, Any], *, include_object: str = "Metadata", now: datetime,
    printer: Printer | None = None, with_columns: bool = True, version: str = "meta.k8s.io/v1",
) -> bytes:
    """A Table of objects, as JSON.

    Args:
        metadata: the list's.
        include_object: what of each object its row carries: "Metadata", "Object" or "None".
        printer: that of a custom resource; built-in resources have their own.
        version: of the meta.k8s.io group.
        with_columns: False for the later events of a watch, whose reader knows the columns.
    """
    chosen = printer or printer_of(resource)
    rows = []
    for obj in objects if chosen.order is None else sorted(objects, key=chosen.order):
        row: dict[str, Any] = {"cells": chosen.cells(obj, now)}
        if chosen.conditions is not None and (conditions := chosen.conditions(obj)):
            row["conditions"] = conditions
        row["object"] = None
        if include_object == "Object":
            row["object"] = obj
        elif include_object != "None":
            row["object"] = partial_object_metadata(obj, version)
        rows.append(row)
    columns_ = definitions(chosen.columns, "" if chosen is SCALE else resource.group_resource) if with_columns else None
    document = {"kind": "Table", "apiVersion": version, "metadata": metadata, "columnDefinitions": columns_, "rows": rows}
    return encode(document) + b"\n"
