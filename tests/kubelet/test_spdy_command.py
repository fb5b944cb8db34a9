"""Commands over SPDY, as kubectl before 1.31 has them, with a command that only pretends to run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from minikube_py.core.errors import StatusError
from minikube_py.kubelet import spdy_command
from minikube_py.kubelet.channel_stream import exit_status
from minikube_py.kubelet.command_stream import Wanted, open_stream
from minikube_py.kubelet.spdy import FLAG_FIN

from .spdy_client import Frames, data, received

PATIENCE_S = 20


class Input:
    def __init__(self) -> None:
        self.data = b""
        self.closed = asyncio.Event()

    async def write(self, data: bytes) -> None:
        self.data += data

    async def close(self) -> None:
        self.closed.set()


class Output:
    def __init__(self, *chunks: bytes, after: asyncio.Event | None = None) -> None:
        self._chunks = [*chunks]
        self._after = after

    async def read(self, size: int) -> bytes:
        if self._after is not None:
            await self._after.wait()
        return self._chunks.pop(0) if self._chunks else b""


@dataclass
class Command:
    """Says what it is told to when its input has ended."""

    stdin: Input = field(default_factory=Input)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    gone: bool = False

    def __post_init__(self) -> None:
        self.stdout: Any = Output(b"out", after=self.stdin.closed)
        self.stderr: Any = Output(b"err")

    async def resize(self, width: int, height: int) -> None:
        self.sizes.append((width, height))


@asynccontextmanager
async def serving(command: Command, wanted: Wanted) -> AsyncIterator[int]:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        try:
            response, stream = await open_stream(request, wanted)
        except StatusError as error:
            return web.json_response(error.status(), status=error.code)
        try:
            await stream.carry(command)
            await stream.finish(exit_status(3))
        except* ConnectionError:
            command.gone = True
        return response

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def connect(port: int, *versions: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = ["POST /exec HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: SPDY/3.1", "Content-Length: 0",
             *(f"X-Stream-Protocol-Version: {version}" for version in versions)]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    return reader, writer, (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)).decode()


async def test_streams_are_carried_and_the_exit_code_comes_last() -> None:
    command, frames = Command(), Frames()
    async with serving(command, Wanted(True, True, True, False)) as port:
        reader, writer, head = await connect(port, "v5.channel.k8s.io", "v4.channel.k8s.io")
        assert head.startswith("HTTP/1.1 101 ") and "Upgrade: SPDY/3.1\r\n" in head
        assert "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n" in head
        for number, name in ((1, "error"), (3, "stdin"), (5, "stdout"), (7, "stderr")):
            writer.write(frames.open(number, streamType=name))
        writer.write(data(3, b"in" * 50_000) + data(3, b"put", FLAG_FIN))
        streams, ended = received(await asyncio.wait_for(reader.read(-1), PATIENCE_S))
        writer.close()
    assert command.stdin.data == b"in" * 50_000 + b"put"
    assert (streams[5], streams[7], ended) == (b"out", b"err", {1, 5, 7})
    assert json.loads(streams[1])["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


async def test_terminal_follows_the_clients_size() -> None:
    command, frames = Command(), Frames()
    async with serving(command, Wanted(True, True, False, True)) as port:
        reader, writer, _ = await connect(port, "v4.channel.k8s.io")
        for number, name in ((1, "error"), (3, "stdin"), (5, "stdout"), (7, "resize")):
            writer.write(frames.open(number, streamType=name))
        writer.write(data(7, b'{"Width":80,"Hei') + data(7, b'ght":24}\n{"Width":120,"Height":40}\n') + data(3, b"", FLAG_FIN))
        await asyncio.wait_for(reader.read(-1), PATIENCE_S)
        writer.close()
    assert command.sizes == [(80, 24), (120, 40)]


async def test_oldest_protocol_ends_in_plain_text() -> None:
    command, frames = Command(), Frames()
    command.stdin.closed.set()
    async with serving(command, Wanted(False, True, True, True)) as port:
        reader, writer, head = await connect(port)
        assert "X-Stream-Protocol-Version: channel.k8s.io\r\n" in head
        # It knows no sizes of terminals.
        for number, name in ((1, "error"), (3, "stdout"), (5, "stderr")):
            writer.write(frames.open(number, streamtype=name))
        streams, _ = received(await asyncio.wait_for(reader.read(-1), PATIENCE_S))
        writer.close()
    assert streams[1] == b"command terminated with non-zero exit code: command terminated with exit code 3"


async def test_client_that_speaks_nothing_known_is_refused() -> None:
    async with serving(Command(), Wanted(False, True, False, False)) as port:
        _, writer, head = await connect(port, "v9.channel.k8s.io")
        assert head.startswith("HTTP/1.1 403 ")
        writer.close()


async def test_client_that_opens_no_streams_or_leaves_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spdy_command, "CREATION_TIMEOUT_S", 0.05)
    frames = Frames()
    async with serving(Command(), Wanted(False, True, False, False)) as port:
        reader, writer, _ = await connect(port, "v4.channel.k8s.io")
        writer.write(frames.open(1, streamType="error"))
        await asyncio.wait_for(reader.read(-1), PATIENCE_S)
        writer.close()
    command, frames = Command(), Frames()
    async with serving(command, Wanted(True, True, True, False)) as port:
        reader, writer, _ = await connect(port, "v4.channel.k8s.io")
        for number, name in ((1, "error"), (3, "stdin"), (5, "stdout"), (7, "stderr")):
            writer.write(frames.open(number, streamType=name))
        await reader.readexactly(20)
        writer.transport.abort()
        async with asyncio.timeout(PATIENCE_S):
            while not command.gone:
                await asyncio.sleep(0.005)
