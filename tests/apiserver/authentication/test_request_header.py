from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

from minikube_py.apiserver.authentication.request_header import RequestHeader
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.core.files import write_atomic
from minikube_py.store.memory import MemoryStore

from ..lab import PATIENCE_S, Lab, api_server
from .certificates import TestAuthority

HEADERS = RequestHeader(
    b"", ("proxy",), ("X-Remote-User", "X-Other-User"), ("X-Remote-Uid",), ("X-Remote-Group",), ("X-Remote-Extra-", "X-Other-Extra-")
)
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def test_the_first_name_with_a_value_counts_and_all_groups() -> None:
    headers = CIMultiDict([
        ("x-remote-user", ""), ("X-Other-User", "jane"), ("X-Other-User", "joe"), ("X-Remote-Group", "dev"), ("x-REMOTE-group", ""),
        ("X-Remote-Group", "ops"), ("X-Remote-Uid", "7"),
    ])
    user = HEADERS.user_of(headers)
    assert user is not None
    assert (user.name, user.uid, user.groups, dict(user.extra)) == ("jane", "7", ("dev", "ops", "system:authenticated"), {})


def test_keys_of_extra_are_lower_case_and_percent_encoded() -> None:
    user = HEADERS.user_of(CIMultiDict([
        ("X-Remote-User", "jane"), ("X-Remote-Extra-Acme.com%2FProject", "a"), ("X-Other-Extra-acme.com%2Fproject", "b"),
        ("X-Remote-Extra-bad%zz%2f", "c"), ("X-Remote-Extra-Scopes", "d"), ("X-Remote-Extra-scopes", "e"),
    ]))
    assert user is not None
    assert dict(user.extra) == {"acme.com/project": ("a", "b"), "bad%zz%2f": ("c",), "scopes": ("d", "e")}


def test_headers_that_name_nobody_are_nobody() -> None:
    assert HEADERS.user_of({"X-Remote-Group": "system:masters"}) is None


def test_names_of_proxies_are_free_unless_listed() -> None:
    assert HEADERS.allows("proxy")
    assert not HEADERS.allows("other")
    assert replace(HEADERS, allowed_names=()).allows("other")


class Front:
    """A server that also trusts authorities of others, and clients of it."""

    def __init__(self, lab: Lab, pki: Pki, clients: TestAuthority, proxies: TestAuthority) -> None:
        self.lab = lab
        self.pki = pki
        self.clients = clients
        self.proxies = proxies

    async def ask(self, tls: ssl.SSLContext, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        async with aiohttp.ClientSession(self.lab.url, connector=aiohttp.TCPConnector(ssl=tls)) as session:
            document = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
            answer = await self.lab.send("POST", WHO, document, headers=headers, session=session)
        return answer.status, answer.json["status"]["userInfo"] if answer.status == 201 else answer.json

    async def proxy(self, common_name: str, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        return await self.ask(self.proxies.client(self.pki.server_ca.certificate_pem, common_name), headers)

    async def client(self, common_name: str, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        return await self.ask(self.clients.client(self.pki.server_ca.certificate_pem, common_name), headers)


@pytest.fixture
async def front(pki: Pki, tmp_path: Path) -> AsyncIterator[Front]:
    clients, proxies = TestAuthority("clients"), TestAuthority("proxies")
    (tmp_path / "clients.pem").write_bytes(TestAuthority("unused").pem + clients.pem)
    (tmp_path / "proxies.pem").write_bytes(proxies.pem)
    args = ApiServerArgs.parse([
        f"client-ca-file={tmp_path}/clients.pem", f"requestheader-client-ca-file={tmp_path}/proxies.pem",
        "requestheader-allowed-names=front,back", "requestheader-allowed-names=side", f"token-auth-file={tmp_path}/tokens.csv",
    ])
    store = MemoryStore()
    await store.open()
    async with api_server(tmp_path, pki, store, args) as lab:
        yield Front(lab, pki, clients, proxies)
    await store.close()


JANE = {"X-Remote-User": "jane", "X-Remote-Group": "dev", "X-Remote-Uid": "7", "X-Remote-Extra-Team": "blue"}


async def test_a_front_proxy_names_users(front: Front) -> None:
    for name in ("front", "back", "side"):
        status, user = await front.proxy(name, JANE)
        assert status == 201
        assert user == {"username": "jane", "uid": "7", "groups": ["dev", "system:authenticated"], "extra": {"team": ["blue"]}}


async def test_a_front_proxy_of_another_name_is_not_believed(front: Front) -> None:
    status, answer = await front.proxy("stranger", JANE)
    assert (status, answer["message"], answer["reason"]) == (401, "Unauthorized", "Unauthorized")


async def test_a_front_proxy_is_nobody_itself(front: Front) -> None:
    assert (await front.proxy("front", {}))[0] == 401
    status, user = await front.proxy("front", {"Authorization": "Bearer reader-token"})
    assert (status, user["username"]) == (201, "reader")


async def test_the_headers_of_a_client_are_not_looked_at(front: Front) -> None:
    status, user = await front.client("front", JANE)
    assert (status, user["username"]) == (201, "front")
    status, answer = await front.ask(front.lab.anonymous_tls, JANE)
    assert status == 403
    assert 'User "system:anonymous" cannot create resource' in answer["message"]


async def test_files_of_authorities_that_are_changed_count_from_then_on(front: Front, tmp_path: Path) -> None:
    old, other = front.clients, TestAuthority("clients")
    kept = front.lab.api.kept[0]
    running = asyncio.create_task(kept.run())
    tls = old.client(front.pki.server_ca.certificate_pem, "jane")
    async with aiohttp.ClientSession(front.lab.url, connector=aiohttp.TCPConnector(ssl=tls)) as session:
        assert (await front.lab.send("GET", "/version", session=session)).status == 200
        write_atomic(tmp_path / "clients.pem", b"nonsense")
        write_atomic(tmp_path / "clients.pem", other.pem)
        async with asyncio.timeout(PATIENCE_S):
            while (await front.lab.send("GET", "/version", session=session)).status != 401:
                await asyncio.sleep(0.005)
    assert (await front.client("jane", {}))[0] == 401
    front.clients = other
    status, user = await front.client("joe", {})
    assert (status, user["username"]) == (201, "joe")
    assert (await front.proxy("front", JANE))[0] == 201
    async with asyncio.timeout(PATIENCE_S):
        while other.pem.decode() not in await _trusted(front):
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.wait([running])


async def _trusted(front: Front) -> str:
    answer = await front.lab.get("/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication")
    return str(answer.json["data"]["client-ca-file"]) if answer.status == 200 else ""
