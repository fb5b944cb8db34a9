"""What an expression may cost at worst, before it ever runs.

Each node gets a range of costs; calls and loops need the sizes of what they work on, which come from literals, from the bounds in the
schema (by the path of fields from `self`), or are unknown: then anything up to 2^64-1. Arithmetic saturates there.

Source: cel-go checker/cost.go; staging/src/k8s.io/apiserver/pkg/cel/library/cost.go
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .ast import ACCUMULATOR, Call, Checked, Comprehension, Const, Ident, ListLiteral, MapLiteral, MessageLiteral, Node, Select
from .depth import room
from .schema_types import DeclType
from .types import Type

MAX = 2**64 - 1
_SELECT = 1
_LIST, _MAP, _MESSAGE = 10, 30, 40
_SCALARS = frozenset({"bool", "double", "duration", "int", "timestamp", "uint"})
Path = tuple[str, ...]


def _times(left: int, right: int) -> int:
    return min(left * right, MAX)


def _scaled(amount: int, factor: float) -> int:
    product = math.ceil(float(amount) * factor)
    return MAX if product >= 2**64 else product


@dataclass(frozen=True, slots=True)
class Range:
    """From min to max, both included; of a cost or of a size."""

    min: int
    max: int

    def __add__(self, other: Range) -> Range:
        return Range(min(self.min + other.min, MAX), min(self.max + other.max, MAX))

    def __mul__(self, other: Range) -> Range:
        return Range(_times(self.min, other.min), _times(self.max, other.max))

    def scale(self, factor: float) -> Range:
        """Times a factor, rounded up."""
        return Range(_scaled(self.min, factor), _scaled(self.max, factor))

    def union(self, other: Range) -> Range:
        return Range(min(self.min, other.min), max(self.max, other.max))


def fixed(amount: int) -> Range:
    return Range(amount, amount)


UNKNOWN = Range(0, MAX)
ZERO, ONE = fixed(0), fixed(1)


@dataclass(frozen=True, slots=True)
class Sized:
    """A node as the estimates of calls see it."""

    node: Node | None
    type: Type
    path: Path
    size: Range | None


@dataclass(frozen=True, slots=True)
class CallEstimate:
    cost: Range
    size: Range | None = None


@dataclass(slots=True)
class _Local:
    path: Path
    size: Range | None
    entries: _Entries | None = None


@dataclass(frozen=True, slots=True)
class _Entries:
    """Sizes of the keys and values of a list or map literal."""

    kind: str
    key: Range
    value: Range

    def union(self, other: _Entries | None) -> _Entries | None:
        return _Entries(self.kind, self.key.union(other.key), self.value.union(other.value)) if other is not None else None


def estimate(checked: Checked, root: DeclType) -> Range:
    """The range of costs of an expression about `self` (and `oldSelf`) of a type."""
    with room():
        return Estimator(checked, root).cost(checked.root)


class Estimator:
    def __init__(self, checked: Checked, root: DeclType) -> None:
        self._checked = checked
        self._root = root
        self._paths: dict[int, Path] = {}
        self._sizes: dict[int, Range] = {}
        self._entries: dict[int, _Entries] = {}
        self._locals: dict[str, list[_Local]] = {}

    # Sizes --------------------------------------------------------------------------------------------------------------------------

    def declared_size(self, path: Path) -> Range | None:
        """The bound that the schema gives what a path leads to."""
        if not path:
            return None
        decl: DeclType | None = self._root
        for step in path[1:]:
            if decl is None:
                return None
            if step in ("@items", "@values"):
                decl = decl.item
            elif step == "@keys":
                # Keys are strings without a bound of their own.
                return Range(0, 0) if decl.item is not None and decl.type.kind == "map" else None
            elif decl.fields is not None:
                decl = decl.fields.get(step) or decl.fields.get(f"__{step}__")
            else:
                decl = decl.any_field
        return Range(0, decl.elements_max) if decl is not None else None

    def _local(self, name: str) -> _Local | None:
        stack = self._locals.get(name)
        return stack[-1] if stack else None

    def _path(self, node: Node) -> Path:
        if isinstance(node, Ident):
            local = self._local(node.name)
            if local is not None:
                return local.path
        return self._paths.get(node.id, ())

    def _size(self, node: Node) -> Range | None:
        known = self._sizes.get(node.id)
        if known is not None:
            return known
        own = _literal_size(node)
        if own is not None:
            return own
        declared = self.declared_size(self._path(node))
        if declared is not None:
            self._sizes[node.id] = declared
            return declared
        if _is_scalar(self._checked.types[node.id]):
            return ONE
        local = self._local(node.name) if isinstance(node, Ident) else None
        return local.size if local is not None else None

    def _size_or_unknown(self, node: Node) -> Range:
        return self._size(node) or UNKNOWN

    def size_of(self, sized: Sized) -> Range:
        return sized.size or self.declared_size(sized.path) or UNKNOWN

    def item_of(self, sized: Sized) -> Sized | None:
        """The items of a list, or the keys of a map, if their type is known."""
        if not sized.type.params:
            return None
        return Sized(None, sized.type.params[0], (*sized.path, "@items") if sized.path else (), None)

    def _entries_of(self, node: Node) -> _Entries | None:
        known = self._entries.get(node.id)
        if known is not None:
            return known
        local = self._local(node.name) if isinstance(node, Ident) else None
        return local.entries if local is not None else None

    def _sized(self, node: Node) -> Sized:
        path = self._path(node)
        if path and path[0] in (ACCUMULATOR, "__result__"):
            path = ()
        return Sized(node, self._checked.types[node.id], path, self._size(node))

    # Costs --------------------------------------------------------------------------------------------------------------------------

    def cost(self, node: Node) -> Range:
        if isinstance(node, Const):
            return ZERO
        if isinstance(node, Ident):
            local = self._local(node.name)
            self._paths[node.id] = local.path if local is not None else (node.name,)
            return fixed(_SELECT)
        if isinstance(node, Select):
            return self._select(node)
        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, ListLiteral):
            return self._list(node)
        if isinstance(node, MapLiteral):
            return self._map(node)
        if isinstance(node, MessageLiteral):
            return sum((self.cost(entry.value) for entry in node.entries), fixed(_MESSAGE))
        if isinstance(node, Comprehension):
            return self._bind(node) if _is_bind(node) else self._fold(node)
        raise TypeError(f"no estimate for {node!r}")

    def _select(self, node: Select) -> Range:
        total = self.cost(node.operand)
        if node.test_only:
            return total
        if self._checked.types[node.operand.id].kind in ("map", "object", "param"):
            total += fixed(_SELECT)
        self._paths[node.id] = (*self._path(node.operand), node.field)
        return total

    def _list(self, node: ListLiteral) -> Range:
        total = fixed(_LIST)
        for item in node.items:
            total += self.cost(item)
        sizes = [self._size_or_unknown(item) for item in node.items] or [ZERO]
        self._entries[node.id] = _Entries("list", ONE, _union(sizes))
        return total

    def _map(self, node: MapLiteral) -> Range:
        total = fixed(_MAP)
        keys, values = [], []
        for entry in node.entries:
            if entry.key is None:
                continue
            total += self.cost(entry.key) + self.cost(entry.value)
            keys.append(self._size_or_unknown(entry.key))
            values.append(self._size_or_unknown(entry.value))
        self._entries[node.id] = _Entries("map", _union(keys or [ZERO]), _union(values or [ZERO]))
        return total

    def _call(self, node: Call) -> Range:
        from .call_estimates import call_estimate

        if node.function == "dyn":
            total = self.cost(node.args[0]) + ONE
            self._copy_sizes(node, node.args[0])
            return total
        costs = [self.cost(arg) for arg in node.args]
        args = [self._sized(arg) for arg in node.args]
        overloads = self._checked.overloads.get(node.id)
        if not overloads:
            return ZERO
        total = self.cost(node.target) if node.target is not None else ZERO
        target = self._sized(node.target) if node.target is not None else None
        if node.function in ("_&&_", "_||_"):
            return Range(costs[0].min, (costs[0] + costs[1]).max)
        if node.function == "_?_:_":
            return self._conditional(node, costs, args)
        found: Range | None = None
        size: Range | None = None
        for overload in overloads:
            one = call_estimate(self, node.function, overload, target, args)
            found = one.cost if found is None else found.union(one.cost)
            if one.size is not None:
                size = one.size if size is None else size.union(one.size)
            size = self._indexed(node, overload, size) or size or self._size(node)
        if node.function == "_+_":
            self._added(node)
        if size is not None:
            self._sizes[node.id] = size
        for cost in costs:
            total += cost
        return total + (found or ZERO)

    def _indexed(self, node: Call, overload: str, size: Range | None) -> Range | None:
        step = {"index_list": "@items", "index_map": "@values"}.get(overload)
        if step is None:
            return size
        self._paths[node.id] = (*self._path(node.args[0]), step)
        entries = self._entries_of(node.args[0])
        return entries.value if entries is not None else None

    def _conditional(self, node: Call, costs: list[Range], args: list[Sized]) -> Range:
        self._sizes[node.id] = (args[1].size or UNKNOWN).union(args[2].size or UNKNOWN)
        first = self._entries_of(node.args[1])
        entries = first.union(self._entries_of(node.args[2])) if first is not None else None
        if entries is not None:
            self._entries[node.id] = entries
        return costs[0] + costs[1].union(costs[2])

    def _added(self, node: Call) -> None:
        first = self._entries_of(node.args[0])
        entries = first.union(self._entries_of(node.args[1])) if first is not None else None
        if entries is not None:
            self._entries[node.id] = entries

    def _copy_sizes(self, target: Node, source: Node) -> None:
        size, entries = self._size(source), self._entries_of(source)
        if size is not None:
            self._sizes[target.id] = size
        if entries is not None:
            self._entries[target.id] = entries

    # Comprehensions -----------------------------------------------------------------------------------------------------------------

    def _push(self, name: str, local: _Local) -> None:
        self._locals.setdefault(name, []).append(local)

    def _push_value(self, name: str, node: Node) -> None:
        self._push(name, _Local(self._path(node), self._size(node), self._entries_of(node)))

    def _push_iterated(self, node: Comprehension) -> None:
        entries = self._entries_of(node.range)
        kind = entries.kind if entries is not None else self._checked.types[node.range.id].kind
        path = self._path(node.range)
        key = _Local((*path, "@indices" if kind == "list" else "@keys"), entries.key if entries is not None else None)
        value = _Local((*path, "@items" if kind == "list" else "@values"), entries.value if entries is not None else None)
        if node.var2:
            self._push(node.var, key)
            self._push(node.var2, value)
        else:
            self._push(node.var, value if kind == "list" else key)

    def _fold(self, node: Comprehension) -> Range:
        total = self.cost(node.range) + self.cost(node.init)
        self._push_value(node.accu, node.init)
        self._push_iterated(node)
        loop = self.cost(node.condition) + self.cost(node.step)
        self._locals[node.var].pop()
        if node.var2:
            self._locals[node.var2].pop()
        total += self.cost(node.result)
        self._locals[node.accu].pop()
        count = self._size_or_unknown(node.range)
        total += count * loop
        if isinstance(node.init, Const):
            size = self._size(node.init)
            if size is not None:
                self._sizes[node.id] = size
        elif isinstance(node.init, ListLiteral | MapLiteral):
            self._sizes[node.id] = count
            entries = self._entries_of(node.step)
            if entries is not None:
                self._entries[node.id] = entries
        return total

    def _bind(self, node: Comprehension) -> Range:
        total = self.cost(node.range) + self.cost(node.init)
        self._push_value(node.accu, node.init)
        total += self.cost(node.result)
        self._locals[node.accu].pop()
        self._copy_sizes(node, node.result)
        return total


def _union(ranges: list[Range]) -> Range:
    total = ranges[0]
    for one in ranges[1:]:
        total = total.union(one)
    return total


def _is_bind(node: Comprehension) -> bool:
    nothing = isinstance(node.range, ListLiteral) and not node.range.items
    return nothing and isinstance(node.condition, Const) and node.condition.value is False and node.accu != ACCUMULATOR


def _literal_size(node: Node) -> Range | None:
    if isinstance(node, Const):
        return fixed(len(node.value)) if isinstance(node.value, str | bytes) else ONE
    if isinstance(node, ListLiteral):
        return fixed(len(node.items))
    if isinstance(node, MapLiteral):
        return fixed(len(node.entries))
    return None


def _is_scalar(kind: Type) -> bool:
    if kind.name == "optional_type" and kind.params:
        return _is_scalar(kind.params[0])
    return kind.kind in _SCALARS
