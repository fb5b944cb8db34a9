"""One served resource: its type, its struct, its place in the store and its strategy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from minikube_py.apis.object import Object
from minikube_py.apis.resources import ResourceType
from minikube_py.apis.scheme import decoder, encode
from minikube_py.store.interface import Entry

from .strategy import Strategy


@dataclass(frozen=True, slots=True)
class Conversion:
    """Between a served version and the version that is stored."""

    to_storage: Callable[[Any], Any]
    from_storage: Callable[[Any], Any]


def encode_versioned(obj: Any, revision: int) -> bytes:
    """Set the resourceVersion and return the JSON: the form that is stored and served."""
    obj.metadata.resource_version = str(revision)
    return encode(obj)


class Storage:
    """A resource as the Registry sees it. Storages of several versions of a kind share `collection` and `strategy`.

    Attributes:
        collection: name in the store.
        struct: of the served version.
    """

    def __init__(
        self, resource: ResourceType, struct: type[Object], strategy: Strategy, collection: str,
        stored: Storage | None = None, conversion: Conversion | None = None,
    ) -> None:
        self.resource = resource
        self.struct = struct
        self.strategy = strategy
        self.collection = collection
        self.stored = stored or self
        self._conversion = conversion
        self._decoder: msgspec.json.Decoder[Any] | None = None

    @property
    def converts(self) -> bool:
        """Whether the bytes in the store are of another version than the one that is served."""
        return self._conversion is not None

    def key(self, namespace: str, name: str) -> str:
        return f"{namespace}/{name}" if self.resource.namespaced else name

    def object(self, entry: Entry) -> Any:
        """The decoded, shared, read-only object of the stored version."""
        if entry.obj is None:
            if self.stored._decoder is None:
                self.stored._decoder = decoder(self.stored.struct)
            entry.obj = self.stored._decoder.decode(entry.data)
        return entry.obj

    def served(self, entry: Entry) -> Any:
        """The object in the served version; shared and read-only when nothing is converted."""
        obj = self.object(entry)
        return obj if self._conversion is None else self._conversion.from_storage(obj)

    def data(self, entry: Entry) -> bytes:
        """The JSON in the served version."""
        return entry.data if self._conversion is None else encode(self._conversion.from_storage(self.object(entry)))

    def to_storage(self, obj: Any) -> Any:
        """The object in the stored version."""
        return obj if self._conversion is None else self._conversion.to_storage(obj)
