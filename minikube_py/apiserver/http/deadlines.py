"""How long a request may take: as long as the client says, but never longer than the server lets it.

A request that is late is cancelled; what it has handed to the store may still be done. All requests share one timer, for the first deadline
of those that run: what a request pays is an entry in a dict. Watches and streams have no deadline here.
Source: k8s.io/apiserver/pkg/endpoints/filters/request_deadline.go, k8s.io/apiserver/pkg/server/filters/timeout.go
"""

from __future__ import annotations

import asyncio
from typing import Any

from minikube_py.core.duration import parse_duration
from minikube_py.core.errors import BadRequestError

Task = asyncio.Task[Any]
LATE = "Timeout: request did not complete within the allotted timeout"


class Deadlines:
    """The deadlines of the requests that run.

    Args:
        limit_s: how long a request may take at most.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        # In the order of their deadlines, in seconds of the event loop.
        self._running: dict[Task, float] = {}
        self._shorter: dict[Task, asyncio.TimerHandle] = {}
        self._late: set[Task] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: Task, asked: str) -> None:
        """Watch over a request.

        Args:
            asked: how long it may take, as a client says it; "" and nothing at all are the limit.
        Raises: BadRequestError.
        """
        loop = task.get_loop()
        seconds = _seconds(asked) if asked else 0.0
        if 0 < seconds < self._limit_s:
            self._shorter[task] = loop.call_later(seconds, self._end, task)
        else:
            self._running[task] = loop.time() + self._limit_s
            if self._timer is None:
                self._timer = loop.call_later(self._limit_s, self._end_late)

    def finish(self, task: Task) -> None:
        """Let go of a request."""
        if self._running.pop(task, None) is None and (timer := self._shorter.pop(task, None)) is not None:
            timer.cancel()

    def take_back(self, task: Task) -> bool:
        """Whether a request was cancelled because it was late: then it is not cancelled any more, so that it can say so."""
        if task not in self._late:
            return False
        self._late.discard(task)
        task.uncancel()
        return True

    def _end(self, task: Task) -> None:
        self._late.add(task)
        task.cancel()

    def _end_late(self) -> None:
        """End what is late, and wait for the next."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for task, deadline in [*self._running.items()]:
            if deadline > now:
                self._timer = loop.call_at(deadline, self._end_late)
                return
            del self._running[task]
            self._end(task)
        self._timer = None


def _seconds(text: str) -> float:
    """A duration in Go's notation; one below zero is as good as none.

    Raises: BadRequestError.
    """
    try:
        return 0.0 if text.startswith("-") and parse_duration(text[1:]) else parse_duration(text.removeprefix("+"))
    except ValueError as error:
        problem = str(error)
        if text[0] in "+-":
            problem = problem.replace(f'"{text[1:]}"', f'"{text}"')
        raise BadRequestError(f"invalid timeout specified in the request URL - {problem}") from error
