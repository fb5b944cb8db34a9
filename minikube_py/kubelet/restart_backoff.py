"""How long a container that has ended waits for its next start.

Source: kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy; client-go util/flowcontrol/backoff.go (an entry
that has rested twice the longest delay starts anew).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

INITIAL_S = 10.0
MAX_S = 300.0


@dataclass(slots=True)
class _Entry:
    delay_s: float
    updated_s: float


class RestartBackoff:
    """Delays per container (or image): none before the first restart, then 10 s, doubling to five minutes.

    All times are seconds of one clock that the caller chooses.
    """

    def __init__(self, initial_s: float = INITIAL_S, max_s: float = MAX_S) -> None:
        self._initial_s = initial_s
        self._max_s = max_s
        self._entries: dict[Hashable, _Entry] = {}

    def delay_s(self, key: Hashable) -> float:
        """The delay in force; 0 if there is none."""
        entry = self._entries.get(key)
        return entry.delay_s if entry is not None else 0.0

    def remaining_s(self, key: Hashable, ended_s: float, now_s: float) -> float:
        """Seconds that a container which ended at `ended_s` still waits; 0 or less: it may start."""
        entry = self._entries.get(key)
        if entry is None or ended_s - entry.updated_s > 2 * self._max_s:
            return 0.0
        return entry.delay_s - (now_s - ended_s)

    def advance(self, key: Hashable, now_s: float) -> None:
        """Count a start: the next one waits longer."""
        entry = self._entries.get(key)
        if entry is None or now_s - entry.updated_s > 2 * self._max_s:
            self._entries[key] = _Entry(self._initial_s, now_s)
        else:
            entry.delay_s = min(entry.delay_s * 2, self._max_s)
            entry.updated_s = now_s

    def forget(self, key: Hashable) -> None:
        self._entries.pop(key, None)
