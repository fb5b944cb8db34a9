from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apiserver import webhook_client as module
from minikube_py.apiserver.webhook_client import WebhookClient, WebhookError

from .webhooks import Webhook, webhook


def status(code: int) -> Any:
    return lambda question: (code, {"code": code})


async def client_of(hook: Webhook, tmp_path: Path, timeout_s: float = 5.0, **user: str) -> WebhookClient:
    return WebhookClient.from_kubeconfig("test", hook.kubeconfig(tmp_path / "webhook.yaml", **user), timeout_s=timeout_s)


async def test_a_question_goes_to_the_exact_path_with_the_credentials_of_the_file(tmp_path: Path) -> None:
    async with webhook(lambda question: (200, question | {"answer": 1})) as hook:
        client = await client_of(hook, tmp_path, token="mine")
        assert await client.post(b'{"question":1}') == b'{"question":1,"answer":1}'
        assert hook.paths == ["/authenticate"]
        await client.close()


@pytest.mark.parametrize(("code", "tries"), [(429, 5), (500, 5), (504, 5), (503, 1), (400, 1), (404, 1)])
async def test_what_another_try_may_change_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, tries: int) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", 0.0)
    async with webhook(status(code)) as hook:
        client = await client_of(hook, tmp_path)
        with pytest.raises(WebhookError, match="the webhook test gave no answer"):
            await client.post(b"{}")
        assert len(hook.asked) == tries
        await client.close()


async def test_a_passing_failure_is_nobodys_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", 0.0)
    async with webhook(status(500)) as hook:
        hook.answer = lambda question: (200 if len(hook.asked) == 3 else 500, {"n": len(hook.asked)})
        client = await client_of(hook, tmp_path)
        assert await client.post(b"{}") == b'{"n":3}'
        await client.close()


async def test_a_dead_webhook_holds_nobody_longer_than_its_timeout(tmp_path: Path) -> None:
    """It accepts connections and never answers; after some questions nobody waits at all."""
    held: list[asyncio.StreamWriter] = []
    listener = await asyncio.start_server(lambda reader, writer: held.append(writer), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, webhook(status(200)) as hook:
        path = hook.kubeconfig(tmp_path / "webhook.yaml", f"http://127.0.0.1:{port}/")
        client = WebhookClient.from_kubeconfig("test", path, timeout_s=0.1)
        for _ in range(module.FAILURES_MAX):
            with pytest.raises(WebhookError, match="gave no answer"):
                await asyncio.wait_for(client.post(b"{}"), 5)
        connections = len(held)
        for _ in range(100):
            with pytest.raises(WebhookError, match="does not answer"):
                await client.post(b"{}")
        assert len(held) == connections
        await client.close()
        for writer in held:
            writer.close()


async def test_one_question_finds_out_whether_a_webhook_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    monkeypatch.setattr(module, "log", module.logging.getLogger("quiet"))
    async with webhook(status(400)) as hook:
        client = await client_of(hook, tmp_path)
        for _ in range(module.FAILURES_MAX):
            with pytest.raises(WebhookError):
                await client.post(b"{}")
        now += module.REST_S - 1
        with pytest.raises(WebhookError, match="does not answer"):
            await client.post(b"{}")
        now += 2
        asked = len(hook.asked)
        outcomes = await asyncio.gather(*(client.post(b"{}") for _ in range(5)), return_exceptions=True)
        assert all(isinstance(outcome, WebhookError) for outcome in outcomes)
        assert len(hook.asked) == asked + 1
        now += module.REST_S + 1
        hook.answer = lambda question: (200, {})
        assert await client.post(b"{}") == b"{}"
        assert await asyncio.gather(*(client.post(b"{}") for _ in range(5))) == [b"{}"] * 5
        await client.close()


async def test_questions_at_once_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.limits, "WEBHOOK_CALLS_MAX", 2)
    async with webhook(status(200)) as hook:
        client = await client_of(hook, tmp_path)
        outcomes = await asyncio.gather(*(client.post(b"{}") for _ in range(3)), return_exceptions=True)
        assert [str(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [
            "the webhook test has too many questions to answer"
        ]
        await client.close()


def test_a_file_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"test: cannot read .*absent"):
        WebhookClient.from_kubeconfig("test", tmp_path / "absent")
    (tmp_path / "ca.yaml").write_text(
        'clusters: [{name: a, cluster: {server: "https://a", certificate-authority-data: YQ==}}]\n'
        "contexts: [{name: a, context: {cluster: a}}]\ncurrent-context: a\n"
    )
    with pytest.raises(ValueError, match="test: "):
        WebhookClient.from_kubeconfig("test", tmp_path / "ca.yaml")
