"""Runs checked expressions.

A tree becomes nested Python closures, each from a Frame to a value, so that a simple rule takes microseconds. The frame counts the
cost of what was evaluated, in upstream's units, and ends an evaluation that goes over its limit: loops and calls look at it.

Errors are exceptions (CelError). `&&`, `||` and the folds of all() and exists() carry on past one, as the language wants: the fold
keeps it as its accumulator and raises it if nothing decides the result without it.

Source: github.com/google/cel-spec doc/langdef.md; costs: cel-go interpreter/runtimecost.go
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .access import has, index, select, select_optional
from .ast import ACCUMULATOR, Call, Checked, Comprehension, Const, Ident, ListLiteral, MapLiteral, Node, Select, Uint
from .calls import call, is_gradual
from .declarations import TYPE_NAMES
from .depth import room
from .documents import lookup
from .errors import CelError, CostLimitError, NoSuchOverloadError
from .folds import append_loop, appended, bind, loop
from .frame import EVALUATION_S_MAX, Closure, Failed, Frame
from .library.lists import contains, insert
from .library.optionals import value_of
from .regex import compile_pattern
from .runtime_cost import LIST_BASE, MAP_BASE
from .types import Type
from .values import NONE, Optional, Value

# What one evaluation may cost, about 0.1 s of upstream's time. Source: staging/src/k8s.io/apiserver/pkg/apis/cel/config.go
CALL_COST_MAX = 1_000_000


# Conversions of literals are done once. Source: cel-go common/overloads (IsTypeConversionFunction)
_CONVERSIONS = frozenset({"bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"})
_SCALARS = frozenset({bool, int, Uint, float, str, type(None)})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of an evaluation: a value, or an error, and what it cost either way."""

    value: Value
    error: CelError | None
    cost: int


class Program:
    """An expression that can be evaluated any number of times, by threads too. Making one fails if a literal in it does (CelError)."""

    def __init__(self, checked: Checked, variables: Sequence[str]) -> None:
        compiler = _Compiler(checked, variables)
        with room():
            self._run = compiler.node(checked.root)
        self._slots = compiler.slot_count
        self._variables = len(variables)

    def evaluate(self, *values: Value, limit: int = CALL_COST_MAX) -> Value:
        """The value of the expression.

        Args:
            values: of the variables, in the order in which the program was given their names.
        Raises: CelError.
        """
        outcome = self.run(*values, limit=limit)
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    def run(self, *values: Value, limit: int = CALL_COST_MAX, seconds: float = EVALUATION_S_MAX) -> Outcome:
        """As `evaluate`, with the cost; it takes so many seconds at most."""
        frame = Frame([*values, *[None] * (self._slots - self._variables)], limit, seconds)
        try:
            result = self._run(frame)
        except RecursionError:
            return Outcome(None, CelError("expression is nested too deeply"), frame.cost)
        except CelError as error:
            return Outcome(None, error, frame.cost)
        if frame.cost > limit:
            return Outcome(None, CostLimitError(), frame.cost)
        if isinstance(result, Failed):
            return Outcome(None, result.error, frame.cost)
        return Outcome(result, None, frame.cost)


def _is_attribute(node: Node) -> bool:
    """Whether reading this is a walk from a variable: such a walk is charged for its start once."""
    if isinstance(node, Call):
        return node.function in ("_[_]", "_[?_]", "_?._", "_?_:_")
    return isinstance(node, Select | Ident)


