"""JSON bodies as upstream's parser sees them: what is wrong with one, and which names occur twice in an object.

A body that is right and has no name twice pays for one decode and one encode at C speed (`has_duplicates`); everything else here is the
slow path, which is taken to name what is wrong.

Source: sigs.k8s.io/json (duplicate fields)
"""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import Any

import msgspec

from minikube_py.apis.go_numbers import go_number
from minikube_py.apis.json_syntax import JsonSyntaxError, check_syntax
from minikube_py.apis.syntax import quote
from minikube_py.core import limits

STRICT_ERRORS_MAX = 100
INT64_CHARACTERS_MAX = 20
_SPACE = b" \t\r\n"
# A string that does not end takes all that is left, so that nothing is looked at twice, whatever a client sends.
_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPES = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))
_decode = msgspec.json.Decoder().decode
_first_value = json.JSONDecoder().raw_decode
_encode = msgspec.json.Encoder().encode


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """An object: its members in order, with names that occur twice."""

    __slots__ = ()


def decode_first(text: str) -> tuple[Any, int]:
    """The first value of a text, whatever comes after it, and where it ends. Upstream reads managedFields so.

    Raises: ValueError if it does not begin with one.
    """
    start = len(text) - len(text.lstrip(" \t\r\n"))
    _, end = _first_value(text, start)
    return _decode(text[start:end]), end


def too_deep(text: bytes) -> bool:
    """Whether JSON has more levels than documents may have. The usual one has too few brackets for that."""
    if text.count(b"{") + text.count(b"[") <= limits.DOCUMENT_LEVELS_MAX:
        return False
    level = 0
    for match in _BRACKETS.finditer(text):
        bracket = match[0]
        if bracket in (b"{", b"["):
            level += 1
            if level > limits.DOCUMENT_LEVELS_MAX:
                return True
        elif bracket in (b"}", b"]"):
            level -= 1
    return False


def has_duplicates(body: bytes) -> bool:
    """Whether an object in valid JSON may have a name twice, or be too deep, so that it must be read slowly; False is certain.

    A document decoded and encoded again has each name once. If that is the text that came, white space apart, there were no others:
    white space inside strings neither begins nor ends a token. Go escapes three characters more than we do.
    """
    if too_deep(body):
        return True
    try:
        again = _encode(_decode(body))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return True
    if again == body:
        return False
    if b"\\u00" in body:
        for char, escape in _ESCAPES:
            again = again.replace(char, escape)
    return again.translate(None, _SPACE) != body.translate(None, _SPACE)


def parse(body: bytes) -> Any:
    """The document with Members for objects and Number for numbers.

    Raises: JsonSyntaxError.
    """
    check_syntax(body)
    text = body.decode("utf-8", "replace-each")
    try:
        return json.loads(text, object_pairs_hook=_members, parse_int=Number, parse_float=Number)
    except RecursionError as error:
        raise JsonSyntaxError("exceeded max depth") from error


def _replace_each(error: UnicodeError) -> tuple[str, int]:
    """Go puts one replacement character for each byte that is not UTF-8."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\ufffd" * (error.end - error.start), error.end


codecs.register_error("replace-each", _replace_each)


def _members(pairs: list[tuple[str, Any]]) -> Members:
    return Members((whole(name), whole(value) if type(value) is str else value) for name, value in pairs)


def whole(text: str) -> str:
    """The text with half surrogate pairs replaced, as Go does."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def plain(tree: Any) -> Any:
    """The document without what is there twice: the last one stands. Numbers are integers if they are written so and fit 64 bits.

    Raises: JsonSyntaxError for a number beyond those.
    """
    if isinstance(tree, Members):
        return {name: plain(value) for name, value in tree}
    if isinstance(tree, list):
        return [plain(value) for value in tree]
    if isinstance(tree, Number):
        return _plain_number(tree)
    return whole(tree) if isinstance(tree, str) else tree


def read_float(text: str) -> int | float:
    """Raises: ValueError for a number that is too large."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("Number out of range")
    return go_number(number)


decode_untyped = msgspec.json.Decoder(float_hook=read_float).decode
"""Decodes JSON whose fields have no types, numbers as Go has them. Raises: msgspec.DecodeError, UnicodeDecodeError, RecursionError."""


def _plain_number(text: Number) -> int | float:
    if len(text) <= INT64_CHARACTERS_MAX and "." not in text and "e" not in text and "E" not in text:
        integer = int(text)
        if -(2**63) <= integer < 2**63:
            return integer
    number = float(text)
    if not math.isfinite(number):
        raise JsonSyntaxError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return go_number(number)


class StrictErrors(list[str]):
    """What strict decoding complains of: each once, in the order of the document, up to a number."""

    __slots__ = ()

    def add(self, kind: str, path: str) -> None:
        message = f"{kind} field {quote(path)}"
        if len(self) < STRICT_ERRORS_MAX and message not in self:
            self.append(message)


def duplicates(tree: Any, errors: StrictErrors, path: str = "") -> None:
    """Note each name that occurs twice in an object of a document without a type."""
    if isinstance(tree, Members):
        seen: set[str] = set()
        for name, value in tree:
            where = f"{path}.{name}" if path else name
            if name in seen:
                errors.add("duplicate", where)
            seen.add(name)
            duplicates(value, errors, where)
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            duplicates(value, errors, f"{path}[{index}]")
