"""Exponential back-off per key."""

from __future__ import annotations

from collections.abc import Hashable


class Backoff:
    """Delays that double per failure of a key, from `initial_s` to `max_s`.

    Source: client-go util/workqueue/default_rate_limiters.go (ItemExponentialFailureRateLimiter).
    """

    def __init__(self, initial_s: float, max_s: float) -> None:
        self._initial_s = initial_s
        self._max_s = max_s
        self._failures: dict[Hashable, int] = {}

    def next_s(self, key: Hashable) -> float:
        """Count one more failure of `key` and return the delay before its next try, in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return float(min(self._initial_s * 2 ** min(failures, 62), self._max_s))

    def failures(self, key: Hashable) -> int:
        return self._failures.get(key, 0)

    def forget(self, key: Hashable) -> None:
        self._failures.pop(key, None)
