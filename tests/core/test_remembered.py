from __future__ import annotations

import asyncio

import pytest

from minikube_py.core.remembered import Remembered, TooManyQuestionsError


class Somebody:
    """Answers questions, slowly if told so."""

    def __init__(self, ttl_s: float = 10.0) -> None:
        self.asked: list[str] = []
        self.now_s = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.answers = Remembered(self.answer, lambda _: ttl_s, answers_max=2, questions_max=2, now_s=lambda: self.now_s)

    async def answer(self, question: str) -> str:
        self.asked.append(question)
        await self.gate.wait()
        if question == "bad":
            raise ValueError(question)
        return question.upper()


async def test_answer_is_believed_for_its_time() -> None:
    somebody = Somebody()
    assert [await somebody.answers.get("a") for _ in range(2)] == ["A", "A"]
    somebody.now_s = 10.0
    await somebody.answers.get("a")
    assert somebody.asked == ["a", "a"]


async def test_failure_is_told_and_not_kept() -> None:
    somebody = Somebody()
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            await somebody.answers.get("bad")
    assert somebody.asked == ["bad", "bad"]


async def test_oldest_answer_makes_room() -> None:
    somebody = Somebody()
    for question in ("a", "b", "c", "a"):
        await somebody.answers.get(question)
    assert somebody.asked == ["a", "b", "c", "a"]


async def test_many_ask_once_and_who_leaves_takes_nobody_along() -> None:
    somebody = Somebody()
    somebody.gate.clear()
    first, second = (asyncio.create_task(somebody.answers.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    somebody.gate.set()
    assert await second == "A"
    assert somebody.asked == ["a"]


async def test_questions_under_way_are_bounded_and_end_with_the_asker() -> None:
    somebody = Somebody()
    somebody.gate.clear()
    waiting = [asyncio.create_task(somebody.answers.get(question)) for question in "ab"]
    await asyncio.sleep(0)
    with pytest.raises(TooManyQuestionsError):
        await somebody.answers.get("c")
    await somebody.answers.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
