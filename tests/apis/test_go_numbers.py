"""Numbers read as Go writes them."""

from __future__ import annotations

import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apis.go_numbers import go_number, in_go_form


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e21, "1e+21"), (-1e21, "-1e+21"), (1.5e300, "1.5e+300"), (1e20, "100000000000000000000"),
        (1.2345678901234567e20, "123456789012345670000"), (1e16, "10000000000000000"), (1e-5, "0.00001"), (1e-6, "0.000001"),
        (-1.25e-6, "-0.00000125"), (1e-7, "1e-7"), (1.5e-10, "1.5e-10"), (5e-324, "5e-324"), (0.5, "0.5"),
    ],
)
def test_a_float_is_written_as_by_go(value: float, text: str) -> None:
    written = msgspec.json.encode([go_number(value), {"x": go_number(value)}])
    assert in_go_form(written).decode() == f'[{text},{{"x":{text}}}]'


def test_text_that_looks_like_a_number_stays() -> None:
    data = msgspec.json.encode({"a": 'b":1e21,"c"', "1e21,": "\\", "n": [1e21, 'e5]"', "e6}"]})
    assert in_go_form(data) == data.replace(b"[1e21", b"[1e+21")


@pytest.mark.parametrize("document", [["e1,", *["x"] * 250_000], [1e30, *[1.5e-9] * 200_000]], ids=["texts", "numbers"])
def test_a_large_document_holds_nobody_up(document: object) -> None:
    data = msgspec.json.encode(document)
    begin = time.process_time()
    found = in_go_form(data)
    assert time.process_time() - begin < 0.1
    assert found == data.replace(b"1e30", b"1e+30")


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20,
).map(lambda value: {"spec": value}))
def test_every_document_is_the_same_when_it_is_read_again(document: object) -> None:
    written = msgspec.json.encode(document)
    assert json.loads(in_go_form(written), parse_int=float) == json.loads(written, parse_int=float)
