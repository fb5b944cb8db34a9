"""Strings: standard functions, the strings extension, regular expressions.

Source: cel-go ext/strings.go, ext/formatting.go; staging/src/k8s.io/apiserver/pkg/cel/library/regex.go
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from ...syntax import quote
from ..errors import CelError
from ..format_strings import PRECISION, Clause, clauses, complaint
from ..regex import find, find_all, matches
from ..times import Duration, Timestamp
from ..types import Type
from ..values import Value, is_list, is_map, type_name, type_of
from .conversions import string_to_double, text

_SPACE = " \t\n\v\f\r\x85\xa0"
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_LOWER = {code - 32: code for code in range(ord("a"), ord("z") + 1)}
_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"'}
# What one call may produce. A replacement can be much longer than its arguments, and its cost is known only afterwards.
_RESULT_MAX = 16 << 20


def _char_at(value: str, index: int) -> str:
    if not 0 <= index <= len(value):
        raise CelError(f"index out of range: {index}")
    return value[index : index + 1]


def _index_of(value: str, part: str, offset: int = 0) -> int:
    if offset < 0 or offset > len(value):
        raise CelError(f"index out of range: {offset}")
    return value.find(part, offset)


def _last_index_of(value: str, part: str, offset: int | None = None) -> int:
    if offset is None:
        return value.rfind(part)
    if offset < 0 or offset > len(value):
        raise CelError(f"index out of range: {offset}")
    return value.rfind(part, 0, offset + len(part))


def _bounded(size: int) -> None:
    if size > _RESULT_MAX:
        raise CelError(f"result is longer than {_RESULT_MAX} characters")


def _replace(value: str, old: str, new: str, count: int = -1) -> str:
    found = value.count(old)
    _bounded(len(value) + max(len(new) - len(old), 0) * (found if count < 0 else min(found, count)))
    return value.replace(old, new, count if count >= 0 else -1)


def _split(value: str, separator: str, count: int = -1) -> list[str]:
    if count == 0:
        return []
    if separator:
        return value.split(separator, count - 1 if count > 0 else -1)
    if count < 0 or count >= len(value):
        return list(value)
    return [*value[: count - 1], value[count - 1 :]]


def _substring(value: str, start: int, end: int | None = None) -> str:
    if end is not None and start > end:
        raise CelError(f"invalid substring range. start: {start}, end: {end}")
    for index in (start,) if end is None else (start, end):
        if not 0 <= index <= len(value):
            raise CelError(f"index out of range: {index}")
    return value[start:end]


def _join(items: Iterable[Value], separator: str = "") -> str:
    parts = []
    size = 0
    for item in items:
        if not isinstance(item, str):
            raise CelError(f"join: invalid input: {type_name(item)}")
        size += len(item) + len(separator)
        _bounded(size)
        parts.append(item)
    return separator.join(parts)


def _quote(value: str) -> str:
    return '"' + "".join(_ESCAPES.get(character, character) for character in value) + '"'


def _trim(value: str) -> str:
    return value.strip(_SPACE + "\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000")


def show(value: Value) -> str:
    """A value as %s shows it."""
    if isinstance(value, Type):
        return value.name
    if value is None:
        return "null"
    if is_list(value):
        return "[" + ", ".join(_nested(item) for item in value) + "]"
    if is_map(value):
        from ..documents import lookup

        entries = sorted((_nested(key), _nested(lookup(value, key)[1])) for key in value)
        return "{" + ", ".join(f"{key}:{entry}" for key, entry in entries) + "}"
    return text(value)


def _nested(value: Value) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bytes):
        return "b" + quote(text(value))
    if isinstance(value, Duration):
        return f"duration({quote(value.text())})"
    if isinstance(value, Timestamp):
        return f"timestamp({quote(value.text())})"
    if isinstance(value, float):
        return f"{value:.6f}" if math.isfinite(value) else quote(_special(value))
    return show(value)


def _special(amount: float) -> str:
    return "NaN" if math.isnan(amount) else "Infinity" if amount > 0 else "-Infinity"


def _fraction(clause: Clause, value: Value) -> str:
    amount = string_to_double(value) if isinstance(value, str) else float(value)
    if not math.isfinite(amount):
        return "NaN" if math.isnan(amount) else "∞" if amount > 0 else "-∞"
    if clause.verb == "f":
        return f"{amount:,.{PRECISION if clause.precision is None else clause.precision}f}"
    mantissa, _, exponent = f"{amount:.{PRECISION}e}".partition("e")
    superscript = str(abs(int(exponent))).zfill(2).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    # The precision of a scientific clause is the width of its text, for upstream leaves out the point before it.
    return f"{mantissa}\u202f\u00d7\u202f10{'⁻' if exponent[0] == '-' else ''}{superscript}".rjust(clause.precision or 0)


def _number(clause: Clause, value: Value) -> str:
    verb = clause.verb
    if verb in "xX" and isinstance(value, str | bytes):
        digits = (value.encode(errors="surrogatepass") if isinstance(value, str) else value).hex()
    else:
        digits = format(int(value), "x" if verb == "X" else verb)
    return digits.upper() if verb == "X" else digits


def _format(template: str, arguments: Any) -> str:
    items = list(arguments)
    pieces: list[str] = []
    used = size = 0
    for piece in clauses(template):
        if isinstance(piece, Clause):
            if used >= len(items):
                raise CelError(f"index {used} out of range")
            piece = _formatted(piece, items[used])
            used += 1
        size += len(piece)
        _bounded(size)
        pieces.append(piece)
    return "".join(pieces)


def _formatted(clause: Clause, value: Value) -> str:
    special = isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity")
    if clause.verb in "fe" and special:
        return _fraction(clause, value)
    wrong = complaint(clause.verb, type_of(value))
    if wrong:
        raise CelError(f"error during formatting: {wrong}")
    if clause.verb == "s":
        return show(value)
    return _fraction(clause, value) if clause.verb in "fe" else _number(clause, value)


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "contains_string": lambda value, part: part in value,
    "ends_with_string": str.endswith,
    "starts_with_string": str.startswith,
    "matches": matches,
    "matches_string": matches,
    "string_char_at_int": _char_at,
    "string_index_of_string": _index_of,
    "string_index_of_string_int": _index_of,
    "string_last_index_of_string": _last_index_of,
    "string_last_index_of_string_int": _last_index_of,
    "string_lower_ascii": lambda value: value.translate(_LOWER),
    "string_upper_ascii": lambda value: value.translate(_UPPER),
    "string_replace_string_string": _replace,
    "string_replace_string_string_int": _replace,
    "string_split_string": _split,
    "string_split_string_int": _split,
    "string_substring_int": _substring,
    "string_substring_int_int": _substring,
    "string_trim": _trim,
    "string_format": _format,
    "strings_quote": _quote,
    "list_join": _join,
    "list_join_string": _join,
    "string_find_string": find,
    "string_find_all_string": find_all,
    "string_find_all_string_int": find_all,
}
