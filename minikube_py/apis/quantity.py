"""Quantities of resources: "100m", "1.5Gi", 2, "1e3".

Owns reading, the canonical form and arithmetic. An amount is an exact number of nano-units (an int), which is the finest step
that the API keeps: anything finer is rounded away from zero when it is read. The family of the suffix (decimal, binary, exponent)
stays with a quantity through canonicalisation and addition. Reading is cached: clusters use few distinct quantities.

Source: staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go, suffix.go
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from .object import Quantity

Family = Literal["decimal", "binary", "exponent"]

NANO = 10**9
MILLI = 10**6  # nano-units in a milli-unit
_CACHE_ENTRIES = 16384
_BINARY_MAX = (2**63 - 1) * NANO
# Exponents, and digits of the number, beyond which a quantity stands for nothing that the API can hold.
_EXPONENT_MAX = 1000
_DIGITS_MAX = 1000

# Each part takes all that it can, once: texts may be as long as clients like.
_SPLIT = re.compile(r"([+-]?)([0-9]*+)(?:\.([0-9]*+))?+([eEinumkKMGTP]*+[-+]?[0-9]*+)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = {0: "", **{exponent: suffix for suffix, exponent in _BINARY.items()}}

FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
NUMERIC_WRONG = "unable to parse numeric part of quantity"
SUFFIX_WRONG = "unable to parse quantity's suffix"


class QuantityError(ValueError):
    """Text that is no quantity."""


def _ceil_away(amount: int, step: int) -> int:
    """`amount` in whole `step`s, rounded away from zero."""
    return -(-amount // step) if amount >= 0 else amount // step


def _exponent(suffix: str) -> tuple[int, Family]:
    if suffix in _DECIMAL:
        return _DECIMAL[suffix], "decimal"
    if suffix in _BINARY:
        return _BINARY[suffix], "binary"
    if len(suffix) > 1 and suffix[0] in "eE":
        try:
            return int(suffix[1:]), "exponent"
        except ValueError:
            pass
    raise QuantityError(SUFFIX_WRONG)


@lru_cache(_CACHE_ENTRIES)
def _parse(text: str) -> tuple[int, Family]:
    match = _SPLIT.fullmatch(text)
    if match is None or not text:
        raise QuantityError(FORMAT_WRONG)
    sign, whole, fraction, suffix = match.groups()
    if not whole and not fraction:
        raise QuantityError(NUMERIC_WRONG if sign or fraction is not None else FORMAT_WRONG)
    exponent, family = _exponent(suffix)
    if len(text) > _DIGITS_MAX:
        raise QuantityError(NUMERIC_WRONG)
    digits = int(whole + (fraction or ""))
    shift = 9 - len(fraction or "")
    if family == "binary":
        digits <<= exponent
    elif abs(exponent) > _EXPONENT_MAX:
        raise QuantityError(NUMERIC_WRONG)
    else:
        shift += exponent
    amount = digits * 10**shift if shift >= 0 else _ceil_away(digits, 10**-shift)
    if family == "binary":
        amount = min(amount, _BINARY_MAX)
        if 0 < amount < NANO:
            family = "decimal"
    return (-amount if sign == "-" else amount), family


def _read(quantity: Quantity) -> tuple[int, Family]:
    if isinstance(quantity, str):
        return _parse(quantity)
    if isinstance(quantity, int):
        return quantity * NANO, "decimal"
    return _parse(repr(quantity))


def _render(amount: int, family: Family) -> str:
    if amount == 0:
        return "0"
    if family == "binary" and (abs(amount) < 1024 * NANO or amount % NANO):
        family = "decimal"
    if family == "binary":
        amount //= NANO
        exponent = 0
        while exponent < 60 and not amount % 1024:
            amount //= 1024
            exponent += 10
        return f"{amount}{_BINARY_SUFFIX[exponent]}"
    exponent = -9
    while not amount % 1000 and (family == "exponent" or exponent < 18):
        amount //= 1000
        exponent += 3
    if family == "exponent":
        return f"{amount}e{exponent}" if exponent else str(amount)
    return f"{amount}{_DECIMAL_SUFFIX[exponent]}"


def parse(quantity: Quantity) -> Decimal:
    """The exact amount in units.

    Raises: QuantityError.
    """
    amount, _ = _read(quantity)
    return Decimal(amount).scaleb(-9)


@lru_cache(_CACHE_ENTRIES, typed=True)
def canonical(quantity: Quantity) -> str:
    """The form that the API stores: the largest suffix of the family without a fraction ("0.5" -> "500m", "1024Ki" -> "1Mi").

    Raises: QuantityError.
    """
    return _render(*_read(quantity))


@lru_cache(_CACHE_ENTRIES, typed=True)
def canonical_milli(quantity: Quantity) -> str:
    """`canonical` of the amount rounded up to milli-units, as resource lists hold it.

    Raises: QuantityError.
    Source: pkg/apis/core/v1/defaults.go (ResourceList)
    """
    amount, family = _read(quantity)
    return _render(_ceil_away(amount, MILLI) * MILLI, family)


def nano_value(quantity: Quantity) -> int:
    """The exact amount in nano-units; what comparing and summing is done with."""
    return _read(quantity)[0]


def milli_value(quantity: Quantity) -> int:
    """The amount in milli-units, rounded away from zero."""
    return _ceil_away(_read(quantity)[0], MILLI)


def value(quantity: Quantity) -> int:
    """The amount in units, rounded away from zero."""
    return _ceil_away(_read(quantity)[0], NANO)


def compare(left: Quantity, right: Quantity) -> int:
    """-1, 0 or 1 as `left` is less than, equal to or more than `right`."""
    a, b = _read(left)[0], _read(right)[0]
    return (a > b) - (a < b)


def add(left: Quantity, right: Quantity) -> str:
    """The sum in canonical form; the family is that of `left`, unless `left` is zero."""
    (a, family), (b, other) = _read(left), _read(right)
    return _render(a + b, family if a else other)


def subtract(left: Quantity, right: Quantity) -> str:
    """The difference in canonical form; the family is that of `left`, unless `left` is zero."""
    (a, family), (b, other) = _read(left), _read(right)
    return _render(a - b, family if a else other)


def total(quantities: Iterable[Quantity]) -> str:
    """The sum of any number of quantities in canonical form; "0" for none."""
    amount, family = 0, None
    for quantity in quantities:
        part, own = _read(quantity)
        amount += part
        family = family or (own if part else None)
    return _render(amount, family or "decimal")


def from_milli(amount: int, family: Family = "decimal") -> str:
    """The canonical form of an amount of milli-units."""
    return _render(amount * MILLI, family)


def from_value(amount: int, family: Family = "decimal") -> str:
    """The canonical form of an amount of units."""
    return _render(amount * NANO, family)
