"""Nodes that the server has no route to: reached by the tunnel that they open; who may open one, and what its end leaves."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from minikube_py.apiserver.assembly import Api, RegistryOptions
from minikube_py.apiserver.http import tunnels
from minikube_py.apiserver.http.tunnels import Tunnels
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.client.tunnel import Tunnel
from minikube_py.core.tunnel.handshake import ANNOTATION, CONNECT_PATH, KUBELET, PROTOCOL
from minikube_py.store.memory import MemoryStore

from ..lab import Lab, until
from .backends import add_node, add_pod, tell

POD = "/api/v1/namespaces/default/pods/web"
# Where nobody is (RFC 5737).
NOWHERE = "192.0.2.9"


def node_tls(pki: Pki, directory: Path, name: str, group: str = "system:nodes") -> ssl.SSLContext:
    """TLS as a node."""
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = directory / f"{name}.pem"
    file.write_bytes(pki.sign_client(csr, common_name=f"system:node:{name}", organizations=[group]) + pem)
    context = ssl.create_default_context(cadata=pki.server_ca.certificate_pem.decode())
    context.load_cert_chain(file)
    return context


class Node:
    """A machine behind NAT: a kubelet that tells what it is asked, and a tunnel to the server."""

    def __init__(self, lab: Lab, context: ssl.SSLContext, name: str) -> None:
        self.lab = lab
        self.name = name
        self.kubelet = web.Server(tell, handler_cancellation=True)
        self.tunnel = Tunnel(lab.url, lambda: context, self._accept)
        self.opened: list[str] = []

    async def _accept(self, target: str) -> asyncio.BaseProtocol:
        self.opened.append(target)
        return self.kubelet()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Node]:
        run = asyncio.create_task(self.tunnel.run())
        try:
            await until(lambda: self.lab.api.tunnels.find(self.name) is not None)
            yield self
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            await self.kubelet.shutdown(1)


@pytest.fixture
async def node(lab: Lab, pki: Pki, tmp_path: Path) -> AsyncIterator[Node]:
    await add_node(lab, "n", NOWHERE, 10250)
    await add_pod(lab, "web", "192.0.2.7", 80, node="n")
    async with Node(lab, node_tls(pki, tmp_path, "n"), "n").running() as running:
        yield running


async def test_kubelet_is_reached_by_the_tunnel(lab: Lab, node: Node) -> None:
    log = await lab.get(f"{POD}/log?tailLines=3")
    assert log.json["path"] == "/containerLogs/default/web/app?tailLines=3"
    proxied = await lab.get("/api/v1/nodes/n/proxy/stats/summary?x=1")
    assert proxied.json["path"] == "/stats/summary?x=1"
    posted = await lab.send("POST", "/api/v1/nodes/n:10250/proxy/run", body=b"x" * 300_000)
    assert posted.json["body"] == "x" * 300_000
    assert node.opened == [KUBELET], "connections are kept and used again"


async def test_connections_that_change_their_protocol_go_by_the_tunnel(lab: Lab, node: Node) -> None:
    async with lab.session.ws_connect(f"{POD}/exec?command=sh&stdin=true", max_msg_size=0) as socket:
        assert await socket.receive_str() == "/exec/default/web/app?command=sh&input=1"
        sent = bytes(range(256)) * 8_000
        await socket.send_bytes(sent)
        assert await socket.receive_bytes() == sent
    host, port = lab.url.removeprefix("https://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=lab.admin_tls, server_hostname=host)
    writer.write(f"POST {POD}/portforward HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout/1\r\n\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    sent = b"abcdefgh" * 500_000
    writer.write(sent)
    assert await reader.readexactly(len(sent)) == sent.upper()
    writer.close()
    tunnel = lab.api.tunnels.find("n")
    assert tunnel is not None
    await until(lambda: tunnel.streams == 0)


async def test_client_that_does_not_read_keeps_no_other_waiting(lab: Lab, node: Node) -> None:
    host, port = lab.url.removeprefix("https://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=lab.admin_tls, server_hostname=host, limit=1)
    writer.write(f"POST {POD}/portforward HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout/1\r\n\r\n".encode())
    transport = writer.transport
    transport.set_write_buffer_limits(high=1024)
    stuck = asyncio.create_task(_fill(writer))
    await until(lambda: transport.get_write_buffer_size() > 0)
    for _ in range(3):
        assert (await lab.get(f"{POD}/log")).json["path"] == "/containerLogs/default/web/app"
    assert not stuck.done()
    stuck.cancel()
    await asyncio.gather(stuck, return_exceptions=True)
    transport.abort()


async def _fill(writer: asyncio.StreamWriter) -> None:
    """Write until nobody takes it any more."""
    while True:
        writer.write(b"x" * 100_000)
        await writer.drain()


async def test_tunnel_that_ends_takes_its_streams_and_comes_back(lab: Lab, node: Node) -> None:
    async with lab.session.ws_connect(f"{POD}/exec?command=sh") as socket:
        await socket.receive_str()
        before = lab.api.tunnels.find("n")
        run = lab.api.tunnels._runs["n"]
        run.cancel()
        assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)
    await until(lambda: lab.api.tunnels.find("n") not in (None, before))
    assert (await lab.get(f"{POD}/log")).json["path"] == "/containerLogs/default/web/app"


async def test_tunnel_that_was_just_lost_is_waited_for(lab: Lab, pki: Pki, tmp_path: Path) -> None:
    await add_node(lab, "n", NOWHERE, 10250)
    await add_pod(lab, "web", "192.0.2.7", 80, node="n")
    merge = {"Content-Type": "application/merge-patch+json"}
    await lab.send("PATCH", "/api/v1/nodes/n", {"metadata": {"annotations": {ANNOTATION: "true"}}}, headers=merge)
    asking = asyncio.create_task(lab.get(f"{POD}/log"))
    await until(lambda: "n" in lab.api.tunnels._waiting)
    async with Node(lab, node_tls(pki, tmp_path, "n"), "n").running():
        assert (await asking).json["path"] == "/containerLogs/default/web/app"
    assert lab.api.tunnels._waiting == {}


async def test_node_whose_tunnel_does_not_come_back_is_given_up_soon(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "RETURN_TIMEOUT_S", 0.01)
    monkeypatch.setattr(lab.api.streams._kubelets._lost, "_connect_timeout_s", 0.05)
    with socket.socket() as full:
        # Where no connection comes to stand, as on a machine that is off.
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(asyncio.open_connection("127.0.0.1", port)) for _ in range(3)]
            await add_node(lab, "n", "127.0.0.1", port)
            await add_pod(lab, "web", "192.0.2.7", 80, node="n")
            merge = {"Content-Type": "application/merge-patch+json"}
            await lab.send("PATCH", "/api/v1/nodes/n", {"metadata": {"annotations": {ANNOTATION: "true"}}}, headers=merge)
            answer = await lab.get(f"{POD}/log")
            assert (answer.status, answer.json["message"]) == (
                500, f'Get "https://127.0.0.1:{port}/containerLogs/default/web/app": dial tcp 127.0.0.1:{port}: i/o timeout')
            for task in waiting:
                if task.done():
                    task.result()[1].close()
                task.cancel()


async def test_newer_tunnel_of_a_node_takes_the_place_of_the_old(lab: Lab, node: Node, pki: Pki, tmp_path: Path) -> None:
    old = lab.api.tunnels.find("n")
    again = Node(lab, node_tls(pki, tmp_path, "n"), "n")
    run = asyncio.create_task(again.tunnel.run())
    await until(lambda: lab.api.tunnels.find("n") not in (None, old))
    await lab.get(f"{POD}/log")
    assert (node.opened, again.opened) == ([], [KUBELET])
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_node_has_its_own_tunnel_and_no_other(lab: Lab, node: Node, pki: Pki, tmp_path: Path) -> None:
    """A node that claims to be another, by every way that there is, gets the tunnel of its own name."""
    headers = {"X-Remote-User": "system:node:n", "Impersonate-User": "system:node:n", "X-Minikube-Py-Node": "n"}
    mine = lab.api.tunnels.find("n")
    async with (
        aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=node_tls(pki, tmp_path, "evil"))) as session,
        session.ws_connect(f"{CONNECT_PATH}?node=n&name=n", protocols=[PROTOCOL], headers=headers),
    ):
        await until(lambda: lab.api.tunnels.find("evil") is not None)
        assert lab.api.tunnels.find("n") is mine
    await until(lambda: lab.api.tunnels.find("evil") is None)


Context = Callable[[Lab, Pki, Path], ssl.SSLContext]


@pytest.mark.parametrize(("context", "token", "status", "message"), [
    (lambda lab, pki, tmp: lab.anonymous_tls, "", 401, "a tunnel is opened with a node's client certificate"),
    (lambda lab, pki, tmp: lab.anonymous_tls, "reader-token", 401, "a tunnel is opened with a node's client certificate"),
    (lambda lab, pki, tmp: lab.admin_tls, "", 403, '"system:admin" is no node'),
    (lambda lab, pki, tmp: node_tls(pki, tmp, "odd", "system:others"), "", 403, '"system:node:odd" is no node'),
])
async def test_who_is_no_node_opens_no_tunnel(
    lab: Lab, pki: Pki, tmp_path: Path, context: Context, token: str, status: int, message: str
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    websocket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": PROTOCOL}
    async with (
        aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=context(lab, pki, tmp_path))) as session,
        session.get(CONNECT_PATH, headers=headers | websocket) as answer,
    ):
        assert (answer.status, (await answer.json())["message"]) == (status, message)
    assert lab.api.tunnels.find("odd") is None


async def test_what_is_no_tunnel_is_refused(lab: Lab, pki: Pki, tmp_path: Path) -> None:
    async with aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=node_tls(pki, tmp_path, "n"))) as session:
        for method, status in (("GET", 400), ("POST", 405)):
            async with session.request(method, CONNECT_PATH) as answer:
                assert answer.status == status
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(CONNECT_PATH, protocols=["v0.tunnel.minikube-py"])


async def test_pods_are_reached_by_the_tunnel_of_their_node_if_that_is_wanted(lab: Lab, node: Node) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    patched = await lab.send("PATCH", "/api/v1/nodes/n", {"spec": {"podCIDR": "192.0.2.0/28", "podCIDRs": ["192.0.2.0/28"]}}, headers=merge)
    assert patched.status == 200, patched.body
    lab.api.tunnels.mode = "pod"
    assert (await lab.get(f"{POD}/proxy/x?y=1")).json["path"] == "/x?y=1"
    assert (await lab.get(f"{POD}:81/proxy/")).json["headers"]["host"] == lab.url.removeprefix("https://")
    assert node.opened == ["tcp:192.0.2.7:80", "tcp:192.0.2.7:81"]
    egress = lab.api.streams._kubelets.egress
    assert egress.tunnel_to(NOWHERE) is lab.api.tunnels.find("n"), "the node's own address"
    assert egress.tunnel_to("192.0.2.77") is None and egress.tunnel_to("somewhere.test") is None
    lab.api.tunnels.mode = "agent"
    assert egress.tunnel_to("192.0.2.7") is None


async def test_server_without_tunnels_has_no_such_path(pki: Pki) -> None:
    store = MemoryStore()
    await store.open()
    api = Api(store, pki, RegistryOptions(), ApiServerArgs(), Tunnels(pki.client_ca.certificate_pem, "disabled"))
    port = await api.server.listen("127.0.0.1", 0, pki.server_ssl_context())
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=pki.client_ssl_context(pki.admin))) as session,
        session.get(f"https://127.0.0.1:{port}{CONNECT_PATH}") as answer,
    ):
        assert answer.status == 404
    await api.close()
    await store.close()


async def test_server_that_ends_waits_for_no_tunnel(lab: Lab, node: Node) -> None:
    draining: Awaitable[None] = lab.api.drain()
    async with asyncio.timeout(5):
        await draining
    assert lab.api.lifecycle.running == 0
