"""What is wrong with a text that is no JSON, in Go's words.

Source: go.dev/src/encoding/json/scanner.go (wording)
"""

from __future__ import annotations

import re

from minikube_py.core import limits

from .syntax import quote

_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')
_SPACES = re.compile(rb"[ \t\r\n]*")
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class JsonSyntaxError(ValueError):
    """The text is no JSON; the message is upstream's."""


def check_syntax(body: bytes) -> None:
    """Raises: JsonSyntaxError in Go's words if the body is no JSON."""
    stack: list[int] = []
    position = _value_start(body, 0, stack)
    while True:
        position = _skip(body, position)
        if not stack:
            if position < len(body):
                raise _invalid(body, position, "after top-level value")
            return
        if position >= len(body):
            raise JsonSyntaxError("unexpected end of JSON input")
        char = body[position]
        if stack[-1] == ord("{"):
            if char == ord("}"):
                stack.pop()
                position += 1
            elif char == ord(","):
                position = _value_start(body, _key(body, _skip(body, position + 1)), stack)
            else:
                raise _invalid(body, position, "after object key:value pair")
        elif char == ord("]"):
            stack.pop()
            position += 1
        elif char == ord(","):
            position = _value_start(body, position + 1, stack)
        else:
            raise _invalid(body, position, "after array element")


def _value_start(body: bytes, position: int, stack: list[int]) -> int:
    """Read a scalar, an empty object or array, or up to the end of the first scalar inside; return the position behind."""
    while True:
        position = _skip(body, position)
        char = body[position : position + 1]
        if char not in (b"{", b"["):
            return _scalar(body, position)
        if len(stack) >= limits.DOCUMENT_LEVELS_MAX:
            raise _invalid(body, position, "exceeded max depth")
        inner = _skip(body, position + 1)
        if body[inner : inner + 1] == (b"}" if char == b"{" else b"]"):
            return inner + 1
        stack.append(char[0])
        position = _key(body, inner) if char == b"{" else inner


def _skip(body: bytes, position: int) -> int:
    match = _SPACES.match(body, position)
    return match.end() if match is not None else position


def _key(body: bytes, position: int) -> int:
    """Read a name and the colon; return the position behind."""
    if body[position : position + 1] not in (b'"', b""):
        raise _invalid(body, position, "looking for beginning of object key string")
    position = _skip(body, _scalar(body, position))
    if body[position : position + 1] != b":":
        raise _invalid(body, position, "after object key")
    return position + 1


def _scalar(body: bytes, position: int) -> int:
    char = body[position : position + 1]
    if char == b'"':
        return _string(body, position)
    if char in b"-0123456789" and char:
        return _number(body, position)
    for literal in (b"true", b"false", b"null"):
        if char == literal[:1]:
            for offset, expected in enumerate(literal):
                if body[position + offset : position + offset + 1] != bytes([expected]):
                    raise _invalid(body, position + offset, f"in literal {literal.decode()} (expecting {_char(expected)})")
            return position + len(literal)
    raise _invalid(body, position, "looking for beginning of value")


def _string(body: bytes, position: int) -> int:
    match = _STRING.match(body, position)
    end = match.end() if match is not None else position
    if body[end : end + 1] == b'"':
        return end + 1
    if body[end : end + 1] != b"\\":
        raise _invalid(body, end, "in string literal")
    if body[end + 1 : end + 2] != b"u":
        raise _invalid(body, end + 1, "in string escape code")
    digits = end + 2
    while digits < end + 6 and body[digits : digits + 1] in tuple(b"%c" % digit for digit in b"0123456789abcdefABCDEF"):
        digits += 1
    raise _invalid(body, digits, "in \\u hexadecimal character escape")


def _number(body: bytes, position: int) -> int:
    match = _NUMBER.match(body, position)
    if match is None:
        raise _invalid(body, position + 1, "in numeric literal")
    end = match.end()
    if body[end : end + 1] == b"." and not re.search(rb"[.eE]", match[0]):
        raise _invalid(body, end + 1, "after decimal point in numeric literal")
    if body[end : end + 1] in (b"e", b"E") and not re.search(rb"[eE]", match[0]):
        sign = body[end + 1 : end + 2] in (b"+", b"-")
        raise _invalid(body, end + (2 if sign else 1), "in exponent of numeric literal")
    return end


def _invalid(body: bytes, position: int, context: str) -> JsonSyntaxError:
    if position >= len(body):
        return JsonSyntaxError("unexpected end of JSON input")
    return JsonSyntaxError(f"invalid character {_char(body[position])} {context}")


def _char(byte: int) -> str:
    """A byte as Go prints it in these messages."""
    known = {ord("'"): r"'\''", ord('"'): "'\"'"}
    return known.get(byte) or "'" + quote(chr(byte))[1:-1] + "'"
