"""Logs, commands and port forwarding through the node's API."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from minikube_py.core.clock import SYSTEM_CLOCK
from minikube_py.kubelet.log_rotation import LogRotation
from minikube_py.kubelet.server import KubeletServer
from tests.cri.lab import eventually

from .conftest import Node, is_ready, restarts

root = pytest.mark.root


@asynccontextmanager
async def served(node: Node) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """The node's API over plain HTTP on a free port."""
    server = KubeletServer(node.kubelet, None, node.client, address="127.0.0.1")
    server.port = 0
    task = asyncio.create_task(server.run())
    try:
        await server.ready.wait()
        async with aiohttp.ClientSession() as session:
            yield session, f"http://127.0.0.1:{server.port}"
    finally:
        task.cancel()
        await asyncio.wait({task})


async def exec_in(session: aiohttp.ClientSession, url: str, *, feed: bytes | None = None) -> tuple[bytes, bytes, dict[str, object]]:
    """Run a command by WebSocket; with input, the input is closed after it."""
    out = {1: b"", 2: b"", 3: b""}
    async with session.ws_connect(url, protocols=["v5.channel.k8s.io"]) as socket:
        assert socket.protocol == "v5.channel.k8s.io"
        if feed is not None:
            await socket.send_bytes(b"\0" + feed)
            await socket.send_bytes(b"\xff\0")
        async for message in socket:
            out[message.data[0]] += message.data[1:]
    return out[1], out[2], json.loads(out[3])


@root
async def test_a_command_runs_and_its_exit_code_comes_back(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app", "command": ["sleep", "1000"]}]}})
        await node.wait_pod("web", is_ready)
        async with served(node) as (session, url):
            base = f"{url}/exec/default/web/app?output=1&error=1"
            assert await exec_in(session, f"{base}&command=sh&command=-c&command=echo+out;echo+err+>%262;exit+7") == (
                b"out\n", b"err\n", {
                    "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
                    "message": "command terminated with non-zero exit code: command terminated with exit code 7",
                    "details": {"causes": [{"reason": "ExitCode", "message": "7"}]},
                },
            )
            out, _, status = await exec_in(session, f"{base}&input=1&command=wc&command=-c", feed=b"x" * 100_000)
            assert (out.strip(), status["status"]) == (b"100000", "Success")
            answer = await session.get(f"{url}/exec/default/web/none?command=true")
            assert (answer.status, await answer.text()) == (500, 'container not found ("none")')


@root
async def test_logs_are_read_from_the_end_and_followed_to_the_end(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "talker"}, "spec": {"restartPolicy": "Never", "containers": [
            {"name": "app", "command": ["sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.3; done; echo end >&2"]},
        ]}})
        await node.wait_pod("talker", lambda pod: pod.status.phase == "Running")
        async with served(node) as (session, url):
            base = f"{url}/containerLogs/default/talker/app"
            async with session.get(f"{base}?follow=true") as answer:
                assert await answer.read() == b"line 1\nline 2\nline 3\nend\n"
            async with session.get(f"{base}?tailLines=2") as answer:
                assert await answer.read() == b"line 3\nend\n"
            async with session.get(f"{base}?limitBytes=9") as answer:
                assert await answer.read() == b"line 1\nli"
            async with session.get(f"{base}?timestamps=true&tailLines=1") as answer:
                stamp, text = (await answer.text()).split(" ", 1)
                assert (stamp[10], text) == ("T", "end\n")
            answer = await session.get(f"{base}?previous=true")
            assert (answer.status, (await answer.json())["message"]) == (
                400, 'previous terminated container "app" in pod "talker" not found'
            )


