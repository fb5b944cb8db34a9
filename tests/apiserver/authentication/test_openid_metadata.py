from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.rbac_v1 import ClusterRoleBinding, RoleRef, Subject
from minikube_py.apiserver.authentication.keys import ServiceAccountKeys
from minikube_py.apiserver.authentication.openid_metadata import OpenIdMetadata
from minikube_py.apiserver.authentication.service_account import ISSUER
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.store.memory import MemoryStore

from ..lab import Lab, api_server

CONFIGURATION, JWKS = "/.well-known/openid-configuration", "/openid/v1/jwks"


async def test_relying_parties_find_issuer_and_keys(lab: Lab) -> None:
    lab.api.discovery.server_address = "192.0.2.1:6443"
    for suffix in ("", "/"):
        answer = await lab.get(CONFIGURATION + suffix)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert answer.json == {
            "issuer": ISSUER, "jwks_uri": "https://192.0.2.1:6443/openid/v1/jwks", "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"],
        }
    answer = await lab.get(JWKS)
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    (key,) = answer.json["keys"]
    assert list(key) == ["use", "kty", "kid", "crv", "alg", "x", "y"]
    assert {CONFIGURATION, JWKS} <= set((await lab.get("/")).json["paths"])


async def test_service_accounts_may_read_them_and_nobody_else_unless_bound(lab: Lab) -> None:
    account = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {}}
    token = (await lab.send("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", account)).json["status"]["token"]
    async with aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls)) as session:
        for headers, status in (({"Authorization": f"Bearer {token}"}, 200), ({"Authorization": "Bearer reader-token"}, 403), ({}, 403)):
            for path in (CONFIGURATION, JWKS):
                assert (await lab.send("GET", path, headers=headers, session=session)).status == status
        await lab.client.create(ClusterRoleBinding(
            metadata=ObjectMeta(name="discovery"), subjects=[Subject(kind="Group", name="system:unauthenticated")],
            role_ref=RoleRef(kind="ClusterRole", name="system:service-account-issuer-discovery", api_group="rbac.authorization.k8s.io"),
        ))
        assert (await lab.send("GET", CONFIGURATION, session=session)).status == 200


@pytest.mark.parametrize("issuer", ["kubernetes/serviceaccount", "http://a.example", "https://a.example?q=1", "https://a.example#f", "https://["])
def test_an_issuer_that_is_no_https_url_is_not_told(issuer: str) -> None:
    openid = OpenIdMetadata(ServiceAccountKeys(b""), issuer)
    assert openid.paths == ()
    assert openid.document(CONFIGURATION, "127.0.0.1:1") is None


async def test_options_name_keys_issuers_and_where_keys_are_published(pki: Pki, tmp_path: Path) -> None:
    args = ApiServerArgs.parse([
        "service-account-issuer=https://new.example", "service-account-issuer=https://old.example", "api-audiences=a,b", "api-audiences=c",
        f"service-account-signing-key-file={pki.kubelet_client.key}", f"service-account-key-file={pki.service_account_key}",
        f"service-account-key-file={pki.admin.key}", "service-account-jwks-uri=https://keys.example/jwks",
        "service-account-max-token-expiration=2h", "service-account-extend-token-expiration=false",
    ])
    store = MemoryStore()
    await store.open()
    async with api_server(tmp_path, pki, store, args) as lab:
        document = (await lab.get(CONFIGURATION)).json
        assert (document["issuer"], document["jwks_uri"]) == ("https://new.example", "https://keys.example/jwks")
        assert len((await lab.get(JWKS)).json["keys"]) == 3
        request = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {"expirationSeconds": 10000}}
        answer = await lab.send("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", request)
        assert answer.json["spec"] == {"audiences": ["a", "b", "c"], "expirationSeconds": 7200}
        assert answer.headers["Warning"] == '299 - "requested expiration of 10000 seconds shortened to 7200 seconds"'
        review = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": {
            "token": answer.json["status"]["token"], "audiences": ["b", "d"]}}
        status = (await lab.send("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)).json["status"]
        assert (status["authenticated"], status["audiences"]) == (True, ["b"])
    await store.close()


@pytest.mark.parametrize(("argument", "why"), [
    ("service-account-max-token-expiration=59m", "must be between 1 hour and 2^32 seconds"),
    ("service-account-jwks-uri=http://a.example", "service-account-jwks-uri requires https scheme, parsed as: http://a.example"),
    ("service-account-issuer=", "service-account-issuer should not be an empty string"),
    ("requestheader-group-headers=a,,b", "a header's name is empty"),
])
def test_wrong_values_of_options_are_told(argument: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        ApiServerArgs.parse([argument])
    assert why in str(caught.value)
