"""Commands over WebSocket, with a command that only pretends to run."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode

import aiohttp
import pytest

from minikube_py.kubelet.command_stream import Wanted

from .test_spdy_command import PATIENCE_S, Command, serving

ALL = Wanted(stdin=True, stdout=True, stderr=True, tty=True)


@pytest.mark.parametrize(("protocol", "text", "status"), [
    ("v5.channel.k8s.io", False, True), ("v4.channel.k8s.io", False, True), ("channel.k8s.io", False, False),
    ("v4.base64.channel.k8s.io", True, True), ("base64.channel.k8s.io", True, False),
])
async def test_streams_are_carried_in_the_form_of_the_protocol(protocol: str, text: bool, status: bool) -> None:
    command = Command()

    def message(channel: int, data: bytes) -> str | bytes:
        return f"{channel}{b64encode(data).decode()}" if text else bytes([channel]) + data

    async with serving(command, ALL) as port, aiohttp.ClientSession() as session, session.ws_connect(
        f"http://127.0.0.1:{port}/exec", protocols=["unknown", protocol]
    ) as socket:
        assert socket.protocol == protocol
        for channel, data in ((0, b"in"), (4, b'{"Width":3,"Height":2}')):
            sent = message(channel, data)
            await (socket.send_str(sent) if isinstance(sent, str) else socket.send_bytes(sent))
        opened, out = await socket.receive(), {1: b"", 2: b"", 3: b""}
        assert opened.data == message(1, b""), "the streams are open"
        async with asyncio.timeout(PATIENCE_S):
            while not command.sizes:
                await asyncio.sleep(0)
        command.stdin.closed.set()
        async for found in socket:
            out[int(found.data[0])] += b64decode(found.data[1:]) if text else found.data[1:]
    assert (out[1], out[2], command.stdin.data, command.sizes) == (b"out", b"err", b"in", [(3, 2)])
    if status:
        assert json.loads(out[3])["reason"] == "NonZeroExitCode"
    else:
        assert out[3] == b"command terminated with non-zero exit code: command terminated with exit code 3"


async def test_first_message_is_of_the_first_stream_that_is_wanted() -> None:
    async with serving(Command(), ALL._replace(stdout=False)) as port, aiohttp.ClientSession() as session, session.ws_connect(
        f"http://127.0.0.1:{port}/exec", protocols=["channel.k8s.io"]
    ) as socket:
        assert await socket.receive_bytes() == b"\x02"
