"""Lists and sets.

Source: staging/src/k8s.io/apiserver/pkg/cel/library/lists.go; cel-go ext/lists.go, ext/sets.go, ext/comprehensions.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cmp_to_key
from itertools import pairwise
from typing import Any

from ..ast import Uint
from ..declarations import functions
from ..documents import lookup
from ..errors import CelError
from ..times import Duration
from ..values import Value, bounded_list, compare, equal, int64, is_list, show_key, uint64

_HASHED = frozenset({bool, int, Uint, float, str, bytes})


def _compared(left: Value, right: Value) -> int:
    order = compare(left, right)
    return 0 if order is None else order


def _is_sorted(items: Iterable[Value]) -> bool:
    return all(_compared(left, right) <= 0 for left, right in pairwise(items))


def _extreme(name: str, sign: int) -> Callable[[Iterable[Value]], Value]:
    def pick(items: Iterable[Value]) -> Value:
        best: Value = None
        found = False
        for item in items:
            if not found or _compared(item, best) * sign > 0:
                best, found = item, True
        if not found:
            raise CelError(f"{name} called on empty list")
        return best

    return pick


def _sum(kind: str) -> Callable[[Iterable[Value]], Value]:
    def total(items: Iterable[Value]) -> Value:
        if kind == "duration":
            return Duration(sum(item.ns for item in items))
        if kind == "double":
            return float(sum(items))
        result = 0
        for item in items:
            result = uint64(result + item) if kind == "uint" else int64(result + item)
        return Uint(result) if kind == "uint" else result

    return total


def _index_of(items: Iterable[Value], wanted: Value) -> int:
    return next((index for index, item in enumerate(items) if equal(item, wanted)), -1)


def _last_index_of(items: Iterable[Value], wanted: Value) -> int:
    found = -1
    for index, item in enumerate(items):
        if equal(item, wanted):
            found = index
    return found


def _slice(items: Any, start: int, end: int) -> list[Value]:
    if start < 0 or end < 0:
        raise CelError(f"cannot slice({start}, {end}), negative indexes not supported")
    if start > end:
        raise CelError(f"cannot slice({start}, {end}), start index must be less than or equal to end index")
    if len(items) < end:
        raise CelError(f"cannot slice({start}, {end}), list is length {len(items)}")
    return list(items)[start:end]


def _flatten(items: Iterable[Value], depth: int = 1) -> list[Value]:
    if depth < 0:
        raise CelError("level must be non-negative")
    found: list[Value] = []
    # No list is nested deeper than its source or document is.
    stack: list[tuple[Iterator[Value], int]] = [(iter(items), min(depth, 1000))]
    while stack:
        level, left = stack[-1]
        item = next(level, stack)
        if item is stack:
            stack.pop()
        elif left > 0 and is_list(item):
            stack.append((iter(item), left - 1))
        else:
            found.append(item)
            bounded_list(len(found))
    return found


def _range(count: int) -> list[int]:
    if count < 0:
        raise CelError(f"lists.range: size must be non-negative, got {count}")
    bounded_list(count)
    return list(range(count))


def _sorted_by(items: Iterable[Value], keys: Iterable[Value]) -> list[Value]:
    rows: list[tuple[Value, Value]] = list(zip(list(keys), list(items), strict=True))
    if rows and any(type(key) is not type(rows[0][0]) for key, _item in rows):
        raise CelError("list elements must have the same type")
    order = cmp_to_key(_compared)
    return [item for _key, item in sorted(rows, key=lambda row: order(row[0]))]


class _Members:
    """A list as a set: scalars are looked up by hash, anything else is compared one by one."""

    def __init__(self, items: Iterable[Value]) -> None:
        self._others: list[Value] = []
        self._hashed: set[tuple[bool, Any]] = set()
        for item in items:
            self.add(item)

    def add(self, item: Value) -> None:
        if type(item) in _HASHED:
            self._hashed.add((type(item) is bool, item))
        else:
            self._others.append(item)

    def __contains__(self, item: Value) -> bool:
        if type(item) in _HASHED:
            return (type(item) is bool, item) in self._hashed
        return any(equal(item, other) for other in self._others)


def _distinct(items: Iterable[Value]) -> list[Value]:
    seen = _Members(())
    found = []
    for item in items:
        if item not in seen:
            seen.add(item)
            found.append(item)
    return found


def contains(items: Iterable[Value], wanted: Value) -> bool:
    return any(equal(wanted, item) for item in items)


def _contains_all(items: Iterable[Value], wanted: Iterable[Value]) -> bool:
    members = _Members(items)
    return all(item in members for item in wanted)


def _equivalent(left: Any, right: Any) -> bool:
    return _contains_all(left, right) and _contains_all(right, left)


def _intersects(left: Iterable[Value], right: Iterable[Value]) -> bool:
    members = _Members(left)
    return any(item in members for item in right)


def insert(target: dict[Value, Value], key: Value, value: Value) -> dict[Value, Value]:
    """A map with one more entry. The comprehension that builds it owns it, so that it is not copied."""
    if lookup(target, key)[0]:
        raise CelError(f"insert failed: key {show_key(key)} already exists")
    target[key] = value
    return target


def _insert_all(target: dict[Value, Value], entries: Any) -> dict[Value, Value]:
    for key in entries:
        insert(target, key, lookup(entries, key)[1])
    return target


def _by_name() -> dict[str, Callable[..., Any]]:
    """The overloads that are the same for every type of item."""
    shared: dict[str, Callable[..., Any]] = {
        "isSorted": _is_sorted, "max": _extreme("max", 1), "min": _extreme("min", -1), "sort": lambda items: _sorted_by(items, items),
        "@sortByAssociatedKeys": _sorted_by,
    }
    return {overload.id: implementation for name, implementation in shared.items() for overload in functions()[name]}


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    **_by_name(),
    **{f"list_{kind}_sum_{kind}": _sum(kind) for kind in ("int", "uint", "double", "duration")},
    "list_a_index_of_int": _index_of,
    "list_a_last_index_of_int": _last_index_of,
    "list_slice": _slice,
    "list_flatten": _flatten,
    "list_flatten_int": _flatten,
    "lists_range": _range,
    "list_reverse": lambda items: list(items)[::-1],
    "list_distinct": _distinct,
    "list_sets_contains_list": _contains_all,
    "list_sets_equivalent_list": _equivalent,
    "list_sets_intersects_list": _intersects,
    "map_@mapInsert_map": _insert_all,
    "map_@mapInsert_key_value": insert,
}
