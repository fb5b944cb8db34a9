"""Paths from a schema to a field below it (".spec.a", ".spec['a b']"), as rules and selectable fields give them.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go (ValidFieldPath)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

Schema = dict[str, Any]

_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "'": "'", "\\": "\\"}
_TOKEN = re.compile(r"'(?:.(?<!')|(?<=\\)')*'|[.\[\]]|[^.\[\]']+[^.\[\]]*|'.*", re.DOTALL)


class FieldPathError(ValueError):
    """A path that does not lead to a field; the text says why."""


class Target(NamedTuple):
    """What a path leads to.

    Attributes:
        path: as errors spell it: "spec.ports[http].name".
        root: the first name of it.
        schema: of the field.
    """

    path: str
    root: str
    schema: Schema


def resolve(text: str, schema: Schema, *, brackets: bool = True) -> Target:
    """The field that a path leads to.

    Args:
        brackets: whether a name may stand in brackets.
    Raises: FieldPathError.
    """
    path = root = ""
    tokens = iter(_TOKEN.findall(text))
    for token in tokens:
        if token == ".":
            name = _next(tokens)
        elif token == "[":
            if not brackets:
                raise FieldPathError("array notation is not allowed")
            name = _quoted(_next(tokens))
        else:
            raise FieldPathError(f"expected [ or . but got: {token}")
        root = root or name
        path += f".{name}" if schema.get("properties") else f"[{name}]"
        schema = _below(schema, name)
        if token == "[" and (closing := _next(tokens)) != "]":
            raise FieldPathError(f"expected ] but got {closing}")
    return Target(path.removeprefix("."), root, schema)


def _next(tokens: Iterator[str]) -> str:
    token = next(tokens, None)
    if token is None:
        raise FieldPathError("unexpected end of JSON path")
    return token


def _quoted(token: str) -> str:
    if len(token) < 2 or token[0] != "'" or token[-1] != "'":
        raise FieldPathError(f"expected single quoted string but got {token}")

    def unescape(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise FieldPathError(f"invalid string literal: invalid escape char {match[0]}")
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.)", unescape, token[1:-1])


def _below(schema: Schema, name: str) -> Schema:
    properties, additional = schema.get("properties"), schema.get("additionalProperties")
    found: Any = properties.get(name) if properties else additional
    if found is None:
        raise FieldPathError("does not refer to a valid field")
    return found if isinstance(found, dict) else {}
