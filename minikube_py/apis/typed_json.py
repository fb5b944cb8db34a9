"""From the tree of a JSON text to the plain document of a typed object, as upstream's decoder would fill the Go struct.

The slow path: it names fields that are unknown or there twice, says in Go's words what has a wrong type, and merges what is there twice as
Go does, which decodes into the value that is already there. What comes out is what the struct's own decoder accepts.

Source: sigs.k8s.io/json internal/golang/encoding/json/decode.go
"""

from __future__ import annotations

import base64
import math
import re
import string
from dataclasses import dataclass
from typing import Any

from . import shapes
from .go_numbers import go_number
from .go_time import canonical_time, time_problem
from .json_syntax import JsonSyntaxError
from .json_text import Members, Number, StrictErrors, plain, whole
from .object import Object
from .quantity import FORMAT_WRONG
from .shapes import Shape, fields_of, go_path

INTEGER = re.compile(r"-?[0-9]{1,19}")
BITS = {"int32": 31, "int64": 63}
BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
ALPHABET = frozenset(string.ascii_letters.encode() + string.digits.encode() + b"+/")
UNSET: Any = object()
ZERO: dict[str, Any] = {
    shapes.STRING: "", shapes.INT: 0, shapes.FLOAT: 0.0, shapes.BOOL: False, shapes.BYTES: "", shapes.QUANTITY: "0",
    shapes.INT_OR_STRING: 0, shapes.TIME: "", shapes.ANY: None,
}


class DecodeError(ValueError):
    """A value that Go would not decode; the message is Go's."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the document a value stands.

    Attributes:
        path: as strict errors spell it: "spec.containers[0].name".
        go: as type errors do: fields alone, with the structs that they are inlined from.
        owner: the Go struct that has the field.
    """

    path: str = ""
    go: str = ""
    owner: str = ""

    def field(self, struct: type[Object], name: str) -> Place:
        go = go_path(struct, name)
        return Place(self.member(name).path, f"{self.go}.{go}" if self.go else go, struct.__name__)

    def member(self, name: str) -> Place:
        return Place(f"{self.path}.{name}" if self.path else name, self.go, self.owner)

    def item(self, index: int) -> Place:
        return Place(f"{self.path}[{index}]", self.go, self.owner)


