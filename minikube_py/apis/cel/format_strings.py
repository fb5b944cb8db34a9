"""The format strings of string.format: "%s has %d of %.2f".

Source: cel-go ext/formatting.go
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .errors import CelError
from .types import Type, runtime_name

# What each verb takes, for the check before anything runs and in words.
_TAKES: dict[str, tuple[frozenset[str], str]] = {
    "s": (
        frozenset({"list", "map", "int", "uint", "double", "bool", "string", "timestamp", "bytes", "duration", "type", "null"}),
        "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
    ),
    "d": (frozenset({"int", "uint"}), "decimal clause can only be used on integers"),
    "f": (frozenset({"double"}), "fixed-point clause can only be used on doubles"),
    "e": (frozenset({"double"}), "scientific clause can only be used on doubles"),
    "b": (frozenset({"int", "uint", "bool"}), "only integers and bools can be formatted as binary"),
    "x": (frozenset({"int", "uint", "string", "bytes"}), "only integers, byte buffers, and strings can be formatted as hex"),
    "o": (frozenset({"int", "uint"}), "octal clause can only be used on integers"),
}
PRECISION = 6
# Upstream has no bound of its own; more digits than a double has are zeros.
_PRECISION_MAX = 1000


@dataclass(frozen=True, slots=True)
class Clause:
    """One "%d".

    Attributes:
        precision: None if the clause does not say.
    """

    verb: str
    precision: int | None = None


def clauses(text: str) -> Iterator[str | Clause]:
    """Plain text and clauses in turn.

    Raises: CelError.
    """
    at = 0
    while True:
        percent = text.find("%", at)
        if percent < 0:
            yield text[at:]
            return
        yield text[at:percent]
        at = percent + 1
        if at >= len(text):
            raise CelError("unexpected end of string")
        if text[at] == "%":
            yield "%"
            at += 1
            continue
        clause, at = _clause(text, at)
        yield clause


def _clause(text: str, at: int) -> tuple[Clause, int]:
    precision = None
    if text[at] == ".":
        start = at = at + 1
        while at < len(text) and text[at].isascii() and text[at].isdigit():
            at += 1
        if at >= len(text):
            raise CelError("could not parse formatting clause: error while parsing precision: could not find end of precision specifier")
        if at == start:
            reason = 'error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax'
            raise CelError(f"could not parse formatting clause: error while parsing precision: {reason}")
        if at - start > 4 or int(text[start:at]) > _PRECISION_MAX:
            raise CelError("could not parse formatting clause: error while parsing precision: invalid precision")
        precision = int(text[start:at])
    verb = text[at]
    if verb not in "sdfebxXo":
        raise CelError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')
    return Clause(verb, precision), at + 1


def complaint(verb: str, kind: Type) -> str:
    """Why a verb does not take values of a type; "" if it does, or if only the value can tell."""
    takes, words = _TAKES[verb.lower()]
    if kind.kind in takes or kind.kind in ("dyn", "param", "error"):
        return ""
    return f"{words}, was given {runtime_name(kind)}"
