"""The life of a process: until a signal asks it to stop, or what it runs ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from .errors import FatalError

log = logging.getLogger(__name__)


async def run_until_stopped(*coroutines: Coroutine[Any, Any, Any], before_end: Callable[[], Awaitable[None]] | None = None) -> None:
    """Run coroutines until SIGTERM or SIGINT, or until one of them fails; then cancel the others and wait for them.

    A second signal ends the process at once, as if it were killed.

    Args:
        before_end: called after the first signal; the coroutines run on until it returns.
    Raises: FatalError, or what a coroutine raised (in an ExceptionGroup if several failed).
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            log.warning("second signal: ending at once")
            logging.shutdown()
            os._exit(1)
        stopping.set()

    # Not taken back: what comes after the coroutines, to end in order, can be cut short too.
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
            await stopping.wait()
            if before_end is not None:
                await before_end()
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        fatal = _fatal(errors)
        if fatal is not None:
            raise fatal from errors
        raise


def _fatal(group: BaseExceptionGroup[BaseException]) -> FatalError | None:
    for error in group.exceptions:
        if isinstance(error, FatalError):
            return error
        if isinstance(error, BaseExceptionGroup):
            found = _fatal(error)
            if found is not None:
                return found
    return None
