"""Warnings reach the client as upstream writes them."""

from __future__ import annotations

import pytest

from minikube_py.apiserver.context import INTERNAL, Context
from minikube_py.apiserver.warning import warning_headers

from .lab import Lab


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


async def test_deprecated_kinds_are_told_of_with_every_answer(lab: Lab) -> None:
    path = "/api/v1/namespaces/default/endpoints"
    told = '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'
    made = await lab.send("POST", path, {"metadata": {"name": "e"}})
    answers = [made, await lab.get(path), await lab.get(f"{path}/e"), await lab.send("DELETE", f"{path}/e")]
    assert [answer.headers.get("Warning") for answer in answers] == [told] * 4
    async with lab.watch(path) as watch:
        assert watch.response.headers["Warning"] == told
    statuses = await lab.get("/api/v1/componentstatuses")
    assert statuses.headers["Warning"] == '299 - "v1 ComponentStatus is deprecated in v1.19+"'
