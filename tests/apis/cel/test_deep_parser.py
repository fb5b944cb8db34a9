"""The second parser makes the library's trees, refuses what the library refuses, and goes on where that stops."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minikube_py.apis.cel import types as t
from minikube_py.apis.cel.ast import Entry, Node
from minikube_py.apis.cel.checker import check
from minikube_py.apis.cel.deep_parser import parse_deep
from minikube_py.apis.cel.errors import CompileError
from minikube_py.apis.cel.macros import Expander
from minikube_py.apis.cel.parser import parse
from minikube_py.apis.cel.program import Program

from .grammar import ALL, KINDS, expressions

EXPRESSIONS = """
has(a.b) | has((a.b.c)) | has(has(a.b)) | l.all(x, x > 0) | l.exists(x, x) | l.exists_one(x, x) | l.existsOne(x, x) | l.map(x, x + 1)
l.map(x, x > 0, x + 1) | l.filter(x, x > 0) | o.optMap(v, v + 1) | xx.optFlatMap(v, v) | xx + a.?b | a[?0].b | [?a, b] | {?'a': b, 'c': d}
xx + (y.z).?a | --1 | - 1 | -a | !!a | !!!a | ---a | ---1 | a- -1 | a - - - 1 | -(1) | -(-1) | !(-1) | 1 -1 | -1-1 | -1 .a | -x.y
!a.b() | a ? b : c ? d : e | f(1) | a.f(1).g(2, 3) | .a.b | .f(x) | a.b.c{d: 1, ?e: 2} | .a{} | a || b && c || d | x in [1, 2,]
a && b && c && d && e | a && (b && c) && d || e | 1u | 0x1Fu | 0xff | 1.5 | 1e3 | .5 | -1.5 | 1.e | b'\\x41' | r'\\n' | br'\\x' | 'é' + a
'\\u00e9\\n\\101\\U0001F600' | a == b != c < d | a*b/c%d - e | {1: 2,} | ((((a)))) | -9223372036854775808 | 9223372036854775808
true ? false : null | cel.bind(a, 1, a) | l.transformList(i, v, v) | a.while | while | a.true | f.in | has(a) | has(a.?b) | l.all(1, x)
l.map(__result__, x) | f( | 1 + | a b | 'abc | $ | a.1 | {a} | f(a,) | [1,,2] | a.b{c} | a.b.{} | 18446744073709551616u | '\\q'
b'\\u0041' | -1u.a | -0x1FU[0] | a ? b | a ? b : | 1.a | a..b | ?a | [?] | {:} | in | a[] | a[1
"""


def shape(value: Any) -> Any:
    """What a tree says, without the ids of its nodes."""
    if isinstance(value, Node | Entry):
        return (type(value).__name__, *(shape(getattr(value, field.name)) for field in fields(value) if field.name != "id"))
    if isinstance(value, list):
        return [shape(item) for item in value]
    return (type(value).__name__, repr(value))


def outcome(source: str, *, deep: bool) -> Any:
    """The shape of the tree, or None for what is refused."""
    try:
        if not deep:
            return shape(parse(source, bind=True))
        root, at = parse_deep(source, parse)
        expander = Expander(source, at, bind=True, standard=True)
        root = expander.expand(root)
    except CompileError:
        return None
    return None if expander.issues else shape(root)


@pytest.mark.parametrize("source", [source.strip() for line in EXPRESSIONS.strip().splitlines() for source in line.split(" | ")])
def test_trees_are_those_of_the_library(source: str) -> None:
    assert outcome(source, deep=True) == outcome(source, deep=False)


def test_lines_and_comments_are_space() -> None:
    source = "a // c\n + '''x\n\"y\"''' +\t\"\"\"''\"\"\"\r\n // the end"
    assert outcome(source, deep=True) == outcome(source, deep=False) is not None


@settings(max_examples=150, deadline=None)
@given(KINDS.flatmap(lambda kind: expressions(ALL, kind)))
def test_any_expression_has_the_tree_of_the_library(source: str) -> None:
    assert outcome(source, deep=True) == outcome(source, deep=False)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(
    ["a", "b", ".", "?", "[", "]", "(", ")", "all", "x", ",", "1", "2.5", ".5", "1u", "'s'", "==", "&&", "||", "!", "map", "{", "}", ":",
     "-", "+", "has", "in", "true", " ", "if"]), max_size=10).map("".join))
@example("a.b{}.c")
@example("[1].all(x,x)(1)")
@example("1.5.a")
def test_any_words_are_parsed_or_refused_as_by_the_library(source: str) -> None:
    assert outcome(source, deep=True) == outcome(source, deep=False)


def value(source: str) -> Any:
    return Program(check(source, {"a": t.INT}, lambda name, field: None), ("a",)).evaluate(1)


@pytest.mark.parametrize(("source", "wanted"), [
    ("1" + "+1" * 249, 250),
    ("'x'" + "+'x'" * 200 + " == ''", False),
    ("(" * 249 + "true" + ")" * 249, True),
    ("a == 2 ? 0 : " * 240 + "7", 7),
    ("'a'" + ".lowerAscii()" * 240, "a"),
    ("!(" * 240 + "true" + ")" * 240, True),
    ("[7][0 * " * 100 + "1" + "]" * 100, 7),
    ("[1].map(x, x + " * 50 + "a" + ")[0]" * 50, 51),
])
def test_expressions_nest_as_deep_as_upstream(source: str, wanted: Any) -> None:
    assert value(source) == wanted


@pytest.mark.parametrize(("source", "problem"), [
    ("1" + "+1" * 250, "max recursion depth exceeded"),
    ("a" + ".b" * 250, "max recursion depth exceeded"),
    ("(" * 250 + "true" + ")" * 250, "expression recursion limit exceeded: 250"),
    ("[" * 100_000, "expression recursion limit exceeded: 250"),
])
def test_what_nests_deeper_is_refused(source: str, problem: str) -> None:
    with pytest.raises(CompileError) as caught:
        value(source)
    assert str(caught.value) == f"ERROR: <input>:-1:1: {problem}"


@pytest.mark.parametrize("macro", ["optMap(x, x)", "optFlatMap(x, optional.of(x))"])
def test_chains_of_macros_that_copy_hold_nobody_up(macro: str) -> None:
    """Each doubles the tree, upstream's too."""
    assert value("optional.of(1)" + f".{macro}" * 9 + ".value()") == 1
    begin = time.process_time()
    with pytest.raises(CompileError, match="macros copy too much of the expression"):
        value("optional.of(1)" + f".{macro}" * 14)
    assert time.process_time() - begin < 1
    assert value(f"'{'optMap ' * 9}'.size()") == 63
    many = " + ".join([f"optional.of(1).{macro}.value()"] * 30)
    assert value(many) == 30


@pytest.mark.parametrize(("end", "problem"), [
    (")", "1:{}: Syntax error: extraneous input ')' expecting <EOF>"),
    (" + '\\q'", "1:{}: "),
    (" + 'x", "1:{}: Syntax error: token recognition error at: '''"),
    (" + while", "1:{}: reserved identifier: while"),
    (" + [1].all(1, x)", "1:{}: all() variable name must be a simple identifier"),
])
def test_mistakes_in_deep_expressions_have_places(end: str, problem: str) -> None:
    start = "1" + "+1" * 50
    with pytest.raises(CompileError) as caught:
        value(start + end)
    column = len(start) + (1 if end == ")" else 12 if "all" in end else 4)
    assert str(caught.value).startswith(f"ERROR: <input>:{problem.format(column)}")
