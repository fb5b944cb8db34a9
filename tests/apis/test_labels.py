"""Label selectors."""

from __future__ import annotations

import pytest

from minikube_py.apis.labels import EVERYTHING, NOTHING, from_label_selector, parse_selector
from minikube_py.apis.meta_v1 import LabelSelector, LabelSelectorRequirement
from minikube_py.core.errors import BadRequestError


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("", {}, True),
        ("app=web", {"app": "web"}, True),
        ("app=web", {"app": "db"}, False),
        ("app==web", {"app": "web"}, True),
        ("app!=web", {}, True),
        ("app!=web", {"app": "web"}, False),
        ("app in (web, db)", {"app": "db"}, True),
        ("app in (web)", {}, False),
        ("app notin (web,db)", {}, True),
        ("app notin (web,db)", {"app": "db"}, False),
        ("app", {"app": ""}, True),
        ("!app", {"app": ""}, False),
        ("!app", {}, True),
        ("n>3", {"n": "4"}, True),
        ("n<3", {"n": "4"}, False),
        ("n>3", {"n": "x"}, False),
        ("n > 3", {}, False),
        ("a=1,b=2", {"a": "1", "b": "2"}, True),
        ("a=1,b=2", {"a": "1"}, False),
        ("a=", {"a": ""}, True),
        ("a=,b", {"a": "", "b": "x"}, True),
        ("a in (,x)", {"a": ""}, True),
        ("in in (in)", {"in": "in"}, True),
        ("example.com/a=b", {"example.com/a": "b"}, True),
    ],
)
def test_a_selector_matches_as_its_text_says(text: str, labels: dict[str, str], expected: bool) -> None:
    assert parse_selector(text).matches(labels) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in ()", "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"),
        ("a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"),
    ],
)
def test_a_selector_that_does_not_read_says_where(text: str, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_selector(text)
    assert caught.value.message == message


def test_a_bad_key_is_named() -> None:
    with pytest.raises(BadRequestError, match=r'unable to parse requirement: <nil>: Invalid value: "a_": name part must consist of'):
        parse_selector("a_=b")


def test_no_label_selector_selects_nothing_and_an_empty_one_everything() -> None:
    assert not from_label_selector(None).matches({})
    assert from_label_selector(None) is NOTHING
    assert from_label_selector(LabelSelector()) is EVERYTHING
    assert from_label_selector(LabelSelector()).empty


def test_match_labels_and_expressions_are_all_required() -> None:
    selector = from_label_selector(
        LabelSelector(
            match_labels={"app": "web"},
            match_expressions=[
                LabelSelectorRequirement(key="tier", operator="In", values=["front", "back"]),
                LabelSelectorRequirement(key="canary", operator="DoesNotExist"),
            ],
        )
    )
    assert selector.matches({"app": "web", "tier": "back"})
    assert not selector.matches({"app": "web", "tier": "back", "canary": ""})
    assert str(selector) == "app=web,!canary,tier in (back,front)"


def test_the_text_of_a_selector_reads_as_the_same_selector() -> None:
    for text in ("a=b", "a==b", "a!=b", "a in (x,y)", "a notin (x,y)", "a", "!a", "a>1", "a<1", "a=b,c in (d)"):
        assert str(parse_selector(text)) == text
        assert parse_selector(str(parse_selector(text))) == parse_selector(text)
