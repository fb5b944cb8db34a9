"""Events on their way to many connections: packed once for all that get the same, and handed over in slices.

A write that a thousand watchers see costs a thousand encryptions; done in one go, the first byte would leave after the last of them.
Between two slices the event loop sends what it has, and other requests get their turn. An event that comes alone leaves at once. Of many,
those of a few milliseconds leave together: what a connection costs, it costs for each piece that it is handed, nearly however long that is.
A piece of many lines is followed by a long wait, one of few by a short one: beyond a thousand lines a second it grows to its bound.

Invariant: a receiver gets what was put for its audience while it was in it, in that order, and what was put for two audiences in the
order in which they were settled.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

# Connections served between two turns of the event loop: a millisecond or so.
SLICE = 48
# Seconds between two pieces for the same audience, for each line of the first, and at most.
PACE_S, PACE_MAX_S = 0.001, 0.01


class Receiver(Protocol):
    """One connection; compared by identity."""

    def send(self, data: bytes) -> None:
        """Take the next bytes. Returns at once and does not raise."""


class Audience:
    """Receivers that get the same.

    Args:
        pack: makes one piece of several lines.

    Attributes:
        receivers: an ordered set.
        free_at: the time of the event loop from which on the next piece may leave.
    """

    __slots__ = ("free_at", "gathering", "pack", "receivers")

    def __init__(self, pack: Callable[[list[bytes]], bytes], *receivers: Receiver) -> None:
        self.pack = pack
        self.receivers: dict[Receiver, None] = dict.fromkeys(receivers)
        self.gathering: Parcel | None = None
        self.free_at = 0.0


class Parcel:
    """Lines that leave together.

    Attributes:
        waiting: who is still to get them.
        timer: of a parcel that is not due yet.
    """

    __slots__ = ("audience", "data", "lines", "timer", "waiting")

    def __init__(self, audience: Audience, line: bytes) -> None:
        self.audience = audience
        self.lines = [line]
        self.data = b""
        self.waiting: dict[Receiver, None] = {}
        self.timer: asyncio.TimerHandle | None = None


class Outbox:
    """Lines for audiences, sent from the next turn of the event loop on."""

    def __init__(self) -> None:
        self._due: deque[Parcel] = deque()
        self._scheduled = False

    def put(self, audience: Audience, line: bytes) -> None:
        """Let all who are in an audience now have a line soon."""
        parcel = audience.gathering
        if parcel is not None:
            parcel.lines.append(line)
            return
        parcel = audience.gathering = Parcel(audience, line)
        loop = asyncio.get_running_loop()
        wait_s = audience.free_at - loop.time()
        if wait_s > 0:
            parcel.timer = loop.call_later(wait_s, self._come_due, parcel)
        else:
            self._come_due(parcel)

    def settle(self, audience: Audience) -> None:
        """Let what an audience is to have leave before all that is put from now on, for whichever audience."""
        parcel = audience.gathering
        if parcel is not None:
            if parcel.timer is not None:
                parcel.timer.cancel()
                self._come_due(parcel)
            self._close(parcel)

    def join(self, audience: Audience, receiver: Receiver) -> None:
        """Take a receiver into an audience: it gets what is put from now on."""
        self.settle(audience)
        audience.receivers[receiver] = None

    def leave(self, audience: Audience, receiver: Receiver) -> None:
        """Hand a receiver what it is still to have of an audience, and nothing more."""
        self.settle(audience)
        del audience.receivers[receiver]
        for parcel in self._due:
            if parcel.audience is audience and receiver in parcel.waiting:
                del parcel.waiting[receiver]
                receiver.send(parcel.data)

    def _come_due(self, parcel: Parcel) -> None:
        parcel.timer = None
        self._due.append(parcel)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _close(self, parcel: Parcel) -> None:
        """From here on nothing is added to a parcel, and nobody gets it who comes later."""
        audience = parcel.audience
        audience.gathering = None
        audience.free_at = asyncio.get_running_loop().time() + min(len(parcel.lines) * PACE_S, PACE_MAX_S)
        parcel.waiting = dict(audience.receivers)
        parcel.data = audience.pack(parcel.lines)

    def _flush(self) -> None:
        due, places = self._due, SLICE
        while due and places:
            parcel = due[0]
            if parcel.audience.gathering is parcel:
                self._close(parcel)
            waiting, data = parcel.waiting, parcel.data
            while waiting and places:
                places -= 1
                waiting.popitem()[0].send(data)
            if not waiting:
                due.popleft()
        self._scheduled = bool(due)
        if due:
            asyncio.get_running_loop().call_soon(self._flush)
