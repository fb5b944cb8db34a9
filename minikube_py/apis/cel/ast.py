"""The syntax tree of an expression.

A node knows its place in the source (`at`, in characters) and has an `id` of its own, by which the checker notes its type and its
overloads. Macros are expanded: what is left of `all` or `map` is a Comprehension.

Source: github.com/google/cel-spec proto/cel/expr/syntax.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .types import Type

ACCUMULATOR = "@result"


class Uint(int):
    """An unsigned 64-bit integer; equal to the int of that amount."""

    __slots__ = ()


Literal = None | bool | int | Uint | float | str | bytes


@dataclass(slots=True, eq=False)
class Node:
    id: int
    at: int

    def children(self) -> Iterator[Node]:
        return iter(())


@dataclass(slots=True, eq=False)
class Const(Node):
    value: Literal


@dataclass(slots=True, eq=False)
class Ident(Node):
    name: str


@dataclass(slots=True, eq=False)
class Select(Node):
    """`operand.field`, or with `test_only` has(operand.field)."""

    operand: Node
    field: str
    test_only: bool = False

    def children(self) -> Iterator[Node]:
        yield self.operand


@dataclass(slots=True, eq=False)
class Call(Node):
    function: str
    target: Node | None
    args: list[Node]

    def children(self) -> Iterator[Node]:
        if self.target is not None:
            yield self.target
        yield from self.args


@dataclass(slots=True, eq=False)
class ListLiteral(Node):
    items: list[Node]
    optional: frozenset[int] = frozenset()

    def children(self) -> Iterator[Node]:
        yield from self.items


@dataclass(slots=True, eq=False)
class Entry:
    """One entry of a map or of a message; `field` is set in messages only."""

    id: int
    at: int
    key: Node | None
    field: str
    value: Node
    optional: bool


@dataclass(slots=True, eq=False)
class MapLiteral(Node):
    entries: list[Entry]

    def children(self) -> Iterator[Node]:
        for entry in self.entries:
            if entry.key is not None:
                yield entry.key
            yield entry.value


@dataclass(slots=True, eq=False)
class MessageLiteral(Node):
    type_name: str
    entries: list[Entry]

    def children(self) -> Iterator[Node]:
        for entry in self.entries:
            yield entry.value


@dataclass(slots=True, eq=False)
class Comprehension(Node):
    """Fold over `range`: accu := init; for each item while `condition`: accu := step; then `result`."""

    var: str
    var2: str
    range: Node
    accu: str
    init: Node
    condition: Node
    step: Node
    result: Node

    def children(self) -> Iterator[Node]:
        yield from (self.range, self.init, self.condition, self.step, self.result)


def walk(node: Node) -> Iterator[Node]:
    """Every node, parents first."""
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(node.children())))


def qualified_name(node: Node) -> str:
    """ "a.b.c" if the node is a chain of plain selections from an identifier, else ""."""
    parts: list[str] = []
    while isinstance(node, Select) and not node.test_only:
        parts.append(node.field)
        node = node.operand
    if not isinstance(node, Ident):
        return ""
    parts.append(node.name)
    return ".".join(reversed(parts))


@dataclass(slots=True)
class Checked:
    """A checked expression.

    Attributes:
        types: the type of every node, by id.
        overloads: ids of the overloads that a call may mean, by the id of the call.
        idents: names of the variables it reads.
    """

    source: str
    root: Node
    types: dict[int, Type]
    overloads: dict[int, list[str]]
    idents: set[str]

    @property
    def type(self) -> Type:
        return self.types[self.root.id]
