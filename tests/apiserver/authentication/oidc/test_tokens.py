from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from minikube_py.apiserver.authentication.jws import SigningKey
from minikube_py.apiserver.authentication.oidc import provider as provider_module
from minikube_py.apiserver.authentication.oidc.claims import USERNAME, Claim, Mapping
from minikube_py.apiserver.authentication.oidc.provider import Provider
from minikube_py.apiserver.authentication.oidc.tokens import JwtTokens
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.core.errors import UnauthorizedError
from minikube_py.store.memory import MemoryStore

from ...lab import Lab, api_server
from .issuer import AUDIENCE, Issuer

WHO = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@asynccontextmanager
async def tokens_of(issuer: Issuer, *algorithms: str) -> AsyncIterator[JwtTokens]:
    provider = Provider(issuer.url, authorities=issuer.ca)
    mapping = Mapping(Claim(USERNAME, "sub", "oidc:"), Claim("groups claim", "groups", many=True))
    tokens = JwtTokens(provider, [AUDIENCE, "other"], mapping, algorithms or ("RS256",))
    yield tokens
    await tokens.close()


async def refused(tokens: JwtTokens, token: str) -> str:
    with pytest.raises(UnauthorizedError) as caught:
        await tokens.authenticate_token(token)
    return caught.value.message.removeprefix("oidc: verify token: oidc: ")


async def test_a_good_token_is_a_user(issuer: Issuer) -> None:
    async with tokens_of(issuer) as tokens:
        for audience in (AUDIENCE, ["else", "other"]):
            identity = await tokens.authenticate_token(issuer.token(aud=audience))
            assert identity is not None
            assert identity.user.name == "oidc:jane"
            assert identity.expires_at > time.time()


async def test_tokens_of_others_are_left_to_others(issuer: Issuer) -> None:
    async with tokens_of(issuer) as tokens:
        for token in (issuer.token(iss="https://other.example"), issuer.token(iss=f"{issuer.url}/"), "a.b.c", "", "abc"):
            assert await tokens.authenticate_token(token) is None
        assert issuer.asked == []


async def test_audience_and_dates_are_checked(issuer: Issuer) -> None:
    now = int(time.time())
    async with tokens_of(issuer) as tokens:
        assert await refused(tokens, issuer.token(aud="x")) == 'expected audience in ["kubernetes" "other"] got ["x"]'
        assert (await refused(tokens, issuer.token(aud=None))).startswith("expected audience")
        assert (await refused(tokens, issuer.token(exp=now - 1))).startswith("token is expired (Token Expiry: 2")
        assert (await refused(tokens, issuer.token(exp=None))).startswith("token is expired (Token Expiry: 0001-01-01 00:00:00 +0000 UTC)")
        assert (await refused(tokens, issuer.token(exp=now - 1, aud="x"))).startswith("token is expired")
        assert "before the nbf (not before) time" in await refused(tokens, issuer.token(nbf=now + 400))
        assert (await refused(tokens, issuer.token(exp="soon"))).startswith("failed to unmarshal claims")
        assert await tokens.authenticate_token(issuer.token(nbf=now + 200)) is not None


