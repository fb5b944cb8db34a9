"""Chunks on their way to many connections: joined for each, and handed over in slices.

A write that a thousand watchers see costs a thousand encryptions; done in one go, the first byte would leave after the last of them.
Between two slices the event loop sends what it has, and other requests get their turn. Many writes for one watcher cost one
encryption: what comes while others are served leaves together.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Protocol

# Connections served between two turns of the event loop: a millisecond or so.
SLICE = 48


class Receiver(Protocol):
    """One connection; compared by identity."""

    def send(self, data: bytes) -> None:
        """Take the next bytes. Returns at once and does not raise."""


class Outbox:
    """Chunks for each receiver in the order of `put`, sent from the next turn of the event loop on."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Receiver, list[bytes]] = OrderedDict()
        self._scheduled = False

    def put(self, receiver: Receiver, chunk: bytes) -> None:
        """Let `receiver` have a chunk soon."""
        chunks = self._waiting.get(receiver)
        if chunks is not None:
            chunks.append(chunk)
            return
        self._waiting[receiver] = [chunk]
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        waiting = self._waiting
        for _ in range(min(SLICE, len(waiting))):
            receiver, chunks = waiting.popitem(last=False)
            receiver.send(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        if waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        else:
            self._scheduled = False
