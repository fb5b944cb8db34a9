"""What a field of an object may hold, as Go's decoder sees it: the shape on the wire, and what Go calls the type.

Derived from the generated structs; the names that do not follow from them are in `go_types.py`. For whoever has to say what is wrong with
a document; a body that is right is decoded without this.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import msgspec

from .go_types import GO_TYPES, INLINED
from .object import Object

STRUCT, LIST, MAP, ANY = "struct", "list", "map", "any"
STRING, INT, FLOAT, BOOL, BYTES = "string", "int", "float", "bool", "bytes"
QUANTITY, INT_OR_STRING, TIME = "quantity", "intorstring", "time"
SCHEMA_OR = "schemaor"  # a schema or, by `inner`, a boolean or a list
INT32_MAX = 2**31 - 1
GO_SCALARS = {
    STRING: "string", FLOAT: "float64", BOOL: "bool", BYTES: "[]uint8", QUANTITY: "resource.Quantity", INT_OR_STRING: "intstr.IntOrString",
    TIME: "v1.Time", ANY: "runtime.RawExtension",
}


class Shape(NamedTuple):
    """A type.

    Attributes:
        go: what Go calls it ("int32", "v1.Protocol", "[]v1.Container"), a pointer by what it points to.
        struct: of a struct, or the one that may stand there.
        inner: of the elements of a list or map; what may stand there instead of a struct.
        optional: whether it is a pointer, that null unsets.
    """

    kind: str
    go: str
    struct: type[Object] | None = None
    inner: Shape | None = None
    optional: bool = False


def key_of(struct: type[Object]) -> str:
    """The name of a struct in tables: "core_v1.Pod"."""
    return f"{struct.__module__.rsplit('.', 1)[1]}.{struct.__name__}"


@cache
def fields_of(struct: type[Object]) -> dict[str, Shape]:
    """The shapes of a struct's fields by their names on the wire."""
    names = GO_TYPES.get(key_of(struct), {})
    return {
        field.encode_name: _named(derive(field.type), names.get(field.encode_name, "")) for field in msgspec.structs.fields(struct)
    }


@cache
def go_path(struct: type[Object], name: str) -> str:
    """A field as Go's errors spell it: behind the structs that it is inlined from ("VolumeSource.hostPath")."""
    if name in ("kind", "apiVersion") and "metadata" in fields_of(struct):
        return f"TypeMeta.{name}"
    return INLINED.get(key_of(struct), {}).get(name, "") + name


def derive(annotation: Any) -> Shape:
    """The shape of a type annotation, with the Go name that follows from it."""
    return _shape(msgspec.inspect.type_info(annotation))


def _shape(kind: msgspec.inspect.Type) -> Shape:
    match kind:
        case msgspec.inspect.UnionType():
            members = [member for member in kind.types if not isinstance(member, msgspec.inspect.NoneType)]
            found = _shape(members[0])
            if found.kind == STRUCT and len(members) > 1:
                found = found._replace(kind=SCHEMA_OR, inner=_shape(members[1]))
            elif len(members) > 1:
                kinds = {type(member) for member in members}
                has_float, has_text = msgspec.inspect.FloatType in kinds, msgspec.inspect.StrType in kinds
                name = (QUANTITY if has_text else FLOAT) if has_float else INT_OR_STRING
                found = Shape(name, GO_SCALARS[name])
            return found._replace(optional=len(members) < len(kind.types))
        case msgspec.inspect.StructType() if issubclass(kind.cls, Object):
            version = kind.cls.__module__.rpartition("_")[2]
            return Shape(STRUCT, f"{version}.{kind.cls.__name__}", kind.cls)
        case msgspec.inspect.ListType():
            inner = _shape(kind.item_type)
            return Shape(LIST, f"[]{inner.go}", inner=inner)
        case msgspec.inspect.DictType():
            inner = _shape(kind.value_type)
            return Shape(MAP, f"map[string]{inner.go}", inner=inner)
        case msgspec.inspect.StrType():
            name = TIME if kind.pattern else STRING
        case msgspec.inspect.IntType():
            return Shape(INT, "int32" if kind.le == INT32_MAX else "int64")
        case msgspec.inspect.FloatType():
            name = FLOAT
        case msgspec.inspect.BoolType():
            name = BOOL
        case msgspec.inspect.BytesType():
            name = BYTES
        case _:
            name = ANY
    return Shape(name, GO_SCALARS[name])


def _named(shape: Shape, go: str) -> Shape:
    """The shape with another Go name, and its elements with what follows from that."""
    if not go:
        return shape
    inner = shape.inner
    if inner is not None and go.startswith(("[]", "map[")):
        inner = _named(inner, go.split("]", 1)[1])
    return shape._replace(go=go, inner=inner)