async def test_only_the_issuers_keys_and_the_wanted_algorithms_are_believed(issuer: Issuer) -> None:
    wrong = "failed to verify signature: failed to verify id token signature"
    token = issuer.token()
    header, claims, signature = token.split(".")
    async with tokens_of(issuer) as tokens:
        stranger = SigningKey(rsa.generate_private_key(65537, 2048))
        assert await refused(tokens, stranger.sign(json.loads(base64.urlsafe_b64decode(claims + "==")))) == wrong
        forged = b64(json.dumps({"alg": "RS256", "kid": issuer.key.key_id}).encode())
        changed = b64(json.dumps({"iss": issuer.url, "aud": AUDIENCE, "sub": "root", "exp": time.time() + 60}).encode())
        assert await refused(tokens, f"{forged}.{changed}.{signature}") == wrong
        assert await refused(tokens, f"{header}.{claims}.") == wrong
        for algorithm in ("none", "HS256", "RS384", "ES256"):
            other = b64(json.dumps({"alg": algorithm, "kid": issuer.key.key_id}).encode())
            assert await refused(tokens, f"{other}.{claims}.{signature}") == (
                f'id token signed with unsupported algorithm, expected ["RS256"] got "{algorithm}"')
        public = issuer.key.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        mac = hmac.HMAC(public, hashes.SHA256())
        other = b64(json.dumps({"alg": "HS256"}).encode())
        mac.update(f"{other}.{claims}".encode())
        assert "unsupported algorithm" in await refused(tokens, f"{other}.{claims}.{b64(mac.finalize())}")


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"])
async def test_every_asymmetric_algorithm_may_be_allowed(issuer: Issuer, algorithm: str) -> None:
    claims = json.loads(base64.urlsafe_b64decode(issuer.token().split(".")[1] + "=="))
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
    if algorithm.startswith("ES"):
        curve = {"256": ec.SECP256R1(), "384": ec.SECP384R1(), "512": ec.SECP521R1()}[algorithm[2:]]
        issuer.key = SigningKey(ec.generate_private_key(curve))
        token = issuer.key.sign(claims)
    else:
        private = rsa.generate_private_key(65537, 2048)
        issuer.key = SigningKey(private)
        signed = f"{b64(json.dumps({'alg': algorithm}).encode())}.{b64(json.dumps(claims).encode())}"
        how: Any = padding.PKCS1v15() if algorithm.startswith("RS") else padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)
        token = f"{signed}.{b64(private.sign(signed.encode(), how, digest))}"
    issuer.published = [issuer.key.jwk()]
    async with tokens_of(issuer, "RS256", algorithm) as tokens:
        assert await tokens.authenticate_token(token) is not None
    async with tokens_of(issuer, "RS256") as tokens:
        assert "unsupported algorithm" in await refused(tokens, token)


async def test_a_new_key_is_found_when_its_first_token_comes(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "FETCH_INTERVAL_S", 0.0)
    async with tokens_of(issuer) as tokens:
        old = issuer.token()
        assert await tokens.authenticate_token(old) is not None
        issuer.rotate()
        assert "failed to verify" in await refused(tokens, issuer.token())
        issuer.published.append(issuer.key.jwk())
        assert await tokens.authenticate_token(issuer.token()) is not None
        assert await tokens.authenticate_token(old) is not None


def elsewhere(issuer: Issuer, **more: Any) -> str:
    """A token whose groups are somewhere else."""
    sources = {"src1": {"endpoint": f"{issuer.url}/groups", "access_token": "key"}}
    return issuer.token(**({"_claim_names": {"groups": "src1"}, "_claim_sources": sources} | more))


async def test_groups_may_be_got_from_where_a_token_says(issuer: Issuer) -> None:
    async with tokens_of(issuer) as tokens:
        issuer.more["/groups"] = issuer.token(groups=["dev", "ops"]).encode()
        identity = await tokens.authenticate_token(elsewhere(issuer))
        assert identity is not None
        assert identity.user.groups == ("dev", "ops")
        assert issuer.shown["/groups"] == "Bearer key"
        identity = await tokens.authenticate_token(elsewhere(issuer, groups=["own"]))
        assert identity is not None
        assert identity.user.groups == ("own",)


