"""One served resource: its type, its struct, its place in the store and its strategy.

`Storage` is that of the built-in kinds, whose objects are structs; `apiextensions/storage.py` has that of custom resources. What a request
must know of the form of a kind - how a body becomes an object, which patches and field selectors there are, how it is printed - is asked
here, so that both go the same way through Registry and handlers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from minikube_py.apis import autoscaling_v1
from minikube_py.apis.defaults import set_defaults
from minikube_py.apis.fields import FieldSelector, check
from minikube_py.apis.object import Object
from minikube_py.apis.quantity import QuantityError
from minikube_py.apis.resources import ResourceType
from minikube_py.apis.scheme import decoder, deep_copy, encode
from minikube_py.core.errors import BadRequestError
from minikube_py.store.interface import Entry

from .decoding import decode_object, object_from_document
from .managed_fields import FieldType
from .managed_fields.struct_types import type_of
from .printers import Printer
from .scale import scale_of
from .strategy import Strategy

# Where upstream keeps kinds that do not lie under their plural. Source: pkg/kubeapiserver/default_storage_factory_builder.go
PREFIXES = {
    "apiservices.apiregistration.k8s.io": "apiregistration.k8s.io/apiservices",
    "customresourcedefinitions.apiextensions.k8s.io": "apiextensions.k8s.io/customresourcedefinitions",
    "endpoints": "services/endpoints", "ingresses.networking.k8s.io": "ingress", "nodes": "minions",
    "replicationcontrollers": "controllers", "services": "services/specs",
}


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
        stored: the storage of the version that is kept; itself for most.
        deprecation: what clients are warned of with every answer; "" for most.
        strategic: whether the kind has merge keys for strategic merge patches.
        evolves: whether the kind's fields may be others than when an object was written; it is a custom resource then.
        printer: the printer of a custom resource; None where the kind's is built in.
    """

    strategic = True
    evolves = False
    deprecation = ""
    printer: Printer | None = None

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

    def path(self, namespace: str, name: str) -> str:
        """Where upstream keeps the object in etcd, which some messages tell."""
        resource = self.resource
        prefix = f"{resource.group}/{resource.plural}" if self.evolves else PREFIXES.get(resource.group_resource, resource.plural)
        return f"/registry/{prefix}/{namespace}/{name}" if resource.namespaced else f"/registry/{prefix}/{name}"

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
        return self.from_storage(obj)

    def data(self, entry: Entry) -> bytes:
        """The JSON in the served version."""
        return entry.data if self._conversion is None else encode(self._conversion.from_storage(self.object(entry)))

    def to_storage(self, obj: Any) -> Any:
        """The object in the stored version."""
        return obj if self._conversion is None else self._conversion.to_storage(obj)

    @property
    def judging(self) -> Storage:
        """The storage of the version that the strategy judges: the stored one; of custom resources, whose versions have rules of their own,
        the served one.
        """
        return self.stored

    def to_judging(self, obj: Any) -> Any:
        """The object in the version that the strategy judges, of one in the served version."""
        return self.to_storage(obj)

    def kept(self, judged: Any) -> Any:
        """The object in the stored version, of one that was judged."""
        return judged

    def from_storage(self, obj: Any) -> Any:
        """The object in the served version, of one in the stored version."""
        return obj if self._conversion is None else self._conversion.from_storage(obj)

    @property
    def field_type(self) -> FieldType:
        """What the fields of the served version are to merging."""
        return type_of(self.struct)

    def decode(self, body: bytes, content_type: str, field_validation: str) -> tuple[Any, list[str]]:
        """The object in a request body, and warnings about its fields.

        Raises: BadRequestError, UnsupportedMediaTypeError.
        """
        resource = self.resource
        return decode_object(self.struct, resource.group_version, resource.kind, body, content_type, field_validation)

    def from_document(self, document: Any, field_validation: str) -> tuple[Any, list[str]]:
        """The object that a plain document describes, which may be changed, and warnings about its fields.

        Raises: BadRequestError.
        """
        resource = self.resource
        return object_from_document(self.struct, resource.group_version, resource.kind, document, field_validation)

    def set_defaults(self, obj: Any) -> None:
        """Set the open fields of an object of the served version.

        Raises: BadRequestError for an amount that is no quantity, as for any value that does not decode.
        """
        try:
            set_defaults(obj)
        except QuantityError as error:
            kind = self.resource.kind
            raise BadRequestError(f'{kind} in version "{self.resource.version}" cannot be handled as a {kind}: {error}') from error

    def encode_defaulted(self, obj: Any) -> bytes:
        """The JSON of an object of the served version as upstream's decoder hands it on: with defaults."""
        copy = deep_copy(obj)
        self.set_defaults(copy)
        copy.kind, copy.api_version = self.resource.kind, self.resource.group_version
        return encode(copy)

    def scale_of(self, obj: Any) -> autoscaling_v1.Scale:
        """The Scale that shows an object.

        Raises: InternalError if the object does not say how many replicas it wants.
        """
        return scale_of(obj)

    def set_replicas(self, obj: Any, replicas: int) -> None:
        """Write the replicas into an object that may be changed."""
        obj.spec.replicas = replicas

    @property
    def replicas_path(self) -> tuple[str, ...]:
        """Where the objects have the replicas that a Scale shows, as path elements; () if they have none."""
        return ("f:spec", "f:replicas") if self.resource.subresource("scale") is not None else ()

    def check_fields(self, selector: FieldSelector) -> FieldSelector:
        """The selector with old field names replaced.

        Raises: BadRequestError if the kind cannot be selected by one of the fields.
        """
        return check(selector, self.struct)
