"""Which texts have a format, and which formats are known for which types."""

from __future__ import annotations

import pytest

from minikube_py.apis.structural.formats import STRING_FORMATS, normalized, recognized

GOOD_AND_BAD: dict[str, tuple[list[str], list[str]]] = {
    "bsonobjectid": (["507f1f77bcf86cd799439011"], ["507f1f77bcf86cd79943901", "z07f1f77bcf86cd799439011"]),
    "uri": (["http://host/path?q=1", "/rooted", "urn:isbn:1", "*"], ["", "no-scheme", "http://[::1", "%zz"]),
    "email": (["someone@example.com", "Some One <someone@example.com>"], ["", "example.com", "a@b@c", "a b@c"]),
    "hostname": (["example.com", "a", "xn--4ca.de"], ["", "-a", "a..b", "a_b"]),
    "ipv4": (["10.0.0.1", "010.0.0.1", "::ffff:1.2.3.4"], ["10.0.0", "256.0.0.1", "::1", ""]),
    "ipv6": (["::1", "fe80::1", "::ffff:1.2.3.4"], ["10.0.0.1", "fe80::1%eth0", ":::"]),
    "cidr": (["10.0.0.0/8", "10.0.0.1/8", "::/0"], ["10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/-1"]),
    "mac": (["01:23:45:67:89:ab", "01-23-45-67-89-ab", "0123.4567.89ab"], ["01:23:45:67:89", "01:23:45:67:89:ag", "01:23-45:67:89:ab"]),
    "uuid": (["a8098c1a-f86e-11da-bd1a-00112444be1e", "A8098C1AF86E11DABD1A00112444BE1E"], ["a8098c1a-f86e-11da-bd1a-00112444be1"]),
    "uuid3": (["bcd02e22-68f0-3046-a512-327cca9def8f"], ["bcd02e22-68f0-4046-a512-327cca9def8f"]),
    "uuid4": (["025b0d74-00a2-4048-bf57-227c5111bb34"], ["025b0d74-00a2-4048-cf57-227c5111bb34"]),
    "uuid5": (["886313e1-3b8a-5372-9b90-0c9aee199e5d"], ["886313e1-3b8a-4372-9b90-0c9aee199e5d"]),
    "isbn": (["0321751043", "978 3401013190"], ["0321751044", "123"]),
    "isbn10": (["0321751043", "0-321-75104-3"], ["978-0321751041"]),
    "isbn13": (["978-0321751041"], ["0321751043", "978-0321751042"]),
    "creditcard": (["4111-1111-1111-1111"], ["4111-1111-1111-1112", ""]),
    "ssn": (["111-11-1111", "111 11 1111"], ["111111111", "999 111 999"]),
    "hexcolor": (["#FFFFFF", "fff"], ["#fffffz", "#ffff"]),
    "rgbcolor": (["rgb(100,100,100)", "rgb(0, 255, 9)"], ["rgb(300,0,0)", "rgb(1,2)"]),
    "byte": (["QUJD", "QQ=="], ["", "QQ", "Q===", "-_=="]),
    "password": (["", "anything"], []),
    "date": (["2024-02-29", "0000-01-01"], ["2023-02-29", "2024-2-1", "2024-01-01T00:00:00Z", ""]),
    "duration": (["1h2m", "0", "3 days", "1us", "-1.5h", "2 weeks"], ["", "h", "3", "3 yards"]),
    "date-time": (["2024-01-01T00:00:00Z", "2024-01-01t00:00:00.123+01:00"],
                  ["2024-01-01", "2024-01-01T24:00:00Z", "2024-01-01 00:00:00Z"]),
    "quantity": (["1Gi", "100m", "1e3"], ["", "1gi", "one"]),
    "k8s-short-name": (["a-b", "a"], ["a.b", "A", "-a", "a" * 64]),
    "k8s-long-name": (["a.b", "a"], ["A", "a..b", "a" * 254]),
}


@pytest.mark.parametrize("name", GOOD_AND_BAD)
def test_texts_have_a_format_or_not(name: str) -> None:
    check = STRING_FORMATS[normalized(name)]
    good, bad = GOOD_AND_BAD[name]
    assert [text for text in good if not check(text)] == []
    assert [text for text in bad if check(text)] == []


def test_every_format_is_tried() -> None:
    assert {normalized(name) for name in GOOD_AND_BAD} == set(STRING_FORMATS)


@pytest.mark.parametrize(("type_", "name", "known"), [
    ("string", "date-time", True), ("string", "datetime", True), ("string", "int32", False), ("", "date", True), ("integer", "int32", True),
    ("integer", "int64", True), ("integer", "int16", False), ("number", "float", True), ("number", "double", True),
    ("number", "int32", False), ("object", "date", False), ("string", "made-up", False),
])
def test_formats_are_known_for_a_type(type_: str, name: str, known: bool) -> None:
    assert recognized(type_, name) is known
