"""A RuleSet says against a document what the API server would say.

Source: kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions (validation rules)
"""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis.cel import RuleSet, SlowRulesError, compile_rules

INTEGER, STRING = {"type": "integer"}, {"type": "string"}


def ruled(schema: dict[str, Any], *rules: Any) -> dict[str, Any]:
    """A schema with rules, each a text or a document."""
    return schema | {"x-kubernetes-validations": [{"rule": rule} if isinstance(rule, str) else rule for rule in rules]}


def fields(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def keyed(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key"], "items": items}


def complaints(schema: dict[str, Any], document: dict[str, Any], old: dict[str, Any] | None = None, **more: Any) -> list[tuple[str, ...]]:
    return [(cause.field, cause.reason, cause.message) for cause in compile_rules(schema).validate(document, old, **more)]


SCALE = fields(spec=ruled(
    fields(min=INTEGER, replicas=INTEGER, max=INTEGER, name=STRING, tags={"type": "array", "items": STRING}),
    {"rule": "self.min <= self.replicas", "message": "replicas must be at least min"},
    "self.replicas <= self.max",
))


def test_valid_documents_pass():
    assert complaints(SCALE, {"spec": {"min": 1, "replicas": 2, "max": 3}}) == []
    assert complaints(SCALE, {}) == []


def test_a_message_or_the_rule_itself_is_said_and_objects_are_not_repeated():
    assert complaints(SCALE, {"spec": {"min": 5, "replicas": 4, "max": 3}}) == [
        ("spec", "FieldValueInvalid", "Invalid value: replicas must be at least min"),
        ("spec", "FieldValueInvalid", "Invalid value: failed rule: self.replicas <= self.max"),
    ]


SCALARS = [
    (STRING, 'a"b', '"a\\"b"'), (INTEGER, -5, "-5"), ({"type": "number"}, 1.5, "1.5"), ({"type": "boolean"}, False, "false"),
    ({"x-kubernetes-int-or-string": True}, "5%", '"5%"'), ({"type": "number"}, 3, "3"),
]


@pytest.mark.parametrize("schema, value, shown", SCALARS)
def test_scalars_are_shown(schema, value, shown):
    found = complaints(fields(a=ruled(schema, {"rule": "false", "message": "no"})), {"a": value})
    assert found == [("a", "FieldValueInvalid", f"Invalid value: {shown}: no")]


REASONS = [
    ("FieldValueForbidden", "Forbidden: no"), ("FieldValueRequired", "Required value: no"), ("FieldValueInvalid", 'Invalid value: "x": no'),
    ("FieldValueDuplicate", 'Duplicate value: "x"'),
]


@pytest.mark.parametrize("reason, message", REASONS)
def test_reasons(reason, message):
    found = complaints(fields(a=ruled(STRING, {"rule": "false", "message": "no", "reason": reason})), {"a": "x"})
    assert found == [("a", reason, message)]


def test_a_duplicate_list_is_not_repeated():
    rule = {"rule": "self.all(x, self.exists_one(y, x == y))", "reason": "FieldValueDuplicate"}
    assert complaints(fields(a=ruled({"type": "array", "items": STRING}, rule)), {"a": ["x", "x"]}) == [
        ("a", "FieldValueDuplicate", "Duplicate value")]


PATHS = [(".name", "spec.name"), (".labels['a.b']", "spec.labels[a.b]"), (".inner.deep", "spec.inner.deep")]


@pytest.mark.parametrize("field_path, path", PATHS)
def test_field_paths(field_path, path):
    inside = fields(name=STRING, labels={"type": "object", "additionalProperties": STRING}, inner=fields(deep=STRING))
    assert complaints(fields(spec=ruled(inside, {"rule": "false", "message": "no", "fieldPath": field_path})), {"spec": {}}) == [
        (path, "FieldValueInvalid", "Invalid value: no")]


def test_a_field_path_of_a_scalar_parent_shows_the_parent():
    assert complaints(fields(spec=ruled(fields(a=INTEGER), {"rule": "self.a > 1", "fieldPath": ".a"})), {"spec": {"a": 0}}) == [
        ("spec.a", "FieldValueInvalid", "Invalid value: failed rule: self.a > 1")]


MESSAGE_EXPRESSIONS = [
    ("'at most ' + string(self.max)", "at most 3"), ("'%d > %d'.format([self.replicas, self.max])", "4 > 3"),
    # What fails, is empty, too long or has line breaks gives way to the message.
    ("self.tags[9]", "plain"), ("' '", "plain"), ("'a\\nb'", "plain"), ("self.name", "plain"), ("oldSelf.name", "plain"),
]


@pytest.mark.parametrize("expression, message", MESSAGE_EXPRESSIONS)
def test_message_expressions(expression, message):
    rule = {"rule": "self.replicas <= self.max", "message": "plain", "messageExpression": expression}
    spec = {"replicas": 4, "max": 3, "tags": [], "name": "x" * 6000}
    assert complaints(fields(spec=ruled(SCALE["properties"]["spec"], rule)), {"spec": spec})[0] == (
        "spec", "FieldValueInvalid", f"Invalid value: {message}")


def test_errors_at_run_time():
    schema = fields(spec=ruled(
        fields(a=STRING, n=INTEGER, either={"x-kubernetes-int-or-string": True}),
        "self.a == 'x'", {"rule": "1 / self.n == 1", "message": "one"}, "self.either < 5",
    ))
    assert complaints(schema, {"spec": {"n": 0, "either": "5%"}}) == [
        ("spec", "FieldValueInvalid", 'Invalid value: "object": no such key: a evaluating rule: self.a == \'x\''),
        ("spec", "FieldValueInvalid", 'Invalid value: "object": division by zero evaluating rule: one'),
        ("spec", "FieldValueInvalid", 'Invalid value: "object": \'no such overload\': call arguments did not match a supported operator, '
                                      "function or macro signature for rule: self.either < 5"),
    ]


def test_a_rule_that_does_not_compile_fails_every_object():
    found = complaints(fields(spec=ruled(fields(a=STRING), "self.b == 'x'")), {"spec": {}})
    assert found == [("spec", "FieldValueInvalid", 'Invalid value: "object": rule compile error: compilation failed: '
                      "ERROR: <input>:1:5: undefined field 'b'\n | self.b == 'x'\n | ....^")]


def test_rules_within_lists_maps_and_embedded_resources():
    positive = ruled(INTEGER, {"rule": "self > 0", "message": "no"})
    embedded = ruled(fields(spec=fields()) | {"x-kubernetes-embedded-resource": True}, {"rule": "self.kind == 'A'", "message": "no"})
    schema = fields(a={"type": "array", "items": fields(b=positive)}, m={"type": "object", "additionalProperties": positive}, e=embedded)
    document = {"a": [{"b": 1}, {"b": 0}], "m": {"x.y": -1}, "e": {"kind": "B", "apiVersion": "v1"}}
    assert [path for path, *_ in complaints(schema, document)] == ["a[1].b", "m[x.y]", "e"]


def test_the_root_sees_its_name_and_kind_only():
    schema = ruled(fields(spec=fields()), {"rule": "self.metadata.name.startsWith('a') && self.kind == 'K'", "message": "no"})
    assert complaints(schema, {"kind": "K", "metadata": {"name": "abc", "labels": {"x": "y"}}}) == []
    assert complaints(schema, {"kind": "K", "metadata": {"name": "xyz"}}) == [("<nil>", "FieldValueInvalid", "Invalid value: no")]


def test_nulls_are_absent_in_objects_and_values_elsewhere():
    text = STRING | {"nullable": True}
    schema = fields(spec=ruled(
        fields(a=text, m={"type": "object", "additionalProperties": text}, items={"type": "array", "items": ruled(text, "self != ''")}),
        "!has(self.a)", "type(self.m['k']) == null_type", "type(self.items[0]) == null_type",
    ))
    assert complaints(schema, {"spec": {"a": None, "m": {"k": None}, "items": [None, "x"]}}) == []


def test_rules_of_all_of_are_about_the_same_value():
    schema = fields(a=STRING | {"allOf": [{"x-kubernetes-validations": [{"rule": "self != 'x'", "message": "no"}]}]})
    assert complaints(schema, {"a": "x"}) == [("a", "FieldValueInvalid", 'Invalid value: "x": no')]


# Transitions ----------------------------------------------------------------------------------------------------------------------------

IMMUTABLE = fields(spec=fields(a=ruled(STRING, {"rule": "self == oldSelf", "message": "immutable"})))


def test_transition_rules_need_an_old_value():
    assert complaints(IMMUTABLE, {"spec": {"a": "x"}}) == []
    assert complaints(IMMUTABLE, {"spec": {"a": "x"}}, {"spec": {}}) == []
    assert complaints(IMMUTABLE, {"spec": {"a": "x"}}, {"spec": {"a": "x"}}) == []
    assert complaints(IMMUTABLE, {"spec": {"a": "x"}}, {"spec": {"a": "y"}}) == [
        ("spec.a", "FieldValueInvalid", 'Invalid value: "x": immutable')]


def test_items_of_map_lists_have_an_old_value_by_key():
    item = ruled(fields(key=STRING, value=INTEGER), {"rule": "self.value >= oldSelf.value", "message": "shrunk"})
    old = {"a": [{"key": "x", "value": 2}, {"key": "y", "value": 2}]}
    new = {"a": [{"key": "y", "value": 1}, {"key": "z", "value": 0}, {"key": "x", "value": 3}]}
    assert complaints(fields(a=keyed(item)), new, old) == [
        ("a[0]", "FieldValueInvalid", "Invalid value: shrunk")]


def test_map_lists_are_equal_in_any_order_and_merge():
    item = fields(key=STRING, value=INTEGER)
    one, two = {"key": "x", "value": 1}, {"key": "y", "value": 2}
    same = fields(a=ruled(keyed(item), {"rule": "self == oldSelf", "message": "differ"}))
    assert complaints(same, {"a": [one, two]}, {"a": [two, one]}) == []
    assert complaints(same, {"a": [one, two]}, {"a": [two, one | {"value": 9}]}) != []
    merged = fields(a=ruled(keyed(item), "(oldSelf + self).size() == 3 && (oldSelf + self)[0].value == 7"))
    assert complaints(merged, {"a": [one | {"value": 7}, {"key": "z", "value": 3}]}, {"a": [one, two]}) == []


def test_an_optional_old_self_is_there_on_creation():
    rule = {"rule": "oldSelf.hasValue() || self.size() < 3", "message": "too long at first", "optionalOldSelf": True}
    schema = fields(a=ruled(STRING, rule))
    assert complaints(schema, {"a": "long"}) == [("a", "FieldValueInvalid", 'Invalid value: "long": too long at first')]
    assert complaints(schema, {"a": "longer"}, {"a": "x"}) == []


# Ratcheting -----------------------------------------------------------------------------------------------------------------------------


def test_what_has_not_changed_is_not_complained_about():
    schema = fields(spec=fields(a=ruled(STRING, {"rule": "self != 'bad'", "message": "no"}), b=STRING))
    warnings: list[str] = []
    document, old = {"spec": {"a": "bad", "b": "new"}}, {"spec": {"a": "bad", "b": "old"}}
    assert complaints(schema, document, old, warnings=warnings) == []
    assert warnings == ['spec.a: Invalid value: "bad": no']
    assert complaints(schema, document, {"spec": {"a": "worse"}}) != []
    assert complaints(schema, document) != []


def test_parts_of_what_has_not_changed_are_not_complained_about():
    item = ruled(STRING, {"rule": "self != 'bad'", "message": "no"})
    atomic = fields(spec=fields(a={"type": "array", "x-kubernetes-list-type": "atomic", "items": item}, b=STRING))
    assert complaints(atomic, {"spec": {"a": ["bad", "x"], "b": "new"}}, {"spec": {"a": ["bad", "x"]}}) == []
    assert complaints(atomic, {"spec": {"a": ["bad", "y"], "b": "new"}}, {"spec": {"a": ["bad", "x"]}}) != []
    untyped = fields(a={"type": "array", "items": item})
    assert complaints(untyped, {"a": ["bad", "x"], "b": "new"}, {"a": ["bad", "x"]}) == []
    assert complaints(untyped, {"a": ["bad", "y"]}, {"a": ["bad", "x"]}) != []


def test_transition_rules_do_not_ratchet():
    schema = fields(a=ruled(INTEGER, {"rule": "self > oldSelf", "message": "must grow"}))
    assert complaints(schema, {"a": 1}, {"a": 1}) == [("a", "FieldValueInvalid", "Invalid value: 1: must grow")]


def test_rules_of_the_root_do_not_ratchet_for_their_schema_does_not_know_all_of_the_metadata():
    schema = ruled(fields(spec=fields()), {"rule": "self.kind != 'K'", "message": "no"})
    document = {"apiVersion": "a/v1", "kind": "K", "metadata": {"name": "x"}}
    assert complaints(schema, document, document) == [("<nil>", "FieldValueInvalid", "Invalid value: no")]


# Budgets --------------------------------------------------------------------------------------------------------------------------------


def test_one_expression_that_costs_too_much_ends_the_validation():
    numbers = {"type": "array", "items": INTEGER}
    schema = fields(a=ruled(numbers, "self.all(x, self.all(y, x + y >= 0))", {"rule": "false", "message": "never said"}))
    assert complaints(schema, {"a": list(range(1000))}) == [
        ("a", "FieldValueInvalid", "Invalid value: \"array\": 'operation cancelled: actual cost limit exceeded': no further validation "
                                   "rules will be run due to call cost exceeds limit for rule: self.all(x, self.all(y, x + y >= 0))")]


def test_rules_share_a_budget():
    spent = "validation failed due to running out of cost budget, no further validation rules will be run"
    schema = fields(a=ruled(INTEGER, "self > 0", "self > 1", "self > 2"), b=ruled(INTEGER, {"rule": "false", "message": "never said"}))
    assert complaints(schema, {"a": 5, "b": 1}, budget=5) == [("a", "FieldValueInvalid", f'Invalid value: "integer": {spent}')]
    assert complaints(schema, {"a": 5, "b": 1}, budget=6) == [("b", "FieldValueInvalid", f'Invalid value: "integer": {spent}')]


def test_a_message_has_its_share_of_the_budget():
    rule = {"rule": "self.a == 1", "messageExpression": "self.b.map(x, string(x)).join(',')"}
    schema = fields(s=ruled(fields(a=INTEGER, b={"type": "array", "items": INTEGER}), rule))
    spent = "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run"
    assert complaints(schema, {"s": {"a": 2, "b": [1, 2, 3]}}, budget=10) == [
        ("s", "FieldValueInvalid", f'Invalid value: "object": {spent}')]
    assert complaints(schema, {"s": {"a": 2, "b": [1, 2, 3]}}) == [("s", "FieldValueInvalid", "Invalid value: 1,2,3")]


def test_nothing_is_done_without_rules():
    assert compile_rules(fields(a=STRING)).empty
    assert complaints(fields(a=STRING), {"a": 5}) == []


def numbers(rule: dict[str, Any]) -> RuleSet:
    """A rule about each of many numbers."""
    item = {"type": "integer", "x-kubernetes-validations": [rule]}
    return compile_rules({"type": "object", "properties": {"numbers": {"type": "array", "items": item}}})


def test_who_cannot_wait_is_told_before_rules_are_compiled_and_when_they_cost_too_much() -> None:
    rules = numbers({"rule": "self >= 0"})
    few, many = {"numbers": [1] * 5}, {"numbers": [1] * 30_000}
    with pytest.raises(SlowRulesError):
        rules.validate(few, patient=False)
    assert rules.validate(few) == []
    assert rules.validate(few, patient=False) == []
    with pytest.raises(SlowRulesError):
        rules.validate(many, patient=False)
    assert rules.validate(many) == []


def test_messages_cost_patience_too() -> None:
    rules = numbers({"rule": "self < 0", "messageExpression": "'%s' .format([['a', 'b', 'c', 'd'].map(x, x + x)])"})
    wrong = {"numbers": [1] * 3_000}
    assert len(rules.validate({"numbers": [1] * 3})) == 3
    assert len(rules.validate({"numbers": [1] * 3}, patient=False)) == 3
    with pytest.raises(SlowRulesError):
        rules.validate(wrong, patient=False)


def test_an_expression_that_is_no_regular_one_is_told_in_the_words_of_go() -> None:
    schema = fields(a=ruled(STRING, "self.find(')') == ''"))
    assert complaints(schema, {"a": "x"}) == [("a", "FieldValueInvalid", 'Invalid value: "string": rule compile error: program '
                                               "instantiation failed: error parsing regexp: unexpected ): `)`")]


def test_fields_of_unknown_type_are_equal_as_they_are_written() -> None:
    anything = {"x-kubernetes-preserve-unknown-fields": True}
    item = fields(known=INTEGER, data=anything) | anything
    schema = fields(a=ruled({"type": "array", "items": item}, "self[0] == self[1]"))
    assert complaints(schema, {"a": [{"data": {"x": 1}}, {"data": {"x": 1}}]}) == []
    assert complaints(schema, {"a": [{"data": 1}, {"data": "1"}]}) != []
    assert complaints(schema, {"a": [{"data": 1}, {"data": 1.0}]}) != []
    assert complaints(schema, {"a": [{"other": 1}, {"other": True}]}) != []
