"""The queues of one priority level: seats, and whose turn it is.

Fair queuing with virtual time: R is how much work a queue that is never empty would have been given so far, in seat-seconds. A queue
that gets something to do begins at R; each request that it sends off costs it the seats times the time it is expected to take, which is
corrected when the request ends. The next request comes from the queue that is served least. A flow may use the queues of its hand only
(shuffle sharding), so that a flood fills a few queues and leaves others to others.

Invariants: no request gets seats beyond `limit`, but for a single one that is wider than all seats; nothing that is next waits while it
fits; each request that was begun is finished or abandoned exactly once. Everything happens on the event loop: no locks.
Source: k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset, shufflesharding/dealer.go
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .priority_levels import Flow

# Seconds that a request is expected to take. Source: queueset (estimatedServiceDuration)
ESTIMATED_SERVICE_S = 0.003
HANDS_MAX = 8192
QUEUE_FULL, CONCURRENCY_LIMIT, TIMED_OUT, CANCELLED = "queue-full", "concurrency-limit", "time-out", "cancelled"


class RejectedError(Exception):
    """A request is turned away.

    Attributes:
        reason: in metrics.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Queuing:
    """How requests wait. `queues` 0 means that they do not."""

    queues: int = 0
    hand_size: int = 0
    length_max: int = 0


class Queue:
    """One queue.

    Attributes:
        next_r: the virtual time at which its next request is due.
        seats_in_use, executing: of requests that were sent off from here.
        waiting_seats: of those that wait.
    """

    __slots__ = ("executing", "index", "next_r", "requests", "seats_in_use", "waiting_seats")

    def __init__(self, index: int) -> None:
        self.index = index
        self.requests: deque[Turn] = deque()
        self.next_r = 0.0
        self.seats_in_use = 0
        self.executing = 0
        self.waiting_seats = 0


class Turn:
    """A request that waits or is carried out.

    Attributes:
        admitted: set when a waiting request gets its seats; None for one that got them at once.
        started: when it got them, by the monotonic clock; 0 until then. It says whether a request has seats: one that gives up may be
            given them before it notices.
    """

    __slots__ = ("admitted", "arrived", "flow", "queue", "seats", "started")

    def __init__(self, flow: Flow, seats: int, queue: Queue | None, arrived: float) -> None:
        self.flow = flow
        self.seats = seats
        self.queue = queue
        self.arrived = arrived
        self.started = 0.0
        self.admitted: asyncio.Future[None] | None = None


