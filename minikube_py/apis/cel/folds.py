"""Comprehensions, running.

Upstream builds the list of a map() or filter() anew for every item, at no cost of its own; here it grows in place.

Source: cel-go interpreter/interpretable.go (evalFold); github.com/google/cel-spec doc/langdef.md (macros)
"""

from __future__ import annotations

from collections.abc import Iterable

from .ast import ACCUMULATOR, Call, Ident, ListLiteral, Node
from .documents import lookup
from .errors import CelError, CostLimitError, NoSuchOverloadError
from .frame import Closure, Failed, Frame
from .runtime_cost import LIST_BASE
from .values import Value, is_list, is_map


def appended(step: Node) -> tuple[Node | None, Node] | None:
    """The filter (or None) and the item of a step that appends one item to the accumulator; None if the step does something else."""
    guard: Node | None = None
    if isinstance(step, Call) and step.function == "_?_:_" and isinstance(step.args[2], Ident):
        guard, step = step.args[0], step.args[1]
    if isinstance(step, Call) and step.function == "_+_" and isinstance(step.args[0], Ident) and step.args[0].name == ACCUMULATOR:
        added = step.args[1]
        if isinstance(added, ListLiteral) and len(added.items) == 1 and not added.optional:
            return guard, added.items[0]
    return None


def append_loop(accu: int, guard: Closure | None, item: Closure) -> Closure:
    """accu + [item], in place. Its cost is that of the accumulator, the list literal and the call."""
    cost = 1 + LIST_BASE + 1

    def run(frame: Frame) -> Value:
        values = frame.slots[accu]
        if guard is not None:
            chosen = guard(frame)
            if chosen is False:
                return values
            if chosen is not True:
                raise NoSuchOverloadError
        values.append(item(frame))
        frame.charge(cost)
        return values

    return run


def bind(source: Closure, init: Closure, accu: int, result: Closure) -> Closure:
    def run(frame: Frame) -> Value:
        source(frame)
        frame.slots[accu] = init(frame)
        return result(frame)

    return run


def loop(
    source: Closure, init: Closure, slots: tuple[int, int, int], condition: Closure | None, step: Closure, result: Closure
) -> Closure:
    accu, var, var2 = slots

    def run(frame: Frame) -> Value:
        container = source(frame)
        values = frame.slots
        first = init(frame)
        # What the fold builds in place must be its own.
        values[accu] = list(first) if type(first) is list else dict(first) if type(first) is dict else first
        for key, value in _items(container, var2 >= 0):
            values[var] = key
            if var2 >= 0:
                values[var2] = value
            if condition is not None and not condition(frame):
                break
            try:
                values[accu] = step(frame)
            except CostLimitError:
                raise
            except CelError as error:
                values[accu] = Failed(error)
                if condition is None:
                    raise
            frame.charge(0)
        return result(frame)

    return run


def _items(container: Value, pairs: bool) -> Iterable[tuple[Value, Value]]:
    if is_list(container):
        return enumerate(container) if pairs else ((item, None) for item in container)
    if is_map(container):
        return ((key, lookup(container, key)[1] if pairs else None) for key in container)
    raise NoSuchOverloadError