class _Compiler:
    def __init__(self, checked: Checked, variables: Sequence[str]) -> None:
        self._checked = checked
        self._scopes: list[dict[str, int]] = [{name: slot for slot, name in enumerate(variables)}]
        self.slot_count = len(variables)
        self._known: dict[int, tuple[Value] | None] = {}
        self._gradual = any(map(is_gradual, checked.types.values()))

    def _type(self, node: Node) -> Type:
        return self._checked.types[node.id]

    def _slot(self, name: str) -> int | None:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return None

    def _declare(self, name: str) -> int:
        self._scopes[-1][name] = self.slot_count
        self.slot_count += 1
        return self.slot_count - 1

    def node(self, node: Node) -> Closure:
        folded = self._folded(node)
        if folded is not None:
            return _constant(folded[0])
        if isinstance(node, Ident):
            return self._ident(node.name)
        if isinstance(node, Select):
            return self._select(node)
        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, ListLiteral):
            return self._list(node)
        if isinstance(node, MapLiteral):
            return self._map(node)
        if isinstance(node, Comprehension):
            return self._fold(node)
        raise TypeError(f"nothing evaluates {node!r}")

    def _folded(self, node: Node) -> tuple[Value] | None:
        """The value of what is the same in every evaluation, which then costs nothing: literals and conversions of literals.

        Raises: CelError, if a conversion fails.
        """
        if isinstance(node, Const):
            return (node.value,)
        if node.id in self._known:
            return self._known[node.id]
        found: tuple[Value] | None = None
        if isinstance(node, ListLiteral) and not node.optional:
            items = [self._folded(item) for item in node.items]
            found = ([item[0] for item in items if item is not None],) if None not in items else None
        elif isinstance(node, MapLiteral) and not any(entry.optional for entry in node.entries):
            found = self._folded_map(node)
        elif isinstance(node, Call) and node.target is None and node.function in _CONVERSIONS:
            argument = self._folded(node.args[0])
            if argument is not None:
                closure = call(node.function, self._checked.overloads[node.id], [self._type(node.args[0])], [_constant(argument[0])], True)
                found = (closure(Frame([], CALL_COST_MAX)),)
        self._known[node.id] = found
        return found

    def _folded_map(self, node: MapLiteral) -> tuple[Value] | None:
        values: dict[Value, Value] = {}
        for entry in node.entries:
            key, value = self._folded(entry.key or node), self._folded(entry.value)
            if key is None or value is None or not isinstance(key[0], str | int) or lookup(values, key[0])[0]:
                return None
            values[key[0]] = value[0]
        return (values,)

    # Variables and fields -----------------------------------------------------------------------------------------------------------

    def _ident(self, name: str) -> Closure:
        name = name.removeprefix(".")
        slot = self._slot(name)
        if slot is None:
            return _constant(TYPE_NAMES[name])
        return _accumulator(slot) if name.startswith(("@", "__result__")) else _variable(slot)

    def _select(self, node: Select) -> Closure:
        named = self._named_type(node)
        if named is not None:
            return _constant(named)
        fields: list[str] = []
        base: Node = node
        while (isinstance(base, Select) and not base.test_only) or base is node:
            fields.append(base.field)
            base = base.operand
        fields.reverse()
        cost = len(fields) + (0 if _is_attribute(base) else 1)
        if node.test_only:
            cost -= 0 if _is_attribute(base) else 1
        slot = self._slot(base.name) if isinstance(base, Ident) and not base.name.startswith("@") else None
        if slot is not None:
            return _walk(slot, fields, cost + 1, node.test_only)
        return _select_from(self.node(base), fields, cost, node.test_only)

    def _named_type(self, node: Select) -> Type | None:
        """A type with dots in its name, as net.IP."""
        name, inner = node.field, node.operand
        while isinstance(inner, Select):
            name, inner = f"{inner.field}.{name}", inner.operand
        if not isinstance(inner, Ident) or self._slot(inner.name) is not None:
            return None
        return TYPE_NAMES.get(f"{inner.name}.{name}")

    # Calls --------------------------------------------------------------------------------------------------------------------------

    def _call(self, node: Call) -> Closure:
        special = {
            "_&&_": self._logic, "_||_": self._logic, "_?_:_": self._conditional, "@not_strictly_false": self._not_strictly_false,
            "_[_]": self._index, "_[?_]": self._index, "_?._": self._index, "or": self._or, "orValue": self._or,
        }.get(node.function)
        if special is not None:
            return special(node)
        if node.function == "@in":
            members = self._folded(node.args[1])
            if members is not None and _are_scalars(members[0]):
                return _membership(self.node(node.args[0]), members[0])
        if node.function in ("find", "findAll") and isinstance(node.args[0], Const):
            compile_pattern(str(node.args[0].value))
        args = [node.target, *node.args] if node.target is not None else node.args
        closures = [self.node(arg) for arg in args]
        kinds = [self._type(arg) for arg in args]
        return call(node.function, self._checked.overloads[node.id], kinds, closures, self._gradual)

    def _logic(self, node: Call) -> Closure:
        """`&&` and `||`: an operand that decides wins over one that fails."""
        left, right = self.node(node.args[0]), self.node(node.args[1])
        decides = node.function == "_||_"
        wrong = "no such overload"

        def run(frame: Frame) -> Value:
            failed: CelError | None = None
            try:
                value = left(frame)
                if value is decides:
                    return value
                if type(value) is not bool:
                    failed = CelError(wrong)
            except CostLimitError:
                raise
            except CelError as error:
                failed = error
            value = right(frame)
            if value is decides or (failed is None and type(value) is bool):
                return value
            raise failed or CelError(wrong)

        return run

    def _conditional(self, node: Call) -> Closure:
        condition, yes, no = (self.node(arg) for arg in node.args)
        # A branch that starts at a variable is not charged for that start.
        yes_free, no_free = (int(_is_free(arg)) for arg in node.args[1:])

        def run(frame: Frame) -> Value:
            chosen = condition(frame)
            if chosen is True:
                frame.cost -= yes_free
                return yes(frame)
            if chosen is False:
                frame.cost -= no_free
                return no(frame)
            raise NoSuchOverloadError

        return run

    def _not_strictly_false(self, node: Call) -> Closure:
        inner = self.node(node.args[0])

        def run(frame: Frame) -> Value:
            frame.charge(1)
            try:
                return inner(frame) is not False
            except CostLimitError:
                raise
            except CelError:
                return True

        return run

    def _index(self, node: Call) -> Closure:
        operand, key = self.node(node.args[0]), self.node(node.args[1])
        cost = 0 if _is_attribute(node.args[0]) else 1
        step = 0 if _is_attribute(node.args[1]) else 1
        is_optional = node.function != "_[_]"

        def run(frame: Frame) -> Value:
            container = operand(frame)
            frame.charge(cost)
            if not is_optional and type(container) is not Optional:
                at = key(frame)
                frame.charge(step)
                return index(container, at)
            if type(container) is Optional and not container.present:
                return NONE
            found = select_optional(container, key(frame))
            # Only a step that leads somewhere is charged.
            frame.charge(step if found.present else 0)
            return found

        return run

    def _or(self, node: Call) -> Closure:
        first, second = self.node(node.target or node), self.node(node.args[0])
        unwrap = node.function == "orValue"

        def run(frame: Frame) -> Value:
            value = first(frame)
            if type(value) is not Optional:
                raise NoSuchOverloadError
            if value.present:
                return value_of(value) if unwrap else value
            return second(frame)

        return run

    # Literals -----------------------------------------------------------------------------------------------------------------------

    def _list(self, node: ListLiteral) -> Closure:
        items = [self.node(item) for item in node.items]
        optional = node.optional

        def run(frame: Frame) -> Value:
            values = []
            for position, item in enumerate(items):
                value = item(frame)
                if position in optional:
                    if type(value) is not Optional:
                        raise NoSuchOverloadError
                    if not value.present:
                        continue
                    value = value.value
                values.append(value)
            frame.charge(LIST_BASE)
            return values

        return run

    def _map(self, node: MapLiteral) -> Closure:
        entries = [(self.node(entry.key or node), self.node(entry.value), entry.optional) for entry in node.entries]

        def run(frame: Frame) -> Value:
            values: dict[Value, Value] = {}
            for read_key, read_value, optional in entries:
                key, value = read_key(frame), read_value(frame)
                if optional:
                    if type(value) is not Optional:
                        raise NoSuchOverloadError
                    if not value.present:
                        continue
                    value = value.value
                if not isinstance(key, str | int):
                    raise CelError("unsupported key type")
                insert(values, key, value)
            frame.charge(MAP_BASE)
            return values

        return run

    # Folds --------------------------------------------------------------------------------------------------------------------------

    def _fold(self, node: Comprehension) -> Closure:
        source, init = self.node(node.range), self.node(node.init)
        self._scopes.append({})
        accu = self._declare(node.accu)
        if isinstance(node.range, ListLiteral) and not node.range.items and node.accu != ACCUMULATOR:
            result = self.node(node.result)
            self._scopes.pop()
            return bind(source, init, accu, result)
        self._scopes.append({})
        var = self._declare(node.var)
        var2 = self._declare(node.var2) if node.var2 else -1
        parts = appended(node.step)
        condition: Closure | None = None
        if parts is not None:
            step = append_loop(accu, self.node(parts[0]) if parts[0] is not None else None, self.node(parts[1]))
        else:
            step = self.node(node.step)
            condition = None if _is_true(node.condition) else self.node(node.condition)
        self._scopes.pop()
        result = self.node(node.result)
        self._scopes.pop()
        return loop(source, init, (accu, var, var2), condition, step, result)


