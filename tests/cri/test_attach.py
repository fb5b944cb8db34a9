"""Attaching to a container, and connecting to a pod's ports."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from minikube_py.cri.containerd import Containerd
from minikube_py.cri.errors import CriError, CriNotFoundError
from minikube_py.cri.interface import runtime_v1

from .lab import TIMEOUT_S, container_config, sandbox_config, start_pod, subscribed, text_of, write_bridge_network

pytestmark = pytest.mark.root


async def start_interactive(containerd: Containerd, directory: Path, *argv: str, tty: bool = False, stdin_once: bool = True) -> str:
    """A container that reads its standard input."""
    sandbox = sandbox_config("interactive", directory)
    sandbox_id = await containerd.cri.run_pod_sandbox(sandbox)
    config = container_config("main", *argv)
    config.stdin, config.stdin_once, config.tty = True, stdin_once, tty
    container_id = await containerd.cri.create_container(sandbox_id, config, sandbox)
    await containerd.cri.start_container(container_id)
    return container_id


async def test_attached_input_reaches_the_container_up_to_its_end(containerd: Containerd, tmp_path: Path) -> None:
    container_id = await start_interactive(containerd, tmp_path, "sh", "-c", "cat; echo done >&2; exit 3")
    sent = os.urandom(500_000)
    async with asyncio.timeout(TIMEOUT_S), subscribed(containerd) as events:
        async with await containerd.tasks.attach(container_id, tty=False, stdin=True) as attached:
            assert attached.stdin is not None
            assert attached.stderr is not None

            async def send() -> None:
                await attached.stdin.write(sent)
                await attached.stdin.close()

            async with asyncio.TaskGroup() as group:
                group.create_task(send())
                received = group.create_task(attached.stdout.read())
                errors = group.create_task(attached.stderr.read())
                group.create_task(attached.wait())
        assert received.result() == sent
        assert errors.result() == b"done\n"
        assert (await events.wait_for("exit", container_id)).exit_status == 3


async def test_detaching_leaves_the_container_running(containerd: Containerd, tmp_path: Path) -> None:
    program = "while read line; do echo got $line; done; echo end"
    container_id = await start_interactive(containerd, tmp_path, "sh", "-c", program, stdin_once=False)
    for word in (b"one", b"two"):
        async with asyncio.timeout(TIMEOUT_S), await containerd.tasks.attach(container_id, tty=False, stdin=True) as attached:
            assert attached.stdin is not None
            await attached.stdin.write(word + b"\n")
            assert await attached.stdout.read(100) == b"got " + word + b"\n"
    assert (await containerd.cri.container_status(container_id)).status.state == runtime_v1.CONTAINER_RUNNING
    log = text_of(tmp_path / "logs" / "interactive" / "main.log")
    assert [line.split(" ", 3)[3] for line in log.splitlines()] == ["got one", "got two"]


async def test_attached_terminal_has_the_size_that_it_was_given(containerd: Containerd, tmp_path: Path) -> None:
    container_id = await start_interactive(containerd, tmp_path, "sh", "-c", "read line; stty size; exit 0", tty=True)
    async with asyncio.timeout(TIMEOUT_S), await containerd.tasks.attach(container_id, tty=True, stdin=True) as attached:
        assert attached.stdin is not None
        assert attached.stderr is None
        await attached.resize(90, 20)
        # The size takes its own way; the terminal's answer shows when it has arrived.
        while b"20 90" not in (await containerd.cri.exec_sync(container_id, ["stty", "-F", "/proc/1/fd/0", "size"])).stdout:
            pass
        await attached.stdin.write(b"go\n")
        assert b"20 90\r\n" in await attached.stdout.read()
        await attached.wait()


async def test_attaching_to_what_does_not_run_is_an_error(containerd: Containerd, tmp_path: Path) -> None:
    with pytest.raises(CriNotFoundError):
        await containerd.tasks.attach("absent", tty=False, stdin=False)
    _, container_id = await start_pod(containerd.cri, "ended", tmp_path, "sleep", "1000")
    await containerd.cri.stop_container(container_id, timeout_s=0)
    with pytest.raises(CriError):
        await containerd.tasks.attach(container_id, tty=False, stdin=False)


async def test_port_on_a_pod_s_loopback_is_reached(containerd: Containerd, tmp_path: Path) -> None:
    await write_bridge_network(containerd, tmp_path)
    sandbox = sandbox_config("serving", tmp_path, host_network=False)
    sandbox_id = await containerd.cri.run_pod_sandbox(sandbox)
    config = container_config("main", "httpd", "-f", "-p", "127.0.0.1:8080", "-h", "/etc")
    config.linux.security_context.namespace_options.network = runtime_v1.POD
    container_id = await containerd.cri.create_container(sandbox_id, config, sandbox)
    await containerd.cri.start_container(container_id)
    async with asyncio.timeout(TIMEOUT_S):
        while b":1F90 " not in (await containerd.cri.exec_sync(container_id, ["cat", "/proc/net/tcp"])).stdout:
            pass
        reader, writer = await containerd.tasks.connect(sandbox_id, 8080)
        writer.write(b"GET /passwd HTTP/1.0\r\n\r\n")
        assert b"\r\n\r\nroot:x:0:0:" in await reader.read()
        writer.close()
        await writer.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await containerd.tasks.connect(sandbox_id, 8081)
    with pytest.raises(CriNotFoundError):
        await containerd.tasks.connect("absent", 8080)


async def test_port_of_a_pod_on_the_host_network_is_the_host_s(containerd: Containerd, tmp_path: Path) -> None:
    sandbox_id, _ = await start_pod(containerd.cri, "host", tmp_path, "sleep", "1000")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await containerd.tasks.connect(sandbox_id, server.sockets[0].getsockname()[1])
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