@pytest.mark.parametrize(("change", "answer", "why"), [
    ({}, None, 'while getting distributed claim "groups":'), ({}, b"rubbish", "failed for claim"),
    ({}, "foreign", "verify distributed claim token: failed to verify signature"), ({}, "without", "did not contain claim: groups"),
    ({"_claim_names": [1]}, None, "error parsing distributed claim names"), ({"_claim_sources": None}, None, "no claim sources"),
    ({"_claim_sources": {"src1": 7}}, None, "could not parse claim sources"),
    ({"_claim_sources": {}}, None, "id token _claim_names contained a source src1 missing in _claims_sources"),
])
async def test_groups_that_cannot_be_got_keep_out(issuer: Issuer, change: dict[str, Any], answer: Any, why: str) -> None:
    token = elsewhere(issuer, **change)
    if answer == "without":
        answer = issuer.token().encode()
    if answer == "foreign":
        header, claims, _ = issuer.token(groups=["dev"]).split(".")
        answer = f"{header}.{claims}.AAAA".encode()
    if answer is not None:
        issuer.more["/groups"] = answer
    async with tokens_of(issuer) as tokens:
        said = await refused(tokens, token)
        assert said.startswith("oidc: could not expand distributed claims: ")
        assert why in said


@asynccontextmanager
async def lab_with(tmp_path: Path, pki: Pki, *arguments: str) -> AsyncIterator[Lab]:
    store = MemoryStore()
    await store.open()
    args = ApiServerArgs.parse([f"token-auth-file={tmp_path}/tokens.csv", *arguments])
    async with api_server(tmp_path, pki, store, args) as lab:
        yield lab
    await store.close()


async def who(lab: Lab, token: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls)) as session:
        answer = await lab.send(
            "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", WHO, headers={"Authorization": f"Bearer {token}"}, session=session
        )
    return answer.status, answer.json["status"]["userInfo"] if answer.status == 201 else answer.json


async def test_flags_name_an_issuer(issuer: Issuer, tmp_path: Path, pki: Pki) -> None:
    (tmp_path / "ca.pem").write_text(issuer.ca)
    flags = [
        f"oidc-issuer-url={issuer.url}", f"oidc-client-id={AUDIENCE}", f"oidc-ca-file={tmp_path}/ca.pem", "oidc-username-claim=name",
        "oidc-groups-claim=roles", "oidc-groups-prefix=oidc:", "oidc-required-claim=tenant=acme", "oidc-required-claim=env=prod",
    ]
    async with lab_with(tmp_path, pki, *flags) as lab:
        status, user = await who(lab, issuer.token(name="jane", roles=["dev", "ops"], tenant="acme", env="prod"))
        assert (status, user) == (201, {
            "username": f"{issuer.url}#jane", "groups": ["oidc:dev", "oidc:ops", "system:authenticated"]})
        status, answer = await who(lab, issuer.token(name="jane", roles=["dev"], tenant="acme"))
        assert (status, answer["message"]) == (401, "Unauthorized")
        issuer.down = True
        assert (await who(lab, "reader-token"))[0] == 201


async def test_an_issuer_that_is_down_keeps_nobody_else_out(issuer: Issuer, tmp_path: Path, pki: Pki) -> None:
    flags = ["oidc-issuer-url=https://127.0.0.1:1", f"oidc-client-id={AUDIENCE}"]
    async with lab_with(tmp_path, pki, *flags) as lab:
        assert (await who(lab, issuer.token(iss="https://127.0.0.1:1")))[0] == 401
        assert (await who(lab, "reader-token"))[0] == 201


@pytest.mark.parametrize(("arguments", "why"), [
    (["oidc-issuer-url=https://a"], "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set"),
    (["oidc-groups-claim=a"], "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set"),
    (["oidc-issuer-url=https://a", "oidc-client-id=a", "authentication-config=f"],
     "authentication-config file and oidc-* flags are mutually exclusive"),
    (["oidc-signing-algs=HS256"], 'oidc: unsupported signing alg: "HS256"'), (["oidc-required-claim=a"], "malformed pair"),
])
def test_flags_that_exclude_or_need_each_other_are_told(arguments: list[str], why: str) -> None:
    with pytest.raises(ValueError) as caught:
        ApiServerArgs.parse(arguments)
    assert why in str(caught.value)
