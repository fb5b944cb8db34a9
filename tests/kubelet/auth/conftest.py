"""A node's API before a real API server that says who may use it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from minikube_py.apiserver.pki import Pki
from minikube_py.client.connection import Connection
from minikube_py.client.http import HttpClient
from minikube_py.client.interface import Client
from minikube_py.kubelet.options import KubeletOptions
from minikube_py.kubelet.server import KubeletServer
from tests.apiserver.authentication.certificates import TestAuthority, client_context
from tests.apiserver.conftest import lab, new_cluster, pki
from tests.apiserver.http.test_tunnels import node_tls
from tests.apiserver.lab import Lab

__all__ = ["lab", "new_cluster", "pki"]


class NodeApi:
    """A node's API over TLS, and a client that counts what it asks the API server.

    Attributes:
        asked: kinds of reviews that the API server was sent.
    """

    def __init__(self, lab: Lab, pki: Pki, directory: Path) -> None:
        self.lab = lab
        self.pki = pki
        self.directory = directory
        self.asked: list[str] = []
        self.url = ""
        self.client: Any = None
        self.server: KubeletServer

    async def create(self, obj: Any) -> Any:
        self.asked.append(type(obj).__name__)
        return await self.client.create(obj)

    @asynccontextmanager
    async def running(self, *arguments: str) -> AsyncIterator[NodeApi]:
        options = KubeletOptions(node_name="n", node_ip="127.0.0.1", data_dir=self.directory, kubelet_args=arguments, port=0)
        kubelet = cast(Any, SimpleNamespace(options=options, workers=SimpleNamespace(pods=lambda: [])))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pki.serving.certificate, self.pki.serving.key)
        context.load_verify_locations(cafile=self.pki.client_ca.certificate)
        context.verify_mode = ssl.CERT_OPTIONAL
        self.server = KubeletServer(kubelet, context, cast(Client, self), address="127.0.0.1")
        run = asyncio.create_task(self.server.run())
        await self.server.ready.wait()
        self.url = f"https://127.0.0.1:{self.server.port}"
        try:
            yield self
        finally:
            run.cancel()
            await asyncio.wait({run})

    async def ask(self, path: str, context: ssl.SSLContext | None = None, *, token: str = "", method: str = "GET") -> tuple[int, str]:
        """Status and body of an answer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        tls = context or self.lab.anonymous_tls
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session,
            session.request(method, self.url + path, headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    def as_node(self, name: str) -> ssl.SSLContext:
        """TLS as another node of the cluster."""
        return node_tls(self.pki, self.directory, name)

    def as_stranger(self) -> ssl.SSLContext:
        """TLS with a certificate of somebody else's authority."""
        pair = TestAuthority().sign("system:admin", ("system:masters",))
        return client_context(self.pki.server_ca.certificate_pem, *pair)


@pytest.fixture
async def node_api(lab: Lab, pki: Pki, tmp_path: Path) -> AsyncIterator[NodeApi]:
    """Not yet running; it asks the API server over HTTPS as node "n"."""
    made = NodeApi(lab, pki, tmp_path)
    node_tls(pki, tmp_path, "n")
    pem = (tmp_path / "n.pem").read_bytes()
    certificate, _, key = pem.partition(b"-----BEGIN PRIVATE KEY-----")
    connection = Connection(
        server=lab.url, ca=pki.server_ca.certificate_pem, certificate=certificate, key=b"-----BEGIN PRIVATE KEY-----" + key
    )
    async with HttpClient(connection) as client:
        made.client = client
        yield made