@root
async def test_the_log_of_the_container_before_a_restart_is_kept(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "again"}, "spec": {
            "volumes": [{"name": "v", "emptyDir": {}}],
            "containers": [{"name": "app", "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                            "command": ["sh", "-c", "echo run >> /v/n; wc -l < /v/n; test $(wc -l < /v/n) = 2 && sleep 1000; exit 1"]}],
        }})
        await node.wait_pod("again", lambda pod: restarts(pod) == 1 and is_ready(pod))
        async with served(node) as (session, url):
            base = f"{url}/containerLogs/default/again/app"
            async with session.get(f"{base}?follow=true") as answer:
                assert await answer.content.readline() == b"2\n"
            async with session.get(f"{base}?previous=true") as answer:
                assert await answer.read() == b"1\n"


@root
async def test_a_log_that_grew_too_long_is_put_aside_while_it_is_followed(node: Node) -> None:
    node.options = replace(node.options, kubelet_args=["container-log-max-size=1Ki", "container-log-max-files=3"])
    async with node.agent():
        pod = await node.create({"metadata": {"name": "talker"}, "spec": {"containers": [
            {"name": "app", "command": ["sh", "-c", "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.02; done"]},
        ]}})
        await node.wait_pod("talker", is_ready)
        path = Path(node.kubelet.cache.get(pod.metadata.uid).containers[0].log_path)
        rotation = LogRotation(node.options, node.containerd.cri, node.kubelet.cache, SYSTEM_CLOCK)
        async with served(node) as (session, url), session.get(f"{url}/containerLogs/default/talker/app?follow=true") as answer:
            for number in range(1, 201):
                assert await answer.content.readline() == f"line {number}\n".encode()
                if number % 50 == 0:
                    await eventually(lambda: path.stat().st_size > 1024)
                    await rotation.look()
        names = sorted(entry.name for entry in path.parent.iterdir())
        assert names[0] == "0.log"
        assert len(names) <= 3


@root
async def test_a_terminal_has_the_clients_size(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app", "command": ["sleep", "1000"]}]}})
        await node.wait_pod("web", is_ready)
        command = "command=sh&command=-c&command=read+x;stty+size"
        async with served(node) as (session, url), session.ws_connect(
            f"{url}/exec/default/web/app?input=1&output=1&tty=1&{command}", protocols=["v4.channel.k8s.io"]
        ) as socket:
            await socket.send_bytes(b"\x04" + json.dumps({"Width": 123, "Height": 45}).encode())
            await socket.send_bytes(b"\0go\r")
            out = b""
            while b"45 123" not in out:
                message = await socket.receive_bytes()
                assert message[0] == 1
                out += message[1:]


@root
async def test_a_running_container_can_be_attached_to(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "cat"}, "spec": {"restartPolicy": "Never", "containers": [
            {"name": "app", "command": ["cat"], "stdin": True, "stdinOnce": True},
        ]}})
        await node.wait_pod("cat", is_ready)
        async with served(node) as (session, url):
            out, err, status = await exec_in(session, f"{url}/attach/default/cat/app?stdin=true&stdout=true&stderr=true", feed=b"hello\n")
        assert (out, err, status["status"]) == (b"hello\n", b"", "Success")
        await node.wait_pod("cat", lambda pod: pod.status.phase == "Succeeded")


@root
async def test_a_port_of_a_pod_is_forwarded(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "echo"}, "spec": {"containers": [{
            "name": "app", "command": ["nc", "-l", "-p", "7000", "-e", "cat"],
            "readinessProbe": {"exec": {"command": ["sh", "-c", "grep -qi :1B58 /proc/net/tcp*"]}, "periodSeconds": 1},
        }]}})
        await node.wait_pod("echo", is_ready)
        async with served(node) as (session, url), session.ws_connect(
            f"{url}/portForward/default/echo?port=7000", protocols=["v4.channel.k8s.io"]
        ) as socket:
            assert [await socket.receive_bytes() for _ in range(2)] == [b"\0" + struct.pack("<H", 7000), b"\1" + struct.pack("<H", 7000)]
            await socket.send_bytes(b"\0hello")
            assert await socket.receive_bytes() == b"\0hello"


