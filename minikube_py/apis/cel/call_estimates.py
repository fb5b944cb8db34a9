"""Worst-case costs of calls, and the sizes of their results.

The counterpart of `runtime_cost` before there are values. What is not named here costs one.

Source: cel-go checker/cost.go, ext/lists.go, ext/sets.go; staging/src/k8s.io/apiserver/pkg/cel/library/cost.go
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .ast import Const
from .estimates import MAX, ONE, UNKNOWN, CallEstimate, Estimator, Range, Sized, fixed
from .runtime_cost import LIST_BASE, REGEX_LENGTH, TRAVERSAL

Args = list[Sized]
# What names of formats cost at most to match, and how long one may be.
_FORMAT_REGEX_MAX, _FORMAT_MAX = 128, 64
_NOMINAL = frozenset({
    "masked", "prefixLength", "family", "isUnspecified", "isLoopback", "isLinkLocalMulticast", "isLinkLocalUnicast", "isGlobalUnicast",
    "format.named", "sign", "asInteger", "isInteger", "asApproximateFloat", "isGreaterThan", "isLessThan", "compareTo", "add", "sub",
    "major", "minor", "patch", "getScheme", "getHostname", "getHost", "getPort", "getEscapedPath", "getQuery",
})
_CHEAP_EQUALITY = frozenset({"net.IP", "net.CIDR", "kubernetes.Quantity", "kubernetes.Semver"})
_COMPARED = frozenset(
    f"{relation}_{kind}" for relation in ("less", "less_equals", "greater", "greater_equals") for kind in ("string", "bytes")
) | {"equals", "not_equals"}

ByTarget = Callable[[Estimator, Sized, Args], CallEstimate]
ByArgs = Callable[[Estimator, Args], CallEstimate]


def call_estimate(estimator: Estimator, function: str, overload: str, target: Sized | None, args: Args) -> CallEstimate:
    """The cost of a call without its arguments, and the size of its result if it has one that is known."""
    found = _by_overload(estimator, overload, target, args)
    if found is None and function in _NOMINAL:
        found = CallEstimate(ONE)
    if found is None and target is not None and function in _METHODS:
        found = _METHODS[function](estimator, target, args)
    if found is None and target is None and args and function in _FUNCTIONS:
        found = _FUNCTIONS[function](estimator, args)
    if found is None and function in ("containsIP", "containsCIDR"):
        found = _in_cidr(estimator, overload, args)
    if found is None and function == "_==_" and args[0].type == args[1].type:
        found = _equality(args)
    return found or _standard(estimator, overload, target, args) or CallEstimate(ONE)


# Lists and sets, which upstream tells apart by overload --------------------------------------------------------------------------------


def _allocating(factor: float, size: Range, result: Range | None = None) -> CallEstimate:
    return CallEstimate(size.scale(factor) + fixed(LIST_BASE + 1), result or size)


def _number(sized: Sized, default: int) -> int:
    """A literal number that is not negative."""
    if isinstance(sized.node, Const) and type(sized.node.value) is int:
        return sized.node.value if sized.node.value >= 0 else default
    return default


def _by_overload(estimator: Estimator, overload: str, target: Sized | None, args: Args) -> CallEstimate | None:
    size_of = estimator.size_of
    if overload in ("list_sets_contains_list", "list_sets_intersects_list", "list_sets_equivalent_list"):
        factor = 2 if overload == "list_sets_equivalent_list" else 1
        return CallEstimate((size_of(args[0]) * size_of(args[1])).scale(factor) + ONE)
    if overload == "lists_range":
        return _allocating(1, fixed(_number(args[0], MAX)))
    if target is None:
        return None
    size = size_of(target)
    if overload == "list_slice":
        return _allocating(1, fixed((_number(args[1], size.max) - _number(args[0], 0)) % (MAX + 1)))
    if overload == "list_reverse":
        return _allocating(1, size)
    if overload in ("list_flatten", "list_flatten_int"):
        return _allocating(float(_number(args[0], MAX)) if args else 1, size)
    if overload == "list_distinct":
        return _allocating(2 + _text_factor(target), size * size)
    if overload.endswith("_sort") and overload.startswith("list_"):
        return _allocating(2 + _text_factor(target), size * size)
    if overload.endswith("_sortByAssociatedKeys"):
        keys = size_of(args[0])
        return _allocating(2 + _text_factor(args[0]), keys * keys)
    return None


def _text_factor(sized: Sized) -> float:
    return TRAVERSAL if sized.type.params and sized.type.params[0].kind in ("string", "bytes") else 0


# Kubernetes' and the strings library, which upstream tells apart by name ----------------------------------------------------------------


def _over_items(estimator: Estimator, target: Sized, args: Args) -> CallEstimate:
    size = estimator.size_of(target)
    item = estimator.item_of(target)
    if item is None:
        return CallEstimate(size.scale(TRAVERSAL))
    each = ONE
    if item.type.kind in ("string", "bytes"):
        each += estimator.size_of(item).scale(TRAVERSAL)
    return CallEstimate(size * each)


def _transformed(estimator: Estimator, target: Sized, args: Args) -> CallEstimate:
    size = estimator.size_of(target)
    return CallEstimate(size.scale(TRAVERSAL), size)


def _replaced(estimator: Estimator, target: Sized, args: Args) -> CallEstimate:
    size, old, new = estimator.size_of(target), estimator.size_of(args[0]), estimator.size_of(args[1])
    if old.min == 0:
        count_max, kept_max = min(size.max + 1, MAX), size.max
    elif new.max <= old.min:
        count_max, kept_max = 0, size.max
    else:
        count_max, kept_max = math.ceil(float(size.max) / float(old.min)), 0
    if old.max == 0:
        count_min, kept_min = min(size.min + 1, MAX), size.min
    elif old.max <= new.min:
        count_min, kept_min = 0, size.min
    else:
        count_min, kept_min = math.ceil(float(size.min) / float(old.max)), 0
    result = Range(count_min, min(count_max, MAX)) * new + Range(kept_min, kept_max)
    return CallEstimate(size.scale(2 * TRAVERSAL), result)


def _split(estimator: Estimator, target: Sized, args: Args) -> CallEstimate:
    size = estimator.size_of(target)
    parts = size.max
    if len(args) > 1 and isinstance(args[1].node, Const) and type(args[1].node.value) is int:
        parts = args[1].node.value % (MAX + 1)
    return CallEstimate(size.scale(2 * TRAVERSAL), Range(0, parts))


def _joined(estimator: Estimator, target: Sized, args: Args) -> CallEstimate:
    count = estimator.size_of(target)
    item = estimator.item_of(target)
    size = count * estimator.size_of(item) if item is not None else Range(0, 0)
    if args:
        size += estimator.size_of(args[0]) * Range(max(count.min - 1, 0), max(count.max - 1, 0))
    return CallEstimate(size.scale(TRAVERSAL), size)


def _found(estimator: Estimator, target: Sized, args: Args) -> CallEstimate:
    size = estimator.size_of(target)
    regex = estimator.size_of(args[0]).scale(REGEX_LENGTH)
    return CallEstimate((size + ONE).scale(TRAVERSAL) * regex, Range(0, size.max))


def _validated(estimator: Estimator, target: Sized, args: Args) -> CallEstimate:
    return CallEstimate(estimator.size_of(args[0]).scale(TRAVERSAL).scale(_FORMAT_REGEX_MAX * REGEX_LENGTH))


_METHODS: dict[str, ByTarget] = {
    **{name: _over_items for name in ("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf")},
    **{name: _transformed for name in ("lowerAscii", "upperAscii", "substring", "trim")},
    "replace": _replaced, "split": _split, "join": _joined, "find": _found, "findAll": _found, "validate": _validated,
    "ip": lambda estimator, target, args: CallEstimate(ONE),
}


def _scanned(factor: float, sized: bool = False) -> ByArgs:
    def estimate(estimator: Estimator, args: Args) -> CallEstimate:
        size = estimator.size_of(args[0])
        return CallEstimate(size.scale(factor), size if sized else None)

    return estimate


_FUNCTIONS: dict[str, ByArgs] = {
    **{name: _scanned(TRAVERSAL) for name in ("cidr", "isIP", "isCIDR", "ip", "quantity", "isQuantity", "semver", "isSemver")},
    "url": _scanned(TRAVERSAL, sized=True), "ip.isCanonical": _scanned(2 * TRAVERSAL),
}


def _in_cidr(estimator: Estimator, overload: str, args: Args) -> CallEstimate:
    width = Range(4, 16)
    cost = (width + width).scale(TRAVERSAL)
    if overload.startswith("cidr_contains_cidr"):
        cost += width.scale(TRAVERSAL) + ONE
    if overload.endswith("_string"):
        cost += estimator.size_of(args[0]).scale(TRAVERSAL)
    return CallEstimate(cost)


def _equality(args: Args) -> CallEstimate | None:
    name = args[0].type.name
    if name in _CHEAP_EQUALITY:
        return CallEstimate(ONE)
    if name == "kubernetes.NamedFormat":
        return CallEstimate(Range(1, _FORMAT_MAX).scale(TRAVERSAL))
    if name == "kubernetes.URL":
        size = args[1].size
        return CallEstimate(Range(1, size.max if size is not None else 1).scale(TRAVERSAL))
    return None


# The standard library ------------------------------------------------------------------------------------------------------------------


def _standard(estimator: Estimator, overload: str, target: Sized | None, args: Args) -> CallEstimate | None:
    def size(sized: Sized) -> Range:
        return sized.size or UNKNOWN

    if overload == "string_format" and target is not None:
        return CallEstimate(size(target).scale(TRAVERSAL))
    if overload == "string_to_bytes":
        found = size(args[0])
        return CallEstimate(found.scale(TRAVERSAL), Range(found.min, found.max * 4 % (MAX + 1)))
    if overload == "bytes_to_string":
        found = size(args[0])
        return CallEstimate(found.scale(TRAVERSAL), Range(found.min // 4, found.max))
    if overload == "strings_quote":
        found = size(args[0])
        return CallEstimate(found.scale(TRAVERSAL), Range(found.min + 2, (found.max * 2 + 2) % (MAX + 1)))
    if overload in ("starts_with_string", "ends_with_string"):
        return CallEstimate(size(args[0]).scale(TRAVERSAL))
    if overload == "in_list":
        return CallEstimate(size(args[1]).scale(1))
    if overload == "matches_string" and target is not None:
        return CallEstimate((size(target) + ONE).scale(TRAVERSAL) * size(args[0]).scale(REGEX_LENGTH))
    if overload == "contains_string" and target is not None:
        return CallEstimate(size(target).scale(TRAVERSAL) * size(args[0]).scale(TRAVERSAL))
    if overload in ("add_string", "add_bytes", "add_list"):
        total = size(args[0]) + size(args[1])
        return CallEstimate(ONE if overload == "add_list" else total.scale(TRAVERSAL), total)
    if overload in _COMPARED:
        shorter = min(size(args[0]).max, size(args[1]).max)
        return CallEstimate(Range(min(shorter, 1), shorter).scale(TRAVERSAL))
    return None
