"""What goes on when a cluster's authorities are exchanged: who knew the old ones, and who learns the new ones."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from minikube_py.apiserver.authentication.peer import PeerCertificates
from minikube_py.apiserver.pki import Pki, PkiError, signing
from minikube_py.apiserver.pki.authority_rotation import install_authorities, rotate_authorities
from minikube_py.apiserver.server_token import ServerTokenError, ensure_server_tokens
from minikube_py.client.join_protocol import ca_pin, pinned

from .authentication.certificates import client_context
from .authentication.test_peer import seen_by_server


@pytest.fixture
def old(tmp_path: Path) -> Pki:
    made = Pki(tmp_path / "server" / "tls")
    made.ensure()
    return made


def restarted(old: Pki) -> Pki:
    """The server's certificates after its next start."""
    pki = Pki(old.tls_dir)
    pki.ensure()
    return pki


def admin(pki: Pki, trusted: bytes) -> ssl.SSLContext:
    return client_context(trusted, pki.admin.certificate_pem, pki.admin.key_pem)


async def who(server: Pki, client: ssl.SSLContext) -> str:
    peers = PeerCertificates(server.client_ca.certificate_pem, server.request_header_ca.certificate_pem)
    peer = await seen_by_server(server.server_ssl_context(), client, peers.peer_of)
    return peer.user.name if peer.user else ""


@pytest.mark.parametrize("times", [1, 2])
async def test_old_and_new_clients_and_servers_know_each_other(old: Pki, times: int) -> None:
    trusted = old.server_ca.certificate_pem
    held, key = admin(old, trusted), old.server_ca.key_pem
    for _ in range(times):
        rotate_authorities(old)
        new = restarted(old)
    assert new.server_ca.key_pem != key
    assert await who(new, held) == "system:admin", "an old kubeconfig: old trust and old certificate"
    assert await who(new, admin(new, trusted)) == "system:admin", "a new certificate, the server known by its old root"
    assert await who(new, admin(new, new.server_ca.certificate_pem)) == "system:admin", "a new kubeconfig"


async def test_a_server_that_runs_still_knows_who_has_a_new_certificate(old: Pki) -> None:
    context = old.server_ssl_context()
    peers = PeerCertificates(old.client_ca.certificate_pem)
    trusted = old.server_ca.certificate_pem
    rotate_authorities(old)
    new = restarted(old)
    peer = await seen_by_server(context, admin(new, trusted), peers.peer_of)
    assert peer.user.name == "system:admin"


def test_join_tokens_and_the_service_account_key_stay_good(old: Pki, tmp_path: Path) -> None:
    token = ensure_server_tokens(tmp_path / "server", old.server_ca.certificate_pem).token
    key = old.service_account_key.read_bytes()
    trusted = old.server_ca.certificate_pem
    for _ in range(2):
        rotate_authorities(old)
        new = restarted(old).server_ca.certificate_pem
        assert pinned(new, token.pin) == trusted, "the old pin vouches for the old root alone"
        again = ensure_server_tokens(tmp_path / "server", new, str(token))
        assert again.token.secret == token.secret
        assert again.token.pin == ca_pin(new)
        assert pinned(new, again.token.pin) is not None
    assert old.service_account_key.read_bytes() == key
    with pytest.raises(ServerTokenError, match="another cluster's"):
        ensure_server_tokens(tmp_path / "server", new, f"K10{'0' * 64}::server:{token.secret}")


def test_old_files_are_kept_and_new_ones_are_their_owners(old: Pki) -> None:
    before = {path.name: path.read_bytes() for path in old.files()}
    backup = rotate_authorities(old)
    assert {path.name: path.read_bytes() for path in backup.iterdir()} == before
    assert {path.stat().st_mode & 0o777 for path in old.tls_dir.iterdir()} == {0o600}


async def test_given_authorities_that_the_old_ones_signed_are_taken(old: Pki, tmp_path: Path) -> None:
    trusted, given = old.server_ca.certificate_pem, tmp_path / "given"
    given.mkdir()
    for pair in old.authorities():
        key = signing.new_key()
        root = signing.self_sign("mine", key, datetime.now(UTC))
        by_old = signing.sign_authority(signing.load_authority(pair.certificate_pem, pair.key_pem), root, datetime.now(UTC))
        (given / pair.key.name).write_bytes(key)
        (given / pair.certificate.name).write_bytes(root + by_old + pair.certificate_pem)
    more = signing.new_key()
    (given / "service.key").write_bytes(more)
    with pytest.raises(PkiError, match="does not hold the present key"):
        install_authorities(old, given)
    (given / "service.key").write_bytes(more + old.service_account_key.read_bytes())
    install_authorities(old, given)
    new = restarted(old)
    assert await who(new, admin(new, trusted)) == "system:admin"
    assert new.service_account_key.read_bytes().startswith(more)


@pytest.mark.parametrize("broken", ["server-ca.key", "client-ca.crt", "request-header-ca.key"])
def test_what_cannot_be_used_changes_nothing(old: Pki, tmp_path: Path, broken: str) -> None:
    other = Pki(tmp_path / "other")
    other.ensure()
    (tmp_path / "other" / broken).unlink()
    before = {path: path.read_bytes() for path in old.files()}
    for force in (False, True):
        with pytest.raises(PkiError):
            install_authorities(old, tmp_path / "other", force=force)
    (tmp_path / "other" / broken).write_bytes(old.admin.key_pem)
    with pytest.raises(PkiError, match="cannot be used"):
        install_authorities(old, tmp_path / "other", force=True)
    assert {path: path.read_bytes() for path in old.files()} == before


def test_a_new_root_outlives_the_old_one(old: Pki) -> None:
    rotate_authorities(old)
    new = signing.load_certificate(restarted(old).server_ca.certificate_pem)
    assert new.not_valid_after_utc - datetime.now(UTC) > timedelta(days=3649)
    assert new.subject == new.issuer
