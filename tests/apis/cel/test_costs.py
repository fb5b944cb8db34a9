"""Costs are upstream's to the unit: what a rule may cost at worst, and what it costs when it runs.

Source: cel-go checker/cost.go, interpreter/runtimecost.go. The largest accepted maxItems for a maxLength, and what the estimate says
of string concatenation and format, were measured with the validator of Kubernetes 1.36.
"""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis.cel.estimates import MAX
from minikube_py.apis.cel.rule_check import EXPRESSION_COST_MAX

INTEGER, STRING = {"type": "integer"}, {"type": "string"}
EITHER = {"x-kubernetes-int-or-string": True}


def array(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


def fields(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize("length_max, items_max", [(16, 909_090), (63, 333_333), (253, 94_339), (1024, 24_154)])
def test_the_longest_list_that_is_accepted(estimated, length_max, items_max):
    def cost(count: int) -> int:
        return estimated("self.all(x, x.contains('gpu'))", array({"type": "string", "maxLength": length_max}, maxItems=count)).max

    assert cost(items_max) <= EXPRESSION_COST_MAX < cost(items_max + 1)


def test_estimates_of_what_has_no_bound(estimated):
    numbers = fields(min=INTEGER, max=INTEGER)
    assert estimated("'min ' + string(self.min) == ''", numbers).max > 100 * EXPRESSION_COST_MAX
    assert estimated("'%d'.format([self.min]) == ''", numbers).max < 100
    assert estimated("self.all(x, x == 5)", array(INTEGER)).max <= EXPRESSION_COST_MAX
    assert estimated("self.all(x, x.all(y, y == 5))", array(array(INTEGER))).max > 100 * EXPRESSION_COST_MAX


ESTIMATES = [
    # A field costs one for the variable and one for the selection; presence is free but for the way there.
    ("self.a", fields(a=INTEGER), 2, 2),
    ("has(self.a)", fields(a=INTEGER), 1, 1),
    # What the schema gives no size to compares for free.
    ("self.a == 1", fields(a=INTEGER), 2, 2),
    ("self.a == 1 || self.a == 2", fields(a=INTEGER), 2, 4),
    ("self.a == 1 ? self.a : 0", fields(a=INTEGER), 2, 4),
    # A tenth of the bytes that a string may have.
    ("self.a == 'x'", fields(a={"type": "string", "maxLength": 5}), 3, 3),
    ("self.a == self.b", fields(a={"type": "string", "maxLength": 5}, b={"type": "string", "maxLength": 10}), 5, 6),
    ("self.a.startsWith('0123456789ab')", fields(a=STRING), 4, 4),
    ("self.a.contains(self.b)", fields(a={"type": "string", "maxLength": 10}, b={"type": "string", "maxLength": 10}), 4, 20),
    ("self.a.matches('[0-9]+')", fields(a={"type": "string", "maxLength": 10}), 4, 12),
    ("self.a.lowerAscii() == 'x'", fields(a={"type": "string", "maxLength": 10}), 3, 7),
    ("self.a == 'Pending'", fields(a={"type": "string", "enum": ["Pending", "Available"]}), 3, 3),
    # Loops: the range, the start, and each time the condition and the step.
    ("self.a.all(x, x > 1)", fields(a=array(INTEGER, maxItems=10)), 3, 53),
    ("self.a.exists(x, x > 1)", fields(a=array(INTEGER, maxItems=10)), 3, 63),
    ("self.a.map(x, x + 1).size() == 3", fields(a=array(INTEGER, maxItems=10)), 15, 155),
    ("1 in self.a", fields(a=array(INTEGER, maxItems=10)), 2, 12),
    ("self.a.sum() == 3", fields(a=array(INTEGER, maxItems=10)), 3, 13),
    ("self.a.join(',') == ''", fields(a=array({"type": "string", "maxLength": 10}, maxItems=10)), 2, 43),
    ("sets.contains(self.a, [1, 2])", fields(a=array(INTEGER, maxItems=10)), 13, 33),
    ("self.a.all(k, self.a[k] > 1)", fields(a={"type": "object", "additionalProperties": INTEGER, "maxProperties": 3}), 3, 27),
    ("self.a.sort() == [1]", fields(a=array(INTEGER, maxItems=10)), 24, 224),
    # Kubernetes' libraries.
    ("quantity(self.a).isGreaterThan(quantity('1'))", fields(a={"type": "string", "maxLength": 10}), 4, 8),
    ("ip(self.a) == ip('10.0.0.1')", fields(a={"type": "string", "maxLength": 10}), 4, 8),
    ("cidr('10.0.0.0/8').containsIP(self.a)", fields(a={"type": "string", "maxLength": 10}), 4, 11),
    ("isURL(self.a)", fields(a={"type": "string", "maxLength": 10}), 3, 3),
    ("self.?a.orValue(1) == 1", fields(a=INTEGER), 4, 4),
]


@pytest.mark.parametrize("expression, schema, least, most", ESTIMATES)
def test_estimates(estimated, expression, schema, least, most):
    found = estimated(expression, schema)
    assert (found.min, found.max) == (least, most)


def test_estimates_saturate(estimated):
    deep = array(array(array(array(array(STRING)))))
    assert estimated("self.all(a, a.all(b, b.all(c, c.all(d, d.all(e, e.matches(e))))))", deep).max == MAX


RUNTIME = [
    ("self.a == 5", fields(a=INTEGER), {"a": 5}, 3),
    ("has(self.a)", fields(a=INTEGER), {"a": 5}, 1),
    ("!has(self.a)", fields(a=INTEGER), {}, 2),
    ("has(self.a) && self.a == 'v'", fields(a=STRING), {"a": "v"}, 4),
    ("self.a.startsWith('Ro')", fields(a=STRING), {"a": "Rook takes all"}, 4),
    ("self.a.matches('^[^0-9]*$')", fields(a=STRING), {"a": "Rook takes 👑"}, 8),
    # Literals and conversions of literals are free.
    ("self.a in ['x', 'y']", fields(a=STRING), {"a": "x"}, 2),
    ("self.a == duration('1m') + duration('3s')", fields(a={"type": "string", "format": "duration"}), {"a": "1m3s"}, 4),
    ("self.a + [4] == [1, 4]", fields(a=array(INTEGER)), {"a": [1]}, 4),
    ("self.a[0] in self.a", fields(a=array(INTEGER)), {"a": [1, 2, 3]}, 7 + 1),
    ("self.a.all(e, e > 0)", fields(a=array(INTEGER)), {"a": [1, 1, 2, 2, 3, 3, 4, 5]}, 43),
    ("self.a.exists(e, e > 2)", fields(a=array(INTEGER)), {"a": [1, 1, 2, 2, 3, 3, 4, 5]}, 36),
    ("self.a.map(e, e * 20).filter(e, e > 50).exists(e, e == 60)", fields(a=array(INTEGER)), {"a": [1, 1, 2, 2, 3, 3, 4, 5]}, 194),
    # An item whose predicate fails still costs, and does not decide.
    ("self.a.exists(m, m.v == 'z')", fields(a=array(fields(v=STRING))), {"a": [{}, {}, {"v": "z"}]}, 24),
    ("!self.a.all(m, m.v != 'z')", fields(a=array(fields(v=STRING))), {"a": [{}, {}, {"v": "z"}]}, 22),
    # A step to what is not there is free.
    ("self.?a == optional.none()", fields(a=INTEGER), {}, 3),
    ("self.a.?b.?c.d == optional.none()", fields(a=fields(b=fields(c=fields(d=STRING)))), {"a": {}}, 4),
    ("self.a[?'k'].hasValue()", fields(a={"type": "object", "additionalProperties": STRING}), {"a": {}}, 3),
    ("self.a[?'k'].hasValue()", fields(a={"type": "object", "additionalProperties": STRING}), {"a": {"k": "v"}}, 4),
    # A branch of a conditional is not charged for the variable that it starts at.
    ("self.a > 1 ? self.b : self.a == 1", fields(a=INTEGER, b={"type": "boolean"}), {"a": 2, "b": True}, 4),
    ("type(self.a) == int ? self.a == 1 : self.a == '25%'", fields(a=EITHER), {"a": "25%"}, 7),
    ("double(self.a.replace('%', '')) / 100.0 > 0.1", fields(a=EITHER), {"a": "25%"}, 6),
]


@pytest.mark.parametrize("expression, schema, document, expected", RUNTIME)
def test_runtime_costs(cost, expression, schema, document, expected):
    assert cost(expression, schema, document) == expected
