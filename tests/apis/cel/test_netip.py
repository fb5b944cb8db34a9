"""Texts that are no IP address or prefix are told as Go tells them, and all others are taken.

Source: pkg.go.dev/net/netip
"""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minikube_py.apis.cel.library.netip import NetipError, check_address, check_prefix

ADDRESSES = {
    "": "unable to parse IP", "1": "unable to parse IP", "%eth0": "missing IPv6 address",
    "1.2.3": "IPv4 address too short", "1.2.3.4.5": "IPv4 address too long", "1.2.3.": 'IPv4 field must have at least one digit (at ".")',
    "1..2.3": 'IPv4 field must have at least one digit (at ".2.3")', "1.2.3.256": "IPv4 field has value >255",
    "1.2.3.04": "IPv4 field has octet with leading zero", "1.2.3.x": 'unexpected character (at "x")',
    ":1": 'each colon-separated field must have at least one digit (at ":1")', "1:": 'colon must be followed by more characters (at ":")',
    "1::2::3": 'multiple :: in address (at ":3")', "1:2:3:4:5:6:7": "address string too short",
    "1:2:3:4:5:6:7:8:9": 'trailing garbage after address (at "9")',
    "::1:2:3:4:5:6:7:8":
        "the :: must expand to at least one field of zeros",
    "1:2x": 'unexpected character, want colon (at "x")', "1:1.2.3.4":
        'embedded IPv4 address must replace the final 2 fields of the address (at "1.2.3.4")',
    "::1:2:3:4:5:6:7:1.2.3.4": 'too many hex fields to fit an embedded IPv4 at the end of the address (at "1.2.3.4")',
    "::1.2.3": "IPv4 address too short", "fe80::1%": "zone must be a non-empty string",
}
PREFIXES = {
    "10.0.0.0": "no '/'", "10.0.0/8": 'ParseAddr("10.0.0"): IPv4 address too short', "10.0.0.0/": 'bad bits after slash: ""',
    "10.0.0.0/08": 'bad bits after slash: "08"', "10.0.0.0/33": "prefix length out of range", "::/129": "prefix length out of range",
    "fe80::%eth0/64": "IPv6 zones cannot be present in a prefix", "10.0.0.0/+8": 'bad bits after slash: "+8"',
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(NetipError) as raised:
        check_address(text)
    assert str(raised.value) == f'ParseAddr("{text}"): {ADDRESSES[text]}'


@pytest.mark.parametrize("text", PREFIXES)
def test_what_is_no_prefix(text: str) -> None:
    with pytest.raises(NetipError) as raised:
        check_prefix(text)
    assert str(raised.value) == f'netip.ParsePrefix("{text}"): {PREFIXES[text]}'


@given(st.lists(st.sampled_from(["", "0", "1", "ff", "abcd", "12345", "1.2.3.4", "01", ":", "."]), max_size=10).map(":".join))
@example("::")
@example("1.2.3.4")
def test_what_is_one_is_taken(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        with pytest.raises(NetipError):
            check_address(text)
    else:
        check_address(text)
