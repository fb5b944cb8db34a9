"""Answers of somebody else, remembered for a while.

A question that many ask at once is asked once; it goes on when the one who began it is cancelled, as the others wait for it. Failures are
not remembered. Both the answers that are kept and the questions under way have a bound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TooManyQuestionsError(Exception):
    """As many questions as may be are under way."""


class Remembered(Generic[K, V]):
    """Answers by question.

    Args:
        ask: finds an answer, given the question and its details; what it raises is raised to all who wait for it.
        ttl_s: how long an answer is believed; 0 for no longer than who waits for it.
        answers_max, questions_max: the bounds.
    """

    def __init__(
        self, ask: Callable[..., Awaitable[V]], ttl_s: Callable[[V], float], *, answers_max: int, questions_max: int,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._ttl_s = ttl_s
        self._answers_max = answers_max
        self._questions_max = questions_max
        self._now_s = now_s
        self._answers: dict[K, tuple[V, float]] = {}
        self._asking: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, *details: Any) -> V:
        """The answer to a question.

        Args:
            details: what is needed to ask and not to be kept, as secrets.
        Raises: TooManyQuestionsError; what asking raises.
        """
        answer = self._answers.get(key)
        if answer is not None and self._now_s() < answer[1]:
            return answer[0]
        task = self._asking.get(key)
        if task is None:
            if len(self._asking) >= self._questions_max:
                raise TooManyQuestionsError("too many questions are under way")
            task = self._asking[key] = asyncio.create_task(self._find(key, details), name="remembered-question")
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ask no further."""
        tasks = [*self._asking.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _find(self, key: K, details: tuple[Any, ...]) -> V:
        value = await self._ask(key, *details)
        ttl_s = self._ttl_s(value)
        if ttl_s > 0:
            if key not in self._answers and len(self._answers) >= self._answers_max:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = (value, self._now_s() + ttl_s)
        return value

    def _done(self, key: K, task: asyncio.Task[V]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # It is told to those who wait; nobody may be left.
