"""Secrets are told to who may read them, and to nobody else: not by logs, audit, events, errors, metrics or debugging pages."""

from __future__ import annotations

import ast
import base64
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

import minikube_py
from minikube_py.apiserver.authentication.bootstrap import new_token, token_secret
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.store.memory import MemoryStore

from ..lab import Answer, Lab, api_server
from .conftest import CANARY

ENCODED = base64.b64encode(CANARY.encode()).decode()
SECRETS = "/api/v1/namespaces/default/secrets"
MERGE = {"Content-Type": "application/merge-patch+json"}


def leaks(data: bytes | str) -> bool:
    text = data.decode(errors="replace") if isinstance(data, bytes) else data
    return any(form in text for form in (CANARY, ENCODED, CANARY[:16]))


@pytest.fixture
async def audited(pki: Pki, tmp_path: Path) -> AsyncIterator[Lab]:
    """A server that records every request at level Metadata, the file "audit"."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
    people = tmp_path / "people.csv"
    people.write_text(f"{CANARY},reader,1\n")
    store = MemoryStore()
    await store.open()
    args = ApiServerArgs.parse([f"audit-policy-file={policy}", f"audit-log-path={tmp_path / 'audit'}", f"token-auth-file={people}"])
    async with api_server(tmp_path, pki, store, args) as lab:
        yield lab
    await store.close()


def broken_secrets() -> list[dict[str, Any]]:
    """Secrets that are refused, each for another reason, with something secret in them."""
    def secret(**fields: Any) -> dict[str, Any]:
        return {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "x"}, **fields}

    return [
        secret(data={"k": CANARY}), secret(data={"k": [ENCODED]}), secret(data=CANARY), secret(data={"bad key": ENCODED}),
        secret(type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": ENCODED}),
        secret(type="kubernetes.io/dockercfg", data={".dockercfg": ENCODED}),
        secret(type="kubernetes.io/tls", data={"tls.crt": ENCODED}), secret(type="kubernetes.io/ssh-auth", data={"x": ENCODED}),
        secret(type="kubernetes.io/service-account-token", data={"token": ENCODED}), secret(data={"k": ENCODED, "l": 5}),
        secret(stringData={"k": {"a": CANARY}}),
    ]


async def test_what_is_wrong_with_a_secret_is_told_without_it(audited: Lab, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for document in broken_secrets():
        for query in ("", "?fieldValidation=Strict"):
            answer = await audited.send("POST", SECRETS + query, document)
            assert (400 <= answer.status < 500, leaks(answer.body)) == (True, False), answer.body
    made = {"metadata": {"name": "kept"}, "immutable": True, "data": {"k": ENCODED}}
    assert (await audited.send("POST", SECRETS, made)).status == 201
    for patch in ({"data": {"k": "eA=="}}, {"data": {"k": 5}}, {"type": CANARY[:5]}, {"metadata": {"resourceVersion": "1"}}):
        answer = await audited.send("PATCH", f"{SECRETS}/kept", patch, headers=MERGE)
        assert (400 <= answer.status < 500, leaks(answer.body)) == (True, False), answer.body
    assert (await audited.send("DELETE", f"{SECRETS}/kept")).status == 200
    assert not leaks((tmp_path / "audit").read_bytes())
    assert not leaks(caplog.text)


async def test_credentials_are_not_told_by_what_describes_the_server(
    audited: Lab, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bootstrap = new_token()
    await audited.client.create(token_secret(bootstrap, ttl=None))
    tokens = (CANARY, bootstrap, f"{bootstrap[:-1]}!", f"{CANARY}x")
    for token in tokens:
        protocol = base64.urlsafe_b64encode(token.encode()).rstrip(b"=").decode()
        async with aiohttp.ClientSession(audited.url, connector=aiohttp.TCPConnector(ssl=audited.anonymous_tls)) as session:
            await audited.send("GET", SECRETS, headers={"Authorization": f"Bearer {token}"}, session=session)
            await audited.send("GET", SECRETS, headers={"Authorization": f"Basic {protocol}"}, session=session)
            sent = {"Sec-WebSocket-Protocol": f"base64url.bearer.authorization.k8s.io.{protocol}", "Connection": "Upgrade",
                    "Upgrade": "websocket"}
            await audited.send("GET", SECRETS, headers=sent, session=session)
        review = {"spec": {"token": token, "audiences": ["x"]}}
        assert (await audited.send("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)).status == 201
    made = await audited.send("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", {"spec": {}})
    tokens = (*tokens, str(made.json["status"]["token"]))
    pages = [(await audited.get(path)).body.decode() for path in (
        "/metrics", "/flagz", "/statusz", "/debug/pprof/goroutine", "/debug/pprof/cmdline",
        "/debug/api_priority_and_fairness/dump_requests", "/readyz?verbose", "/api/v1/events", "/version", "/openid/v1/jwks",
    )]
    for text in (*pages, caplog.text, (tmp_path / "audit").read_text()):
        for token in tokens:
            assert token not in text
            assert base64.urlsafe_b64encode(token.encode()).decode().rstrip("=") not in text


HOSTILE = ("x\r\nX-Evil: 1", "x\nX-Evil: 1", "x\u2028X-Evil: 1", "x\x1b[31m", '","user":{"username":"system:admin"},"x":"')


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_a_client_sends_breaks_no_line_of_an_answer_or_of_a_log(
    audited: Lab, tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    caplog.set_level(logging.DEBUG)
    written = quote(text, safe="")
    answers: list[Answer] = [
        await audited.send("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "x"}, text: "1"}),
        await audited.send("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": text}}),
        await audited.send("POST", "/api/v1/namespaces/default/configmaps?fieldManager=" + written, {"metadata": {"generateName": "x"}}),
    ]
    for answer in answers:
        assert "X-Evil" not in answer.headers
    for line in (tmp_path / "audit").read_bytes().splitlines():
        assert line.startswith(b'{"kind":"Event"') and line.endswith(b"}")
        assert b'"username":"system:admin"},"x"' not in line
    messages = [record.getMessage() for record in caplog.records]
    assert not [message for message in messages if "\n" in message or "\x1b" in message]


# Comparisons of these names with == are of no secret: a token with another that the same person wrote, when the server starts.
BETWEEN_OPTIONS = {("server_token.py", "rotate"), ("server_token.py", "ensure_server_tokens")}
SECRET_NAMES = {"token", "secret", "password", "digest", "signature", "token_secret"}


def test_secrets_are_compared_in_constant_time() -> None:
    """No secret that somebody shows is compared by ==, which ends at the first character that differs."""
    found = set()
    root = Path(minikube_py.__file__).parent
    for file in (*(root / "apiserver").rglob("*.py"), *(root / "kubelet" / "auth").rglob("*.py")):
        for function in ast.walk(ast.parse(file.read_text())):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                    sides = [node.left, *node.comparators]
                    if any(isinstance(side, ast.Constant) for side in sides):
                        continue
                    names = {getattr(side, "attr", getattr(side, "id", "")) for side in sides}
                    if names & SECRET_NAMES:
                        found.add((file.name, function.name))
    assert found == BETWEEN_OPTIONS