class TypedDecoder:
    """Decodes one document.

    Attributes:
        errors: unknown and duplicate fields.
    """

    def __init__(self, outermost: Place | None = None) -> None:
        """Args: outermost: the place that wrong types are told for, if Go decodes this part by itself."""
        self.errors = StrictErrors()
        self._first = ""
        self._outermost = outermost

    def decode(self, struct: type[Object], tree: Any) -> dict[str, Any]:
        """The plain document of a struct.

        Raises: DecodeError.
        """
        found = self._value(shapes.derive(struct), tree, {}, Place())
        if self._first:
            raise DecodeError(self._first)
        return found if isinstance(found, dict) else {}

    def _mismatch(self, tree: Any, shape: Shape, place: Place) -> None:
        """Note a wrong type; Go goes on and reports the first."""
        shown = f"number {tree}" if isinstance(tree, Number) and shape.kind in (shapes.INT, shapes.FLOAT) else _kind(tree)
        self._first = self._first or _cannot(shown, shape.go, self._outermost or place)

    def _value(self, shape: Shape, tree: Any, old: Any, place: Place) -> Any:
        """The plain value; UNSET where there is none."""
        if tree is None:
            return self._null(shape, old)
        if shape.kind == shapes.STRUCT:
            return self._struct(shape, tree, old, place)
        if shape.kind == shapes.LIST:
            return self._list(shape, tree, old, place)
        if shape.kind == shapes.MAP:
            return self._map(shape, tree, old, place)
        if shape.kind == shapes.ANY:
            return _any(tree)
        if shape.kind == shapes.SCHEMA_OR:
            return self._schema_or(shape, tree, place)
        if shape.kind == shapes.QUANTITY:
            if not isinstance(tree, str):
                raise DecodeError(FORMAT_WRONG)
            return str(tree)
        if shape.kind == shapes.INT_OR_STRING:
            return str(tree) if type(tree) is str else _small_int(tree, place)
        if shape.kind == shapes.TIME:
            return _time(shape, tree, place)
        found = self._scalar(shape, tree, place)
        return old if found is UNSET else found

    def _null(self, shape: Shape, old: Any) -> Any:
        """Null empties what can be nil and leaves the rest as it was."""
        if shape.optional or shape.kind in (shapes.LIST, shapes.MAP, shapes.BYTES, shapes.ANY, shapes.TIME):
            return UNSET
        if shape.kind in (shapes.QUANTITY, shapes.INT_OR_STRING):
            return ZERO[shape.kind]
        return old

    def _struct(self, shape: Shape, tree: Any, old: Any, place: Place) -> Any:
        if not isinstance(tree, Members) or shape.struct is None:
            self._mismatch(tree, shape, place)
            return old
        document: dict[str, Any] = dict(old) if isinstance(old, dict) else {}
        fields = fields_of(shape.struct)
        seen: set[str] = set()
        for name, value in tree:
            field = fields.get(name)
            inner = place.field(shape.struct, name) if field is not None else place.member(name)
            if field is None:
                self.errors.add("unknown", inner.path)
                continue
            if name in seen:
                self.errors.add("duplicate", inner.path)
            seen.add(name)
            found = self._value(field, value, document.get(name, UNSET), inner)
            if found is UNSET:
                document.pop(name, None)
            else:
                document[name] = found
        return document

    def _schema_or(self, shape: Shape, tree: Any, place: Place) -> Any:
        """A schema or something else. Its own decoder is not strict: what is unknown in it goes without a word."""
        other = Shape(shapes.STRUCT, "", shape.struct) if isinstance(tree, Members) else shape.inner
        if other is None or (other.kind == shapes.BOOL and not isinstance(tree, bool)):
            raise DecodeError("boolean or JSON schema expected")
        if other.kind == shapes.LIST and not isinstance(tree, list):
            return UNSET
        inner = TypedDecoder(self._outermost or place)
        found = inner._value(other, tree, UNSET, place)
        if inner._first:
            raise DecodeError(inner._first)
        return found

    def _list(self, shape: Shape, tree: Any, old: Any, place: Place) -> Any:
        inner = shape.inner
        if not isinstance(tree, list) or isinstance(tree, Members) or inner is None:
            self._mismatch(tree, shape, place)
            return old
        before = old if isinstance(old, list) else []
        items = []
        for index, value in enumerate(tree):
            found = self._value(inner, value, before[index] if index < len(before) else UNSET, place.item(index))
            items.append(_zero(inner) if found is UNSET else found)
        return items

    def _map(self, shape: Shape, tree: Any, old: Any, place: Place) -> Any:
        inner = shape.inner
        if not isinstance(tree, Members) or inner is None:
            self._mismatch(tree, shape, place)
            return old
        document: dict[str, Any] = dict(old) if isinstance(old, dict) else {}
        seen: set[str] = set()
        for name, value in tree:
            where = place.member(name)
            if name in seen:
                self.errors.add("duplicate", where.path)
            seen.add(name)
            found = self._value(inner, value, UNSET, where)
            document[name] = _zero(inner) if found is UNSET else found
        return document

    def _scalar(self, shape: Shape, tree: Any, place: Place) -> Any:
        """A string, number, boolean or base64; UNSET for a wrong one."""
        match shape.kind:
            case shapes.STRING if type(tree) is str:
                return whole(tree)
            case shapes.BOOL if isinstance(tree, bool):
                return tree
            case shapes.INT if isinstance(tree, Number):
                bound = 1 << BITS[shape.go] if shape.go in BITS else 1 << 63
                number = self._integer(tree)
                if number is not None and -bound <= number < bound:
                    return number
            case shapes.FLOAT if isinstance(tree, Number):
                if math.isfinite(float(tree)):
                    return go_number(float(tree))
            case shapes.BYTES if type(tree) is str:
                return self._base64(tree)
        self._mismatch(tree, shape, place)
        return UNSET

    def _integer(self, text: Number) -> int | None:
        return int(text) if INTEGER.fullmatch(text) else None

    def _base64(self, text: str) -> Any:
        """Canonical base64; Go skips line breaks and wants the padding."""
        packed = text.replace("\r", "").replace("\n", "")
        if BASE64.fullmatch(packed):
            return base64.b64encode(base64.b64decode(packed)).decode()
        self._first = self._first or f"illegal base64 data at input byte {_base64_problem(text.encode())}"
        return UNSET


