"""Quantities: reading, canonical form, arithmetic."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apis import quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5", "500m"),
        (1, "1"),
        (0.5, "500m"),
        ("1024Ki", "1Mi"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("1000", "1k"),
        ("1024", "1024"),
        ("1.5Gi", "1536Mi"),
        ("1500m", "1500m"),
        ("1000m", "1"),
        ("100m", "100m"),
        ("0", "0"),
        ("0Gi", "0"),
        ("-1.5", "-1500m"),
        ("+2", "2"),
        (".5", "500m"),
        ("1.", "1"),
        ("1000000Ki", "1000000Ki"),
        ("100Ki", "100Ki"),
        ("512Mi", "512Mi"),
        ("2048Mi", "2Gi"),
        ("0.1m", "100u"),
        ("1E", "1E"),
        ("1e4", "10e3"),
        ("0.5Ki", "512"),
        ("1.1Ki", "1126400m"),
        ("1e-3", "1e-3"),
        ("0.0000000001", "1n"),
    ],
)
def test_canonical_form_keeps_the_family_and_has_no_fraction(text: str, expected: str) -> None:
    assert quantity.canonical(text) == expected


@pytest.mark.parametrize("text", ["", "x", "1x1", "1 Gi", " 1", "1Gb", "--1"])
def test_text_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(quantity.QuantityError):
        quantity.parse(text)


@pytest.mark.parametrize("text", ["1" * 15_000 + "x", "1" * 15_000 + "e" * 15_000, "1." + "1" * 15_000 + "x"])
def test_a_long_text_holds_nobody_up(text: str) -> None:
    begin = time.process_time()
    with pytest.raises(quantity.QuantityError):
        quantity.parse(text)
    assert time.process_time() - begin < 0.1


def test_the_complaint_names_the_pattern() -> None:
    with pytest.raises(quantity.QuantityError, match=r"quantities must match the regular expression"):
        quantity.parse("ten")
    with pytest.raises(quantity.QuantityError, match="unable to parse quantity's suffix"):
        quantity.parse("1eM")


def test_values_round_away_from_zero() -> None:
    assert quantity.value("1500m") == 2
    assert quantity.value("-1500m") == -2
    assert quantity.milli_value("0.1m") == 1
    assert quantity.milli_value("2") == 2000
    assert quantity.canonical_milli("0.1m") == "1m"


def test_sums_keep_the_family_of_the_first_that_is_not_zero() -> None:
    assert quantity.add("1Gi", "1Gi") == "2Gi"
    assert quantity.add("0", "512Mi") == "512Mi"
    assert quantity.add("500m", "0.5") == "1"
    assert quantity.subtract("1Gi", "512Mi") == "512Mi"
    assert quantity.total([]) == "0"
    assert quantity.total(["100m", "200m", 1]) == "1300m"


def test_comparison_is_of_amounts_not_of_text() -> None:
    assert quantity.compare("1", "1000m") == 0
    assert quantity.compare("1Gi", "1G") == 1
    assert quantity.compare(0, "1n") == -1


@given(st.integers(-(10**15), 10**15), st.sampled_from(["n", "u", "m", "", "k", "M", "Ki", "Mi", "Gi", "e3", "e-3"]))
def test_canonical_form_is_the_same_amount_and_a_fixed_point(number: int, suffix: str) -> None:
    text = f"{number}{suffix}"
    once = quantity.canonical(text)
    assert quantity.parse(once) == min(quantity.parse(text), Decimal(2**63 - 1)) or suffix not in ("Ki", "Mi", "Gi")
    assert quantity.canonical(once) == once
