"""Documents (decoded JSON) as values, read lazily as their schema says.

`reader` turns a schema into a function from JSON to a value. Objects show their fields under escaped names and hide fields that the
schema does not have, as well as nulls; lists of type map and set ignore order in equality and merge in `+`.

Source: staging/src/k8s.io/apiserver/pkg/cel/common/values.go
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any

from ..correlation import same
from . import types as t
from .errors import CelError, NoSuchOverloadError
from .escaping import escape, unescape
from .times import SECOND, Duration, parse_date, parse_duration, parse_timestamp
from .values import Opaque, Value, View, equal, is_list, is_map

Json = Any
Reader = Callable[[Json], Value]
Schema = dict[str, Any]

_META = {"type": "object", "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}}}
_DAYS = {"h": 3600, "hr": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400, "w": 604800, "wk": 604800,
         "week": 604800, "weeks": 604800, "m": 60, "min": 60, "minute": 60, "minutes": 60, "s": 1, "sec": 1, "second": 1, "seconds": 1}
_LONG_DURATION = re.compile(r"((\d+(?:\.\d+)?)\s*([A-Za-zµ]+))+")
_LONG_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-zµ]+)")


def with_meta(schema: Schema) -> Schema:
    """The schema of a resource with the fields that rules at its root may always read."""
    properties = schema.get("properties") or {}
    text = {"type": "string"}
    declared = properties.get("metadata") or {}
    names = declared.get("properties") or {}
    own = (properties.get("apiVersion"), properties.get("kind"), names.get("name"), names.get("generateName"))
    if declared.get("type") == "object" and all((name or {}).get("type") == "string" for name in own):
        return schema
    return schema | {"type": "object", "properties": properties | {"apiVersion": text, "kind": text, "metadata": _META}}


def reader(schema: Schema, is_resource: bool = False) -> Reader:
    """How to read JSON of a schema. The reader raises CelError for what does not fit.

    Args:
        is_resource: it is the root of a resource; embedded resources are seen by themselves.
    """
    if is_resource or schema.get("x-kubernetes-embedded-resource"):
        schema = with_meta(schema)
    read = _reader(schema)
    nullable = bool(schema.get("nullable"))

    def read_or_null(json: Json) -> Value:
        if json is None:
            if nullable:
                return None
            raise CelError("invalid data, got null for schema with nullable=false")
        return read(json)

    return read_or_null


def _reader(schema: Schema) -> Reader:
    if schema.get("x-kubernetes-int-or-string"):
        return _int_or_string
    kind = schema.get("type", "")
    if kind == "object":
        return _object_reader(schema)
    if kind == "array":
        return _list_reader(schema)
    if kind == "string":
        return _STRINGS.get(schema.get("format", ""), _string)
    scalar = {"integer": _integer, "number": _number, "boolean": _boolean}.get(kind)
    if scalar is not None:
        return scalar
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return Unknown
    raise CelError(f"invalid type, expected object, array, number, integer, boolean or string, got {kind}")


def _go_type(json: Json) -> str:
    names = {str: "string", bool: "bool", int: "int64", float: "float64", list: "[]interface {}", dict: "map[string]interface {}"}
    return names.get(type(json), "<nil>")


def _int_or_string(json: Json) -> Value:
    if type(json) in (str, int):
        return json
    raise CelError("invalid data, expected XIntOrString value to be either a string or integer")


def _integer(json: Json) -> Value:
    if type(json) is int:
        return json
    raise CelError(f"invalid data, expected int, got {_go_type(json)}")


def _number(json: Json) -> Value:
    if type(json) in (int, float):
        return float(json)
    raise CelError(f"invalid data, expected float, got {_go_type(json)}")


def _boolean(json: Json) -> Value:
    if type(json) is bool:
        return json
    raise CelError(f"invalid data, expected bool, got {_go_type(json)}")


def _string(json: Json) -> Value:
    if type(json) is str:
        return json
    raise CelError(f"invalid data, expected string, got {_go_type(json)}")


def _duration(json: Json) -> Value:
    text = _string(json)
    try:
        return parse_duration(text)
    except CelError as error:
        if _LONG_DURATION.fullmatch(text.strip()) is None or len(text) > 64:
            raise CelError(f"Invalid duration {text}: {error}") from error
    seconds = 0.0
    for amount, unit in _LONG_PART.findall(text):
        if unit.lower() not in _DAYS:
            raise CelError(f"Invalid duration {text}: unable to parse {text} as duration")
        seconds += float(amount) * _DAYS[unit.lower()]
    return Duration(int(seconds * SECOND))


def _date(json: Json) -> Value:
    text = _string(json)
    try:
        return parse_date(text)
    except CelError as error:
        raise CelError(f"Invalid date formatted string {text}: {error}") from error


def _date_time(json: Json) -> Value:
    text = _string(json)
    try:
        return parse_timestamp(text)
    except CelError as error:
        raise CelError(f"Invalid date-time formatted string {text}: {error}") from error


def _bytes(json: Json) -> Value:
    text = _string(json)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CelError(f"Invalid byte formatted string {text}: illegal base64 data") from error


_STRINGS: dict[str, Reader] = {"duration": _duration, "date": _date, "date-time": _date_time, "byte": _bytes}


def _object_reader(schema: Schema) -> Reader:
    properties: Schema | None = schema.get("properties")
    additional = schema.get("additionalProperties")
    if properties is not None and (properties or not isinstance(additional, dict)):
        fields = {name: reader(inner) for name, inner in properties.items() if _readable(inner)}
        return lambda json: SchemaObject(_checked_map(json), fields)
    if isinstance(additional, dict):
        read = reader(additional)
        return lambda json: SchemaMap(_checked_map(json), read)
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return lambda json: SchemaObject(_checked_map(json), {})
    raise CelError("invalid object type, expected either Properties or AdditionalProperties with Allows=true and non-empty Schema")


def _readable(schema: Schema) -> bool:
    """Whether values of a schema can be read at all; a field of which they cannot is unknown to rules, like one without a schema."""
    try:
        reader(schema)
    except CelError:
        return False
    return True


def _checked_map(json: Json) -> dict[str, Json]:
    if type(json) is dict:
        return json
    raise CelError("invalid data, expected a map for the provided schema with type=object")


def _list_reader(schema: Schema) -> Reader:
    items = schema.get("items")
    if not isinstance(items, dict):
        raise CelError("invalid array type, expected Items with a non-empty Schema")
    read = reader(items)
    kind = schema.get("x-kubernetes-list-type") or "atomic"
    keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())

    def read_list(json: Json) -> Value:
        if type(json) is not list:
            raise CelError("invalid data, expected an array for the provided schema with type=array")
        return SchemaList(json, read, kind, keys)

    return read_list


class Unknown(Opaque):
    """Data without a schema: it can be compared and nothing else."""

    __slots__ = ("json",)
    type = t.DYN

    def __init__(self, json: Json) -> None:
        self.json = json

    def equals(self, other: Value) -> bool:
        return isinstance(other, Unknown) and same(self.json, other.json)


def plain(value: Value) -> Json:
    """What a value was read from."""
    if isinstance(value, View | Unknown):
        return value.json  # type: ignore[union-attr]
    return value


class SchemaObject(View):
    """An object with fields."""

    __slots__ = ("fields", "json")

    def __init__(self, json: dict[str, Json], fields: dict[str, Reader]) -> None:
        self.json = json
        self.fields = fields

    def __len__(self) -> int:
        return len(self.json)

    def __iter__(self) -> Iterator[Value]:
        return iter([escape(name) or name for name in self.json if name in self.fields])

    def find(self, key: Value) -> tuple[bool, Value]:
        if type(key) is not str:
            raise NoSuchOverloadError
        json = self.json.get(key)
        read = self.fields.get(key)
        if "__" in key:
            name = unescape(key)
            json, read = (self.json.get(name), self.fields.get(name)) if name is not None else (None, None)
        if json is None or read is None:
            return False, None
        return True, read(json)

    def equals(self, other: Value) -> bool:
        if not is_map(other) or len(self) != len(other):
            return False
        for name, json in self.json.items():
            read = self.fields.get(name)
            if read is None:
                # Unknown fields are compared as they are.
                if not isinstance(other, SchemaObject) or (name in other.json and not same(json, other.json[name])):
                    return False
                continue
            found, value = lookup(other, escape(name) or name)
            if json is None:
                if found:
                    return False
            elif not found or not equal(read(json), value):
                return False
        return True


class SchemaMap(View):
    """An object with additionalProperties."""

    __slots__ = ("json", "read")

    def __init__(self, json: dict[str, Json], read: Reader) -> None:
        self.json = json
        self.read = read

    def __len__(self) -> int:
        return len(self.json)

    def __iter__(self) -> Iterator[Value]:
        return iter(self.json)

    def find(self, key: Value) -> tuple[bool, Value]:
        if type(key) is not str:
            raise NoSuchOverloadError
        if key not in self.json:
            return False, None
        return True, self.read(self.json[key])

    def equals(self, other: Value) -> bool:
        if not is_map(other) or len(self) != len(other):
            return False
        for key, json in self.json.items():
            found, value = lookup(other, key)
            if not found or not equal(self.read(json), value):
                return False
        return True


def lookup(container: Value, key: Value) -> tuple[bool, Value]:
    """Whether a map has a key, and its value. Raises: CelError."""
    if isinstance(container, View):
        return container.find(key)
    if type(key) is bool or type(key) is float:
        # Python takes True for 1; keys of maps are strings, bools and integers, and a double finds an integer of its amount.
        same = [value for candidate, value in container.items() if equal(candidate, key)]
        return (True, same[0]) if same else (False, None)
    if isinstance(key, str | int) and key in container:
        return True, container[key]
    return False, None


class SchemaList(View):
    """An array. `kind` is atomic, set or map; `keys` are the fields that tell the items of a map list apart."""

    __slots__ = ("json", "keys", "kind", "read")
    is_list = True

    def __init__(self, json: list[Json], read: Reader, kind: str, keys: tuple[str, ...]) -> None:
        self.json = json
        self.read = read
        self.kind = kind
        self.keys = keys

    def __len__(self) -> int:
        return len(self.json)

    def __iter__(self) -> Iterator[Value]:
        return map(self.read, self.json)

    def item(self, index: int) -> Value:
        return self.read(self.json[index])

    def _key(self, json: Json) -> Any:
        if self.kind == "map":
            return tuple(json.get(name) for name in self.keys) if type(json) is dict else None
        return tuple(sorted(json.items())) if type(json) is dict else tuple(json) if type(json) is list else json

    def equals(self, other: Value) -> bool:
        if not is_list(other) or len(self) != len(other):
            return False
        if self.kind == "atomic":
            return all(map(equal, self, other))
        try:
            mine = {self._key(json): json for json in self.json}
            for value in other:
                key = self._key(plain(value))
                if key not in mine or (self.kind == "map" and not equal(self.read(mine[key]), value)):
                    return False
        except TypeError:
            return all(map(equal, self, other))
        return True

    def add(self, other: Value) -> Value:
        added = other.json if isinstance(other, SchemaList) else [plain(value) for value in other]
        if self.kind == "atomic":
            return SchemaList(self.json + added, self.read, self.kind, self.keys)
        items = list(self.json)
        try:
            places = {self._key(json): at for at, json in enumerate(items)}
            for json in added:
                at = places.get(self._key(json))
                if at is None:
                    places[self._key(json)] = len(items)
                    items.append(json)
                elif self.kind == "map":
                    items[at] = json
        except TypeError as error:
            raise NoSuchOverloadError from error
        return SchemaList(items, self.read, self.kind, self.keys)


