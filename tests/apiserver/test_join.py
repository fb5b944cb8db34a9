"""Joining over real TLS on loopback: the endpoint behind a small HTTP server, the agent's client before it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apiserver.authentication.bootstrap import BootstrapTokens, new_token, token_secret
from minikube_py.apiserver.authentication.peer import PeerCertificates
from minikube_py.apiserver.join import PATHS, JoinEndpoint
from minikube_py.apiserver.pki import Pki
from minikube_py.apiserver.server_token import ServerTokenError, ensure_server_tokens
from minikube_py.client.connection import Connection
from minikube_py.client.join import enroll, exchange_by_certificate, join, join_when_reachable, renew
from minikube_py.client.join_http import JoinError, rotate_token
from minikube_py.client.join_protocol import ClusterSettings, JoinToken, ca_pin, parse_token
from minikube_py.client.node_credentials import NodeCredentials
from minikube_py.client.transport import Transport
from minikube_py.core.errors import ForbiddenError

if TYPE_CHECKING:
    from tests.conftest import ControlPlane


class FixedClock:
    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


class Server:
    """A server that nodes can join.

    Attributes:
        url: where it listens; `requests` counts what reached the endpoint.
    """

    def __init__(self, client: Any, directory: Path) -> None:
        self.client = client
        self.pki = Pki(directory / "server" / "tls", tls_sans=["192.0.2.1"])
        self.pki.ensure()
        self.directory = directory / "server"
        self.token = ensure_server_tokens(self.directory, self.pki.server_ca.certificate_pem)
        self.bootstrap: dict[str, core_v1.Secret] = {}
        self.settings = ClusterSettings(cluster_dns="10.43.0.99")
        tokens = BootstrapTokens(lambda kind, namespace, name: self.bootstrap.get(name))
        self.endpoint = JoinEndpoint(
            self.pki, client, self.token, tokens, self.settings, node_name="server-1", reserved=self.pki.names
        )
        self.url = ""
        self.requests = 0

    async def answer(self, http: web.BaseRequest) -> web.Response:
        self.requests += 1
        if http.path in PATHS:
            return await self.endpoint.respond(http)
        peer = PeerCertificates(self.pki.client_ca.certificate_pem).peer_of(http.transport)
        user = peer and peer.user
        return web.json_response({"user": user and user.name, "groups": user and user.groups})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        server = web.Server(self.answer, handler_cancellation=True)
        listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, ssl=self.pki.server_ssl_context())
        self.url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            listener.close()
            await server.shutdown(1)


@pytest.fixture
async def server(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Server]:
    client = control_plane.client
    await client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="kube-system")))
    async with Server(client, tmp_path / "srv").running() as running:
        yield running


async def become(server: Server, data_dir: Path, name: str = "edge-1", **options: Any) -> NodeCredentials:
    return await join(server.url, str(options.pop("token", server.token)), name, ["192.0.2.7"], data_dir, **options)


async def whoami(url: str, context: ssl.SSLContext) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/whoami", ssl=context) as answer:
        return dict(await answer.json())


async def test_a_token_makes_a_machine_a_node(server: Server, tmp_path: Path) -> None:
    node = await become(server, tmp_path / "node")
    seen = await whoami(server.url, node.client_ssl_context())
    assert seen == {"user": "system:node:edge-1", "groups": ["system:nodes", "system:authenticated"]}
    assert node.cluster == server.settings
    assert {path.stat().st_mode & 0o777 for path in node.directory.iterdir()} == {0o600}


async def test_kubelet_serves_under_its_names_and_knows_the_clusters_certificates(server: Server, tmp_path: Path) -> None:
    node = await become(server, tmp_path / "node")
    certificate = x509.load_pem_x509_certificate(node.serving.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["edge-1", "localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "192.0.2.7"]

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("peercert") or {"subject": ()}
        names = dict(pair for group in certificate["subject"] for pair in group)
        writer.write(names.get("commonName", "nobody").encode())
        writer.close()

    async def answer(context: ssl.SSLContext) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        try:
            return await reader.read()
        finally:
            writer.close()

    kubelet = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=node.serving_ssl_context())
    async with kubelet:
        port = kubelet.sockets[0].getsockname()[1]
        assert await answer(server.pki.client_ssl_context(server.pki.kubelet_client)) == b"kube-apiserver"
        assert await answer(ssl.create_default_context(cafile=str(node.server_ca))) == b"nobody"


async def test_a_restart_needs_no_server(server: Server, tmp_path: Path) -> None:
    first = await become(server, tmp_path / "node")
    asked = server.requests
    assert await become(server, tmp_path / "node") == first
    assert server.requests == asked
    gone = "https://127.0.0.1:1"
    assert (await join(gone, str(server.token), "edge-1", ["192.0.2.7"], tmp_path / "node")).directory == first.directory


async def test_a_node_that_was_off_until_its_certificates_ended_joins_again_by_its_token(server: Server, tmp_path: Path) -> None:
    clock = FixedClock()
    first = await become(server, tmp_path / "node", clock=clock)
    before = first.client.certificate.read_bytes()
    clock.moment += timedelta(days=300)
    await become(server, tmp_path / "node", clock=clock)
    assert first.client.certificate.read_bytes() == before
    clock.moment += timedelta(days=100)
    with pytest.raises(JoinError, match="cannot reach"):
        await join("https://127.0.0.1:1", str(server.token), "edge-1", ["192.0.2.7"], tmp_path / "node", clock=clock)
    await become(server, tmp_path / "node", clock=clock)
    assert first.client.certificate.read_bytes() != before


async def test_a_node_that_boots_before_its_server_waits_for_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("minikube_py.client.join.FIRST_PAUSE_S", 0.01)
    caplog.set_level("WARNING", "minikube_py.client.join")
    listener = await asyncio.start_server(lambda r, w: relay(r, w, server.url), "127.0.0.1", 0)
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    listener.close()
    await listener.wait_closed()
    joining = asyncio.create_task(join_when_reachable(url, str(server.token), "edge-1", ["192.0.2.7"], tmp_path / "node"))
    while len(caplog.records) < 2:
        await asyncio.sleep(0.005)
    assert all(record.getMessage().startswith("waiting for the server retry_in_s=0.0") for record in caplog.records)
    listener = await asyncio.start_server(lambda r, w: relay(r, w, server.url), "127.0.0.1", int(url.rpartition(":")[2]))
    async with listener:
        credentials = await asyncio.wait_for(joining, 10)
    assert credentials.client.certificate.exists()


async def test_a_node_does_not_wait_for_a_server_that_refuses(server: Server, tmp_path: Path) -> None:
    token = JoinToken(server.token.token.pin, "server", "guess")
    with pytest.raises(JoinError, match="does not accept the token"):
        await join_when_reachable(server.url, str(token), "edge-1", ["192.0.2.7"], tmp_path / "node")


async def test_a_wrong_pin_ends_the_join_before_the_token_is_sent(server: Server, tmp_path: Path) -> None:
    token = JoinToken("0" * 64, "server", server.token.token.secret)
    with pytest.raises(JoinError, match="token CA hash does not match"):
        await become(server, tmp_path / "node", token=token)
    assert server.requests == 1


async def test_a_wrong_token_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(JoinError, match="does not accept the token"):
        await become(server, tmp_path / "node", token=JoinToken(server.token.token.pin, "server", "guess"))
    with pytest.raises(JoinError, match="does not accept the token"):
        await become(server, tmp_path / "node", token=JoinToken(server.token.token.pin, "root", server.token.token.secret))
    assert not (tmp_path / "node" / "agent" / "client-kubelet.crt").exists()


async def test_an_address_that_the_certificate_does_not_name_is_explained(server: Server, tmp_path: Path) -> None:
    url = server.url.replace("127.0.0.1", "127.0.0.2")
    listener = await asyncio.start_server(lambda r, w: relay(r, w, server.url), "127.0.0.2", int(url.rpartition(":")[2]))
    async with listener:
        with pytest.raises(JoinError, match="--tls-san"):
            await join(url, str(server.token), "edge-1", [], tmp_path / "node")


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str) -> None:
    there, back = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
        sink.close()

    await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)


async def test_bootstrap_tokens_join_nodes_until_they_are_deleted(server: Server, tmp_path: Path) -> None:
    text = new_token()
    secret = token_secret(text, ttl=timedelta(hours=1))
    token = JoinToken(server.token.token.pin, "", text)
    server.bootstrap[secret.metadata.name] = secret
    assert (await become(server, tmp_path / "a", "a", token=token)).node_name == "a"
    secret.data["auth-extra-groups"] = b"system:bootstrappers:something-else"
    with pytest.raises(JoinError, match="does not accept the token: its groups do not join nodes"):
        await become(server, tmp_path / "b", "b", token=token)
    secret.data["auth-extra-groups"] = b"system:bootstrappers:kubeadm:default-node-token"
    secret.data["expiration"] = b"2020-01-01T00:00:00Z"
    with pytest.raises(JoinError, match="does not accept the token: the bootstrap token has expired"):
        await become(server, tmp_path / "b", "b", token=token)
    with pytest.raises(JoinError, match="does not accept the token: invalid bearer token"):
        await become(server, tmp_path / "b", "b", token=JoinToken(token.pin, "", f"{text[:7]}ffffffffffffffff"))
    del secret.data["expiration"]
    await become(server, tmp_path / "b", "b", token=token)
    server.bootstrap.clear()
    with pytest.raises(JoinError, match="does not accept the token: invalid bearer token"):
        await become(server, tmp_path / "c", "c", token=token)


async def test_another_machine_cannot_take_a_nodes_name(server: Server, tmp_path: Path) -> None:
    await become(server, tmp_path / "first")
    await server.client.create(core_v1.Node(metadata=meta_v1.ObjectMeta(name="edge-1")))
    with pytest.raises(JoinError, match="node password rejected"):
        await become(server, tmp_path / "second")
    await server.client.delete(core_v1.Node, "edge-1")
    assert (await become(server, tmp_path / "second")).node_name == "edge-1"
    secret = await server.client.get(core_v1.Secret, "edge-1.node-password.minikube-py", "kube-system")
    assert (tmp_path / "second" / "agent" / "node-password").read_bytes() not in secret.data["hash"]


async def test_a_node_cannot_be_the_server(server: Server, tmp_path: Path) -> None:
    for name, address in (("edge-1", "192.0.2.1"), ("edge-1", "10.43.0.1"), ("kubernetes", "192.0.2.7")):
        with pytest.raises(JoinError, match="is the server's own"):
            await join(server.url, str(server.token), name, [address], tmp_path / "node")
    assert (await join(server.url, str(server.token), "server-1", ["192.0.2.1"], tmp_path / "own")).node_name == "server-1"


@pytest.mark.parametrize("name", ["", "UPPER", "a_b", "-a", "a..b", "x" * 53, "system:node:x", "a\nb"])
async def test_names_that_nodes_cannot_have_are_refused(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    with pytest.raises(JoinError, match="is not a lower-case DNS name"):
        await join(server.url, str(server.token), name, [], tmp_path / "node")
    assert not any("\n" in record.getMessage() for record in caplog.records)


async def test_a_node_renews_with_its_own_certificate(server: Server, tmp_path: Path) -> None:
    node = await become(server, tmp_path / "node")
    request = {
        "nodeName": "edge-1", "nodePassword": (node.directory / "node-password").read_text(), "clientCsr": "x", "servingCsr": "x",
    }

    async def post(name: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.post(
            f"{server.url}/v1-minikube-py/join", data=json.dumps(request | {"nodeName": name}), ssl=node.client_ssl_context()
        ) as answer:
            return answer.status, (await answer.json())["message"]

    assert await post("edge-1") == (400, (await post("edge-1"))[1])
    assert "not a certificate signing request" in (await post("edge-1"))[1]
    assert await post("edge-2") == (401, "not authorized")
    before, (certificate, key) = node.client.certificate.read_bytes(), node.client.read()
    transport = Transport(Connection(server=server.url, ca=node.server_ca.read_bytes(), certificate=certificate, key=key))
    try:
        again = await renew(exchange_by_certificate(transport), server.url, "edge-1", ["192.0.2.7"], tmp_path / "node")
    finally:
        await transport.close()
    assert again.client.certificate.read_bytes() != before
    assert (await whoami(server.url, again.client_ssl_context()))["user"] == "system:node:edge-1"


async def test_malformed_requests_are_answered_as_such(server: Server) -> None:
    headers = {"Authorization": server.token.token.authorization()}
    for body in (b"", b"[]", b"{}", b'{"nodeName": 1}'):
        status, _, answer = await server.endpoint.handle("POST", "/v1-minikube-py/join", headers, body, "192.0.2.9")
        assert status == 400
        assert json.loads(answer)["reason"] == "BadRequest"
    assert (await server.endpoint.handle("GET", "/v1-minikube-py/join", {}, b"", ""))[0] == 405
    for strange in ("Basic !", "Basic \udcff", "Basic", "Bearer", "Bearer \udcff", "Digest x", "Basic /w=="):
        assert (await server.endpoint.handle("POST", "/v1-minikube-py/join", {"Authorization": strange}, b"", ""))[0] == 401


async def test_the_agent_within_the_server_needs_no_http(server: Server, tmp_path: Path) -> None:
    asked = server.requests
    node = await enroll(server.endpoint.admit_own, server.url, "server-1", ["192.0.2.1", "127.0.0.1"], tmp_path / "own")
    assert server.requests == asked
    assert (await whoami(server.url, node.client_ssl_context()))["user"] == "system:node:server-1"
    await server.client.create(core_v1.Node(metadata=meta_v1.ObjectMeta(name="server-1")))
    assert (await enroll(server.endpoint.admit_own, server.url, "server-1", [], tmp_path / "wiped")).node_name == "server-1"
    with pytest.raises(ForbiddenError, match='the node of this server is "server-1"'):
        await enroll(server.endpoint.admit_own, server.url, "edge-1", [], tmp_path / "other")


async def test_stored_credentials_of_another_cluster_are_not_used(server: Server, control_plane: ControlPlane, tmp_path: Path) -> None:
    await become(server, tmp_path / "node")
    async with Server(control_plane.client, tmp_path / "other").running() as other:
        node = await become(other, tmp_path / "node")
        assert node.server_ca.read_bytes() == other.pki.server_ca.certificate_pem


def test_the_servers_token_is_kept_and_carries_the_pin(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "tls")
    pki.ensure()
    ca = pki.server_ca.certificate_pem
    token = ensure_server_tokens(tmp_path, ca)
    assert (tmp_path / "node-token").read_text() == f"{token}\n"
    assert parse_token(str(token)) == JoinToken(ca_pin(ca), "server", token.token.secret)
    assert ensure_server_tokens(tmp_path, ca).token == token.token
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    given = ensure_server_tokens(tmp_path, ca, "my-secret")
    assert str(given) == f"K10{ca_pin(ca)}::server:my-secret"
    assert ensure_server_tokens(tmp_path, ca, str(given)).token == given.token
    with pytest.raises(ServerTokenError, match="another cluster's"):
        ensure_server_tokens(tmp_path, ca, str(JoinToken("0" * 64, "server", "x")))


async def test_token_is_rotated_by_its_holder_and_nodes_go_on(server: Server, tmp_path: Path) -> None:
    node = await become(server, tmp_path / "node")
    old = server.token.token
    fresh = parse_token(await rotate_token(server.url, old))
    assert fresh.secret != old.secret and (server.directory / "token").read_text() == f"{fresh}\n"
    with pytest.raises(JoinError, match="does not accept the token"):
        await become(server, tmp_path / "late", "late", token=old)
    with pytest.raises(JoinError, match="refused to rotate the token: the token is not the server's"):
        await rotate_token(server.url, old)
    assert (await become(server, tmp_path / "new", "new", token=fresh)).node_name == "new"
    assert (await whoami(server.url, node.client_ssl_context()))["user"] == "system:node:edge-1"
    assert (await join(server.url, str(old), "edge-1", ["192.0.2.7"], tmp_path / "node")) == node
    assert parse_token(await rotate_token(server.url, fresh, "chosen")).secret == "chosen"


async def test_agents_token_joins_nodes_and_does_nothing_else(server: Server, tmp_path: Path) -> None:
    ca = server.pki.server_ca.certificate_pem
    server.endpoint.token = ensure_server_tokens(server.directory, ca, "", "agents-only")
    agents = parse_token((server.directory / "node-token").read_text())
    assert (agents.user, agents.secret) == ("node", "agents-only")
    await become(server, tmp_path / "a", "a", token=agents)
    await become(server, tmp_path / "b", "b", token="agents-only")
    await become(server, tmp_path / "c", "c", token=server.endpoint.token)
    with pytest.raises(JoinError, match="the token is not the server's"):
        await rotate_token(server.url, agents)
    with pytest.raises(JoinError, match="the new token is the agents' token"):
        await rotate_token(server.url, server.endpoint.token.token, "agents-only")
    with pytest.raises(ServerTokenError, match="it is the server's token"):
        ensure_server_tokens(server.directory, ca, "same", "same")
    ensure_server_tokens(server.directory, ca)
    assert (server.directory / "node-token").read_text() == (server.directory / "token").read_text()


def test_token_that_was_rotated_away_does_not_come_back(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "tls")
    pki.ensure()
    ca = pki.server_ca.certificate_pem
    tokens = ensure_server_tokens(tmp_path, ca, "first")
    tokens.rotate("second")
    with pytest.raises(ServerTokenError, match="was rotated away"):
        ensure_server_tokens(tmp_path, ca, "first")
    assert ensure_server_tokens(tmp_path, ca).token.secret == "second"
    tokens.rotate("first")
    assert ensure_server_tokens(tmp_path, ca, "first").token.secret == "first"
    for text, message in (("abcdef.0123456789abcdef", "a bootstrap token cannot"), ("K10x", "invalid token format")):
        with pytest.raises(ServerTokenError, match=message):
            tokens.rotate(text)
