"""Warnings reach the client as upstream writes them."""

from __future__ import annotations

import pytest

from minikube_py.apiserver.context import INTERNAL, Context
from minikube_py.apiserver.warning import warning_headers


@pytest.mark.parametrize(("text", "header"), [
    ("plain", '299 - "plain"'), ('unknown field "spec.foo"', '299 - "unknown field \\"spec.foo\\""'), ("a\\b", '299 - "a\\\\b"'),
    ("grüße", '299 - "grüße"'),
])
def test_text_is_quoted(text: str, header: str) -> None:
    assert warning_headers([text]) == [header]


def test_each_text_is_told_once_and_none_with_control_characters() -> None:
    assert warning_headers(["b", "a", "b", "", "x\ny", "a"]) == ['299 - "b"', '299 - "a"']


def test_many_warnings_are_cut() -> None:
    """Up to 4096 characters they are whole; beyond, 256 of each, until 4096 are reached."""
    fits = [str(number) * 1024 for number in range(4)]
    assert warning_headers(fits) == [f'299 - "{text}"' for text in fits]
    headers = warning_headers([f"{number:03d}" + "x" * 400 for number in range(100)])
    assert headers == [f'299 - "{number:03d}{"x" * 253}"' for number in range(16)]


def test_a_context_passes_warnings_on() -> None:
    told: list[str] = []
    Context(warnings=told).warn("careful")
    INTERNAL.warn("nobody hears")
    assert told == ["careful"]
