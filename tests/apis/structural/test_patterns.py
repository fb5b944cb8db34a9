"""Patterns have the syntax and the speed of RE2 and the messages of Go."""

from __future__ import annotations

import time

import pytest

from minikube_py.apis.structural.patterns import PatternError, compile_pattern


@pytest.mark.parametrize(("pattern", "good", "bad"), [
    ("b+", "abc", "ac"), ("^a$", "a", "a\n"), (r"^\d+$", "12", "١٢"), (r"^\pL+$", "äö", "1"), (r"(?i)^ab\z", "AB", "abc"),
    (r"^[[:alpha:]]+$", "ab", "a1"), ("^.$", "ü", "üü"), ("", "anything", None),
])
def test_patterns_are_searched(pattern: str, good: str, bad: str | None) -> None:
    found = compile_pattern(pattern)
    assert found(good)
    assert bad is None or not found(bad)


@pytest.mark.parametrize(("pattern", "message"), [
    ("(", "error parsing regexp: missing closing ): `(`"), ("[a", "error parsing regexp: missing closing ]: `[a`"),
    ("*", "error parsing regexp: missing argument to repetition operator: `*`"),
    ("a**", "error parsing regexp: invalid nested repetition operator: `**`"),
    ("(?=a)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"),
    (r"\8", r"error parsing regexp: invalid escape sequence: `\8`"),
    ("a{1001}", "error parsing regexp: invalid repeat count: `{1001}`"),
    ("\\", "error parsing regexp: trailing backslash at end of expression"),
])
def test_patterns_that_do_not_parse(pattern: str, message: str) -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern)
    assert str(caught.value).startswith(message)


def test_no_text_takes_long_to_match() -> None:
    found = compile_pattern("^(a+)+$")
    started = time.perf_counter()
    assert not found("a" * 50_000 + "b")
    assert time.perf_counter() - started < 1
