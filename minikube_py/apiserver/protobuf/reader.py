"""From the wire table to plain documents: one plan a message says for each tag what to do with the field.

Plans are made when a message first comes; the loop over them is the whole decoder. A field that Go holds by value is always on the wire:
its zero is dropped here, as JSON's `omitempty` drops it, unless the field is optional, where zero is a value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from minikube_py.apis.go_numbers import go_number

from .shapes import READERS, UNSET, Reader, base64_text, schema_readers
from .wire import BYTES, EOF, FIXED64, VARINT, ProtobufError, signed, signed32, skip, varint
from .wire_table import WIRE

SCHEMA = "apiextensions_v1.JSONSchemaProps"
# What to do with a field: up to PACKED it is a block of bytes.
TEXT, MESSAGE, VALUE, TEXTS, MESSAGES, VALUES, MAP, INLINE, PACKED, NUMBER, NUMBERS, DOUBLE = range(12)
NUMBER_TYPES: dict[str, Callable[[int], int]] = {"int32": signed32, "int64": signed, "bool": bool}
Row = tuple[int, str, Any, bool]
_DOUBLE = struct.Struct("<d")
_plans: dict[str, dict[int, Row]] = {}


def read_message(message: str, data: bytes, position: int, end: int) -> dict[str, Any]:
    """The document of the message between two positions.

    Raises: ProtobufError, IndexError, UnicodeDecodeError, RecursionError for what is none; KeyError for an unknown message.
    """
    plan = _plans.get(message) or _plan(message)
    document: dict[str, Any] = {}
    value: Any
    while position < end:
        tag = data[position]
        position += 1
        if tag > 127:
            tag, position = varint(data, position - 1)
        row = plan.get(tag)
        if row is None:
            position = skip(data, position, tag, end, {known >> 3 for known in plan})
            continue
        action, name, argument, zero_counts = row
        if action <= PACKED:
            stop = data[position]
            position += 1
            if stop > 127:
                stop, position = varint(data, position - 1)
            stop += position
            if stop > end:
                raise ProtobufError(EOF)
            # The frequent ones first, and written out: this loop runs some hundred times an object.
            if action == TEXT:
                if stop > position or zero_counts:
                    document[name] = data[position:stop].decode()
            elif action == MESSAGE:
                value = read_message(argument, data, position, stop)
                document[name] = value if name not in document else document[name] | value
            elif action == VALUE:
                value = argument(data, position, stop)
                if value is not UNSET and (value or zero_counts):
                    document[name] = value
            elif action == MAP:
                _read_entry(data, position, stop, document.setdefault(name, {}), argument)
            elif action == INLINE:
                document.update(read_message(argument, data, position, stop))
            else:
                _read_items(action, argument, data, position, stop, document.setdefault(name, []))
            position = stop
        elif action == NUMBER:
            value = data[position]
            position += 1
            if value > 127:
                value, position = varint(data, position - 1)
            if value or zero_counts:
                document[name] = argument(value)
        elif action == NUMBERS:
            value, position = varint(data, position)
            document.setdefault(name, []).append(argument(value))
        else:
            if position + _DOUBLE.size > end:
                raise ProtobufError(EOF)
            document[name] = go_number(_DOUBLE.unpack_from(data, position)[0])
            position += _DOUBLE.size
    if position > end:
        raise ProtobufError(EOF)
    return document


def _read_items(action: int, argument: Any, data: bytes, position: int, end: int, items: list[Any]) -> None:
    """Append a block to a list: one item, or packed numbers."""
    if action == TEXTS:
        items.append(data[position:end].decode())
    elif action == MESSAGES:
        items.append(read_message(argument, data, position, end))
    elif action == VALUES:
        value = argument(data, position, end)
        items.append(None if value is UNSET else value)
    else:
        while position < end:
            value, position = varint(data, position)
            items.append(argument(value))
        if position > end:
            raise ProtobufError(EOF)


def _read_entry(data: bytes, position: int, end: int, items: dict[str, Any], reader: Reader) -> None:
    """Add an entry to a map; a key or value that is left out is empty."""
    key, value = "", UNSET
    while position < end:
        tag, position = varint(data, position)
        if tag not in (10, 18):
            position = skip(data, position, tag, end, (1, 2))
            continue
        stop, position = varint(data, position)
        stop += position
        if stop > end:
            raise ProtobufError(EOF)
        if tag == 10:
            key = data[position:stop].decode()
        else:
            value = reader(data, position, stop)
        position = stop
    items[key] = reader(b"", 0, 0) if value is UNSET else value


def _plan(message: str) -> dict[int, Row]:
    plan: dict[int, Row] = {}
    for number, name, shape, kind in WIRE[message]:
        for wire, action, argument in _actions(shape, kind):
            plan[number << 3 | wire] = (action, name, argument, shape == "optional")
    _plans[message] = plan
    return plan


def _actions(shape: str, kind: str) -> list[tuple[int, int, Any]]:
    """In which wire types a field comes, and what is then done: lists of numbers may be packed."""
    many = shape == "list"
    if shape == "map":
        return [(BYTES, MAP, _value_reader(kind))]
    if shape == "inline":
        return [(BYTES, INLINE, kind)]
    if kind in NUMBER_TYPES:
        argument = NUMBER_TYPES[kind]
        return [(VARINT, NUMBERS, argument), (BYTES, PACKED, argument)] if many else [(VARINT, NUMBER, argument)]
    if kind == "double":
        return [(FIXED64, DOUBLE, None)]
    if kind == "string":
        return [(BYTES, TEXTS if many else TEXT, None)]
    if "." in kind:
        return [(BYTES, MESSAGES if many else MESSAGE, kind)]
    return [(BYTES, VALUES if many else VALUE, _value_reader(kind))]


def _value_reader(kind: str) -> Reader:
    if "." in kind:
        return partial(read_message, kind)
    return _READERS[kind]


_READERS: dict[str, Reader] = {
    **READERS, **schema_readers(partial(read_message, SCHEMA)), "string": lambda data, position, end: data[position:end].decode(),
    "bytes": lambda data, position, end: base64_text(data[position:end]),
}
