"""The state of one evaluation."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from .errors import CelError, CostLimitError
from .values import Value

# Some operations do more than their cost says: comparing large objects, replacing by long strings. An evaluation that gets nowhere near
# its cost limit ends by the clock.
EVALUATION_S_MAX = 1.0
_CHARGES_BETWEEN_LOOKS = 16


class Frame:
    """One evaluation: the values of variables by slot, and the cost so far."""

    __slots__ = ("_charges", "_deadline", "_seconds", "cost", "limit", "slots")

    def __init__(self, slots: list[Value], limit: int, seconds: float = EVALUATION_S_MAX) -> None:
        self.slots = slots
        self.cost = 0
        self.limit = limit
        self._seconds = seconds
        self._charges = 0
        self._deadline = 0.0

    def charge(self, amount: int) -> None:
        """Raises: CostLimitError."""
        self.cost += amount
        if self.cost > self.limit:
            raise CostLimitError
        self._charges += 1
        if not self._charges % _CHARGES_BETWEEN_LOOKS:
            self._look_at_clock()

    def _look_at_clock(self) -> None:
        now = monotonic()
        if not self._deadline:
            self._deadline = now + self._seconds
        elif now > self._deadline:
            raise CostLimitError


Closure = Callable[[Frame], Value]


class Failed:
    """An error as the accumulator of a fold."""

    __slots__ = ("error",)

    def __init__(self, error: CelError) -> None:
        self.error = error
