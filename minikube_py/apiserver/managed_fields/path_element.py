"""Path elements: how one step from a container to what it holds is written.

An element is a string, as FieldsV1 has it: `f:name` a field of a struct or a key of a map, `k:{"name":"x"}` the element of a list of maps
that has these keys (sorted by name), `v:"x"` a value in a set, `i:0` a place in a list. `.` stands for the container itself.

Source: sigs.k8s.io/structured-merge-diff/v6/fieldpath/{element,serialize-pe}.go, value/{value,fields}.go
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from minikube_py.apis.json_text import decode_first

SELF = "."
FIELD, KEY, VALUE, INDEX = "f:", "k:", "v:", "i:"
_KNOWN = (FIELD, KEY, VALUE, INDEX)
# Characters that Go's JSON encoder escapes in strings.
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_INDEX = re.compile("[+-]?[0-9]{1,18}").fullmatch
_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder()
_RANKS: dict[type, int] = {int: 0, float: 0, str: 1, bool: 2, list: 3, dict: 4, type(None): 5}


class PathElementError(ValueError):
    """What should be a path element is none."""


def encode_value(value: Any) -> str:
    """A value as JSON, as Go writes it."""
    text = _encoder.encode(value).decode()
    if not text.isascii() or "<" in text or ">" in text or "&" in text:
        for character, escape in _ESCAPED.items():
            text = text.replace(character, escape)
    return text


def key_element(pairs: Iterable[tuple[str, Any]]) -> str:
    """The element with these keys, which are sorted by name."""
    return "k:{" + ",".join([f"{encode_value(name)}:{encode_value(value)}" for name, value in pairs]) + "}"


def value_element(value: Any) -> str:
    return VALUE + encode_value(value)


def canonical(element: str) -> str | None:
    """The element as this package writes it, of one that somebody else wrote; None for a kind that is not known.

    Raises: PathElementError.
    """
    if len(element) < 2:
        raise PathElementError("key must be 2 characters long:")
    if element[1] != ":":
        raise PathElementError(f"missing colon: {element}")
    kind, text = element[:2], element[2:]
    if kind not in _KNOWN:
        return None
    if kind == FIELD:
        return element
    try:
        if kind == INDEX:
            return f"{INDEX}{_index(text)}"
        value, _ = decode_first(text)
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise PathElementError(f"invalid path element {element}: {error}") from error
    if kind == VALUE:
        return value_element(value)
    if not isinstance(value, dict):
        raise PathElementError(f"invalid path element {element}: expected an object")
    return key_element(sorted(value.items()))


def _index(text: str) -> int:
    """Raises: PathElementError."""
    if not _INDEX(text):
        raise PathElementError(f"{text} is no index")
    return int(text)


def order_of(element: str) -> tuple[Any, ...]:
    """What elements of one container are sorted by: kinds in the order f, k, v, i, then by what they say."""
    kind, text = element[:2], element[2:]
    if kind == FIELD:
        return (1, text)
    if kind == KEY:
        return (2, *((name, *value_order(value)) for name, value in sorted(_decoder.decode(text).items())))
    if kind == VALUE:
        return (3, *value_order(_decoder.decode(text)))
    return (4, int(text)) if kind == INDEX else (0,)


def value_order(value: Any) -> tuple[Any, ...]:
    """What values are sorted by: numbers, strings, booleans, lists, maps, null."""
    rank = _RANKS[type(value)]
    if rank == 3:
        return (rank, [value_order(item) for item in value])
    if rank == 4:
        return (rank, sorted((name, value_order(item)) for name, item in value.items()))
    return (rank,) if value is None else (rank, value)


def display(element: str) -> str:
    """The element as messages show it: `.name`, `[name="x"]`, `[="x"]`, `[0]`."""
    kind, text = element[:2], element[2:]
    if kind == FIELD:
        return "." + text
    if kind == KEY:
        return "[" + ",".join(f"{name}={display_value(value)}" for name, value in sorted(_decoder.decode(text).items())) + "]"
    return f"[={display_value(_decoder.decode(text))}]" if kind == VALUE else f"[{text}]"


def display_value(value: Any) -> str:
    """A value in a message: strings in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return msgspec.json.encode(value).decode()
    if value is None:
        return "null"
    if isinstance(value, list):
        return "[" + ",".join(map(display_value, value)) + "]"
    if isinstance(value, dict):
        return "{" + ";".join(f"{name}={display_value(item)}" for name, item in sorted(value.items())) + "}"
    return str(value)
