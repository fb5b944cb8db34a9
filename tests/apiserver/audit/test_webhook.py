"""What becomes of events that a webhook has not got when the server ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import cast

import msgspec
import pytest

from minikube_py.apiserver.audit import webhook
from minikube_py.apiserver.audit.backends import Truncation
from minikube_py.apiserver.audit.batches import BatchLimits
from minikube_py.apiserver.audit.event import Event, WireUser, encode_event
from minikube_py.apiserver.audit.webhook import BatchWebhook, BlockingWebhook
from minikube_py.client.transport import Transport

EVENT = Event(
    kind="Event", api_version="audit.k8s.io/v1", level="Metadata", audit_id="a", stage="RequestReceived", request_uri="/", verb="get",
    user=WireUser("jane"), request_received_timestamp="", stage_timestamp="",
)


class Receiver:
    """In a transport's place; answers only if it may."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.events = 0

    async def request(self, method: str, path: str, *, body: bytes) -> bytes:
        if not self.answers:
            await asyncio.Event().wait()
        self.events += len(msgspec.json.decode(body)["items"])
        return b""

    async def close(self) -> None:
        return None


def parts(receiver: Receiver, errors: Counter[str]) -> tuple[webhook.Receiver, Truncation]:
    return webhook.Receiver(cast(Transport, receiver), 0.001, errors), Truncation("webhook", errors, enabled=False, event_bytes_max=0)


def backend(receiver: Receiver, errors: Counter[str]) -> BatchWebhook:
    target, truncation = parts(receiver, errors)
    return BatchWebhook(target, BatchLimits(100, 1, 30.0, False, 10.0, 15), truncation, errors)


async def test_all_that_is_not_sent_in_time_counts_as_lost(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(webhook, "CLOSE_TIMEOUT_S", 0.01)
    errors: Counter[str] = Counter()
    made = backend(Receiver(answers=False), errors)
    for _ in range(3):
        assert made.take(EVENT, encode_event(EVENT))
    await made.close()
    assert errors == {"webhook": 3}
    assert "events=3 error=not sent before the server ended" in caplog.text


@pytest.mark.parametrize("turns", range(12))
async def test_end_of_the_server_at_any_turn_of_the_loop_loses_nothing(turns: int) -> None:
    errors: Counter[str] = Counter()
    receiver = Receiver(answers=False)
    made = backend(receiver, errors)
    running = asyncio.create_task(made.run())
    for _ in range(3):
        made.take(EVENT, encode_event(EVENT))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    receiver.answers = True
    await made.close()
    assert receiver.events == 3 and not errors


async def test_events_of_one_request_are_sent_in_order_and_the_end_waits_for_none_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "CLOSE_TIMEOUT_S", 0.01)
    errors: Counter[str] = Counter()
    receiver = Receiver(answers=False)
    target, truncation = parts(receiver, errors)
    blocking = BlockingWebhook(target, truncation, strict=False)
    first = blocking.post(EVENT, encode_event(EVENT), None)
    second = blocking.post(EVENT, encode_event(EVENT), first)
    await blocking.close()
    assert first is not None and second is not None and first.done() and second.done()
    assert receiver.events == 0 and errors == {"webhook": 2}


@pytest.mark.parametrize("strict", [False, True])
async def test_events_that_nobody_waits_for_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch, *, strict: bool) -> None:
    monkeypatch.setattr(webhook, "CLOSE_TIMEOUT_S", 0.01)
    monkeypatch.setattr(webhook, "EVENTS_MAX", 3)
    errors: Counter[str] = Counter()
    target, truncation = parts(Receiver(answers=False), errors)
    blocking = BlockingWebhook(target, truncation, strict=strict)
    posted = [blocking.post(EVENT, encode_event(EVENT), None) for _ in range(4)]
    late = posted[-1]
    assert late is not None and await late is not strict and errors == {"webhook": 1}
    assert not any(task.done() for task in posted[:-1] if task is not None)
    await blocking.close()
