"""Which struct is which kind, and reading and copying objects.

Joins the table of served resources (`resources.py`) with the generated structs. Decoders are made on first use.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from .custom import CustomDecoder, CustomObject, to_plain, to_wire
from .object import Object
from .resources import BY_GVK, ResourceType

T = TypeVar("T", bound=Object)
_encoder = msgspec.json.Encoder(enc_hook=to_wire)
_sorting_encoder = msgspec.json.Encoder(enc_hook=to_plain, order="sorted")
_LINE_BREAKS = dict.fromkeys(map(ord, "\r\n"))
_decoders: dict[type[Object], msgspec.json.Decoder[Any]] = {}


def module_name(group: str, version: str) -> str:
    """The generated module of a group-version ("rbac.authorization.k8s.io", "v1" -> "rbac_v1")."""
    return f"{group.split('.')[0] or 'core'}_{version}"


@cache
def type_of(group: str, version: str, kind: str) -> type[Object]:
    """The struct of a kind.

    Raises: KeyError if there is none.
    """
    try:
        found = getattr(importlib.import_module(f".{module_name(group, version)}", __package__), kind)
    except (ImportError, AttributeError) as error:
        raise KeyError(f"{group}/{version} {kind}") from error
    if not (isinstance(found, type) and issubclass(found, Object) and found is not Object):
        raise KeyError(f"{group}/{version} {kind}")
    return found


@cache
def gvk_of(struct: type[Object]) -> tuple[str, str, str]:
    """Group, version and kind of a struct that is served.

    Raises: KeyError for a struct that is no kind of its own.
    """
    if issubclass(struct, CustomObject):
        return struct.resource.gvk
    module = struct.__module__.rsplit(".", 1)[1]
    for group, version, kind in BY_GVK:
        if kind == struct.__name__ and module_name(group, version) == module:
            return group, version, kind
    raise KeyError(struct.__qualname__)


@cache
def resource_of(struct: type[Object]) -> ResourceType:
    """The served resource whose objects are of this struct."""
    if issubclass(struct, CustomObject):
        return struct.resource
    return BY_GVK[gvk_of(struct)]


def decoder(struct: type[T]) -> msgspec.json.Decoder[T]:
    """The strict decoder of a struct: wrong types and unknown fields raise msgspec.ValidationError."""
    found = _decoders.get(struct)
    if found is None:
        if issubclass(struct, CustomObject):
            # As many as there are definitions, which come and go.
            return cast("msgspec.json.Decoder[T]", CustomDecoder(struct))
        found = _decoders[struct] = msgspec.json.Decoder(struct)
    return found


def encode(obj: Any) -> bytes:
    """The wire form, UTF-8 JSON."""
    return _encoder.encode(obj)


def encode_sorted(obj: Any) -> bytes:
    """The wire form with the keys of all maps sorted: equal for equal objects."""
    return _sorting_encoder.encode(obj)


def deep_copy(obj: T) -> T:
    """An independent copy that may be changed. By way of the wire form: it is the fastest way there is."""
    return decoder(type(obj)).decode(_encoder.encode(obj))


def to_document(obj: Any) -> Any:
    """The object as plain dicts and lists, in wire names."""
    return msgspec.json.decode(_encoder.encode(obj))


def from_document(struct: type[T], document: Any) -> T:
    """The object that a plain document describes.

    Raises: msgspec.ValidationError for wrong types and unknown fields.
    """
    return decoder(struct).decode(_encoder.encode(document))


def decode_lenient(struct: type[T], data: bytes) -> T:
    """Read what another version of Kubernetes wrote: unknown fields are dropped and nulls are unset.

    Raises: msgspec.ValidationError for wrong types, msgspec.DecodeError for malformed JSON.
    """
    try:
        return decoder(struct).decode(data)
    except msgspec.ValidationError:
        document = msgspec.json.decode(data)
        prune(struct, document)
        return from_document(struct, document)


def prune(struct: type[Object], document: Any, path: str = "") -> list[str]:
    """Drop unknown fields, nulls and line breaks in base64 from `document`, in place. A null inside of a list stays.

    Args:
        path: field path of the document, for the names of what is dropped.
    Returns: the paths of the unknown fields ("spec.containers[0].foo"), in the order of the document.
    """
    if not isinstance(document, dict):
        return []
    unknown: list[str] = []
    fields = _fields(struct)
    for name in list(document):
        where = f"{path}.{name}" if path else name
        if name not in fields:
            unknown.append(where)
            del document[name]
        elif document[name] is None:
            del document[name]
        else:
            shape, inner, is_bytes = fields[name]
            value = document[name]
            if shape == "struct" and inner is not None:
                unknown += prune(inner, value, where)
            elif shape == "list" and isinstance(value, list):
                for index, item in enumerate(value):
                    if inner is not None:
                        unknown += prune(inner, item, f"{where}[{index}]")
            elif shape in ("dict", "strings") and isinstance(value, dict):
                for key, item in list(value.items()):
                    if inner is not None:
                        unknown += prune(inner, item, f"{where}.{key}")
                    elif item is None and (is_bytes or shape == "strings"):
                        value[key] = ""
                    elif is_bytes and isinstance(item, str):
                        value[key] = item.translate(_LINE_BREAKS)
            elif is_bytes and isinstance(value, str):
                document[name] = value.translate(_LINE_BREAKS)
    return unknown


def struct_of_field(struct: type[Object], name: str) -> type[Object] | None:
    """The struct in a field (itself, or the elements of its list or map) by its name on the wire; None for plain values."""
    found = _fields(struct).get(name)
    return found[1] if found else None


@cache
def _fields(struct: type[Object]) -> dict[str, tuple[str, type[Object] | None, bool]]:
    """Wire name -> (shape: struct, list, dict, strings (a dict of them) or value; the struct inside; whether it, or what a dict holds,
    is base64)."""
    fields: dict[str, tuple[str, type[Object] | None, bool]] = {}
    for field in msgspec.structs.fields(struct):
        kind = msgspec.inspect.type_info(field.type)
        if isinstance(kind, msgspec.inspect.UnionType):
            kind = next((t for t in kind.types if isinstance(t, (msgspec.inspect.StructType, msgspec.inspect.ListType))), kind)
        if isinstance(kind, msgspec.inspect.StructType):
            fields[field.encode_name] = ("struct", _struct_in(kind), False)
        elif isinstance(kind, msgspec.inspect.ListType):
            fields[field.encode_name] = ("list", _struct_in(kind.item_type), False)
        elif isinstance(kind, msgspec.inspect.DictType):
            shape = "strings" if isinstance(kind.value_type, msgspec.inspect.StrType) else "dict"
            fields[field.encode_name] = (shape, _struct_in(kind.value_type), isinstance(kind.value_type, msgspec.inspect.BytesType))
        else:
            fields[field.encode_name] = ("value", None, isinstance(kind, msgspec.inspect.BytesType))
    return fields


def _struct_in(kind: msgspec.inspect.Type) -> type[Object] | None:
    if isinstance(kind, msgspec.inspect.StructType) and issubclass(kind.cls, Object):
        return kind.cls
    return None
