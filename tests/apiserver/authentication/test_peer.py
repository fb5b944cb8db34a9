from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apiserver.authentication import UserInfo
from minikube_py.apiserver.authentication import peer as peer_module
from minikube_py.apiserver.authentication.peer import PeerCertificates
from minikube_py.apiserver.pki import Pki
from minikube_py.core.errors import UnauthorizedError


async def seen_by_server(pki: Pki, client: ssl.SSLContext, look: Any) -> Any:
    """What `look(transport)` gives on the server's side of a real TLS connection."""
    result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            result.set_result(look(writer.transport))
        except Exception as error:
            result.set_exception(error)
        writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=pki.server_ssl_context())
    async with listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.sockets[0].getsockname()[1], ssl=client)
        try:
            return await asyncio.wait_for(result, 5)
        finally:
            await reader.read()
            writer.close()


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    pki = Pki(tmp_path / "tls")
    pki.ensure()
    return pki


async def test_the_common_name_is_the_user_and_the_organizations_are_the_groups(pki: Pki) -> None:
    user = await seen_by_server(pki, pki.client_ssl_context(pki.admin), PeerCertificates().user_of)
    assert (user.name, user.groups) == ("system:admin", ("system:masters", "system:authenticated"))
    (credential,) = user.extra["authentication.kubernetes.io/credential-id"]
    assert credential.startswith("X509SHA256=")


async def test_a_client_without_certificate_is_nobody(pki: Pki) -> None:
    context = ssl.create_default_context(cafile=str(pki.server_ca.certificate))
    assert await seen_by_server(pki, context, PeerCertificates().user_of) is None


async def test_a_connection_is_read_once(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    peers = PeerCertificates()

    def twice(transport: asyncio.BaseTransport) -> tuple[UserInfo | None, UserInfo | None]:
        first = peers.user_of(transport)
        monkeypatch.setattr(peer_module, "_read", lambda ssl_object: pytest.fail("read again"))
        return first, peers.user_of(transport)

    first, second = await seen_by_server(pki, pki.client_ssl_context(pki.admin), twice)
    assert first is second


async def test_a_certificate_that_expires_on_an_open_connection_ends_its_identity(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    peers, later = PeerCertificates(), time.time() + 400 * 24 * 3600

    def look(transport: asyncio.BaseTransport) -> UserInfo | None:
        assert peers.user_of(transport) is not None
        monkeypatch.setattr(peer_module.time, "time", lambda: later)
        return peers.user_of(transport)

    with pytest.raises(UnauthorizedError):
        await seen_by_server(pki, pki.client_ssl_context(pki.admin), look)
    monkeypatch.undo()
