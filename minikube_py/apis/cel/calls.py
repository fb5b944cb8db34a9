"""Calls of functions: which implementation runs, on what, and what it costs.

Where no part of an expression is of type dyn, the checker has seen to it that implementations get what they are declared for. One dyn
is enough to bring a value of another type anywhere (`names + anything` is a list of strings to the checker): then the types of all values
are looked at before a call, and one that no overload takes fails with "no such overload", as upstream's does.

Source: cel-go interpreter/planner.go, common/decls (type guards)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .ast import Uint
from .declarations import Overload, functions
from .documents import lookup
from .errors import CelError, CostLimitError, NoSuchOverloadError
from .frame import Closure, Frame
from .library import Implementation, implementations
from .library.lists import contains
from .runtime_cost import argument_cost, result_cost
from .times import Duration, Timestamp
from .types import Type
from .values import Value, View, bounded_list, compare, equal, int64, is_list, is_map, type_name, type_of, uint64

# Whether a value may go where a type is declared.
_FITS: dict[str, Callable[[Value], bool]] = {"list": is_list, "map": is_map}


def _fits(value: Value, kind: Type) -> bool:
    if kind.kind in ("dyn", "param"):
        return True
    test = _FITS.get(kind.kind)
    if test is not None:
        return test(value)
    found = type_of(value)
    return found.kind == kind.kind and (found.kind not in ("object", "opaque") or found.name == kind.name)


def is_gradual(kind: Type) -> bool:
    """Whether values of a type may turn out to be of another."""
    return kind.kind in ("dyn", "null", "param", "error") or any(map(is_gradual, kind.params))


def call(function: str, overloads: list[str], kinds: list[Type], args: Sequence[Closure], gradual: bool) -> Closure:
    """A closure for one call.

    Args:
        overloads: ids of those that the checker found to match.
        kinds: the types of the arguments, the target first.
        gradual: the types of values are to be looked at.
    """
    run = _operation(function, overloads, gradual)
    of_result = result_cost(function)
    cost = _cost(function, overloads, kinds)
    if cost is None and of_result is None and len(args) == 2:
        return _binary(run, args[0], args[1])
    if cost is None and of_result is None and len(args) == 1:
        return _unary(run, args[0])

    def by_size(frame: Frame) -> Value:
        values: list[Value] = []
        try:
            for arg in args:
                values += (arg(frame),)
        except CelError as error:
            _charge_failed(frame, error, args[len(values) + 1 :])
            raise
        if of_result is None:
            # Charged first: what is too expensive does not even start.
            frame.charge(1 if cost is None else cost(values))
            return run(*values)
        try:
            result = run(*values)
        except CelError as error:
            _charge_failed(frame, error)
            raise
        frame.charge(of_result(result))
        return result

    return by_size


Cost = Callable[[list[Value]], int] | None


def _cost(function: str, overloads: list[str], kinds: list[Type]) -> Cost:
    if function in ("_==_", "_!=_") and kinds[0].kind in ("bool", "int", "uint", "double", "duration", "timestamp", "null"):
        return None
    return argument_cost(function, overloads)


def _charge_failed(frame: Frame, error: CelError, rest: Sequence[Closure] = ()) -> None:
    """A call costs one also if it or an argument of it fails; the arguments behind that one are evaluated, too."""
    if isinstance(error, CostLimitError):
        return
    for arg in rest:
        try:
            arg(frame)
        except CostLimitError:
            raise
        except CelError:
            continue
    frame.charge(1)


def _unary(run: Implementation, arg: Closure) -> Closure:
    def one(frame: Frame) -> Value:
        try:
            result = run(arg(frame))
        except CelError as error:
            _charge_failed(frame, error)
            raise
        frame.charge(1)
        return result

    return one


def _binary(run: Implementation, left: Closure, right: Closure) -> Closure:
    def two(frame: Frame) -> Value:
        rest: tuple[Closure, ...] = (right,)
        try:
            first = left(frame)
            rest = ()
            result = run(first, right(frame))
        except CelError as error:
            _charge_failed(frame, error, rest)
            raise
        frame.cost += 1
        return result

    return two


def _operation(function: str, overloads: list[str], gradual: bool) -> Implementation:
    operator = _OPERATORS.get(function)
    if operator is not None:
        return operator
    candidates = [overload for overload in functions()[function] if overload.id in overloads]
    known = implementations()
    if len(candidates) == 1 and not gradual:
        return known[candidates[0].id]
    return _guarded(function, [(overload, known[overload.id]) for overload in candidates])


def _guarded(function: str, candidates: list[tuple[Overload, Implementation]]) -> Implementation:
    """Picks the overload when the values are there."""

    def run(*values: Value) -> Value:
        for overload, implementation in candidates:
            if all(map(_fits, values, overload.arguments)):
                try:
                    return implementation(*values)
                except (TypeError, AttributeError) as error:
                    # Items of lists are not looked at beforehand.
                    raise NoSuchOverloadError(_described(function, values)) from error
        raise NoSuchOverloadError(_described(function, values))

    return run


def _described(function: str, values: tuple[Value, ...]) -> str:
    return f"{function}({', '.join(map(type_name, values))})"


# Operators: one implementation for all types, the frequent ones first. -----------------------------------------------------------------


def _not_equal(left: Value, right: Value) -> bool:
    return not equal(left, right)


def _order(test: Callable[[int], bool]) -> Implementation:
    def run(left: Value, right: Value) -> bool:
        order = compare(left, right)
        return order is not None and test(order)

    return run


def _same(left: Value, right: Value, kind: type) -> bool:
    return type(left) is kind and type(right) is kind


def _add(left: Value, right: Value) -> Value:
    if _same(left, right, int):
        return int64(left + right)
    if _same(left, right, str) or _same(left, right, bytes) or _same(left, right, float):
        return left + right
    if is_list(left) and is_list(right):
        bounded_list(len(left) + len(right))
        return left.add(right) if isinstance(left, View) else [*left, *right]
    if _same(left, right, Uint):
        return uint64(int(left) + int(right))
    if isinstance(left, Duration) and isinstance(right, Duration):
        return Duration(left.ns + right.ns)
    if isinstance(left, Timestamp) and isinstance(right, Duration):
        return left.after(right.ns)
    if isinstance(left, Duration) and isinstance(right, Timestamp):
        return right.after(left.ns)
    raise NoSuchOverloadError


def _subtract(left: Value, right: Value) -> Value:
    if _same(left, right, int):
        return int64(left - right)
    if _same(left, right, float):
        return left - right
    if _same(left, right, Uint):
        return uint64(int(left) - int(right))
    if isinstance(right, Duration):
        if isinstance(left, Duration):
            return Duration(left.ns - right.ns)
        if isinstance(left, Timestamp):
            return left.after(-right.ns)
    if isinstance(left, Timestamp) and isinstance(right, Timestamp):
        return Duration(left.ns - right.ns)
    raise NoSuchOverloadError


def _multiply(left: Value, right: Value) -> Value:
    if _same(left, right, int):
        return int64(left * right)
    if _same(left, right, float):
        return left * right
    if _same(left, right, Uint):
        return uint64(int(left) * int(right))
    raise NoSuchOverloadError


def _divide(left: Value, right: Value) -> Value:
    if _same(left, right, float):
        if right != 0:
            return left / right
        if left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1, right)
    if not _same(left, right, int) and not _same(left, right, Uint):
        raise NoSuchOverloadError
    if right == 0:
        raise CelError("division by zero")
    quotient = abs(int(left)) // abs(int(right))
    return Uint(quotient) if type(left) is Uint else int64(quotient if (left < 0) == (right < 0) else -quotient)


def _modulo(left: Value, right: Value) -> Value:
    if not _same(left, right, int) and not _same(left, right, Uint):
        raise NoSuchOverloadError
    if right == 0:
        raise CelError("modulus by zero")
    rest = abs(int(left)) % abs(int(right))
    if type(left) is Uint:
        return Uint(rest)
    if left == -(2**63) and right == -1:
        raise CelError("integer overflow")
    return -rest if left < 0 else rest


def _negate(value: Value) -> Value:
    if type(value) is int:
        return int64(-value)
    if type(value) is float:
        return -value
    raise NoSuchOverloadError


def _not(value: Value) -> bool:
    if value is True:
        return False
    if value is False:
        return True
    raise NoSuchOverloadError


def _in(value: Value, container: Value) -> bool:
    if is_list(container):
        return contains(container, value)
    if is_map(container):
        return lookup(container, value)[0]
    raise NoSuchOverloadError


_OPERATORS: dict[str, Implementation] = {
    "_==_": equal, "_!=_": _not_equal, "_+_": _add, "_-_": _subtract, "_*_": _multiply, "_/_": _divide, "_%_": _modulo, "-_": _negate,
    "!_": _not, "@in": _in,
    "_<_": _order(lambda order: order < 0), "_<=_": _order(lambda order: order <= 0),
    "_>_": _order(lambda order: order > 0), "_>=_": _order(lambda order: order >= 0),
}
