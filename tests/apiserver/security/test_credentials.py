"""Credentials that are nearly good: meant for others, shown in another way, or claimed without proof."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from minikube_py.apis.core_v1 import ServiceAccount
from minikube_py.apiserver.authentication.tokens import token_digest
from minikube_py.apiserver.pki import Pki

from ..authentication.test_refusals import Forger, b64
from ..http.test_tunnels import node_tls
from .conftest import Cell

ACCOUNT = "/api/v1/namespaces/mine/serviceaccounts/default"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


async def token(cell: Cell, **spec: Any) -> str:
    """A token of the service account mine/default."""
    return str((await cell.make(f"{ACCOUNT}/token", {"spec": spec}))["status"]["token"])


async def status(cell: Cell, shown: str) -> int:
    """What is answered to who shows a bearer token: 403 if it is believed, 401 if not."""
    return (await cell.ask("", "GET", "/api/v1/nodes", headers={"Authorization": f"Bearer {shown}"})).status


async def test_a_token_for_others_stays_theirs_though_its_reviews_are_remembered(cell: Cell) -> None:
    """The subprotocol by which browsers send tokens can hold any character, a NUL too."""
    shown = await token(cell, audiences=["vault"])
    review = {"spec": {"token": shown, "audiences": ["vault"]}}
    assert (await cell.lab.send("POST", REVIEWS, review)).json["status"]["authenticated"] is True
    for forged in (shown, f"{shown}\0vault", f"{shown}vault", f"{shown}:vault", f"{shown}5:vault"):
        protocol = base64.urlsafe_b64encode(forged.encode()).rstrip(b"=").decode()
        headers = {"Sec-WebSocket-Protocol": f"base64url.bearer.authorization.k8s.io.{protocol}", "Connection": "Upgrade",
                   "Upgrade": "websocket"}
        assert (await cell.ask("", "GET", "/api/v1/nodes", headers=headers)).status == 401
    review = {"spec": {"token": f"{shown}\0vault"}}
    assert "authenticated" not in (await cell.lab.send("POST", REVIEWS, review)).json["status"]


@pytest.mark.parametrize("parts", [("a\0b",), ("a", "b"), ("ab",), ("a1:b",), ("", "ab"), ("a", "", "b"), ("a", "b", "")])
def test_tokens_and_audiences_that_differ_are_remembered_apart(parts: tuple[str, ...]) -> None:
    others = {("a\0b",), ("a", "b"), ("ab",), ("a1:b",), ("", "ab"), ("a", "", "b"), ("a", "b", "")} - {parts}
    assert token_digest(parts[0], parts[1:]) not in {token_digest(other[0], other[1:]) for other in others}


async def test_a_token_that_is_changed_in_any_part_is_none(cell: Cell, pki: Pki) -> None:
    shown = await token(cell)
    assert await status(cell, shown) == 403
    head, claims, signature = shown.split(".")
    for changed in (
        shown[:-8], f"{head}.{claims}", f"{head}.{claims}.", f"{head}..{signature}", f".{claims}.{signature}",
        f"{claims}.{head}.{signature}",
        f"{shown}.", f"{shown}.{signature}", f"{head}.{claims}.{signature}{signature}", shown.swapcase(), f"{shown}==,{shown}",
    ):
        assert await status(cell, changed) == 401


KEY_IDS: dict[str, Callable[[Forger, Pki], dict[str, Any]]] = {
    "a path": lambda forger, pki: {"kid": "../../../../dev/null"},
    "the path of the key": lambda forger, pki: {"kid": str(pki.service_account_key)},
    "a query": lambda forger, pki: {"kid": "' OR '1'='1"},
    "a number": lambda forger, pki: {"kid": 1},
    "a key in the token": lambda forger, pki: {"kid": forger.key.key_id, "jwk": forger.key.jwk()},
    "a key elsewhere": lambda forger, pki: {"kid": forger.key.key_id, "jku": "https://127.0.0.1:1/jwks"},
    "what must be understood": lambda forger, pki: {"kid": forger.key.key_id, "crit": ["exp"]},
    "none": lambda forger, pki: {"alg": "None", "kid": forger.key.key_id},
}


@pytest.mark.parametrize("which", KEY_IDS)
async def test_a_header_of_a_token_finds_no_other_key(cell: Cell, pki: Pki, which: str) -> None:
    account = await cell.lab.client.get(ServiceAccount, "default", "mine")
    forger = Forger(pki, account)
    head = {"alg": "ES256", **KEY_IDS[which](forger, pki)}
    forged = f"{b64(head)}.{b64(forger.claims)}.{b64(forger.mac(b'x') * 2)}"
    assert await status(cell, forged) == 401


FORGED = {
    "X-Remote-User": "admin", "X-Remote-Group": "system:masters", "X-Remote-Uid": "1", "X-Remote-Extra-Scopes": "all",
    "X-Forwarded-For": "127.0.0.1", "X-Forwarded-User": "admin", "X-Real-Ip": "127.0.0.1", "Forwarded": "for=127.0.0.1",
}


async def test_a_name_in_a_header_is_nobodys_without_the_front_proxys_certificate(cell: Cell, pki: Pki, tmp_path: Path) -> None:
    for who in ("", "mallory", "node-a", "owner"):
        assert (await cell.ask(who, "GET", "/api/v1/namespaces/theirs/secrets", headers=FORGED)).status == 403
    tls = node_tls(pki, tmp_path, "a")
    async with aiohttp.ClientSession(cell.lab.url, connector=aiohttp.TCPConnector(ssl=tls)) as session:
        seen = (await cell.lab.send("POST", WHO, {}, headers=FORGED, session=session)).json["status"]["userInfo"]
    assert (seen["username"], seen["groups"]) == ("system:node:a", ["system:nodes", "system:authenticated"])


IMPERSONATED = [
    {"Impersonate-User": "admin"}, {"Impersonate-User": "mallory"}, {"Impersonate-User": "system:serviceaccount:theirs:default"},
    {"Impersonate-User": "system:serviceaccount:mine:default"}, {"Impersonate-User": "system:node:b"},
    {"Impersonate-User": "system:anonymous"}, {"Impersonate-User": "x", "Impersonate-Group": "system:masters"},
    {"Impersonate-User": "mallory", "Impersonate-Uid": "0"}, {"Impersonate-User": "mallory", "Impersonate-Extra-Scopes": "all"},
    {"impersonate-USER": "admin"},
]


@pytest.mark.parametrize("headers", IMPERSONATED)
async def test_nobody_acts_as_somebody_else_without_the_right(cell: Cell, headers: dict[str, str]) -> None:
    # Roles "admin" and "edit" let their holders act as the service accounts of the namespace, as upstream's do.
    within = headers["Impersonate-User"] == "system:serviceaccount:mine:default" if "Impersonate-User" in headers else False
    for who in ("", "mallory", "node-a", "editor", "admin", "owner"):
        answer = await cell.ask(who, "POST", WHO, {}, headers=headers)
        expected = 201 if within and who in ("editor", "admin", "owner") else 403
        assert answer.status == expected, who


async def test_groups_without_a_user_are_a_mistake_and_no_right(cell: Cell) -> None:
    for header in ("Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-Scopes"):
        assert (await cell.ask("mallory", "GET", "/api/v1/nodes", headers={header: "system:masters"})).status == 400


async def test_of_two_credentials_the_better_does_not_lend_its_rights(cell: Cell) -> None:
    """A good certificate counts before a token; a wrong token beside no certificate ends the request."""
    async with aiohttp.ClientSession(cell.lab.url, connector=aiohttp.TCPConnector(ssl=cell.lab.anonymous_tls)) as session:
        for headers in ([("Authorization", "Bearer mallory-token"), ("Authorization", "Bearer owner-token")],
                        [("Authorization", "Bearer mallory-token, Bearer owner-token")]):
            async with session.get("/api/v1/namespaces/mine/secrets", headers=headers) as answer:
                assert answer.status in (400, 401, 403)
