"""Custom resources as objects: typed metadata around a plain document.

Owns the form of such objects in memory and on the wire. Every custom resource of a served version has a class of its own
(`custom_type`), which stands wherever a generated struct does: informers, clients, storages. What a definition's schema says about the
document is `apis/structural`'s.

Source: k8s.io/apimachinery/pkg/apis/meta/v1/unstructured
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, cast

import msgspec

from . import meta_v1
from .go_numbers import in_go_form
from .resources import ResourceType

# By way of JSON: sets of fields in managedFields stay as they are written, which plain values cannot show.
_encoder = msgspec.json.Encoder()
_metadata_decoder = msgspec.json.Decoder(meta_v1.ObjectMeta)


def metadata_from(document: Any) -> meta_v1.ObjectMeta:
    """The metadata that a plain document describes.

    Raises: msgspec.ValidationError if it is none.
    """
    return _metadata_decoder.decode(_encoder.encode(document))


def metadata_document(metadata: meta_v1.ObjectMeta) -> Any:
    """Metadata as a plain document of its own."""
    return msgspec.json.decode(_encoder.encode(metadata))


class CustomObject:
    """One custom resource.

    Attributes:
        resource: what its class is served as.
        metadata: the standard metadata.
        content: all other fields of the document but apiVersion and kind, as msgspec decodes JSON.
        form: the compiled schema that the content is known to obey, for who reads it from a store; None for nobody's.
        exact: whether the bytes it was read from are its encoding.
    """

    __slots__ = ("api_version", "content", "exact", "form", "kind", "metadata")
    resource: ClassVar[ResourceType]

    def __init__(
        self, kind: str = "", api_version: str = "", metadata: meta_v1.ObjectMeta | None = None, content: dict[str, Any] | None = None
    ) -> None:
        self.kind = kind
        self.api_version = api_version
        self.metadata = metadata if metadata is not None else meta_v1.ObjectMeta()
        self.content = content if content is not None else {}
        self.form: object = None
        self.exact = False

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> CustomObject:
        """The object that a document describes; its values are taken over, not copied.

        Raises: msgspec.ValidationError if its metadata is not that of an object.
        """
        content = dict(document)
        kind, api_version = content.pop("kind", ""), content.pop("apiVersion", "")
        if not isinstance(kind, str) or not isinstance(api_version, str):
            raise msgspec.ValidationError("kind and apiVersion must be strings")
        metadata = metadata_from(content.pop("metadata", None) or {})
        return cls(kind, api_version, metadata, content)

    def document(self) -> dict[str, Any]:
        """The plain document; the content is shared, the metadata is not."""
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata_document(self.metadata), **self.content}

    def wire(self) -> dict[str, Any]:
        """What the JSON encoder writes."""
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": self.metadata, **self.content}


class CustomDecoder:
    """The decoder of one class of custom resources, with the face of msgspec's."""

    __slots__ = ("_type",)

    def __init__(self, type_: type[CustomObject]) -> None:
        self._type = type_

    def decode(self, data: bytes) -> CustomObject:
        """Raises: msgspec.ValidationError, msgspec.DecodeError."""
        document = msgspec.json.decode(data)
        if not isinstance(document, dict):
            raise msgspec.ValidationError(f"Expected `object`, got `{type(document).__name__}`")
        return self._type.from_document(document)


@lru_cache(4096)
def custom_type(resource: ResourceType) -> type[CustomObject]:
    """The class of a custom resource's objects; the same for equal resources."""
    return cast("type[CustomObject]", type(resource.kind, (CustomObject,), {"__slots__": (), "resource": resource}))


def to_plain(value: Any) -> Any:
    """Encoder hook: what the JSON encoder does not know by itself, as what it knows."""
    if isinstance(value, CustomObject):
        return value.wire()
    raise NotImplementedError(f"Objects of type {type(value).__name__} are not supported")


def to_wire(value: Any) -> Any:
    """Encoder hook: what the JSON encoder does not know by itself, as it goes over the wire, with numbers as Go writes them."""
    return msgspec.Raw(in_go_form(_encoder.encode(to_plain(value))))
