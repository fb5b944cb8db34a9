"""The life of a process: until a signal asks it to stop, or what it runs ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from .errors import FatalError


async def run_until_stopped(*coroutines: Coroutine[Any, Any, Any]) -> None:
    """Run coroutines until SIGTERM or SIGINT, or until one of them fails; then cancel the others and wait for them.

    Raises: FatalError, or what a coroutine raised (in an ExceptionGroup if several failed).
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
            await stopping.wait()
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        fatal = _fatal(errors)
        if fatal is not None:
            raise fatal from errors
        raise
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)


def _fatal(group: BaseExceptionGroup[BaseException]) -> FatalError | None:
    for error in group.exceptions:
        if isinstance(error, FatalError):
            return error
        if isinstance(error, BaseExceptionGroup):
            found = _fatal(error)
            if found is not None:
                return found
    return None
