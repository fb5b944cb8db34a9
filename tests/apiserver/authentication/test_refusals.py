"""Whatever is wrong with a credential, who shows it learns nothing but that it is not good."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from minikube_py.apis.core_v1 import Secret, ServiceAccount
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apiserver.authentication.bootstrap import token_secret
from minikube_py.apiserver.authentication.jws import SigningKey
from minikube_py.apiserver.authentication.service_account import ISSUER
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.store.memory import MemoryStore

from ..lab import Answer, Lab, api_server

UNAUTHORIZED = (
    b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}\n'
)
HEADERS = {"Content-Type", "Content-Length", "Date", "Audit-Id", "Cache-Control"}


def b64(document: Any) -> str:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Forger:
    """Makes tokens of the service account default/default that are wrong in one thing."""

    def __init__(self, pki: Pki, account: ServiceAccount) -> None:
        private = serialization.load_pem_private_key(pki.service_account_key.read_bytes(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        self.key = SigningKey(private)
        self.public = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        now = int(time.time())
        self.claims: dict[str, Any] = {
            "iss": ISSUER, "aud": [ISSUER], "sub": "system:serviceaccount:default:default", "iat": now, "nbf": now, "exp": now + 600,
            "kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "default", "uid": account.metadata.uid}},
        }

    def good(self, **changes: Any) -> str:
        return self.key.sign(self.claims | changes)

    def with_header(self, algorithm: str, sign: Callable[[bytes], bytes]) -> str:
        signed = f"{b64({'alg': algorithm, 'kid': self.key.key_id})}.{b64(self.claims)}"
        return f"{signed}.{b64(sign(signed.encode()))}"

    def mac(self, data: bytes) -> bytes:
        made = hmac.HMAC(self.public, hashes.SHA256())
        made.update(data)
        return made.finalize()


WRONG: dict[str, Callable[[Forger], str]] = {
    "expired": lambda forger: forger.good(exp=int(time.time()) - 120),
    "too early": lambda forger: forger.good(nbf=int(time.time()) + 120),
    "for others": lambda forger: forger.good(aud=["vault"]),
    "of another account": lambda forger: forger.good(**{"kubernetes.io": {
        "namespace": "default", "serviceaccount": {"name": "default", "uid": "other"}}}),
    "of no account": lambda forger: forger.good(**{"kubernetes.io": {
        "namespace": "default", "serviceaccount": {"name": "no", "uid": "no"}}}),
    "revoked": lambda forger: forger.good(**{"kubernetes.io": forger.claims["kubernetes.io"] | {"secret": {"name": "gone", "uid": "x"}}}),
    "unsigned": lambda forger: forger.with_header("none", lambda data: b""),
    "signed with the public key": lambda forger: forger.with_header("HS256", forger.mac),
    "signed by another key": lambda forger: SigningKey(ec.generate_private_key(ec.SECP256R1())).sign(forger.claims),
    "of another issuer": lambda forger: forger.good(iss="https://elsewhere.example"),
    "legacy without a Secret": lambda forger: forger.key.sign({
        "iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:default:default",
        "kubernetes.io/serviceaccount/namespace": "default", "kubernetes.io/serviceaccount/secret.name": "no",
        "kubernetes.io/serviceaccount/service-account.name": "default", "kubernetes.io/serviceaccount/service-account.uid": "x"}),
    "long rubbish": lambda forger: "x" * 60_000,
    "deep": lambda forger: f"{b64({'alg': 'ES256'})}.{b64(b'[' * 20_000)}.AA",
    "rubbish": lambda forger: "a.b.c",
    "an unknown bootstrap token": lambda forger: "abcdef.0123456789abcdef",
    "a static token with a letter more": lambda forger: "reader-tokenx",
}


@pytest.fixture
async def ask(lab: Lab) -> AsyncIterator[Callable[[str], Any]]:
    async with aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls)) as session:
        async def get(token: str) -> Answer:
            headers = {"Authorization": f"Bearer {token}"}
            return await lab.send("GET", "/api/v1/namespaces/default", headers=headers, session=session)

        yield get


@pytest.fixture
async def forger(lab: Lab, pki: Pki) -> Forger:
    return Forger(pki, await lab.client.get(ServiceAccount, "default", "default"))


@pytest.mark.parametrize("wrong", WRONG)
async def test_every_bad_token_gets_the_same_answer(lab: Lab, forger: Forger, ask: Callable[[str], Any], wrong: str) -> None:
    token = WRONG[wrong](forger)
    answer = await ask(token)
    assert (answer.status, answer.body) == (401, UNAUTHORIZED)
    assert set(answer.headers) == HEADERS
    assert answer.headers["Cache-Control"] == "no-cache, private"
    review = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": {"token": token}}
    status = (await lab.send("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)).json["status"]
    assert status["user"] == {}
    assert "authenticated" not in status
    assert "invalid bearer token" in status["error"]


async def test_a_long_token_is_as_good_as_a_short_one(forger: Forger, ask: Callable[[str], Any]) -> None:
    for token in (forger.good(), forger.good(more="x" * 40_000)):
        answer = await ask(token)
        assert answer.status == 403
        assert 'User "system:serviceaccount:default:default" cannot get resource "namespaces"' in answer.json["message"]


async def test_a_token_ends_with_what_it_is_bound_to(lab: Lab, ask: Callable[[str], Any]) -> None:
    secret = await lab.client.create(Secret(metadata=ObjectMeta(name="bound", namespace="default")))
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    request = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {
        "boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "bound", "uid": secret.metadata.uid}}}
    first, second = [(await lab.send("POST", path, request)).json["status"]["token"] for _ in range(2)]
    assert (await ask(first)).status == 403
    await lab.client.delete(Secret, "bound", "default")
    assert (await ask(second)).status == 401


async def test_a_head_that_is_too_large_is_told_in_gos_words(lab: Lab, ask: Callable[[str], Any], caplog: pytest.LogCaptureFixture) -> None:
    answer = await ask("secret-" * 200_000)
    assert (answer.status, answer.body) == (431, b"431 Request Header Fields Too Large")
    assert "secret" not in caplog.text
    headers = {"Impersonate-User": "jane"} | {f"X-More-{number}": "x" for number in range(500)}
    assert (await lab.send("GET", "/version", headers=headers)).status == 200


@pytest.mark.parametrize(("flag", "status"), [("true", 403), ("false", 401)])
async def test_bootstrap_tokens_may_be_kept_off_the_api(tmp_path: Path, pki: Pki, flag: str, status: int) -> None:
    store, token = MemoryStore(), "abcdef.0123456789abcdef"
    await store.open()
    async with api_server(tmp_path, pki, store, ApiServerArgs.parse([f"enable-bootstrap-token-auth={flag}"])) as lab:
        await lab.client.create(token_secret(token, ttl=None))
        async with aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls)) as session:
            answer = await lab.send("GET", "/api/v1/nodes", headers={"Authorization": f"Bearer {token}"}, session=session)
        assert answer.status == status
    await store.close()
