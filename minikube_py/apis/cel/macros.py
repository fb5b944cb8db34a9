"""Macros: those that the library does not know, which are comprehensions over two variables and sortBy; and, for the second parser, the
standard ones.

    list.all(i, v, p), exists, existsOne      i is the index (of a map: the key), v the value
    list.transformList(i, v, [filter,] e)     a list of e
    list.transformMap(i, v, [filter,] e)      a map from i to e
    list.transformMapEntry(i, v, [filter,] e) a map of the entries of the maps e
    list.sortBy(v, key)
    cel.bind(v, value, e)                     e with a name for a value; not in every environment

Source: cel-go ext/comprehensions.go, ext/lists.go, ext/bindings.go, parser/macro.go, cel/macro.go (optMap)
"""

from __future__ import annotations

from collections.abc import Callable

from .ast import ACCUMULATOR, Call, Comprehension, Const, Entry, Ident, ListLiteral, Literal, MapLiteral, MessageLiteral, Node, Select
from .errors import Issue

_ARGUMENTS = {
    "all": (3,), "exists": (3,), "existsOne": (3,), "exists_one": (3,),
    "transformList": (3, 4), "transformMap": (3, 4), "transformMapEntry": (3, 4), "sortBy": (2,),
}
_STANDARD = {"all": (2,), "exists": (2,), "exists_one": (2,), "map": (2, 3), "filter": (2,), "optMap": (2,), "optFlatMap": (2,)}


