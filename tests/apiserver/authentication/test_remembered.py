from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from minikube_py.apiserver.authentication import TokenIdentity, UserInfo
from minikube_py.apiserver.authentication import remembered as module
from minikube_py.apiserver.authentication.remembered import RememberedTokens
from minikube_py.core.errors import UnauthorizedError


class SlowTokens:
    """Answers once it is let; knows tokens that begin with "good", fails for those that begin with "bad"."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.go = asyncio.Event()
        self.go.set()

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        self.asked.append((token, tuple(audiences)))
        await self.go.wait()
        if token.startswith("bad"):
            raise UnauthorizedError("no answer")
        return TokenIdentity(UserInfo(token)) if token.startswith("good") else None


async def test_yes_and_no_are_believed_and_failures_are_not() -> None:
    slow = SlowTokens()
    tokens = RememberedTokens(slow, 120.0)
    for _ in range(3):
        assert (await tokens.authenticate_token("good")) == TokenIdentity(UserInfo("good"))
        assert (await tokens.authenticate_token("other")) is None
        assert len(slow.asked) == 2
    for questions in (3, 4):
        with pytest.raises(UnauthorizedError, match="no answer"):
            await tokens.authenticate_token("bad")
        assert len(slow.asked) == questions


async def test_answers_are_for_those_who_asked() -> None:
    slow = SlowTokens()
    tokens = RememberedTokens(slow, 120.0)
    await tokens.authenticate_token("good", ["a"])
    await tokens.authenticate_token("good", ["b"])
    await tokens.authenticate_token("good", ["a"])
    assert slow.asked == [("good", ("a",)), ("good", ("b",))]


async def test_one_question_answers_all_who_wait_whoever_goes() -> None:
    slow = SlowTokens()
    slow.go.clear()
    tokens = RememberedTokens(slow, 0.0)
    waiting = [asyncio.create_task(tokens.authenticate_token("good")) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.wait([waiting[0]])
    slow.go.set()
    assert await asyncio.gather(*waiting[1:]) == [TokenIdentity(UserInfo("good"))] * 2
    assert len(slow.asked) == 1
    assert waiting[0].cancelled()


async def test_how_many_are_asked_about_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.limits, "TOKENS_ASKED_MAX", 2)
    slow = SlowTokens()
    slow.go.clear()
    tokens = RememberedTokens(slow, 1.0)
    waiting = [asyncio.create_task(tokens.authenticate_token(f"good-{number}")) for number in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(UnauthorizedError, match="too many"):
        await tokens.authenticate_token("good-2")
    await tokens.close()
    await asyncio.wait(waiting)
    assert [task.cancelled() for task in waiting] == [True, True]
