"""What is wrong with rules is refused when the CRD is created, in the API server's words."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from minikube_py.apis.cel import check_rules

PATH = "spec.validation.openAPIV3Schema"
INTEGER, STRING = {"type": "integer"}, {"type": "string"}
ADVICE = "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"


def fields(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def found(schema: dict[str, Any], **more: Any) -> list[tuple[str, str, str]]:
    return [(cause.field.removeprefix(f"{PATH}."), cause.reason, cause.message) for cause in check_rules(schema, PATH, **more)]


def of_rule(rule: dict[str, Any], schema: dict[str, Any] | None = None) -> list[tuple[str, str, str]]:
    """Complaints about a rule of spec, from the rule on."""
    inner = schema or fields(name=STRING, count=INTEGER, labels={"type": "object", "additionalProperties": STRING})
    prefix = "properties[spec].x-kubernetes-validations[0]."
    causes = found(fields(spec=inner | {"x-kubernetes-validations": [rule]}))
    return [(path.removeprefix(prefix), reason, message) for path, reason, message in causes]


def shown(rule: str, **more: str) -> str:
    parts = {"Message": '""', "MessageExpression": '""', "Reason": "null", "FieldPath": '""', "OptionalOldSelf": "null"} | more
    return f'{{"Rule":"{rule}",' + ",".join(f'"{name}":{value}' for name, value in parts.items()) + "}"


NOPE, COUNT = '"self.nope"', '"self.count"'
RULES = [
    ({"rule": "self.name == 'x'", "message": "no", "reason": "FieldValueForbidden", "fieldPath": ".labels['a']"}, []),
    ({"rule": "self.nope"}, [("rule", "FieldValueInvalid", f"Invalid value: {shown('self.nope')}: compilation failed: "
                              "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope\n | ....^")]),
    ({"rule": "self.name"},
     [("rule", "FieldValueInvalid", f"Invalid value: {shown('self.name')}: cel expression must evaluate to a bool")]),
    ({"rule": "self.count > 1 && int('x') == 1"},
     [("rule", "FieldValueInvalid", "Invalid value: " + shown("self.count \\u003e 1 \\u0026\\u0026 int('x') == 1")
       + ": program instantiation failed: type conversion error from 'string' to 'int'")]),
    ({"rule": "true", "messageExpression": "self.nope"},
     [("messageExpression", "FieldValueInvalid", f"Invalid value: {shown('true', MessageExpression=NOPE)}: "
       "messageExpression compilation failed: ERROR: <input>:1:5: undefined field 'nope'\n | self.nope\n | ....^")]),
    ({"rule": "true", "messageExpression": "self.count"},
     [("messageExpression", "FieldValueInvalid", f"Invalid value: {shown('true', MessageExpression=COUNT)}: "
       "messageExpression must evaluate to a string")]),
    ({"rule": "self == oldSelf"}, []),
    ({"rule": "oldSelf.hasValue()", "optionalOldSelf": True}, []),
    ({"rule": "self.name == 'x'", "optionalOldSelf": True},
     [("optionalOldSelf", "FieldValueInvalid", "Invalid value: true: may not be set if oldSelf is not used in rule")]),
]


@pytest.mark.parametrize("rule, expected", RULES, ids=[str(rule) for rule, _ in RULES])
def test_rules(rule, expected):
    assert of_rule(rule) == expected


def test_old_values_of_items_that_cannot_be_matched():
    item = fields(a=INTEGER | {"x-kubernetes-validations": [{"rule": "self == oldSelf"}]})
    for kind in (None, "atomic", "set"):
        items = {"type": "array", "items": item} | ({"x-kubernetes-list-type": kind} if kind else {})
        assert found(fields(outer=fields(list=items))) == [(
            "properties[outer].properties[list].items.properties[a].x-kubernetes-validations[0].rule", "FieldValueInvalid",
            'Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within '
            f"{PATH}.properties[outer].properties[list]",
        )]
    matched = {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"]}
    assert found(fields(list=matched)) == []


def test_a_rule_where_expressions_see_nothing():
    anything = {"x-kubernetes-preserve-unknown-fields": True, "x-kubernetes-validations": [{"rule": "true"}]}
    assert found(fields(any=anything)) == [(
        "properties[any].x-kubernetes-validations", "InternalError", "Internal error: internal error: failed to construct type information "
        "for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations")]


def test_a_rule_that_may_cost_too_much():
    tags = {"type": "array", "items": STRING, "x-kubernetes-validations": [{"rule": "self.all(x, x.contains('gpu'))"}]}
    where = "properties[tags].x-kubernetes-validations[0].rule"
    assert found(fields(tags=tags)) == [
        (where, "FieldValueForbidden", f"Forbidden: estimated rule cost exceeds budget by factor of more than 100x {ADVICE}"),
        (where, "FieldValueForbidden",
         "Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"),
        (PATH, "FieldValueForbidden", "Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds "
                                      f"budget by factor of more than 100x {ADVICE}"),
    ]
    assert found(fields(tags=tags | {"maxItems": 20, "items": STRING | {"maxLength": 20}})) == []
    assert len(found(fields(tags=tags), suppress_expression_cost=True)) == 2


FACTORS = [(909_091, "1.000000x"), (1_000_000, "1.100000x"), (1_818_182, "2.0x"), (9_000_000, "9.9x")]


@pytest.mark.parametrize("items, factor", FACTORS)
def test_the_factor_is_said_as_exactly_as_it_helps(items, factor):
    tags = {"type": "array", "maxItems": items, "items": STRING | {"maxLength": 16},
            "x-kubernetes-validations": [{"rule": "self.all(x, x.contains('gpu'))"}]}
    assert found(fields(tags=tags))[0][2] == f"Forbidden: estimated rule cost exceeds budget by factor of {factor} {ADVICE}"


def test_a_rule_costs_as_often_as_its_value_may_occur():
    def cost(**bounds: int) -> int:
        inner = STRING | {"maxLength": 100, "x-kubernetes-validations": [{"rule": "self.matches('^[a-z]+$')"}]}
        items = {"type": "object", "additionalProperties": inner} | bounds
        return len(found(fields(list={"type": "array", "maxItems": 1000, "items": items})))

    assert cost(maxProperties=10) == 0
    assert cost(maxProperties=10_000) > 0
    # Without a bound as many as fit into a request.
    assert cost() > 0


def test_the_most_expensive_rules_are_named():
    tags = {"type": "array", "maxItems": 800_000, "items": STRING | {"maxLength": 16},
            "x-kubernetes-validations": [{"rule": "self.all(x, x.contains('gpu'))"}]}
    causes = found(fields(**{f"tags{number}": tags for number in range(12)}))
    assert [path for path, *_ in causes] == [f"properties[tags{number}].x-kubernetes-validations[0].rule" for number in range(4)] + [PATH]
    assert causes[-1][2] == ("Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by "
                             f"factor of 1.056000x {ADVICE}")


def test_no_library_is_loaded_before_the_first_rule():
    program = (
        "import sys; from minikube_py.apis.cel import check_rules, compile_rules\n"
        "schema = {'type': 'object', 'properties': {'a': {'type': 'string'}}}\n"
        "assert check_rules(schema, 'x') == [] and compile_rules(schema).validate({'a': 1}) == []\n"
        "loaded = [name for name in sys.modules if 'cel_expr' in name or name == 're2' or name.startswith('minikube_py.apis.cel.')]\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
