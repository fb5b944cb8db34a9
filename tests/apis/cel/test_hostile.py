"""Hostile rules end soon and take little memory, when they are checked and when they run."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest

from minikube_py.apis.cel import check_rules, compile_rules

pytestmark = pytest.mark.fuzz
SPEC: dict[str, Any] = {"type": "object", "properties": {
    "a": {"type": "string"}, "n": {"type": "integer"}, "l": {"type": "array", "items": {"type": "integer"}},
    "k": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
}}
SCHEMA = {"type": "object", "properties": {"spec": SPEC}}
LONG = "a" * 500_000
HOSTILE = {
    "nested loops": ("self.l.all(a, self.l.all(b, self.l.all(c, a + b + c >= 0)))", {"l": list(range(2000))}),
    "doubling lists": (
        "[0].map(x, self.l + self.l + self.l).map(x, x + x + x + x).map(x, x + x + x + x).size() >= 0", {"l": [1] * 200_000},
    ),
    "doubling strings": ("self.l.all(a, self.l.all(b, (self.a + self.a + self.a + self.a).size() > 0))", {"l": [1] * 1000, "a": LONG}),
    "long replacements": ("self.l.all(x, self.a.replace('', self.a).size() > 0)", {"l": [1] * 10_000, "a": "a" * 4000}),
    "regular expressions": ("self.a.matches('(a*)*b') || self.a.matches('^(a+)+$') || self.a.matches('(a|a?)+b')", {"a": LONG}),
    "large regular expressions": ("self.l.all(x, self.a.matches('((a{1,100}){1,100}){1,10}'))", {"l": [1] * 1000, "a": "aaa"}),
    "patterns from data": ("self.l.all(x, !'a'.matches(self.a + string(x)))", {"l": list(range(5000)), "a": "(x+x+)+y"}),
    "equality of large objects": ("self.l.all(x, self == self)", {"l": list(range(20_000))}),
    "distinct objects": ("self.k.distinct().size() > 0", {"k": [{"a": str(number)} for number in range(20_000)]}),
    "sorting": ("self.l.sort().sort().sort().size() > 0", {"l": list(range(100_000, 0, -1))}),
    "large ranges": ("lists.range(1000000000).size() > 0", {}),
    "many ranges": ("self.l.all(x, lists.range(1000).size() > 0)", {"l": [1] * 100_000}),
    "wide formats": ("self.l.all(x, '%.999f%.999f%.999f'.format([1.0, 1.0, 1.0]).size() > 0)", {"l": [1] * 100_000}),
    "large numbers": ("quantity(self.a).add(quantity(self.a)).isGreaterThan(quantity('1'))", {"a": "9" * 100_000}),
    "deep maps": ("self.l.transformMap(i, v, self.l.transformMap(j, w, self.l)).size() > 0", {"l": list(range(3000))}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_rules_end_soon(name):
    rule, spec = HOSTILE[name]
    inner = SPEC | {"x-kubernetes-validations": [{"rule": rule}]}
    rules = compile_rules({"type": "object", "properties": {"spec": inner}})
    start = time.process_time()
    rules.validate({"spec": spec})
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", ["doubling lists", "doubling strings", "long replacements"])
def test_hostile_rules_take_little_memory(name):
    rule, spec = HOSTILE[name]
    inner = SPEC | {"x-kubernetes-validations": [{"rule": rule}]}
    rules = compile_rules({"type": "object", "properties": {"spec": inner}})
    tracemalloc.start()
    try:
        rules.validate({"spec": spec})
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


CHECKED = {
    "a long chain": " && ".join(["self.spec.n == 1"] * 3000),
    "many overloads": " && ".join(["self.spec.n < 1"] * 2000),
    "a long list": "self.spec.n in [" + ", ".join(map(str, range(10_000))) + "]",
    "deep nesting": "(" * 5000 + "true" + ")" * 5000,
    "a long sum": " + ".join(["self.spec.n"] * 3000) + " > 1",
    "long names": "self." + "a" * 90_000,
    "long strings": "self.spec.a == '" + "x" * 90_000 + "'",
    "too long": "self.spec.a == '" + "x" * 120_000 + "'",
}


@pytest.mark.parametrize("name", CHECKED)
def test_checking_hostile_rules_ends_soon(name):
    start = time.process_time()
    check_rules(SCHEMA | {"x-kubernetes-validations": [{"rule": CHECKED[name]}]}, "schema")
    assert time.process_time() - start < 5
