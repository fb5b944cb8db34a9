"""What expressions compute with.

    bool, int, double, string, bytes, null   bool, int, float, str, bytes, None
    uint                                     ast.Uint
    duration, timestamp                      times.Duration, times.Timestamp
    list, map                                list, dict; of a document: documents.SchemaList, SchemaMap, SchemaObject
    optional                                 Optional
    a type                                   types.Type
    Quantity, URL, IP, CIDR, Semver, format  the classes of the libraries

Owns equality, order and the names of types of values. Equality is defined for any two values and never fails.

Source: github.com/google/cel-spec doc/langdef.md; cel-go common/types
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from . import types as t
from .ast import Uint
from .errors import CelError, CostLimitError, NoSuchOverloadError
from .times import TIMESTAMP_MIN, Duration, Timestamp
from .types import Type

Value = Any

# A list that is put together holds no more than this: such a list costs one, however long it gets, and no document has as many items.
LIST_ITEMS_MAX = 1_000_000
INT_MIN, INT_MAX, UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1


class Optional:
    """A value or none."""

    __slots__ = ("present", "value")

    def __init__(self, present: bool, value: Value = None) -> None:
        self.present = present
        self.value = value


NONE = Optional(False)


class View:
    """Base of lists, maps and objects that read a document as its schema says.

    Attributes:
        is_list: else it is a map.
    """

    __slots__ = ()
    is_list = False

    def __len__(self) -> int:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Value]:
        raise NotImplementedError

    def find(self, key: Value) -> tuple[bool, Value]:
        """Whether a map has a key, and its value. Raises: CelError."""
        raise NotImplementedError

    def item(self, index: int) -> Value:
        """An item of a list. Raises: CelError."""
        raise NotImplementedError

    def equals(self, other: Value) -> bool:
        raise NotImplementedError

    def add(self, other: Value) -> Value:
        """This list and another. Raises: CelError."""
        raise NotImplementedError


class Opaque:
    """Base of the values that libraries add.

    Attributes:
        type: what the checker knows them as.
    """

    __slots__ = ()
    type: Type

    def equals(self, other: Value) -> bool:
        raise NotImplementedError


def is_list(value: Value) -> bool:
    return isinstance(value, list) or (isinstance(value, View) and value.is_list)


def is_map(value: Value) -> bool:
    return isinstance(value, dict) or (isinstance(value, View) and not value.is_list)


_TYPES: dict[type, Type] = {
    bool: t.BOOL, int: t.INT, Uint: t.UINT, float: t.DOUBLE, str: t.STRING, bytes: t.BYTES, type(None): t.NULL,
    list: t.list_of(t.DYN), dict: t.map_of(t.DYN, t.DYN), Duration: t.DURATION, Timestamp: t.TIMESTAMP,
    Optional: t.optional_of(t.DYN), Type: t.TYPE,
}


def type_of(value: Value) -> Type:
    known = _TYPES.get(type(value))
    if known is not None:
        return known
    if isinstance(value, View):
        return _TYPES[list] if value.is_list else _TYPES[dict]
    if isinstance(value, Opaque):
        return value.type
    return t.DYN


def type_name(value: Value) -> str:
    """The name of a value's type in run-time messages."""
    return t.runtime_name(type_of(value))


_NUMBERS = frozenset({int, Uint, float})
_PLAIN = frozenset({bool, int, Uint, float, str, bytes, type(None), Duration, Timestamp})


def equal(left: Value, right: Value) -> bool:
    """Whether two values are one. Numbers compare by amount whatever their type; else values of different types differ."""
    kind, other = type(left), type(right)
    if kind is other and kind in _PLAIN:
        return bool(left == right)
    if kind in _NUMBERS and other in _NUMBERS:
        return bool(float(left) == float(right)) if float in (kind, other) else bool(left == right)
    if kind in _PLAIN or other in _PLAIN:
        return False
    if isinstance(left, View):
        return left.equals(right)
    if isinstance(right, View):
        return right.equals(left)
    if kind is not other:
        return False
    if kind is list:
        return len(left) == len(right) and all(map(equal, left, right))
    if kind is dict:
        return len(left) == len(right) and all(key in right and equal(value, right[key]) for key, value in left.items())
    if kind is Optional:
        return left.present == right.present and (not left.present or equal(left.value, right.value))
    if kind is Type:
        return bool(left.kind == right.kind and left.name == right.name)
    return isinstance(left, Opaque) and left.equals(right)


def compare(left: Value, right: Value) -> int | None:
    """-1, 0 or 1; None if one of them is not a number (NaN).

    Raises: NoSuchOverloadError for values that have no order.
    """
    kind, other = type(left), type(right)
    if kind in _NUMBERS and other in _NUMBERS:
        if left != left or right != right:
            return None
        if kind is not other and float in (kind, other):
            # An integer next to a double is as exact as a double is.
            left, right = float(left), float(right)
    elif kind is not other or kind not in _PLAIN or left is None:
        raise NoSuchOverloadError
    if left == right:
        return 0
    return -1 if left < right else 1


def is_zero(value: Value) -> bool:
    """Whether optional.ofNonZeroValue takes a value for none."""
    if isinstance(value, Duration):
        return value.ns == 0
    if isinstance(value, Timestamp):
        return value.ns == TIMESTAMP_MIN
    if isinstance(value, Type | Opaque):
        return False
    if isinstance(value, Optional):
        return not value.present
    if isinstance(value, View):
        return len(value) == 0
    return not value


def bounded_list(count: int) -> None:
    """Raises: CostLimitError for a list of more than LIST_ITEMS_MAX items."""
    if count > LIST_ITEMS_MAX:
        raise CostLimitError


def int64(amount: int) -> int:
    if INT_MIN <= amount <= INT_MAX:
        return amount
    raise CelError("integer overflow")


def uint64(amount: int) -> Uint:
    if 0 <= amount <= UINT_MAX:
        return Uint(amount)
    raise CelError("unsigned integer overflow")


def show_key(key: Value) -> str:
    """A key as "no such key" names it."""
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int):
        return str(int(key))
    if isinstance(key, float):
        return show_double(key)
    return type_name(key)


def show_double(amount: float) -> str:
    """A double as text: the shortest that reads back, with an exponent if that is far from zero."""
    if math.isnan(amount):
        return "NaN"
    if math.isinf(amount):
        return "+Inf" if amount > 0 else "-Inf"
    text = repr(amount)
    mantissa, _, exponent = text.partition("e")
    digits = mantissa.replace("-", "").replace(".", "").lstrip("0").rstrip("0")
    if amount == 0:
        return "-0" if math.copysign(1, amount) < 0 else "0"
    power = math.floor(math.log10(abs(amount)))
    if exponent:
        power = int(exponent)
    if power < -4 or power >= 6:
        head = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
        return f"{'-' if amount < 0 else ''}{head}e{'-' if power < 0 else '+'}{abs(power):02}"
    if exponent:
        text = f"{amount:.0f}" if power >= 0 else f"{amount:.{len(digits) - 1 - power}f}"
    return text.removesuffix(".0")
