"""The store that forgets: the twin of the others in tests, and for clusters that need not survive their process."""

from __future__ import annotations

import asyncio

from .writes import Batch, WritableStore


class MemoryStore(WritableStore):
    """A store without a disk. Writes are acknowledged in the next turn of the event loop, in batches as in the others."""

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closed = False

    async def close(self) -> None:
        self._closed = True

    def _save(self, batch: Batch) -> None:
        self._saved(batch, None)
