from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from minikube_py.apiserver.pki import Pki
from minikube_py.client.join_protocol import JoinToken, TokenFormatError, ca_pin, parse_token, pinned

PIN = "a" * 64


@pytest.mark.parametrize(("text", "token"), [
    (f"K10{PIN}::server:secret", JoinToken(PIN, "server", "secret")), (f"K10{PIN}::node:se:cret", JoinToken(PIN, "node", "se:cret")),
    (f"K10{PIN}::abcdef.0123456789abcdef", JoinToken(PIN, "", "abcdef.0123456789abcdef")), ("secret", JoinToken("", "server", "secret")),
    ("abcdef.0123456789abcdef", JoinToken("", "", "abcdef.0123456789abcdef")), ("pass:word\n", JoinToken("", "server", "pass:word")),
    ("K10node:secret", JoinToken("", "node", "secret")), ("K10::abcdef.0123456789abcdef", JoinToken("", "", "abcdef.0123456789abcdef")),
    ("K10:::secret", JoinToken("", "server", "secret")),
])
def test_tokens_are_read_in_each_form(text: str, token: JoinToken) -> None:
    assert parse_token(text) == token


@pytest.mark.parametrize("text", ["", "K10", "K10secret", "K10abc::server:x", f"K10{PIN}::server:", f"K10{PIN}::server", f"K10{PIN}::"])
def test_malformed_tokens_are_refused(text: str) -> None:
    with pytest.raises(TokenFormatError):
        parse_token(text)


@pytest.mark.parametrize("token", [JoinToken(PIN, "server", "x"), JoinToken(PIN, "", "abcdef.0123456789abcdef")])
def test_tokens_print_as_they_are_read(token: JoinToken) -> None:
    assert parse_token(str(token)) == token


def test_the_pin_of_one_certificate_is_that_of_its_file(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "tls")
    pki.ensure()
    bundle = pki.server_ca.certificate_pem
    assert ca_pin(bundle) == hashlib.sha256(bundle).hexdigest()


def test_the_pin_of_a_chain_is_that_of_its_root(tmp_path: Path) -> None:
    """A CA that is renewed under its root keeps its pin."""
    pki = Pki(tmp_path / "tls")
    pki.ensure()
    root, leaf, other = (pair.certificate_pem for pair in (pki.client_ca, pki.admin, pki.scheduler))
    assert ca_pin(leaf + root) == ca_pin(other + root)
    assert ca_pin(leaf + root) != ca_pin(leaf + pki.server_ca.certificate_pem)


def test_a_pin_vouches_for_nothing_that_stands_beside_its_certificate(tmp_path: Path) -> None:
    pki, other = Pki(tmp_path / "tls"), Pki(tmp_path / "other")
    pki.ensure()
    other.ensure()
    root, stranger = pki.server_ca.certificate_pem, other.server_ca.certificate_pem
    assert pinned(root, ca_pin(root)) == root
    for pin in (ca_pin(root), ca_pin(stranger + root)):
        assert pinned(stranger + root, pin) == root
    assert pinned(stranger, ca_pin(root)) is None
    broken = b"text\n-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----\n"
    assert pinned(broken + root, ca_pin(root)) == root
