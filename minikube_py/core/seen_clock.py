"""A clock that is held against the newest time that was ever seen.

Machines without a battery-backed clock boot in 1970 until somebody tells them the time. A clock that shows a time before this program was
released is wrong for sure: then the newest time seen goes on, which is late by how long the machine was off. A clock that shows a later
time is believed, also when it steps back: it may have been ahead before. The newest time is kept in a file, at most hourly.
"""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .clock import SYSTEM_CLOCK, Clock, parse_rfc3339, rfc3339
from .files import write_atomic

RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
_RELEASED_S = RELEASED.timestamp()
NOTE_EVERY = timedelta(hours=1)


class SeenClock:
    """A Clock that is never before RELEASED.

    Args:
        path: of the file; None remembers only as long as the process lives. Its directory must exist when it is written.
    """

    def __init__(self, path: Path | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._path = path
        self._clock = clock
        self._known: datetime | None = None

    def now(self) -> datetime:
        now = self._clock.now()
        return now if now >= RELEASED else self._seen()

    def timestamp(self) -> float:
        """`now` in seconds since the epoch, at a fraction of the price: it is asked for with each request."""
        now = time.time() if self._clock is SYSTEM_CLOCK else self._clock.now().timestamp()
        return now if now >= _RELEASED_S else self._seen().timestamp()

    def latest(self) -> datetime:
        """The newest time that there ever was."""
        return max(self._clock.now(), self._seen())

    def note(self) -> None:
        """Remember the present. Blocks for a write now and then. Raises: OSError."""
        now = self._clock.now()
        if now >= self._seen() + NOTE_EVERY:
            if self._path is not None:
                write_atomic(self._path, rfc3339(now).encode())
            self._known = now

    def _seen(self) -> datetime:
        if self._known is None:
            self._known = RELEASED
            if self._path is not None:
                # A file that is not there or holds something else says nothing.
                with contextlib.suppress(OSError, ValueError):
                    self._known = max(RELEASED, parse_rfc3339(self._path.read_text().strip()))
        return self._known
