"""Paths from a schema to a field below it (".spec.a", ".spec['a b']"), as rules and selectable fields give them.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go (ValidFieldPath)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .nodes import Document

_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "'": "'", "\\": "\\"}
_TOKEN = re.compile(r"'(?:.(?<!')|(?<=\\)')*'|[.\[\]]|[^.\[\]']+[^.\[\]]*|'.*", re.DOTALL)


class FieldPathError(ValueError):
    """A path that does not lead to a field; the text says why."""


def resolve(path: str, schema: Document, *, brackets: bool = True) -> tuple[list[str], Document]:
    """The names on the way to a field, and the schema of the field.

    Args:
        brackets: whether a name may stand in brackets.
    Raises: FieldPathError.
    """
    names: list[str] = []
    tokens = iter(_TOKEN.findall(path))
    for token in tokens:
        if token == ".":
            name = _next(tokens)
        elif token == "[":
            if not brackets:
                raise FieldPathError("array notation is not allowed")
            name = _quoted(_next(tokens))
        else:
            raise FieldPathError(f"expected [ or . but got: {token}")
        schema = _below(schema, name)
        names.append(name)
        if token == "[" and (closing := _next(tokens)) != "]":
            raise FieldPathError(f"expected ] but got {closing}")
    return names, schema


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


def _below(schema: Document, name: str) -> Document:
    properties, additional = schema.get("properties"), schema.get("additionalProperties")
    found: Any = properties.get(name) if properties else additional
    if found is None:
        raise FieldPathError("does not refer to a valid field")
    return found if isinstance(found, dict) else {}
