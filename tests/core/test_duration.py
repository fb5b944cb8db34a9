"""Durations in Go's notation, both ways."""

from __future__ import annotations

import pytest

from minikube_py.core.duration import format_duration, parse_duration


@pytest.mark.parametrize(("seconds", "text"), [
    (0, "0s"), (10, "10s"), (80, "1m20s"), (300, "5m0s"), (3600, "1h0m0s"), (90061, "25h1m1s"), (1.5, "1.5s"), (0.25, "250ms"),
    (60.5, "1m0.5s"), (3600.125, "1h0m0.125s"),
])
def test_durations_are_shown_as_go_shows_them_and_read_again(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "why"), [
    ("", 'invalid duration ""'), ("x", 'invalid duration "x"'), ("5", 'missing unit in duration "5"'),
    ("5y", 'unknown unit "y" in duration "5y"'), ("1m5", 'missing unit in duration "1m5"'),
])
def test_what_is_no_duration_is_told_in_gos_words(text: str, why: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_duration(text)
    assert str(refused.value) == f"time: {why}"
