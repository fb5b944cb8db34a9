"""Turns to slow validation."""

from __future__ import annotations

import asyncio
import threading

import pytest

from minikube_py.apiserver.slow_validation import SlowValidation


async def test_one_object_of_a_definition_at_a_time() -> None:
    slow, running, most = SlowValidation(), 0, 0

    async def one() -> None:
        nonlocal running, most
        async with slow.turn("a"):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(one() for _ in range(5)))
    assert most == 1


async def test_definitions_take_turns() -> None:
    slow = SlowValidation()
    async with slow.turn("a"), slow.turn("b") as other:
        assert await other.run(lambda: 7) == 7


async def test_work_tells_what_went_wrong() -> None:
    async with SlowValidation().turn("a") as turn:
        with pytest.raises(ZeroDivisionError):
            await turn.run(lambda: 1 // 0)


async def test_who_gives_up_keeps_his_turn_until_the_thread_has_ended() -> None:
    slow, ends = SlowValidation(), threading.Event()

    async def first() -> None:
        async with slow.turn("a") as turn:
            await turn.run(ends.wait)

    async def second() -> bool:
        async with slow.turn("a"):
            return ends.is_set()

    given_up, next_one = asyncio.create_task(first()), asyncio.create_task(second())
    await asyncio.sleep(0)
    given_up.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    waiting = not given_up.done() and not next_one.done()
    ends.set()
    assert waiting and await next_one
    assert given_up.cancelled()
