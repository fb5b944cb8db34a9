"""The state of one evaluation."""

from __future__ import annotations

from collections.abc import Callable

from .errors import CelError, CostLimitError
from .values import Value


class Frame:
    """One evaluation: the values of variables by slot, and the cost so far."""

    __slots__ = ("cost", "limit", "slots")

    def __init__(self, slots: list[Value], limit: int) -> None:
        self.slots = slots
        self.cost = 0
        self.limit = limit

    def charge(self, amount: int) -> None:
        self.cost += amount
        if self.cost > self.limit:
            raise CostLimitError


Closure = Callable[[Frame], Value]


class Failed:
    """An error as the accumulator of a fold."""

    __slots__ = ("error",)

    def __init__(self, error: CelError) -> None:
        self.error = error
