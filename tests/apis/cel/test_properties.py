"""Whatever is written and whatever it is about: expressions come to a value or to one of our errors."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from minikube_py.apis.cel import compile_rules
from minikube_py.apis.cel import types as t
from minikube_py.apis.cel.checker import check
from minikube_py.apis.cel.errors import CelError, CompileError
from minikube_py.apis.cel.program import Program

from .grammar import ALL, KINDS, VALUES, VARIABLES, expressions


def evaluated(expression: str, values: dict[str, Any]) -> Any:
    return Program(check(expression, VARIABLES, lambda name, field: None), tuple(VARIABLES)).evaluate(*(values[name] for name in VARIABLES))


@settings(max_examples=100, deadline=None)
@given(KINDS.flatmap(lambda kind: expressions(ALL, kind)), VALUES)
def test_nothing_but_our_errors_is_raised(expression, values):
    try:
        evaluated(expression, values)
    except (CompileError, CelError) as error:
        assert str(error)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40) | st.lists(st.sampled_from(
    ["self", "oldSelf", ".", "?", "[", "]", "(", ")", "a", "all", "x", ",", "1", "'s'", "==", "&&", "!", "map", "{", "}", ":", "-", "has"]),
    max_size=14).map("".join))
@example("a.b{c: 1}")
@example("\x00")
@example("'\ud800'")
@example("self.?")
def test_any_text_is_parsed_or_refused(expression):
    try:
        check(expression, VARIABLES | {"self": t.DYN}, lambda name, field: None)
    except CompileError as error:
        assert str(error).startswith("ERROR: <input>:") and error.issues


SCHEMA: dict[str, Any] = {"type": "object", "properties": {"spec": {"type": "object", "properties": {
    "a": {"type": "string"}, "n": {"type": "integer"}, "f": {"type": "number"}, "e": {"x-kubernetes-int-or-string": True},
    "t": {"type": "string", "format": "date-time"}, "p": {"type": "string", "format": "duration"},
    "y": {"type": "string", "format": "byte"},
    "l": {"type": "array", "items": {"type": "integer"}}, "m": {"type": "object", "additionalProperties": {"type": "string"}},
    "k": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"], "items": {
        "type": "object", "properties": {"a": {"type": "string"}, "n": {"type": "integer"}}}},
}, "x-kubernetes-validations": [{"rule": rule} for rule in (
    "self.a == 'x' || self.n > 1", "self == oldSelf", "self.k == oldSelf.k && (self.k + oldSelf.k).size() > 0", "self.l.all(x, x > 0)",
    "self.m.all(k, v, k == v)", "self.e == 1 || self.e == '1' || self.e + 1 > 2", "self.t > timestamp('2024-01-01T00:00:00Z')",
    "self.p < duration('1h') && self.y == b'x'", "self.f > 1.0 && has(self.a)", "self.k.exists(k, k.n > 1 && k.a.size() > 2)",
)]}}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4) | st.sampled_from(["1h", "aGk=", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "n", "x"]), inner, max_size=3), max_leaves=6,
)
SPECS = st.dictionaries(st.sampled_from([*SCHEMA["properties"]["spec"]["properties"], "other"]), JSON, max_size=6)
RULES = compile_rules(SCHEMA)


@settings(max_examples=60, deadline=None)
@given(SPECS, SPECS | st.none())
def test_documents_of_any_shape_are_validated(spec, old):
    causes = RULES.validate({"spec": spec}, {"spec": old} if old is not None else None)
    assert all(cause.message and cause.field == "spec" for cause in causes)
