"""exec over a WebSocket: bytes both ways, the end of input, and the command's exit code."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from minikube_py.cli.kubectl.errors import Exit, KubectlError
from minikube_py.cli.kubectl.exec import ExecOptions, exec_
from minikube_py.cli.kubectl.session import Flags, Session
from minikube_py.client.connection import Connection
from minikube_py.client.kubeconfig import Kubeconfig
from minikube_py.core.errors import StatusError

POD = {
    "kind": "Pod", "metadata": {"name": "p", "namespace": "default"}, "spec": {"containers": [{"name": "c"}]},
    "status": {"phase": "Running"},
}
PODS = {"resource": "pods", "responseKind": {"kind": "Pod"}, "scope": "Namespaced", "singularResource": "pod", "verbs": ["get"]}
CORE = {"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": [PODS]}]}]}
SUCCESS = {"status": "Success"}
Talk = Callable[[web.WebSocketResponse], Awaitable[dict[str, Any]]]


@asynccontextmanager
async def container(tmp_path: Path, talk: Talk, protocols: tuple[str, ...] = ("v5.channel.k8s.io",)) -> AsyncIterator[Session]:
    """A session with a server whose one pod answers exec as `talk` says, and then with the Status that it returns."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/exec"):
            socket = web.WebSocketResponse(protocols=protocols)
            await socket.prepare(request)
            await socket.send_bytes(b"\3" + json.dumps(await talk(socket)).encode())
            await socket.close()
            return socket
        return web.json_response({"/api": CORE, "/apis": {"kind": "APIGroupDiscoveryList", "items": []}}.get(request.path, POD))

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    config = Kubeconfig()
    config.add("test", Connection(server=f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"))  # type: ignore[union-attr]
    config.write(tmp_path / "config")
    session = Session(Flags(kubeconfig=str(tmp_path / "config")))
    try:
        yield session
    finally:
        await session.api.close()
        await runner.cleanup()


async def test_output_arrives_on_its_own_descriptor(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    async def talk(socket: web.WebSocketResponse) -> dict[str, Any]:
        await socket.send_bytes(b"\1out\xff\n")
        await socket.send_bytes(b"\2err\n")
        return SUCCESS

    async with container(tmp_path, talk) as session:
        await exec_(session, "p", ("ls",), ExecOptions())
    assert tuple(capfdbinary.readouterr()) == (b"out\xff\n", b"err\n")


async def test_exit_code_is_passed_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def talk(socket: web.WebSocketResponse) -> dict[str, Any]:
        causes = [{"reason": "ExitCode", "message": "7"}]
        return {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}

    async with container(tmp_path, talk) as session:
        with pytest.raises(Exit) as ended:
            await exec_(session, "p", ("false",), ExecOptions())
    assert ended.value.code == 7
    assert capfd.readouterr().err == "command terminated with exit code 7\n"


async def test_command_that_cannot_run_is_an_error(tmp_path: Path) -> None:
    async def talk(socket: web.WebSocketResponse) -> dict[str, Any]:
        return {"status": "Failure", "message": "no such file"}

    async with container(tmp_path, talk) as session:
        with pytest.raises(KubectlError, match="no such file"):
            await exec_(session, "p", ("nope",), ExecOptions())


async def test_input_is_sent_and_its_end_is_told(tmp_path: Path) -> None:
    received: list[bytes] = []

    async def talk(socket: web.WebSocketResponse) -> dict[str, Any]:
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                received.append(message.data)
                if message.data == b"\xff\0":
                    break
        return SUCCESS

    reading, writing = os.pipe()
    saved = os.dup(0)
    os.dup2(reading, 0)
    try:
        os.write(writing, b"hello")
        os.close(writing)
        async with asyncio.timeout(10), container(tmp_path, talk) as session:
            await exec_(session, "p", ("cat",), ExecOptions(stdin=True))
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(reading)
    assert b"".join(data[1:] for data in received if data[0] == 0) == b"hello"
    assert received[-1] == b"\xff\0"


async def test_refused_upgrade_says_why(tmp_path: Path) -> None:
    async def talk(socket: web.WebSocketResponse) -> dict[str, Any]:
        return SUCCESS

    async with container(tmp_path, talk) as session:
        path = "/api/v1/namespaces/default/pods/p/attach"
        with pytest.raises(StatusError):
            async with session.api.transport.websocket(path, "", ("v5.channel.k8s.io",)):
                pass
