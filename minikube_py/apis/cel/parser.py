"""Source text to syntax tree.

The grammar, its error messages and the standard macros are those of Google's CEL library (cel-expr-python), whose parser is generated
from the same grammar as the API server's. It hands out the tree in protobuf form, which is read here. The library is imported when
the first expression is parsed: a server without rules does not carry it. Macros that it does not know are expanded in `macros`; what
nests too deep for it is left to `deep_parser`, and what it would copy again and again.

Source: github.com/google/cel-spec proto/cel/expr/syntax.proto
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import cache
from typing import Any

from .ast import Call, Comprehension, Const, Entry, Ident, ListLiteral, Literal, MapLiteral, MessageLiteral, Node, Select, Uint
from .deep_parser import parse_deep
from .errors import CompileError, Issue
from .macros import Expander

_ISSUE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_TOO_DEEP = re.compile(r"Exceeded max recursion depth of \d+ when parsing|Expression recursion limit exceeded")
_NOWHERE = 2**32 - 1
# Macros that copy what they are called on: each in a chain of them doubles the tree.
_COPYING = re.compile(r"\bopt(?:Flat)?Map\b")
_COPYING_MAX = 8
_COPIED_NODES_MAX = 50_000
# What is larger is refused by the library at once.
_LIBRARY_CHARACTERS_MAX = 100_000
Fields = dict[int, list[Any]]


@cache
def _environment() -> Any:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_optional

    return cel.NewEnv(extensions=[ext_optional.ExtOptional()])


def parse(source: str, *, bind: bool = False) -> Node:
    """The tree of an expression, macros expanded.

    Args:
        bind: whether there is the macro cel.bind.
    Raises: CompileError.
    """
    if not source.isascii() and any("\ud800" <= character <= "\udfff" for character in source):
        raise CompileError("", [Issue(-1, 0, "invalid UTF-8")])
    try:
        if len(source) <= _LIBRARY_CHARACTERS_MAX and len(_COPYING.findall(source)) > _COPYING_MAX:
            raise _TooMuchError
        root, at = _parse(source)
        expander = Expander(source, at, bind=bind)
    except _TooMuchError:
        root, at = parse_deep(source, lambda literal: _parse(literal)[0])
        expander = Expander(source, at, bind=bind, standard=True)
    root = expander.expand(root)
    if expander.issues:
        raise CompileError(source, expander.issues)
    if expander.standard and _copied(root) > _COPIED_NODES_MAX:
        raise CompileError(source, [Issue(-1, 0, "macros copy too much of the expression")])
    return root


def _copied(root: Node) -> int:
    """How many nodes a walk over a tree meets again that it has met before."""
    sizes: dict[int, int] = {}

    def size(node: Node) -> int:
        known = sizes.get(id(node))
        if known is not None:
            return known
        count = 1
        for child in node.children():
            count += size(child)
        sizes[id(node)] = count
        return count

    return size(root) - len(sizes)


class _TooMuchError(Exception):
    """The library refuses to look into the expression, or is not asked as it would take too long."""


def _parse(source: str) -> tuple[Node, dict[int, int]]:
    """The library's tree, and where in the source each node stands, by its id.

    Raises: CompileError; _TooMuchError.
    """
    try:
        serialized = _environment().compile(source, disable_check=True).serialize()
    except (RuntimeError, ValueError) as error:
        if _TOO_DEEP.search(str(error)):
            raise _TooMuchError from error
        raise CompileError(source, _issues(str(error))) from error
    envelope = _fields(memoryview(serialized))
    parsed = _fields(envelope[2][0])
    tree = _Tree(_positions(parsed[3][0]))
    return tree.node(parsed[2][0]), tree.at


def _issues(text: str) -> list[Issue]:
    """The complaints in the library's report; its remarks about trees that it could not build are left out, as upstream does."""
    text = re.sub(r"^[A-Z_]+: |\s\[[A-Z_]+\]$", "", text)
    found = []
    for match in _ISSUE.finditer(text):
        line, column, message = int(match[1]), int(match[2]), match[3].replace("\\u003F", "?")
        if "parsetree" in message:
            continue
        if line == _NOWHERE:
            line, column = -1, 0
        found.append(Issue(line, column - 1 if line > 0 else column, message))
    return found or [Issue(-1, 0, text)]


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: memoryview) -> Fields:
    """A protobuf message by field number: integers and slices as they are."""
    fields: Fields = {}
    at, end = 0, len(data)
    value: Any
    while at < end:
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(data, at)
        elif wire == 1:
            value, at = data[at : at + 8], at + 8
        else:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _positions(data: memoryview) -> dict[int, int]:
    entries = (_fields(entry) for entry in _fields(data).get(4, ()))
    return {_number(entry, 1): _number(entry, 2) for entry in entries}


def _number(fields: Fields, number: int) -> int:
    return int(fields[number][-1]) if number in fields else 0


def _text(fields: Fields, number: int) -> str:
    return str(fields[number][-1], "utf-8") if number in fields else ""


def _packed(fields: Fields, number: int) -> Iterator[int]:
    for value in fields.get(number, ()):
        if isinstance(value, int):
            yield value
            continue
        at = 0
        while at < len(value):
            index, at = _varint(value, at)
            yield index


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


class _Tree:
    """Reads the nodes; knows where in the source each stands."""

    def __init__(self, at: dict[int, int]) -> None:
        self.at = at

    def node(self, data: memoryview) -> Node:
        fields = _fields(data)
        id = _number(fields, 2)
        at = self.at.get(id, 0)
        if 3 in fields:
            return Const(id, at, self._literal(_fields(fields[3][0])))
        if 4 in fields:
            return Ident(id, at, _text(_fields(fields[4][0]), 1))
        if 5 in fields:
            inner = _fields(fields[5][0])
            return Select(id, at, self.node(inner[1][0]), _text(inner, 2), bool(_number(inner, 3)))
        if 6 in fields:
            inner = _fields(fields[6][0])
            target = self.node(inner[1][0]) if 1 in inner else None
            return Call(id, at, _text(inner, 2), target, [self.node(item) for item in inner.get(3, ())])
        if 7 in fields:
            inner = _fields(fields[7][0])
            return ListLiteral(id, at, [self.node(item) for item in inner.get(1, ())], frozenset(_packed(inner, 2)))
        if 8 in fields:
            inner = _fields(fields[8][0])
            entries = [self._entry(_fields(entry)) for entry in inner.get(2, ())]
            name = _text(inner, 1)
            return MessageLiteral(id, at, name, entries) if name else MapLiteral(id, at, entries)
        inner = _fields(fields[9][0])
        range_, init, condition, step, result = (self.node(inner[number][0]) for number in (2, 4, 5, 6, 7))
        return Comprehension(id, at, _text(inner, 1), _text(inner, 8), range_, _text(inner, 3), init, condition, step, result)

    def _entry(self, fields: Fields) -> Entry:
        id = _number(fields, 1)
        key = self.node(fields[3][0]) if 3 in fields else None
        return Entry(id, self.at.get(id, 0), key, _text(fields, 2), self.node(fields[4][0]), bool(_number(fields, 5)))

    def _literal(self, fields: Fields) -> Literal:
        if 2 in fields:
            return bool(fields[2][0])
        if 3 in fields:
            return _signed(fields[3][0])
        if 4 in fields:
            return Uint(fields[4][0])
        if 5 in fields:
            return float(struct.unpack("<d", fields[5][0])[0])
        if 6 in fields:
            return str(fields[6][0], "utf-8")
        if 7 in fields:
            return bytes(fields[7][0])
        return None
