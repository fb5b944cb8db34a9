"""Chunks on their way to many connections: handed over in slices, so that the network sends while the rest is still being encrypted.

A write that a thousand watchers see costs a thousand encryptions; done in one go, the first byte would leave after the last of them.
Between two slices the event loop sends what it has, and other requests get their turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

# Connections served between two turns of the event loop: a millisecond or so.
SLICE = 48


class Outbox:
    """Chunks in the order of `put`, sent from the next turn of the event loop on."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[bytes], None], bytes]] = deque()
        self._scheduled = False

    def put(self, send: Callable[[bytes], None], chunk: bytes) -> None:
        """Let `send(chunk)` be called soon. `send` returns at once and does not raise."""
        self._waiting.append((send, chunk))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        waiting = self._waiting
        for _ in range(min(SLICE, len(waiting))):
            send, chunk = waiting.popleft()
            send(chunk)
        if waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        else:
            self._scheduled = False
