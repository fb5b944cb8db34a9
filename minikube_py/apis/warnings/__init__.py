"""Warnings: what the author of a valid object is told beside the answer, by kind.

Each area has functions from an object (and its former state) to texts; they change nothing and know nothing of the server.

Source: pkg/registry/*/strategy.go (WarningsOnCreate, WarningsOnUpdate)
"""

from __future__ import annotations

from ..object import Object
from . import classes, core_kinds, networking, pods, services, volumes, workloads
from .tables import OnCreate, OnUpdate

__all__ = ["warnings_on_create", "warnings_on_update"]

_CREATE: OnCreate = {
    **classes.CREATE, **core_kinds.CREATE, **networking.CREATE, **pods.CREATE, **services.CREATE, **volumes.CREATE, **workloads.CREATE,
}
_UPDATE: OnUpdate = {
    **classes.UPDATE, **core_kinds.UPDATE, **networking.UPDATE, **pods.UPDATE, **services.UPDATE, **volumes.UPDATE, **workloads.UPDATE,
}


def warnings_on_create(obj: Object) -> list[str]:
    """What the author of a new object is told."""
    texts = _CREATE.get(type(obj))
    return texts(obj) if texts is not None else []


def warnings_on_update(new: Object, old: Object, subresource: str = "") -> list[str]:
    """What the author of an object that replaces `old` is told."""
    texts = _UPDATE.get((type(new), subresource))
    return texts(new, old) if texts is not None else []
