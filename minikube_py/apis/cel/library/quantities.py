"""Quantities of resources.

Source: staging/src/k8s.io/apiserver/pkg/cel/library/quantity.go
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ... import quantity
from .. import types as t
from ..errors import CelError
from ..values import INT_MAX, INT_MIN, Opaque, Value

# Longer text is no quantity that anybody writes, and its digits would cost more than their characters.
_TEXT_MAX = 1024


class Quantity(Opaque):
    __slots__ = ("amount",)
    type = t.QUANTITY

    def __init__(self, amount: Fraction) -> None:
        self.amount = amount

    def equals(self, other: Value) -> bool:
        return isinstance(other, Quantity) and self.amount == other.amount


def parse(text: str) -> Quantity:
    """Raises: CelError."""
    try:
        if len(text) > _TEXT_MAX:
            raise quantity.QuantityError(quantity.FORMAT_WRONG)
        return Quantity(Fraction(quantity.parse(text)))
    except quantity.QuantityError as error:
        raise CelError(str(error)) from error


def _is_quantity(text: str) -> bool:
    try:
        parse(text)
    except CelError:
        return False
    return True


def _is_integer(value: Quantity) -> bool:
    return value.amount.denominator == 1 and INT_MIN <= value.amount <= INT_MAX


def _as_integer(value: Quantity) -> int:
    if not _is_integer(value):
        raise CelError("cannot convert value to integer")
    return int(value.amount)


def _as_float(value: Quantity) -> float:
    try:
        return float(value.amount)
    except OverflowError:
        return math.copysign(math.inf, value.amount)


def _compare(left: Quantity, right: Quantity) -> int:
    return (left.amount > right.amount) - (left.amount < right.amount)


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "string_to_quantity": parse,
    "is_quantity_string": _is_quantity,
    "quantity_sign": lambda value: (value.amount > 0) - (value.amount < 0),
    "quantity_is_greater_than": lambda left, right: left.amount > right.amount,
    "quantity_is_less_than": lambda left, right: left.amount < right.amount,
    "quantity_compare_to": _compare,
    "quantity_get_float": _as_float,
    "quantity_get_int": _as_integer,
    "quantity_is_integer": _is_integer,
    "quantity_add": lambda left, right: Quantity(left.amount + right.amount),
    "quantity_add_int": lambda left, right: Quantity(left.amount + right),
    "quantity_sub": lambda left, right: Quantity(left.amount - right.amount),
    "quantity_sub_int": lambda left, right: Quantity(left.amount - right),
}
