"""Time as components see it.

`now()` is wall time for timestamps in objects; intervals come from the event loop's clock, so tests with a virtual clock
drive both waiting and measuring.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import floor
from typing import Protocol

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


class Clock(Protocol):
    """Wall time. Waiting is asyncio's own."""

    def now(self) -> datetime:
        """The present moment, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


SYSTEM_CLOCK = SystemClock()


def duration(seconds: int) -> timedelta:
    """Seconds that a client chose, as Go's time.Duration counts them: nanoseconds in 64 bits, which wrap around."""
    return timedelta(microseconds=((seconds * 10**9 + 2**63) % 2**64 - 2**63) // 1000)


def rfc3339(moment: datetime) -> str:
    """metav1.Time: seconds, UTC ("2026-01-01T00:00:00Z")."""
    return _of_second(floor(moment.timestamp()))


@lru_cache(64)
def _of_second(seconds: int) -> str:
    """Every object that is made within a second has the same text."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(moment: datetime) -> str:
    """metav1.MicroTime: six digits of the second, always ("2026-01-01T00:00:00.000000Z")."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime:
    """The moment that a Time or MicroTime names.

    Raises: ValueError if the text is not RFC 3339.
    """
    if not RFC3339.fullmatch(text):
        raise ValueError(f"not RFC 3339: {text!r}")
    return datetime.fromisoformat(text.upper()).astimezone(UTC)
