"""What is wrong with an expression is said in the API server's words, with the place in the source.

Source: cel-go checker/errors.go, the grammar's error reports
"""

from __future__ import annotations

import pytest

from minikube_py.apis.cel.errors import CompileError

ERRORS = {
    "self.nope": "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope\n | ....^",
    "has(self.inner.nope)": "ERROR: <input>:1:4: undefined field 'nope'\n | has(self.inner.nope)\n | ...^",
    "self.opaque.anything": "ERROR: <input>:1:12: undefined field 'anything'\n | self.opaque.anything\n | ...........^",
    "this.name": "ERROR: <input>:1:1: undeclared reference to 'this' (in container '')\n | this.name\n | ^",
    "self.name.len()": "ERROR: <input>:1:14: undeclared reference to 'len' (in container '')\n | self.name.len()\n | .............^",
    "self.count == 'x'":
        "ERROR: <input>:1:12: found no matching overload for '_==_' applied to '(int, string)'\n | self.count == 'x'\n | ...........^",
    "self.name.startsWith(1)":
        "ERROR: <input>:1:21: found no matching overload for 'startsWith' applied to 'string.(int)'\n"
        " | self.name.startsWith(1)\n | ....................^",
    "quantity('1').sign()":
        "ERROR: <input>:1:19: found no matching overload for 'sign' applied to 'kubernetes.Quantity.()'\n"
        " | quantity('1').sign()\n | ..................^",
    "self.inner + 1":
        "ERROR: <input>:1:12: found no matching overload for '_+_' applied to '(selfType.inner, int)'\n | self.inner + 1\n | ...........^",
    "self.items[0].nope": "ERROR: <input>:1:14: undefined field 'nope'\n | self.items[0].nope\n | .............^",
    "self.name && true": "ERROR: <input>:1:5: expected type 'bool' but found 'string'\n | self.name && true\n | ....^",
    "self.count.x": "ERROR: <input>:1:11: type 'int' does not support field selection\n | self.count.x\n | ..........^",
    "self.count.all(x, true)":
        "ERROR: <input>:1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)\n"
        " | self.count.all(x, true)\n | ....^",
    "[1, 'a'] == []": "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, 'a'] == []\n | ....^",
    "[self.either, 1] == []": "ERROR: <input>:1:15: expected type 'dyn' but found 'int'\n | [self.either, 1] == []\n | ..............^",
    "[1, 'a', 2, 'b'] == []": "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, 'a', 2, 'b'] == []\n | ....^",
    "{1: 1, 'a': true} == {}":
        "ERROR: <input>:1:8: expected type 'int' but found 'string'\n | {1: 1, 'a': true} == {}\n | .......^\n"
        "ERROR: <input>:1:13: expected type 'int' but found 'bool'\n | {1: 1, 'a': true} == {}\n | ............^",
    "'%s'.format([[1, 'a'].size()])":
        "ERROR: <input>:1:18: expected type 'int' but found 'string'\n | '%s'.format([[1, 'a'].size()])\n | .................^",
    "self.numbers.map(1, 2) == []":
        "ERROR: <input>:1:18: map() variable name must be a simple identifier\n | self.numbers.map(1, 2) == []\n | .................^",
    "self.numbers.all(i, 1, true)":
        "ERROR: <input>:1:21: argument must be a simple name\n | self.numbers.all(i, 1, true)\n | ....................^",
    "self.name.matches('a(')": "ERROR: <input>:1:19: invalid matches argument\n | self.name.matches('a(')\n | ..................^",
    "duration('1 hour') > self.span": "ERROR: <input>:1:10: invalid duration argument\n | duration('1 hour') > self.span\n | .........^",
    "timestamp('today') > self.moment":
        "ERROR: <input>:1:11: invalid timestamp argument\n | timestamp('today') > self.moment\n | ..........^",
    "timestamp(null) > self.moment": "ERROR: <input>:1:11: invalid timestamp argument\n | timestamp(null) > self.moment\n | ..........^",
    "timestamp(-62135596801) > self.moment":
        "ERROR: <input>:1:11: invalid timestamp argument\n | timestamp(-62135596801) > self.moment\n | ..........^",
    "'%b'.format(['x'])":
        "ERROR: <input>:1:14: error during formatting: only integers and bools can be formatted as binary, was given string\n"
        " | '%b'.format(['x'])\n | .............^",
    "'%d'.format(['x'])":
        "ERROR: <input>:1:14: error during formatting: decimal clause can only be used on integers, was given string\n"
        " | '%d'.format(['x'])\n | .............^",
    "'%d %d'.format([1])": "ERROR: <input>:1:15: index 1 out of range\n | '%d %d'.format([1])\n | ..............^",
    "'%d'.format([1, 2])":
        "ERROR: <input>:1:12: too many arguments supplied to string.format (expected 1, got 2)\n | '%d'.format([1, 2])\n | ...........^",
    "self.": "ERROR: <input>:1:6: Syntax error: no viable alternative at input '.'\n | self.\n | .....^",
    "self.name ==\n  self.nope": "ERROR: <input>:2:7: undefined field 'nope'\n |   self.nope\n | ......^",
    "'é' == self.nope": "ERROR: <input>:1:12: undefined field 'nope'\n | 'é' == self.nope\n | .\uff0e.........^",
    "self.name ? 1 : 2":
        "ERROR: <input>:1:11: found no matching overload for '_?_:_' applied to '(string, int, int)'\n"
        " | self.name ? 1 : 2\n | ..........^",
    "if": "ERROR: <input>:1:1: reserved identifier: if\n | if\n | ^",
    "x ? 1": "ERROR: <input>:1:6: Syntax error: mismatched input '<EOF>' expecting ':'\n | x ? 1\n | .....^",
    # Neither is part of Kubernetes' environment.
    "math.greatest(1, 2) == 2 || self.nope":
        "ERROR: <input>:1:1: undeclared reference to 'math' (in container '')\n | math.greatest(1, 2) == 2 || self.nope\n | ^\n"
        "ERROR: <input>:1:14: undeclared reference to 'greatest' (in container '')\n | math.greatest(1, 2) == 2 || self.nope\n"
        " | .............^\n"
        "ERROR: <input>:1:33: undefined field 'nope'\n | math.greatest(1, 2) == 2 || self.nope\n | ................................^",
}


@pytest.mark.parametrize("expression", ERRORS)
def test_errors_say_what_and_where(check_expression, expression):
    with pytest.raises(CompileError) as raised:
        check_expression(expression)
    assert str(raised.value) == ERRORS[expression]


TYPES = {
    "self.count": "int", "self.ratio": "double", "self.names": "list(string)", "self.labels": "map(string, string)",
    "self.either": "dyn", "self.inner": "selfType.inner", "self.items[0]": "selfType.items.@idx", "self.day": "timestamp",
    "self.span": "duration", "self.data": "bytes", "self.?name": "optional_type(string)", "type(1)": "type(int)",
    "self.names.map(n, n.size())": "list(int)", "self.labels.transformMap(k, v, v.size())": "map(string, int)",
    "[self.either, dyn(1)]": "list(dyn)", "[]": "list(dyn)", "self.on ? 1 : 2": "int", "url('/a').getQuery()": "map(string, list(string))",
    "self.?inner.?depth.orValue(1)": "int", "optional.none()": "optional_type(dyn)", "ip('::1')": "net.IP",
}


@pytest.mark.parametrize("expression", TYPES)
def test_types(check_expression, expression):
    assert str(check_expression(expression).type) == TYPES[expression]
