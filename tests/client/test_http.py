"""The HTTP client against a small server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from minikube_py.apis import core_v1, meta_v1
from minikube_py.client.connection import Connection
from minikube_py.client.http import HttpClient
from minikube_py.client.informer import Informer
from minikube_py.core.errors import InvalidError, NotFoundError, StatusError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def served(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def answer(document: Any, status: int = 200) -> web.Response:
    return web.json_response(document, status=status)


async def test_created_object_travels_with_kind_and_comes_back_typed() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        assert (request.method, request.path) == ("POST", "/api/v1/namespaces/d/configmaps")
        return answer({**body, "metadata": {**body["metadata"], "uid": "u", "newField": {"x": 1}}}, 201)

    async with served(handler) as url, HttpClient(Connection(server=url)) as client:
        made = await client.create(core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name="a", namespace="d"), data={"k": "v"}))
    assert (made.kind, made.api_version, made.metadata.uid, made.data) == ("ConfigMap", "v1", "u", {"k": "v"})


async def test_status_answers_become_errors_of_their_reason() -> None:
    status = {
        "kind": "Status", "message": "no", "reason": "Invalid", "code": 422,
        "details": {"name": "a", "causes": [{"reason": "FieldValueRequired", "message": "m", "field": "spec"}]},
    }

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.Response(status=404, text="404 page not found\n")
        return answer(status, 422)

    async with served(handler) as url, HttpClient(Connection(server=url)) as client:
        with pytest.raises(InvalidError) as invalid:
            await client.patch(core_v1.ConfigMap, "a", "d", {})
        with pytest.raises(NotFoundError, match="the server could not find the requested resource"):
            await client.get(core_v1.ConfigMap, "a", "d")
    assert invalid.value.causes[0].field == "spec"


async def test_busy_server_is_asked_again_after_the_time_it_names() -> None:
    asked = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked == 1:
            return web.Response(status=429, headers={"Retry-After": "1"}, text="busy")
        return answer({"metadata": {"name": "a"}})

    async with served(handler) as url, HttpClient(Connection(server=url)) as client:
        assert (await client.get(core_v1.Node, "a")).metadata.name == "a"
    assert asked == 2


async def test_lists_of_many_pages_come_whole_and_typed() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        start = int(request.query.get("continue", "0"))
        assert request.query["labelSelector"] == "a=b"
        more = str(start + 2) if start < 4 else ""
        return answer({"metadata": {"continue": more}, "items": [{"metadata": {"name": f"n{i}"}} for i in (start, start + 1)]})

    async with served(handler) as url, HttpClient(Connection(server=url)) as client:
        nodes = await client.list(core_v1.Node, label_selector="a=b")
    assert [node.metadata.name for node in nodes] == [f"n{i}" for i in range(6)]
    assert {node.kind for node in nodes} == {"Node"}


async def test_binding_is_answered_by_a_status() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.path == "/api/v1/namespaces/d/pods/p/binding"
        assert (await request.json())["target"] == {"kind": "Node", "name": "n"}
        return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)

    async with served(handler) as url, HttpClient(Connection(server=url)) as client:
        body = core_v1.Binding(target=core_v1.ObjectReference(kind="Node", name="n"))
        done = await client.call(core_v1.Pod, "p", "d", "binding", body)
    assert isinstance(done, meta_v1.Status) and done.status == "Success"


async def test_informer_follows_frames_that_are_split_anywhere_and_large() -> None:
    big = "x" * 400_000
    frames = [{"type": "ADDED", "object": {"metadata": {"name": f"c{i}", "namespace": "d", "resourceVersion": str(5 + i)},
                                           "data": {"k": big}}} for i in range(3)]

    async def handler(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return answer({"metadata": {"resourceVersion": "4"}, "items": []})
        stream = web.StreamResponse()
        await stream.prepare(request)
        if request.query["resourceVersion"] == "4":
            data = b"".join(json.dumps(frame).encode() + b"\n" for frame in frames)
            for at in range(0, len(data), 65_537):
                await stream.write(data[at:at + 65_537])
        await asyncio.get_running_loop().create_future()
        return stream

    async with served(handler) as url, HttpClient(Connection(server=url)) as client:
        informer = Informer(client, core_v1.ConfigMap)
        arrived = asyncio.Event()
        informer.add_handler(lambda _old, new: arrived.set() if new is not None and new.metadata.name == "c2" else None)
        task = asyncio.create_task(informer.run())
        async with asyncio.timeout(10):
            await arrived.wait()
        assert sorted(informer.keys()) == ["d/c0", "d/c1", "d/c2"] and informer.get("c1", "d").data == {"k": big}  # type: ignore[union-attr]
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    import os

    seen = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers["Authorization"])
        return answer({"metadata": {"name": "a"}})

    token = tmp_path / "token"
    token.write_text("one\n")
    async with served(handler) as url, HttpClient(Connection(server=url, token_file=str(token))) as client:
        await client.get(core_v1.Node, "a")
        token.write_text("two\n")
        os.utime(token, (1, 1))
        await client.get(core_v1.Node, "a")
    assert seen == ["Bearer one", "Bearer two"]


class Authority:
    """A certificate authority in memory."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
        self.pem = self._sign(self.name, self.key.public_key(), ca=True).public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key(), ca=False)
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return certificate.public_bytes(serialization.Encoding.PEM), private

    def _sign(self, subject: x509.Name, key: Any, *, ca: bool) -> x509.Certificate:
        import ipaddress

        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            issuer_name=self.name, subject_name=subject, public_key=key, serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(hours=1), not_valid_after=now + datetime.timedelta(hours=1),
        ).add_extension(x509.BasicConstraints(ca, None), critical=True)
        if not ca:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def server_context(authority: Authority, tmp_path: Path) -> ssl.SSLContext:
    certificate, key = authority.issue("server")
    (tmp_path / "pem").write_bytes(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority.pem.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "pem")
    return context


async def who(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    subject = request.transport.get_extra_info("peercert")["subject"]
    return answer({"metadata": {"name": subject[0][0][1]}})


async def test_client_certificate_can_be_changed_while_running(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("old")
    async with served(who, server_context(authority, tmp_path)) as url:
        connection = Connection(server=url, ca=authority.pem, certificate=certificate, key=key)
        async with HttpClient(connection) as client:
            assert (await client.get(core_v1.Node, "x")).metadata.name == "old"
            client.set_credentials(*authority.issue("new"))
            assert (await client.get(core_v1.Node, "x")).metadata.name == "new"
            with pytest.raises(ssl.SSLError):
                client.set_credentials(certificate, authority.issue("other")[1])
            assert (await client.get(core_v1.Node, "x")).metadata.name == "new"


async def test_server_of_another_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("me")
    async with served(who, server_context(authority, tmp_path)) as url:
        connection = Connection(server=url, ca=Authority().pem, certificate=certificate, key=key)
        async with HttpClient(connection) as client:
            with pytest.raises(OSError, match="certificate verify failed") as refused:
                await client.get(core_v1.Node, "x")
    assert not isinstance(refused.value, StatusError)
