"""A process that may outlive the one that started it: started in a session of its own, or found again.

Its end is seen through a pidfd, which works for a child and for a stranger alike, and which a process number that was
given out again cannot fool.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

log = logging.getLogger(__name__)


class DetachedProcess:
    """A running process, held by a pidfd. `close` gives the pidfd back and leaves the process alone.

    Attributes:
        pid: its number.
        child: whether this process started it, and so must reap it.
    """

    def __init__(self, pid: int, pidfd: int, child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._pidfd = pidfd
        self._popen = child

    @property
    def child(self) -> bool:
        return self._popen is not None

    @classmethod
    async def start(cls, argv: Sequence[str], *, env: Mapping[str, str], log_path: Path) -> Self:
        """Start a program with its output appended to `log_path`.

        It is in a session of its own, so that a terminal's Ctrl-C does not reach it, and without a tie to this process' life.
        Raises: OSError if it cannot be started.
        """

        def popen() -> subprocess.Popen[bytes]:
            with log_path.open("ab") as output:
                return subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, start_new_session=True, close_fds=True
                )

        child = await asyncio.to_thread(popen)
        return cls(child.pid, os.pidfd_open(child.pid), child)

    @classmethod
    def find(cls, pid: int, *, argument: str) -> Self | None:
        """The running process `pid` if `argument` is among its arguments, otherwise None."""
        try:
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            if error.errno in (errno.ESRCH, errno.EINVAL):
                return None
            raise
        try:
            # Read after the pidfd was opened, so that both are of one process. A zombie has no arguments.
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except FileNotFoundError:
            arguments = []
        if argument.encode() in arguments:
            return cls(pid, pidfd)
        os.close(pidfd)
        return None

    async def wait(self) -> int | None:
        """Wait until the process ends, and return its exit code if it was a child (negative after a signal)."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(self._pidfd, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._pidfd)
        return self._popen.wait() if self._popen is not None else None

    async def terminate(self, *, grace_s: float) -> None:
        """End the process: SIGTERM, and SIGKILL after `grace_s`. Returns when it has ended."""
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.wait(), grace_s)
        except TimeoutError:
            log.warning("process does not end and is killed pid=%d grace_s=%g", self.pid, grace_s)
            self._signal(signal.SIGKILL)
            await self.wait()

    def close(self) -> None:
        """Give the pidfd back. May be called twice."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _signal(self, number: signal.Signals) -> None:
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            pass  # It has just ended, which is what was wanted.
