"""JSONPath templates print what stock kubectl prints."""

from __future__ import annotations

import time

import pytest

from minikube_py.apis.jsonpath import JsonPathError, Template, relaxed

DATA = {
    "kind": "List",
    "items": [
        {"kind": "None", "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
         "status": {"capacity": {"cpu": "4"}, "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}]}},
        {"kind": "None", "metadata": {"name": "127.0.0.2"},
         "status": {"capacity": {"cpu": "8"}, "n": 3, "ok": True, "none": None,
                    "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.2"}, {"type": "another", "address": "127.0.0.3"}]}},
    ],
    "users": [{"name": "myself", "user": {}}, {"name": "e2e", "user": {"username": "admin", "password": "secret"}}],
}


@pytest.mark.parametrize(("template", "text"), [
    ("kind is {.kind}", "kind is List"),
    ("{.kind}", "List"),
    ("{['kind']}", "List"),
    ("{..name}", "127.0.0.1 127.0.0.2 myself e2e"),
    ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
    ("{.items[0].metadata.name}", "127.0.0.1"),
    ("{.items[-1].metadata.name}", "127.0.0.2"),
    ("{.users[0].name}", "myself"),
    ("{.items[*]['metadata.name', 'status.capacity']}", ""),
    ("{.items[*]['kind','metadata'].name}", "127.0.0.1 127.0.0.2"),
    ('{.users[?(@.name=="e2e")].user.password}', "secret"),
    ('{.items[1].status.addresses[?(@.type!="another")].address}', "127.0.0.2"),
    ("{.items[?(@.status.n>2)].metadata.name}", "127.0.0.2"),
    ("{.items[?(@.status.ok==true)].metadata.name}", "127.0.0.2"),
    ("{.items[?(@.metadata.labels)].metadata.name}", "127.0.0.1"),
    ("{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}", '[127.0.0.1, {"cpu":"4"}] [127.0.0.2, {"cpu":"8"}] '),
    ('{range .items[*]}{.metadata.name}{"\\t"}{.kind}{"\\n"}{end}', "127.0.0.1\tNone\n127.0.0.2\tNone\n"),
    ("{range .items[*]}{range .status.addresses[*]}{.address} {end}{end}", "127.0.0.1 127.0.0.2 127.0.0.3 "),
    ("{.items[0].metadata.labels.kubernetes\\.io/hostname}", "127.0.0.1"),
    ("{.items[0].metadata.labels['kubernetes.io/hostname']}", "127.0.0.1"),
    ("{.items[0:1].metadata.name}", "127.0.0.1"),
    ("{.items[0:2].metadata.name}", "127.0.0.1 127.0.0.2"),
    ("{.items[0,1].metadata.name}", "127.0.0.1 127.0.0.2"),
    ("{.missing.deeper}", ""),
    ("{.items[1].status.n} {.items[1].status.ok}", "3 true"),
    ("{.users[1].user}", '{"password":"secret","username":"admin"}'),
    ("{$.kind}", "List"),
    ("{@.kind}", "List"),
    ("{.users[*].name}", "myself e2e"),
    ("{.users.*.name}", "myself e2e"),
    ("no braces", "no braces"),
])
def test_template_prints(template: str, text: str) -> None:
    assert Template(template).render(DATA) == text


@pytest.mark.parametrize(("template", "message"), [
    ("{.items[5].kind}", "array index out of bounds: index 5, length 2"),
    ("{range .items[*]}", "unterminated range"),
    ("{end}", "not in range"),
    ("{.kind", "unclosed action"),
    ("{kind}", "unrecognized identifier kind"),
])
def test_wrong_template_says_what_is_wrong(template: str, message: str) -> None:
    with pytest.raises(JsonPathError, match=message.replace("[", r"\[")):
        Template(template).render(DATA)


@pytest.mark.parametrize("expression", ["kind", ".kind", "{.kind}", "{kind}"])
def test_braces_and_dot_may_be_left_out(expression: str) -> None:
    assert relaxed(expression).find(DATA) == ["List"]


def test_slices_go_forward() -> None:
    with pytest.raises(JsonPathError, match="step must be > 0"):
        Template("{.items[0:2:0]}").find({"items": [1, 2]})


@pytest.mark.parametrize("path", ["{.a[-]}", "{.a[1:-]}", "{.a[" + "9" * 19 + "]}", "{.a[" + "9" * 5000 + "]}", "{.a[\u0663]}"])
def test_indexes_are_numbers(path: str) -> None:
    with pytest.raises(JsonPathError):
        Template(path)


def test_long_spaces_hold_nobody_up() -> None:
    begin = time.process_time()
    assert Template("{.items[?(@.a " + " " * 20_000 + "== 1)].b}").find({"items": [{"a": 1, "b": 2}]}) == [2]
    with pytest.raises(JsonPathError):
        Template("{.items[?(@.a" + " " * 20_000 + "x)]}")
    assert time.process_time() - begin < 0.2
