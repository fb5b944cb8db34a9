from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from minikube_py.apiserver.authentication import peer as peer_module
from minikube_py.apiserver.authentication.peer import UNKNOWN, Peer, PeerCertificates, user_of_subject
from minikube_py.apiserver.pki import Pki, signing
from minikube_py.apiserver.pki.request_signing import sign_request
from minikube_py.core.seen_clock import SeenClock
from tests.controllers.certificate_requests import request_pem

from .certificates import TestAuthority, client_context


async def seen_by_server(server: ssl.SSLContext, client: ssl.SSLContext, look: Any, name: str | None = None) -> Any:
    """What `look(transport)` gives on the server's side of a real TLS connection, to the server of that name."""
    result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            result.set_result(look(writer.transport))
        except Exception as error:
            result.set_exception(error)
        writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=server)
    async with listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.sockets[0].getsockname()[1], ssl=client, server_hostname=name)
        try:
            return await asyncio.wait_for(result, 5)
        finally:
            await reader.read()
            writer.close()


def peers_of(pki: Pki) -> PeerCertificates:
    return PeerCertificates(pki.client_ca.certificate_pem, pki.request_header_ca.certificate_pem)


async def test_the_common_name_is_the_user_and_the_organizations_are_the_groups(pki: Pki) -> None:
    peer: Peer = await seen_by_server(pki.server_ssl_context(), pki.client_ssl_context(pki.admin), peers_of(pki).peer_of)
    assert peer.user is not None
    assert peer.proxy is None
    assert (peer.user.name, peer.user.groups) == ("system:admin", ("system:masters", "system:authenticated"))
    (credential,) = peer.user.extra["authentication.kubernetes.io/credential-id"]
    assert credential.startswith("X509SHA256=")


async def test_a_certificate_of_the_front_proxies_authority_is_no_user(pki: Pki) -> None:
    peer: Peer = await seen_by_server(pki.server_ssl_context(), pki.client_ssl_context(pki.proxy_client), peers_of(pki).peer_of)
    assert (peer.user, peer.proxy) == (None, "system:auth-proxy")


async def test_a_certificate_is_its_authoritys_whatever_it_says(pki: Pki) -> None:
    """An authority of front proxies that signs "system:masters" makes no administrator, one of clients makes no front proxy."""
    clients, proxies = TestAuthority("same name"), TestAuthority("same name")
    peers = PeerCertificates(clients.pem, proxies.pem)
    server, trusted = pki.server_ssl_context(clients.pem + proxies.pem), pki.server_ca.certificate_pem
    peer = await seen_by_server(server, proxies.client(trusted, "root", ("system:masters",)), peers.peer_of)
    assert (peer.user, peer.proxy) == (None, "root")
    peer = await seen_by_server(server, clients.client(trusted, "system:auth-proxy"), peers.peer_of)
    assert peer.user.name == "system:auth-proxy"
    assert peer.proxy is None


async def test_a_certificate_of_an_authority_that_only_tls_trusts_is_nobodys(pki: Pki) -> None:
    peer = await seen_by_server(pki.server_ssl_context(), pki.client_ssl_context(pki.admin), PeerCertificates(TestAuthority().pem).peer_of)
    assert (peer.user, peer.proxy) == (None, None)


def test_a_certificate_that_nobody_signed_ends_the_handshake(pki: Pki) -> None:
    stranger = TestAuthority().client(pki.server_ca.certificate_pem, "x")
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(pki.server_ssl_context(), stranger, None, lambda ssl_object: None)


def test_a_resumed_session_has_the_identity_of_the_first(pki: Pki) -> None:
    """TLS 1.2 does not verify again, and OpenSSL does not tell by what it verified."""
    server, client, peers = pki.server_ssl_context(), pki.client_ssl_context(pki.admin), peers_of(pki)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    seen, session = [], None
    for _ in range(2):
        session = _handshake(server, client, session, lambda ssl_object: seen.append(peers.peer_of(Transport(ssl_object))))
    assert seen[0] is not None
    assert seen[0].user is not None
    assert seen[0] == seen[1]
    assert seen[0] is not seen[1]


