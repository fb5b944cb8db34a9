"""A stream's far end on a TCP connection: bytes both ways, each side read only as fast as the other takes them.

Neither side is half-closed: the end of one is the end of the other, after what was written before.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Bridge(asyncio.Protocol):
    """One side; what it gets goes to the other."""

    def __init__(self) -> None:
        self.other: Bridge | None = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if self.other is None or self.other.transport is None:
            self.transport.pause_reading()
        else:
            self.other.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        other, self.other = self.other, None
        if other is not None and other.transport is not None:
            other.other = None
            other.transport.close()


async def connect(host: str, port: int) -> asyncio.Protocol:
    """Connect to a port; the other end of the bridge, for a stream.

    Raises: OSError.
    """
    near, far = Bridge(), Bridge()
    await asyncio.get_running_loop().create_connection(lambda: far, host, port)
    near.other, far.other = far, near
    if far.transport.is_closing():
        raise ConnectionResetError("the connection was closed at once")
    return near
