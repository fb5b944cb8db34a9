from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from minikube_py.apiserver.authentication.webhook import WebhookTokens
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.apiserver.webhook_client import WebhookClient
from minikube_py.core.errors import UnauthorizedError
from minikube_py.store.memory import MemoryStore

from ..lab import Lab, api_server
from ..webhooks import Webhook, webhook

WHO = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
JANE = {"username": "jane", "uid": "7", "groups": ["dev"], "extra": {"team": ["blue"]}}


def reviewed(question: dict[str, Any], **status: Any) -> tuple[int, Any]:
    return 200, {"kind": "TokenReview", "apiVersion": question["apiVersion"], "status": status}


def judge(question: dict[str, Any]) -> tuple[int, Any]:
    match question["spec"]["token"]:
        case "janes":
            return reviewed(question, authenticated=True, user=JANE)
        case "told":
            return reviewed(question, authenticated=False, error="the token was stolen")
    return reviewed(question, authenticated=False)


@asynccontextmanager
async def tokens_of(hook: Webhook, tmp_path: Path, version: str = "v1") -> AsyncIterator[WebhookTokens]:
    client = WebhookClient.from_kubeconfig("tokens", hook.kubeconfig(tmp_path / "webhook.yaml"))
    yield WebhookTokens(client, version, ["api"])
    await client.close()


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_the_question_is_a_token_review(tmp_path: Path, version: str) -> None:
    async with webhook(judge) as hook, tokens_of(hook, tmp_path, version) as tokens:
        identity = await tokens.authenticate_token("janes")
        assert identity is not None
        user = identity.user
        assert (user.name, user.uid, user.groups, dict(user.extra)) == ("jane", "7", ("dev",), {"team": ("blue",)})
        assert identity.audiences == ("api",)
        assert hook.asked == [{
            "kind": "TokenReview", "apiVersion": f"authentication.k8s.io/{version}", "metadata": {"creationTimestamp": None},
            "spec": {"token": "janes", "audiences": ["api"]}, "status": {"user": {}},
        }]


async def test_audiences_are_those_that_the_webhook_names(tmp_path: Path) -> None:
    async with webhook(judge) as hook, tokens_of(hook, tmp_path) as tokens:
        assert await tokens.authenticate_token("janes", ["vault"]) is None
        hook.answer = lambda question: reviewed(question, authenticated=True, user=JANE, audiences=["vault", "else"])
        identity = await tokens.authenticate_token("janes", ["api", "vault"])
        assert identity is not None
        assert identity.audiences == ("vault",)
        assert await tokens.authenticate_token("janes") is None


@pytest.mark.parametrize(("answer", "why"), [
    ((200, b"[1]"), "Expected `object`"), ((200, b"\xff"), ""), ((503, {}), "gave no answer"),
    ((200, {"kind": "Other", "apiVersion": "v1"}), "the webhook answered with v1, Kind=Other"),
    ((200, {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": {"authenticated": "yes"}}), "Expected `bool`"),
])
async def test_what_is_no_answer_is_no_identity(tmp_path: Path, answer: Any, why: str) -> None:
    async with webhook(lambda question: answer) as hook, tokens_of(hook, tmp_path) as tokens:
        with pytest.raises(UnauthorizedError) as caught:
            await tokens.authenticate_token("janes")
        assert why in caught.value.message


@asynccontextmanager
async def lab_with(tmp_path: Path, pki: Pki, kubeconfig: Path) -> AsyncIterator[Lab]:
    args = ApiServerArgs.parse([
        f"authentication-token-webhook-config-file={kubeconfig}", "authentication-token-webhook-version=v1",
        "authentication-token-webhook-cache-ttl=1m", f"token-auth-file={tmp_path}/tokens.csv",
    ])
    store = MemoryStore()
    await store.open()
    async with api_server(tmp_path, pki, store, args) as lab:
        yield lab
    await store.close()


async def ask(lab: Lab, token: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls)) as session:
        answer = await lab.send(
            "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", WHO, headers={"Authorization": f"Bearer {token}"}, session=session
        )
    return answer.status, answer.json


async def test_a_server_asks_its_webhook_last(tmp_path: Path, pki: Pki) -> None:
    async with webhook(judge) as hook, lab_with(tmp_path, pki, hook.kubeconfig(tmp_path / "webhook.yaml")) as lab:
        status, answer = await ask(lab, "reader-token")
        assert (status, answer["status"]["userInfo"]["username"]) == (201, "reader")
        assert hook.asked == []
        status, answer = await ask(lab, "janes")
        assert (status, answer["status"]["userInfo"]) == (201, JANE | {"groups": ["dev", "system:authenticated"]})
        for _ in range(3):
            status, answer = await ask(lab, "unknown")
            assert (status, answer["message"]) == (401, "Unauthorized")
        assert [question["spec"]["token"] for question in hook.asked] == ["janes", "unknown"]
        review = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": {"token": "told"}}
        told = (await lab.send("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)).json["status"]
        assert told == {"error": "[invalid bearer token, the token was stolen]", "user": {}}


async def test_a_dead_webhook_keeps_nobody_else_out(tmp_path: Path, pki: Pki) -> None:
    async with webhook(judge) as hook:
        path = hook.kubeconfig(tmp_path / "webhook.yaml", "https://127.0.0.1:1/")
        async with lab_with(tmp_path, pki, path) as lab:
            assert (await ask(lab, "janes"))[0] == 401
            assert (await ask(lab, "reader-token"))[0] == 201
            assert (await lab.get("/api/v1/namespaces/default")).status == 200