def _constant(value: Value) -> Closure:
    return lambda frame: value


def _are_scalars(members: Value) -> bool:
    return type(members) is list and all(type(member) in _SCALARS for member in members)


def _membership(item: Closure, members: list[Value]) -> Closure:
    """`x in [1, 2]` of literals: free but for x."""
    return lambda frame: contains(members, item(frame))


def _variable(slot: int) -> Closure:
    def run(frame: Frame) -> Value:
        frame.cost += 1
        return frame.slots[slot]

    return run


def _accumulator(slot: int) -> Closure:
    def run(frame: Frame) -> Value:
        frame.cost += 1
        value = frame.slots[slot]
        if type(value) is Failed:
            raise value.error
        return value

    return run


def _walk(slot: int, fields: list[str], cost: int, test: bool) -> Closure:
    *path, last = fields
    read = has if test else select
    cost -= int(test)
    if not path:

        def run_one(frame: Frame) -> Value:
            frame.cost += cost
            return read(frame.slots[slot], last)

        return run_one

    def run(frame: Frame) -> Value:
        frame.cost += cost
        value = frame.slots[slot]
        for field in path:
            value = select(value, field)
        return read(value, last)

    return run


def _select_from(base: Closure, fields: list[str], cost: int, test: bool) -> Closure:
    *path, last = fields
    read = has if test else select
    cost -= int(test)

    def run(frame: Frame) -> Value:
        value = base(frame)
        if type(value) is Optional and not test:
            frame.charge(cost - len(fields))
            return _select_optionally(frame, value, fields)
        frame.charge(cost)
        for field in path:
            value = select(value, field)
        return read(value, last)

    return run


def _select_optionally(frame: Frame, value: Optional, fields: list[str]) -> Optional:
    """The fields of an optional value; only steps that lead somewhere are charged."""
    for field in fields:
        value = select_optional(value, field)
        if not value.present:
            return value
        frame.charge(1)
    return value


def _is_free(node: Node) -> bool:
    return (isinstance(node, Ident | Select) and not (isinstance(node, Select) and node.test_only)) or (
        isinstance(node, Call) and node.function in ("_[_]", "_[?_]", "_?._"))


def _is_true(node: Node) -> bool:
    return isinstance(node, Const) and node.value is True