class Transport(asyncio.BaseTransport):
    def __init__(self, ssl_object: ssl.SSLObject) -> None:
        super().__init__({"ssl_object": ssl_object})


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None, look: Any) -> ssl.SSLSession | None:
    """One handshake in memory; returns the client's session."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname="localhost", session=session),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ends[0].session_reused == (session is not None)
    look(ends[1])
    return ends[0].session


async def test_a_client_without_certificate_is_nobody(pki: Pki) -> None:
    context = ssl.create_default_context(cafile=str(pki.server_ca.certificate))
    assert await seen_by_server(pki.server_ssl_context(), context, peers_of(pki).peer_of) is None


async def test_a_connection_is_read_once(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    peers = peers_of(pki)

    def twice(transport: asyncio.BaseTransport) -> tuple[Peer | None, Peer | None]:
        first = peers.peer_of(transport)
        monkeypatch.setattr(peers, "_read", lambda ssl_object: pytest.fail("read again"))
        return first, peers.peer_of(transport)

    first, second = await seen_by_server(pki.server_ssl_context(), pki.client_ssl_context(pki.admin), twice)
    assert first is second


class FixedClock:
    def __init__(self, **later: float) -> None:
        self.moment = datetime.now(UTC) + timedelta(**later)

    def now(self) -> datetime:
        return self.moment


async def test_a_certificate_that_expires_on_an_open_connection_ends_its_identity(pki: Pki) -> None:
    clock = FixedClock()
    peers = PeerCertificates(pki.client_ca.certificate_pem, clock=SeenClock(clock=clock))

    def look(transport: asyncio.BaseTransport) -> Peer | None:
        before = peers.peer_of(transport)
        assert before is not None
        assert before.user is not None
        clock.moment += timedelta(days=400)
        return peers.peer_of(transport)

    assert await seen_by_server(pki.server_ssl_context(), pki.client_ssl_context(pki.admin), look) is UNKNOWN


async def test_a_certificate_that_has_ended_passes_the_handshake_and_is_nobodys(pki: Pki) -> None:
    authority = TestAuthority()
    client = client_context(pki.server_ca.certificate_pem, *authority.sign("jane", lifetime=timedelta(seconds=-60)))
    peers = PeerCertificates(authority.pem)
    assert await seen_by_server(pki.server_ssl_context(authority.pem), client, peers.peer_of) is UNKNOWN


async def test_a_certificate_ends_with_its_authority(pki: Pki) -> None:
    """Only a clock ten years ahead shows it: the leaf says the same."""
    peers = PeerCertificates(pki.client_ca.certificate_pem, clock=SeenClock(clock=FixedClock(days=3651)))
    assert await seen_by_server(pki.server_ssl_context(), pki.client_ssl_context(pki.admin), peers.peer_of) is UNKNOWN


async def of_the_present(pki: Pki) -> tuple[TestAuthority, ssl.SSLContext]:
    """An authority, and a client whose certificate is valid since five minutes ago."""
    authority, key = TestAuthority(), ec.generate_private_key(ec.SECP256R1())
    pem = sign_request(authority.authority, request_pem("jane", key=key), ["client auth"], datetime.now(UTC), timedelta(hours=1))
    return authority, client_context(pki.server_ca.certificate_pem, pem, signing.key_pem(key))


@pytest.mark.parametrize("seen", [True, False])
async def test_a_server_that_has_lost_the_time_knows_clients_of_times_that_it_has_seen(pki: Pki, tmp_path: Path, seen: bool) -> None:
    authority, client = await of_the_present(pki)
    if seen:
        SeenClock(tmp_path / "seen").note()
    lost = SeenClock(tmp_path / "seen", FixedClock(days=-365 * 40))
    peer = await seen_by_server(pki.server_ssl_context(authority.pem), client, PeerCertificates(authority.pem, clock=lost).peer_of)
    assert (peer.user.name if peer.user else None) == ("jane" if seen else None)


def test_a_certificate_may_hold_one_uid() -> None:
    uid = "1.3.6.1.4.1.57683.2"
    user = user_of_subject({"commonName": ["jane"], uid: ["7"]}, b"")
    assert user is not None
    assert (user.name, user.uid) == ("jane", "7")
    assert user_of_subject({"commonName": ["jane"], uid: ["7", "8"]}, b"") is None
    assert user_of_subject({uid: ["7"]}, b"") is None


def test_what_is_between_the_certificates_of_a_bundle_is_passed_over() -> None:
    one, other = TestAuthority().pem, TestAuthority().pem
    broken = b"-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----\n"
    assert len(peer_module.certificates(b"# \xff comment\n" + one + broken + b"text\n" + other)) == 2
