"""IPv4 addresses may be written with zeros before their parts, where old objects are read."""

from __future__ import annotations

import time
from ipaddress import ip_address

import pytest

from minikube_py.apis.addresses import leading_zeros, sloppy


@pytest.mark.parametrize(("text", "address", "zeros"), [
    ("10.0.0.1", "10.0.0.1", False), ("010.000.0.001", "10.0.0.1", True), ("::ffff:010.0.0.1", "::ffff:10.0.0.1", True),
    ("::0001", "::1", False), ("00x.1", None, False), ("fe80::1%eth0", None, False), ("", None, False),
])
def test_zeros_are_dropped_and_told(text: str, address: str | None, zeros: bool) -> None:
    assert sloppy(text) == (ip_address(address) if address is not None else None)
    assert leading_zeros(text) is zeros


def test_many_zeros_hold_nobody_up() -> None:
    text = "0" * 15_000 + "x.1"
    begin = time.process_time()
    assert sloppy(text) is None and not leading_zeros(text)
    assert time.process_time() - begin < 0.2
