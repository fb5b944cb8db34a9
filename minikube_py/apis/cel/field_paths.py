"""The fieldPath of a rule: ".spec.ports['http'].name", relative to the schema of the rule.

Source: staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go (ValidFieldPath)
"""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|[.\[\]]|[^.\[\]]+", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "'": "'", "\\": "\\"}


class FieldPathError(ValueError):
    """A path that is none or leads nowhere."""


def resolve(text: str, schema: dict[str, Any]) -> str:
    """The path as errors show it: "spec.ports[http].name".

    Raises: FieldPathError.
    """
    tokens = _TOKEN.findall(text)
    found = ""
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token == ".":
            name, at = _next(tokens, at), at + 2
        elif token == "[":
            name = _unquoted(_next(tokens, at))
            if _next(tokens, at + 1) != "]":
                raise FieldPathError(f"expected ] but got {tokens[at + 2]}")
            at += 3
        else:
            raise FieldPathError(f"expected [ or . but got: {token}")
        properties, additional = schema.get("properties"), schema.get("additionalProperties")
        if properties is not None:
            if name not in properties:
                raise FieldPathError("does not refer to a valid field")
            schema = properties[name]
            found = f"{found}.{name}" if found else name
        elif isinstance(additional, dict):
            schema = additional
            found += f"[{name}]"
        else:
            raise FieldPathError("does not refer to a valid field")
    return found


def _next(tokens: list[str], at: int) -> str:
    if at + 1 >= len(tokens):
        raise FieldPathError("unexpected end of JSON path")
    return tokens[at + 1]


def _unquoted(token: str) -> str:
    if len(token) < 2 or token[0] != "'" or token[-1] != "'":
        raise FieldPathError(f"expected single quoted string but got {token}")
    inner = token[1:-1]
    for match in _ESCAPE.finditer(inner):
        if match[1] not in _ESCAPES:
            raise FieldPathError(f"invalid string literal: invalid escape char {match[0]}")
    return _ESCAPE.sub(lambda match: _ESCAPES[match[1]], inner)
