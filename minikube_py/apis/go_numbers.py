"""Numbers as Go's encoders write them, where ours writes another text for the same number.

Invariant: the text is the shortest that is read as the same float64 again.
Source: go.dev/src/encoding/json/encode.go (floatEncoder), go.dev/src/strconv/ftoa.go
"""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

# Whole floats below this are written as integers, of so many digits at most.
WHOLE_MAX = 1e21
WHOLE_DIGITS = 21
# From here on a whole float may have more digits than tell it from its neighbours.
_EXACT_BELOW = 2**53
# Where a number may end that Go writes otherwise. Text in strings may look the same, so that this only finds what has to be looked at.
_SUSPECT = re.compile(rb"e(?:-6|[0-9]+)[,}\]]")
# All that is before such a number, or the number. Nothing is looked at twice, whatever a client sends.
_TOKENS = re.compile(
    rb'(?s:(?:[^"0-9-]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?[0-9][0-9.]*+(?!e(?:-6(?![0-9])|[0-9]))(?:e-[0-9]++)?+)++)'
    rb"|(?P<sign>-?)(?P<whole>[0-9]++)(?:\.(?P<rest>[0-9]++))?+e(?P<exponent>-6|[0-9]++)"
)


def shortest(value: float) -> int:
    """A whole number by the fewest digits that tell it from other floats, with zeros behind them."""
    return int(value) if abs(value) < _EXACT_BELOW else int(Decimal(repr(value)))


def go_number(value: float) -> int | float:
    """A float as Go reads it again after writing it: one that is whole is an integer."""
    return shortest(value) if value.is_integer() and abs(value) < WHOLE_MAX else value


def show_number(value: int | float) -> str:
    """A number as Go's %v prints it: the shortest digits, with an exponent below 10^-4 and from 10^21."""
    if isinstance(value, float):
        value = go_number(value)
    return repr(value)


def json_number(value: float) -> int | float | msgspec.Raw:
    """A number to be encoded as Go encodes it: whole ones have no fraction; exponents stand below 10^-6 and, with a sign, from 10^21."""
    if abs(value) >= WHOLE_MAX:
        return msgspec.Raw(repr(value).encode())
    if value.is_integer():
        return shortest(value)
    return msgspec.Raw(f"{Decimal(repr(value)):f}".encode()) if 1e-6 <= abs(value) < 1e-5 else value


def in_go_form(data: bytes) -> bytes:
    """The JSON of an object or array, as our encoder writes it, with its numbers as Go writes them.

    Nearly all have no number with an exponent, and pay for a search (1 ns a byte).
    """
    return data if _SUSPECT.search(data) is None else _TOKENS.sub(_rewritten, data)


def _rewritten(match: re.Match[bytes]) -> bytes:
    sign, whole, rest, exponent = match.groups(b"")
    if not exponent:
        return match[0]
    power, digits = int(exponent), whole + rest
    if power < 0:
        return sign + b"0.00000" + digits
    if power < WHOLE_DIGITS:
        return sign + digits.ljust(power + 1, b"0")
    return match[0].replace(b"e", b"e+")