class QueueSet:
    """Seats and queues.

    Attributes:
        limit: seats that there are now.
        demand: seats in use and wanted, and how that was over time.
    """

    def __init__(self, queuing: Queuing, limit: int) -> None:
        self.limit = limit
        self._loop: asyncio.AbstractEventLoop | None = None
        self.seats_in_use = 0
        self.executing = 0
        self.waiting = 0
        self.waiting_seats = 0
        self.demand = Demand()
        self._r = 0.0
        self._r_at = time.monotonic()
        self.queues: list[Queue] = []
        self._lingering: list[Queue] = []
        self._hands: dict[int, tuple[int, ...]] = {}
        self.configure(queuing)

    def configure(self, queuing: Queuing) -> None:
        """Change the queues; those that are busy beyond the new number go when they are empty."""
        self.queuing = queuing
        kept, rest = self.queues[: queuing.queues], self.queues[queuing.queues :]
        self.queues = kept + [Queue(index) for index in range(len(kept), queuing.queues)]
        self._lingering = [queue for queue in (*self._lingering, *rest) if queue.requests]
        self._hands = {}

    def set_limit(self, limit: int) -> None:
        self.limit = limit
        self._dispatch()

    @property
    def idle(self) -> bool:
        return not self.executing and not self.waiting

    def begin(self, flow: Flow, seats: int) -> Turn:
        """Take seats, or a place in a queue (`admitted` is then to be awaited by `wait`).

        Raises: RejectedError.
        """
        now = time.monotonic()
        queue = self._choose(flow.hash) if self.queuing.queues else None
        turn = Turn(flow, seats, queue, now)
        if not self.waiting and self._fits(seats):
            self._start(turn, now)
            return turn
        if queue is None:
            raise RejectedError(CONCURRENCY_LIMIT)
        if len(queue.requests) >= self.queuing.length_max:
            raise RejectedError(QUEUE_FULL)
        self._advance(now)
        if not queue.requests and not queue.executing:
            queue.next_r = max(queue.next_r, self._r)
        self._loop = self._loop or asyncio.get_running_loop()
        turn.admitted = self._loop.create_future()
        queue.requests.append(turn)
        queue.waiting_seats += seats
        self.waiting += 1
        self.waiting_seats += seats
        self.demand.change(self.seats_in_use + self.waiting_seats, now)
        return turn

    async def wait(self, turn: Turn, timeout_s: float) -> None:
        """Until a request that waits has its seats.

        Raises: RejectedError if that takes too long. Cancellation: it waits no longer, and has no seats.
        """
        admitted = turn.admitted
        if admitted is None:
            return
        timer = admitted.get_loop().call_later(timeout_s, _give_up, admitted)
        try:
            await admitted
        except TimeoutError as error:
            if not turn.started:
                self._abandon(turn)
                raise RejectedError(TIMED_OUT) from error
        except asyncio.CancelledError:
            if turn.started:
                self.finish(turn)
            else:
                self._abandon(turn)
            raise
        finally:
            timer.cancel()

    def finish(self, turn: Turn) -> None:
        """Give the seats back."""
        now = time.monotonic()
        self._advance(now)
        self.seats_in_use -= turn.seats
        self.executing -= 1
        queue = turn.queue
        if queue is not None:
            queue.seats_in_use -= turn.seats
            queue.executing -= 1
            queue.next_r += turn.seats * (now - turn.started - ESTIMATED_SERVICE_S)
        self.demand.change(self.seats_in_use + self.waiting_seats, now)
        if self.waiting:
            self._dispatch()

    def _choose(self, flow_hash: int) -> Queue:
        """The queue of the flow's hand that has the least to do."""
        hand = self._hands.get(flow_hash)
        if hand is None:
            if len(self._hands) >= HANDS_MAX:
                self._hands.clear()
            hand = self._hands[flow_hash] = deal(flow_hash, self.queuing.queues, self.queuing.hand_size)
        queues = self.queues
        best = queues[hand[0]]
        load = best.seats_in_use + best.waiting_seats
        if load:
            for index in hand[1:]:
                queue = queues[index]
                other = queue.seats_in_use + queue.waiting_seats
                if other < load:
                    best, load = queue, other
        return best

    def _fits(self, seats: int) -> bool:
        return self.seats_in_use + seats <= self.limit or (seats > self.limit and not self.seats_in_use)

    def _start(self, turn: Turn, now: float) -> None:
        self._advance(now)
        turn.started = now
        self.seats_in_use += turn.seats
        self.executing += 1
        queue = turn.queue
        if queue is not None:
            if not queue.requests and not queue.executing:
                queue.next_r = max(queue.next_r, self._r)
            queue.seats_in_use += turn.seats
            queue.executing += 1
            queue.next_r += turn.seats * ESTIMATED_SERVICE_S
        self.demand.change(self.seats_in_use + self.waiting_seats, now)

    def _dispatch(self) -> None:
        """Send off what fits, in fair order; what is next and does not fit yet is not overtaken."""
        while self.waiting:
            queue = min((queue for queue in (*self.queues, *self._lingering) if queue.requests), key=lambda queue: queue.next_r)
            turn = queue.requests[0]
            if not self._fits(turn.seats):
                turn.flow.refused_accommodation()
                return
            self._take(queue, turn)
            self._start(turn, time.monotonic())
            if turn.admitted is not None and not turn.admitted.done():
                turn.admitted.set_result(None)

    def _take(self, queue: Queue, turn: Turn) -> None:
        queue.requests.remove(turn)
        queue.waiting_seats -= turn.seats
        self.waiting -= 1
        self.waiting_seats -= turn.seats

    def _abandon(self, turn: Turn) -> None:
        if turn.queue is not None:
            self._take(turn.queue, turn)
        self.demand.change(self.seats_in_use + self.waiting_seats, time.monotonic())
        self._dispatch()

    def _advance(self, now: float) -> None:
        """Let virtual time pass: seats in use, shared by the queues that have something to do."""
        active = max(1, min(self.executing + self.waiting, len(self.queues) or 1))
        self._r += (now - self._r_at) * min(self.seats_in_use + self.waiting_seats, self.limit) / active
        self._r_at = now


def _give_up(admitted: asyncio.Future[None]) -> None:
    """A request has waited for too long."""
    if not admitted.done():
        admitted.set_exception(TimeoutError())


class Demand:
    """Seats wanted over time, since the last `settle`.

    Source: k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/integrator.go
    """

    __slots__ = ("_area", "_area2", "_began", "_changed", "_value", "high")

    def __init__(self) -> None:
        self._value = 0
        self._began = self._changed = time.monotonic()
        self._area = self._area2 = 0.0
        self.high = 0

    def change(self, value: int, now: float) -> None:
        lasted = now - self._changed
        self._area += self._value * lasted
        self._area2 += self._value * self._value * lasted
        self._changed = now
        self._value = value
        if value > self.high:
            self.high = value

    def settle(self, now: float) -> tuple[float, float, int]:
        """Mean, standard deviation and maximum since the last time; begins anew."""
        self.change(self._value, now)
        lasted = now - self._began
        mean = self._area / lasted if lasted else float(self._value)
        variance = self._area2 / lasted - mean * mean if lasted else 0.0
        found = (mean, max(0.0, variance) ** 0.5, self.high)
        self._began, self._area, self._area2, self.high = now, 0.0, 0.0, self._value
        return found


def deal(entropy: int, deck_size: int, hand_size: int) -> tuple[int, ...]:
    """Cards from a deck, without putting back, as a hash value says.

    Source: k8s.io/apiserver/pkg/util/shufflesharding/dealer.go
    """
    hand: list[int] = []
    for dealt in range(min(hand_size, deck_size)):
        entropy, card = divmod(entropy, deck_size - dealt)
        for earlier in sorted(hand):
            if card >= earlier:
                card += 1
        hand.append(card)
    return tuple(hand)