class Expander:
    """Rewrites a tree from the leaves up. New nodes get ids of their own and the place of the macro.

    Args:
        at: places of the nodes, by their ids.
        bind: whether there is cel.bind.
        standard: whether the standard macros are there still.
    """

    def __init__(self, source: str, at: dict[int, int], *, bind: bool = False, standard: bool = False) -> None:
        self.issues: list[Issue] = []
        self._source = source
        self._next = max(at, default=0) + 1
        self._at = 0
        self._bind = bind
        self.standard = standard

    def expand(self, node: Node) -> Node:
        if isinstance(node, Call):
            node.target = self.expand(node.target) if node.target is not None else None
            node.args = [self.expand(arg) for arg in node.args]
            if node.target is not None and len(node.args) in _ARGUMENTS.get(node.function, ()):
                self._at = node.at
                return self._macro(node, node.target, node.args)
            if self._bind and node.function == "bind" and len(node.args) == 3 and _is_cel(node.target):
                self._at = node.at
                return self._named(node, node.args)
            if self.standard:
                self._at = node.at
                return self._expand_standard(node)
        elif isinstance(node, Select):
            node.operand = self.expand(node.operand)
        elif isinstance(node, ListLiteral):
            node.items = [self.expand(item) for item in node.items]
        elif isinstance(node, MapLiteral | MessageLiteral):
            for entry in node.entries:
                entry.key = self.expand(entry.key) if entry.key is not None else None
                entry.value = self.expand(entry.value)
        elif isinstance(node, Comprehension):
            node.range, node.init = self.expand(node.range), self.expand(node.init)
            node.condition, node.step, node.result = self.expand(node.condition), self.expand(node.step), self.expand(node.result)
        return node

    def _macro(self, call: Call, target: Node, args: list[Node]) -> Node:
        if call.function == "sortBy":
            return self._sort_by(call, target, args)
        names = self._variables(call, args)
        if names is None:
            return call
        fold = {
            "all": self._all, "exists": self._exists, "existsOne": self._exists_one, "exists_one": self._exists_one,
            "transformList": self._transform_list, "transformMap": self._transform_map, "transformMapEntry": self._transform_entry,
        }[call.function]
        init, condition, step, result = fold(names[0], args[2:])
        return Comprehension(self._id(), self._at, names[0], names[1], target, ACCUMULATOR, init, condition, step, result)

    def _expand_standard(self, call: Call) -> Node:
        args, target, function = call.args, call.target, call.function
        if target is None:
            return self._has(args[0]) if function == "has" and len(args) == 1 else call
        if len(args) not in _STANDARD.get(function, ()):
            return call
        variable = args[0]
        if not isinstance(variable, Ident):
            self._complain(variable, f"{function}() variable name must be a simple identifier")
            return call
        if variable.name in (ACCUMULATOR, "__result__"):
            self._complain(args[1], f"{function}() variable name cannot be {variable.name}")
            return call
        if function in ("optMap", "optFlatMap"):
            return self._opt_map(target, variable, args[1], flat=function == "optFlatMap")
        fold = {"all": self._all, "exists": self._exists, "exists_one": self._exists_one}.get(function, self._transform_list)
        rest = [args[1], variable] if function == "filter" else args[1:]
        init, condition, step, result = fold(variable.name, rest)
        return Comprehension(self._id(), self._at, variable.name, "", target, ACCUMULATOR, init, condition, step, result)

    def _has(self, field: Node) -> Node:
        if not isinstance(field, Select) or field.test_only:
            self._complain(field, "has() argument must be a field selection")
            return field
        return Select(self._id(), self._at, field.operand, field.field, True)

    def _opt_map(self, target: Node, variable: Ident, value: Node, *, flat: bool) -> Node:
        """A value made of an optional one, if that is there."""
        made: Node = Comprehension(
            self._id(), self._at, "#unused", "", ListLiteral(self._id(), self._at, []), variable.name,
            Call(self._id(), self._at, "value", target, []), self._const(False), variable, value,
        )
        has = Call(self._id(), self._at, "hasValue", target, [])
        return self._call("_?_:_", has, made if flat else self._call("optional.of", made), self._call("optional.none"))

    def _variables(self, call: Call, args: list[Node]) -> tuple[str, str] | None:
        first, second = args[0], args[1]
        if not isinstance(first, Ident) or not isinstance(second, Ident):
            wrong = first if not isinstance(first, Ident) else second
            self._complain(wrong, "argument must be a simple name")
            return None
        if first.name == second.name:
            self._complain(second, f"duplicate variable name: {first.name}")
            return None
        for name in (first, second):
            if name.name in (ACCUMULATOR, "__result__"):
                self._complain(name, f"iteration variable overwrites accumulator variable: {name.name}")
                return None
        return first.name, second.name

    def _complain(self, node: Node, message: str) -> None:
        self.issues.append(Issue.at(self._source, node.at, message))

    # Building blocks ----------------------------------------------------------------------------------------------------------------

    def _id(self) -> int:
        self._next += 1
        return self._next

    def _const(self, value: Literal) -> Node:
        return Const(self._id(), self._at, value)

    def _accu(self) -> Node:
        return Ident(self._id(), self._at, ACCUMULATOR)

    def _ident(self, name: str) -> Node:
        return Ident(self._id(), self._at, name)

    def _call(self, function: str, *args: Node) -> Node:
        return Call(self._id(), self._at, function, None, list(args))

    # The macros: init, condition, step, result --------------------------------------------------------------------------------------

    def _all(self, _key: str, rest: list[Node]) -> tuple[Node, Node, Node, Node]:
        condition = self._call("@not_strictly_false", self._accu())
        return self._const(True), condition, self._call("_&&_", self._accu(), rest[0]), self._accu()

    def _exists(self, _key: str, rest: list[Node]) -> tuple[Node, Node, Node, Node]:
        condition = self._call("@not_strictly_false", self._call("!_", self._accu()))
        return self._const(False), condition, self._call("_||_", self._accu(), rest[0]), self._accu()

    def _exists_one(self, _key: str, rest: list[Node]) -> tuple[Node, Node, Node, Node]:
        step = self._call("_?_:_", rest[0], self._call("_+_", self._accu(), self._const(1)), self._accu())
        return self._const(0), self._const(True), step, self._call("_==_", self._accu(), self._const(1))

    def _filtered(self, rest: list[Node], step: Callable[[Node], Node]) -> Node:
        if len(rest) == 1:
            return step(rest[0])
        return self._call("_?_:_", rest[0], step(rest[1]), self._accu())

    def _transform_list(self, _key: str, rest: list[Node]) -> tuple[Node, Node, Node, Node]:
        def step(item: Node) -> Node:
            return self._call("_+_", self._accu(), ListLiteral(self._id(), self._at, [item]))

        return ListLiteral(self._id(), self._at, []), self._const(True), self._filtered(rest, step), self._accu()

    def _transform_map(self, key: str, rest: list[Node]) -> tuple[Node, Node, Node, Node]:
        def step(item: Node) -> Node:
            return self._call("cel.@mapInsert", self._accu(), self._ident(key), item)

        return self._empty_map(), self._const(True), self._filtered(rest, step), self._accu()

    def _transform_entry(self, _key: str, rest: list[Node]) -> tuple[Node, Node, Node, Node]:
        def step(item: Node) -> Node:
            return self._call("cel.@mapInsert", self._accu(), item)

        return self._empty_map(), self._const(True), self._filtered(rest, step), self._accu()

    def _empty_map(self) -> Node:
        entries: list[Entry] = []
        return MapLiteral(self._id(), self._at, entries)

    def _sort_by(self, call: Call, target: Node, args: list[Node]) -> Node:
        """target.sortBy(v, key) is bind(@__sortBy_input__, target, @__sortBy_input__.@sortByAssociatedKeys(map(v, key)))."""
        if not isinstance(args[0], Ident):
            self._complain(args[0], "sortBy can only be applied to a list, identifier, comprehension, call or select expression")
            return call
        name = "@__sortBy_input__"
        step = self._call("_+_", self._accu(), ListLiteral(self._id(), self._at, [args[1]]))
        keys = Comprehension(
            self._id(), self._at, args[0].name, "", self._ident(name), ACCUMULATOR,
            ListLiteral(self._id(), self._at, []), self._const(True), step, self._accu(),
        )
        return self._with(name, target, Call(self._id(), self._at, "@sortByAssociatedKeys", self._ident(name), [keys]))

    def _named(self, call: Call, args: list[Node]) -> Node:
        if not isinstance(args[0], Ident):
            self._complain(args[0], "cel.bind() variable names must be simple identifiers")
            return call
        return self._with(args[0].name, args[1], args[2])

    def _with(self, name: str, value: Node, result: Node) -> Node:
        """A name for a value: the accumulator of a fold over nothing."""
        return Comprehension(
            self._id(), self._at, "#unused", "", ListLiteral(self._id(), self._at, []), name,
            value, self._const(False), self._ident(name), result,
        )


def _is_cel(node: Node | None) -> bool:
    return isinstance(node, Ident) and node.name == "cel"
