"""Priority levels: how many seats each has, what it lends and borrows, and what is counted of it.

The server's seats are divided by the levels' shares. What a level has not needed for a while others may use, within what it lends and
they may borrow; the division is looked at anew every ten seconds as long as a level wants more than it has.
Source: KEP-1040 (dispatching, borrowing), k8s.io/apiserver/pkg/util/flowcontrol/{apf_controller,conc_alloc,max_seats}.go
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from minikube_py.apis.flowcontrol_v1 import PriorityLevelConfiguration
from minikube_py.core.histogram import Histogram

from .queue_set import QueueSet, Queuing

# Seconds between two looks at who lends to whom. Source: apf_controller.go (borrowingAdjustmentPeriod)
ADJUSTMENT_S = 10.0
# How slowly a level's demand is forgotten. Source: apf_controller.go (seatDemandSmoothingCoefficient)
SMOOTHING = 0.977
# What part of a level's seats one request may take, and how many at most. Source: max_seats.go, request/config.go
SEATS_FRACTION_MAX, SEATS_MAX = 0.15, 10
DURATION_BUCKETS_S = (0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
QUEUE_LENGTH_BUCKETS = (0.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)
SEATS_BUCKETS = (1.0, 2.0, 4.0, 10.0)


class Counts:
    """What is counted of the requests of one schema at one level."""

    __slots__ = ("dispatched", "executing", "execution", "level", "queue_lengths", "rejected", "schema", "seats", "seats_in_use",
                 "unaccommodated", "waited", "waiting")

    def __init__(self, level: str, schema: str) -> None:
        self.level = level
        self.schema = schema
        self.dispatched = 0
        self.executing = 0
        self.seats_in_use = 0
        self.waiting = 0
        self.unaccommodated = 0
        self.rejected: Counter[str] = Counter()
        self.execution = Histogram(DURATION_BUCKETS_S)
        self.waited = Histogram(DURATION_BUCKETS_S)
        self.queue_lengths = Histogram(QUEUE_LENGTH_BUCKETS)
        self.seats = Histogram(SEATS_BUCKETS)


class Flow(NamedTuple):
    """Requests that compete as one."""

    counts: Counts
    distinguisher: str
    hash: int

    def refused_accommodation(self) -> None:
        """A request of this flow was next, and there were not enough seats."""
        self.counts.unaccommodated += 1


class Level:
    """A PriorityLevelConfiguration in force.

    Attributes:
        queue_set: None of an exempt level.
        nominal, lower, upper: seats by its shares, what it keeps of them, and what it may have with borrowed ones.
        seats_max: how many one request may take.
        quiescing: whether its object is gone, and it only carries out what it has.
    """

    def __init__(self, configuration: PriorityLevelConfiguration) -> None:
        self.name = configuration.metadata.name
        self.nominal = self.lower = self.upper = 0
        self.seats_max = SEATS_MAX
        self.smoothed = 0.0
        self.target = 0.0
        self.high = 0
        self.quiescing = False
        self.queue_set: QueueSet | None = None
        self.uid = ""
        self.shares = self._lendable = 0
        self._borrowing: int | None = None
        self._queuing = Queuing()
        self.update(configuration)

    def update(self, configuration: PriorityLevelConfiguration) -> None:
        """Take over what the object says; seats are divided by `divide`."""
        self.uid, self.quiescing = configuration.metadata.uid, False
        spec = configuration.spec
        part = spec.exempt if spec.type == "Exempt" else spec.limited
        self.shares = part.nominal_concurrency_shares or 0 if part is not None else 0
        self._lendable = part.lendable_percent or 0 if part is not None else 0
        if spec.limited is None:
            return
        self._borrowing = spec.limited.borrowing_limit_percent
        response = spec.limited.limit_response
        queuing = response.queuing if response is not None else None
        self._queuing = Queuing() if queuing is None else Queuing(queuing.queues, queuing.hand_size, queuing.queue_length_limit)

    @property
    def exempt(self) -> bool:
        return self.name == "exempt"

    def give(self, nominal: int, server_seats: int) -> None:
        """Set the seats that the shares come to."""
        self.nominal = nominal
        lendable = round(nominal * self._lendable / 100)
        self.lower = nominal - lendable
        self.upper = server_seats if self._borrowing is None else nominal + round(nominal * self._borrowing / 100)
        if self.exempt:
            return
        self.seats_max = max(1, min(SEATS_MAX, math.ceil(nominal * SEATS_FRACTION_MAX)))
        if self.queue_set is None:
            self.queue_set = QueueSet(self._queuing, nominal)
            return
        if self.queue_set.queuing != self._queuing:
            self.queue_set.configure(self._queuing)
        self.queue_set.set_limit(nominal)


def divide(levels: Iterable[Level], server_seats: int) -> None:
    """Divide the server's seats by shares. Rounded up, so that the sum may be a little more."""
    levels = tuple(levels)
    shares = sum(level.shares for level in levels)
    for level in levels:
        level.give(math.ceil(server_seats * level.shares / shares) if shares else 0, server_seats)


def adjust(levels: Sequence[Level], now: float) -> bool:
    """Lend and borrow according to what was wanted; return whether that is to be looked at again.

    When no level wants more than its own seats, each has them.
    """
    limited = [(level, level.queue_set) for level in levels if level.queue_set is not None]
    for level, queue_set in limited:
        mean, deviation, level.high = queue_set.demand.settle(now)
        wanted = mean + deviation
        level.smoothed = max(wanted, SMOOTHING * level.smoothed + (1 - SMOOTHING) * wanted)
    if all(level.smoothed <= level.nominal and not queue_set.waiting for level, queue_set in limited):
        for level, queue_set in limited:
            queue_set.set_limit(level.nominal)
        return False
    items = []
    for level, _ in limited:
        lower = max(level.lower, min(level.nominal, level.high))
        level.target = max(lower, level.smoothed)
        items.append((float(lower), level.target, float(max(level.upper, lower))))
    seats = fair_division(sum(level.nominal for level, _ in limited), items)
    for (_, queue_set), share in zip(limited, seats, strict=True):
        queue_set.set_limit(max(1, round(share)))
    return True


def fair_division(total: int, items: Sequence[tuple[float, float, float]]) -> list[float]:
    """Parts of a total, each in the same proportion to its target, as far as its bounds let it.

    Args:
        items: (lower bound, target, upper bound).
    """
    if not items:
        return []

    def parts(proportion: float) -> list[float]:
        return [min(upper, max(lower, proportion * max(target, 0.001))) for lower, target, upper in items]

    if sum(lower for lower, _, _ in items) >= total:
        return [lower for lower, _, _ in items]
    if sum(upper for _, _, upper in items) <= total:
        return [upper for _, _, upper in items]
    low, high = 0.0, 1.0
    while sum(parts(high)) < total:
        high *= 2
    for _ in range(64):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(parts(middle)) < total else (low, middle)
    return parts(high)
