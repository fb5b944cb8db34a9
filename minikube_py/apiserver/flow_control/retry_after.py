"""How long clients that were turned away are told to stay away: twice as long while that does not help, a second less once it does.

Source: k8s.io/apiserver/pkg/util/flowcontrol/dropped_requests_tracker.go
"""

from __future__ import annotations

from collections import deque

SECONDS_MAX = 32
# Requests turned away in a second, on average, from which on clients come back too soon.
TOO_MANY_PER_S = 3


class RetryAfter:
    """The wait of one priority level.

    What is looked at is the last so many whole seconds as the wait is long, each time that a second brings its first request to be turned
    away.

    Attributes:
        seconds: what clients are told now.
    """

    def __init__(self) -> None:
        self.seconds = 1
        self._second = 0
        self._in_second = 0
        self._raised_at = 0
        # (second, requests turned away in it), the oldest first.
        self._history: deque[tuple[int, int]] = deque()

    def turned_away(self, now: int) -> None:
        """Count a request.

        Args:
            now: seconds since the epoch.
        """
        if now == self._second:
            self._in_second += 1
            return
        self._history.append((self._second, self._in_second))
        while self._second - self._history[0][0] > SECONDS_MAX:
            self._history.popleft()
        self._second, self._in_second = now, 1
        self._adjust(now)

    def _adjust(self, now: int) -> None:
        lately = sum(requests for second, requests in self._history if now - self.seconds <= second < now)
        if now - self._raised_at >= self.seconds and lately >= TOO_MANY_PER_S * self.seconds:
            self.seconds = min(2 * self.seconds, SECONDS_MAX)
            self._raised_at = now
        elif lately < self.seconds and self.seconds > 1:
            self.seconds -= 1
