"""What a call costs when it runs, by the sizes of what it was given.

A unit is about 50 ns of upstream's work. A call that is not in the tables costs one. Arguments may be of any type: whether a call takes
them shows later.

Source: cel-go interpreter/runtimecost.go, ext/lists.go, ext/sets.go; staging/src/k8s.io/apiserver/pkg/cel/library/cost.go
"""

from __future__ import annotations

from collections.abc import Callable

from .library.formats import Format
from .values import Opaque, Optional, Value, View, is_list, is_map

# Source: cel-go common/cost.go
TRAVERSAL = 0.1
REGEX_LENGTH = 0.25
LIST_BASE, MAP_BASE = 10, 30

ArgumentCost = Callable[[list[Value]], int]
ResultCost = Callable[[Value], int]


def up(amount: float) -> int:
    """Rounded up."""
    whole = int(amount)
    return whole + (whole < amount)


def size(value: Value) -> int:
    """Characters, bytes, items or entries; of anything else 1."""
    if isinstance(value, str | bytes | list | dict | View):
        return len(value)
    if isinstance(value, Optional) and value.present:
        return size(value.value)
    if isinstance(value, Opaque) and hasattr(value, "__len__"):
        return len(value)
    return 1


def _traversal(index: int, factor: float = TRAVERSAL) -> ArgumentCost:
    return lambda args: up(size(args[index]) * factor)


def _shorter(args: list[Value]) -> int:
    return up(min(size(args[0]), size(args[1])) * TRAVERSAL)


def _both(args: list[Value]) -> int:
    return up((size(args[0]) + size(args[1])) * TRAVERSAL)


def _regex(args: list[Value]) -> int:
    return up((1 + size(args[0])) * TRAVERSAL) * up(size(args[1]) * REGEX_LENGTH)


def _contains(args: list[Value]) -> int:
    return up(size(args[0]) * TRAVERSAL) * up(size(args[1]) * TRAVERSAL)


def _deep(value: Value) -> int:
    """Of going through a value to its leaves."""
    if isinstance(value, str | bytes):
        return int((len(value.encode(errors="surrogatepass")) if isinstance(value, str) else len(value)) * TRAVERSAL)
    if is_list(value):
        return sum(map(_deep, value))
    if is_map(value):
        from .documents import lookup

        return sum(_deep(key) + _deep(lookup(value, key)[1]) for key in value)
    return 1


def _first_deep(args: list[Value]) -> int:
    return _deep(args[0])


def _produced(result: Value) -> int:
    return up(size(result) * 2 * TRAVERSAL)


def _allocated(factor: float, count: int) -> int:
    return int(count * factor) + 1 + LIST_BASE


def _output(result: Value) -> int:
    return _allocated(1, size(result))


def _flattened(args: list[Value]) -> int:
    depth = args[1] if len(args) == 2 and type(args[1]) is int else 1
    return _allocated(depth if depth >= 0 else 1, size(args[0]))


def _self_compared(index: int) -> ArgumentCost:
    def cost(args: list[Value]) -> int:
        items = args[index]
        count = size(items)
        first = next(iter(items), None) if is_list(items) else None
        return _allocated(2 + (TRAVERSAL if isinstance(first, str | bytes) else 0), count * count)

    return cost


def _pairs(factor: int) -> ArgumentCost:
    return lambda args: 1 + size(args[0]) * size(args[1]) * factor


def _validated(args: list[Value]) -> int:
    regex = args[0].regex_size if isinstance(args[0], Format) else 1
    return up((1 + size(args[1])) * TRAVERSAL) * up(regex * REGEX_LENGTH)


def _in_cidr(text: bool, cidr: bool) -> ArgumentCost:
    def cost(args: list[Value]) -> int:
        width = size(args[0])
        total = up(2 * width * TRAVERSAL)
        if cidr:
            total += up(width * TRAVERSAL) + 1
        return total + (up(size(args[1]) * TRAVERSAL) if text else 0)

    return cost


_BY_OVERLOAD: dict[str, ArgumentCost] = {
    "starts_with_string": _traversal(0), "ends_with_string": _traversal(0), "string_to_bytes": _traversal(0),
    "bytes_to_string": _traversal(0), "strings_quote": _traversal(0), "string_format": _traversal(0),
    "in_list": lambda args: size(args[1]),
    "equals": _shorter, "not_equals": _shorter, "add_string": _both, "add_bytes": _both,
    **{f"{relation}_{kind}": _shorter for relation in ("less", "less_equals", "greater", "greater_equals") for kind in ("string", "bytes")},
    "matches_string": _regex, "contains_string": _contains,
    "cidr_contains_ip_string": _in_cidr(text=True, cidr=False), "cidr_contains_ip_ip": _in_cidr(text=False, cidr=False),
    "cidr_contains_cidr_string": _in_cidr(text=True, cidr=True), "cidr_contains_cidr": _in_cidr(text=False, cidr=True),
    "list_flatten": _flattened, "list_flatten_int": _flattened,
    "list_sets_contains_list": _pairs(1), "list_sets_intersects_list": _pairs(1), "list_sets_equivalent_list": _pairs(2),
    "string_to_ip": _traversal(0), "list_distinct": _self_compared(0),
}
_BY_FUNCTION: dict[str, ArgumentCost] = {
    **{name: _first_deep for name in ("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf")},
    **{name: _traversal(0) for name in (
        "url", "lowerAscii", "upperAscii", "substring", "trim", "cidr", "isIP", "isCIDR", "quantity", "isQuantity", "semver", "isSemver",
    )},
    "replace": _traversal(0, 2 * TRAVERSAL), "split": _traversal(0, 2 * TRAVERSAL), "ip.isCanonical": _traversal(0, 2 * TRAVERSAL),
    "find": _regex, "findAll": _regex, "validate": _validated,
    "sort": _self_compared(0), "@sortByAssociatedKeys": _self_compared(1),
}


_OF_RESULT: dict[str, ResultCost] = {"join": _produced, "slice": _output, "lists.range": _output, "reverse": _output}


def argument_cost(function: str, overloads: list[str]) -> ArgumentCost | None:
    """How to tell the cost of a call from its arguments; None if it is one unit. Where several overloads match, the name decides."""
    by_overload = _BY_OVERLOAD.get(overloads[0]) if len(overloads) == 1 else None
    return by_overload or _BY_FUNCTION.get(function)


def result_cost(function: str) -> ResultCost | None:
    """How to tell the cost of a call from what it returned, for the few that cost by that."""
    return _OF_RESULT.get(function)
