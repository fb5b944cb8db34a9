"""Both ends of a tunnel in one process, over bounded queues of messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from minikube_py.core.tunnel.multiplexer import Multiplexer


class QueueSocket:
    """One end of a WebSocket, as much as a tunnel needs of it."""

    def __init__(self, incoming: asyncio.Queue[bytes | None], outgoing: asyncio.Queue[bytes | None]) -> None:
        self.incoming = incoming
        self.outgoing = outgoing

    async def send_bytes(self, data: bytes) -> None:
        await self.outgoing.put(data)

    async def __aiter__(self) -> AsyncIterator[aiohttp.WSMessage]:
        while (data := await self.incoming.get()) is not None:
            yield aiohttp.WSMessage(aiohttp.WSMsgType.BINARY, data, None)

class Recorder(asyncio.Protocol):
    """Keeps what comes.

    Attributes:
        lost: the error at the end of the connection, once there was one.
    """

    def __init__(self, *, paused: bool = False, answer: bytes = b"") -> None:
        self.paused = paused
        self.answer = answer
        self.data = bytearray()
        self.writable = True
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if self.paused:
            self.transport.pause_reading()
        if self.answer:
            self.transport.write(self.answer)

    def data_received(self, data: bytes) -> None:
        self.data += data

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)

class Pair:
    """A tunnel: `near` opens streams, `far` accepts them.

    Attributes:
        accepted: the far ends, in order.
    """

    def __init__(self) -> None:
        one: asyncio.Queue[bytes | None] = asyncio.Queue(4)
        other: asyncio.Queue[bytes | None] = asyncio.Queue(4)
        self.near_socket, self.far_socket = QueueSocket(one, other), QueueSocket(other, one)
        self.accepted: list[Recorder] = []
        self.paused = False
        self.near = Multiplexer(self.near_socket, extra={"tunnel": "n"})
        self.far = Multiplexer(self.far_socket, accept=self.accept)

    async def accept(self, target: str) -> asyncio.Protocol:
        if target == "refused":
            raise ConnectionRefusedError("nobody listens")
        protocol = Recorder(paused=self.paused, answer=target.encode())
        self.accepted.append(protocol)
        return protocol

    async def open(self, target: str = "x") -> tuple[Recorder, Recorder]:
        """A new stream, both its ends."""
        protocol = Recorder()
        await self.near.open(target, protocol)
        return protocol, self.accepted[-1]

@asynccontextmanager
async def tunnel() -> AsyncIterator[Pair]:
    pair = Pair()
    runs = [asyncio.create_task(pair.near.run()), asyncio.create_task(pair.far.run())]
    try:
        yield pair
    finally:
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

async def until(condition: Any) -> None:
    """Let tasks run until something is so; bounded, without a clock."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")

