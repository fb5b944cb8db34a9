"""Expressions and values at random: texts that mostly type-check, from the declarations of functions."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from minikube_py.apis.cel import types as t
from minikube_py.apis.cel.ast import Uint
from minikube_py.apis.cel.declarations import functions
from minikube_py.apis.cel.types import Type

VARIABLES: dict[str, Type] = {
    "i": t.INT, "u": t.UINT, "f": t.DOUBLE, "s": t.STRING, "b": t.BOOL, "y": t.BYTES, "li": t.list_of(t.INT), "ls": t.list_of(t.STRING),
    "m": t.map_of(t.STRING, t.INT), "d": t.DYN,
}
LITERALS = {
    "int": st.integers(-(2**63), 2**63 - 1).map(str) | st.sampled_from(["0", "1", "-1", "3", "9223372036854775807"]),
    "uint": st.integers(0, 2**64 - 1).map("{}u".format),
    "double": st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(["0.0", "1.5", "-2.0"]),
    "string": st.sampled_from(["''", "'a'", "'abc'", "'é👑'", "'12'", "'1.5'", "'true'", "'a-b-a'", "'1h'", "'2024-02-29T12:00:00Z'"]),
    "bool": st.sampled_from(["true", "false"]),
    "bytes": st.sampled_from(["b''", "b'abc'", "b'\\xff'"]),
    "duration": st.sampled_from(["duration('1h30m')", "duration('-0.5s')"]),
    "timestamp": st.sampled_from(["timestamp('2024-02-29T12:30:15.5Z')", "timestamp(0)"]),
}


def _holes(kind: Type, choices: list[Type]) -> Type:
    """A declared type with its parameters filled."""
    if kind.kind == "param":
        return choices[sum(map(ord, kind.name)) % len(choices)]
    return Type(kind.kind, kind.name, tuple(_holes(inner, choices) for inner in kind.params)) if kind.params else kind


@cache
def _makers(names: frozenset[str], left_out: frozenset[str]) -> dict[str, list[tuple[str, bool, tuple[Type, ...]]]]:
    """What makes each type: calls, by the type of their result."""
    made: dict[str, list[tuple[str, bool, tuple[Type, ...]]]] = {}
    for choices in ([t.INT, t.STRING], [t.STRING, t.INT]):
        for name, overloads in functions().items():
            if name not in names:
                continue
            for overload in overloads:
                if overload.id in left_out:
                    continue
                result = str(_holes(overload.result, choices))
                made.setdefault(result, []).append((name, overload.member, tuple(_holes(kind, choices) for kind in overload.arguments)))
    return made


def _written(name: str, member: bool, args: list[str]) -> str:
    operators = {"_[_]": "({})[{}]", "_[?_]": "({})[?{}]", "@in": "({}) in ({})", "_?_:_": "(({}) ? ({}) : ({}))", "!_": "!({})",
                 "-_": "-({})"}
    if name in operators:
        return operators[name].format(*args)
    if name.startswith("_"):
        return f"(({args[0]}) {name.strip('_')} ({args[1]}))"
    return f"({args[0]}).{name}({', '.join(args[1:])})" if member else f"{name}({', '.join(args)})"


MACROS = ["({}).all(x, x {} x)", "({}).exists(x, x {} x)", "({}).exists_one(x, x {} x)"]


@st.composite
def expressions(draw: st.DrawFn, names: frozenset[str], kind: Type, depth: int = 3, left_out: frozenset[str] = frozenset()) -> str:
    """Text of an expression of a type, mostly."""
    leaves = [name for name, found in VARIABLES.items() if found == kind]
    makers = _makers(names, left_out).get(str(kind), [])
    choice = draw(st.integers(0, 9))
    if depth and makers and choice < 6:
        name, member, wanted = draw(st.sampled_from(makers))
        return _written(name, member, [draw(expressions(names, inner, depth - 1, left_out)) for inner in wanted])
    if depth and kind == t.BOOL and choice == 6:
        source = draw(expressions(names, t.list_of(t.INT), depth - 1, left_out))
        return draw(st.sampled_from(MACROS)).format(source, draw(st.sampled_from(["==", "<", ">="])))
    if depth and kind.kind == "list" and choice == 6:
        source = draw(expressions(names, kind, depth - 1, left_out))
        return f"({source}).{draw(st.sampled_from(['map(x, x)', 'filter(x, x == x)', 'map(x, x != x, x)']))}"
    if choice == 7:
        return draw(st.sampled_from(["d", "dyn(d)", "dyn(i)", "dyn(s)", "dyn(li)"]))
    if kind.kind == "list":
        return "[" + ", ".join(draw(st.lists(expressions(names, kind.params[0], 0, left_out), max_size=3))) + "]"
    if kind.kind == "map":
        return "{" + f"'a': {draw(expressions(names, kind.params[1], 0, left_out))}" + "}"
    if leaves and choice > 7:
        return leaves[0]
    return draw(LITERALS.get(kind.kind, st.just("d")))


# Values of d are anything; the others are what they are declared to be.
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from(["", "a", "12"]) | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2), max_leaves=5,
)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=5)
VALUES = st.fixed_dictionaries({
    "i": st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), "u": st.integers(0, 5).map(Uint), "f": st.floats() | st.just(0.5),
    "s": TEXT, "b": st.booleans(), "y": st.binary(max_size=4), "li": st.lists(st.integers(-3, 3), max_size=4),
    "ls": st.lists(TEXT, max_size=4), "m": st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(-3, 3)), "d": ANYTHING,
})
ALL = frozenset(name for name in functions() if not name.startswith("@") and "@" not in name)
KINDS = st.sampled_from([t.BOOL, t.INT, t.STRING, t.DOUBLE, t.list_of(t.INT), t.list_of(t.STRING), t.optional_of(t.STRING), t.DURATION])
