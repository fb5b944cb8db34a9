"""Objects that plugins look up in the store: read-only, decoded once."""

from __future__ import annotations

from typing import Any, TypeVar

from minikube_py.apis.object import Object
from minikube_py.apis.scheme import decoder
from minikube_py.store.interface import Entry, Store

T = TypeVar("T", bound=Object)


def find(store: Store, struct: type[T], resource: str, key: str) -> T | None:
    """The object of a key, None if there is none."""
    entry = store.get(resource, key)
    return None if entry is None else _object(struct, entry)


def every(store: Store, struct: type[T], resource: str) -> list[T]:
    """All objects of a resource."""
    return [_object(struct, entry) for entry in store.list(resource).entries] if store.count(resource) else []


def _object(struct: type[T], entry: Entry) -> T:
    if entry.obj is None:
        entry.obj = decoder(struct).decode(entry.data)
    found: Any = entry.obj
    return found  # type: ignore[no-any-return]