class Converter(TypedDecoder):
    """Takes a strategically patched document, which upstream converts without writing it as JSON: in other words, and less strictly.

    Source: k8s.io/apimachinery/pkg/runtime/converter.go
    """

    def decode(self, struct: type[Object], tree: Any) -> dict[str, Any]:
        found = super().decode(struct, tree)
        self.errors.sort()
        return found

    def _mismatch(self, tree: Any, shape: Shape, place: Place) -> None:
        kinds = {"array": "slice", "object": "map", "number": "float64" if _is_float(tree) else "int64"}
        kind = kinds.get(_kind(tree), _kind(tree))
        if shape.kind in (shapes.STRUCT, shapes.MAP, shapes.LIST, shapes.BYTES):
            target = {shapes.STRUCT: "struct from:", shapes.MAP: "map from"}.get(shape.kind, "slice from")
            raise DecodeError(f"cannot restore {target} {kind}")
        if (kind, shape.kind) in (("int64", shapes.STRING), ("float64", shapes.INT)):
            raise DecodeError(f"cannot convert {kind} to {shape.go}")
        raise DecodeError(f"unrecognized type: {shape.kind if shape.kind != shapes.INT else shape.go}")

    def _integer(self, text: Number) -> int | None:
        """Whole floats are integers."""
        return int(float(text)) if _is_float(text) and float(text).is_integer() else super()._integer(text)


def _any(tree: Any) -> Any:
    """Raises: DecodeError for a number that is too large."""
    try:
        return plain(tree)
    except JsonSyntaxError as error:
        raise DecodeError(str(error)) from error


def _is_float(tree: Any) -> bool:
    return isinstance(tree, Number) and not INTEGER.fullmatch(tree)


def _cannot(value: str, go: str, place: Place) -> str:
    target = f"Go struct field {place.owner}.{place.go}" if place.go else "Go value"
    return f"json: cannot unmarshal {value} into {target} of type {go}"


def _kind(tree: Any) -> str:
    """What JSON calls a value."""
    if isinstance(tree, Members):
        return "object"
    if isinstance(tree, Number):
        return "number"
    return {list: "array", str: "string", bool: "bool"}.get(type(tree), "null")


def _zero(shape: Shape) -> Any:
    """What null is inside of a list or map."""
    if shape.kind in (shapes.STRUCT, shapes.MAP):
        return {}
    return [] if shape.kind == shapes.LIST else ZERO[shape.kind]


def _small_int(tree: Any, place: Place) -> int:
    """The number of an IntOrString, whose own decoder gives up at once."""
    if isinstance(tree, Number) and INTEGER.fullmatch(tree) and -(2**31) <= int(tree) < 2**31:
        return int(tree)
    raise DecodeError(_cannot(f"number {tree}" if isinstance(tree, Number) else _kind(tree), "int32", place))


def _time(shape: Shape, tree: Any, place: Place) -> Any:
    """A time as Go writes it; UNSET for Go's zero time."""
    if type(tree) is not str:
        raise DecodeError(_cannot(_kind(tree), "string", place))
    micro = shape.go == "v1.MicroTime"
    problem = time_problem(tree, micro=micro)
    if problem:
        raise DecodeError(problem)
    try:
        return canonical_time(tree, micro=micro) or UNSET
    except ValueError as error:
        raise DecodeError(str(error)) from error


def _base64_problem(text: bytes) -> int:
    """The offset that Go names. Source: go.dev/src/encoding/base64/base64.go (decodeQuantum)"""
    quad = 0
    for offset, byte in enumerate(text):
        if byte in b"\r\n":
            continue
        if byte in ALPHABET:
            quad = (quad + 1) % 4
            continue
        if byte != ord("=") or quad < 2:
            return offset
        rest = [at for at in range(offset + 1, len(text)) if text[at] not in b"\r\n"]
        if quad == 2:
            if not rest:
                return len(text)
            if text[rest[0]] != ord("="):
                return rest[0] - 1
            rest = rest[1:]
        return rest[0] if rest else offset
    return len(text) - quad
