"""What the server reaches through a node's tunnel, by way of real sockets, and what it does not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apiserver.http.egress import open_tls
from minikube_py.core.tunnel.multiplexer import Multiplexer
from minikube_py.core.tunnel.stream import WINDOW_BYTES
from minikube_py.kubelet.tunnel_ends import TunnelEnds
from tests.apiserver.authentication.certificates import TestAuthority
from tests.core.tunnel.pair import Pair, Recorder, until

NODE = core_v1.Node(
    metadata=meta_v1.ObjectMeta(name="n"), spec=core_v1.NodeSpec(pod_cidr="127.0.3.0/24", pod_cidrs=["127.0.3.0/24"]),
    status=core_v1.NodeStatus(addresses=[core_v1.NodeAddress(type="InternalIP", address="127.0.2.1")]),
)


@asynccontextmanager
async def tunnel(node: core_v1.Node | None = NODE) -> AsyncIterator[Multiplexer]:
    """A tunnel to a node whose pods have addresses of loopback."""
    pair = Pair()
    ends = TunnelEnds(cast(Any, None), lambda: node)
    far = Multiplexer(pair.far_socket, accept=ends.accept)
    runs = [asyncio.create_task(end.run()) for end in (pair.near, far)]
    try:
        yield pair.near
    finally:
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        await asyncio.sleep(0)


class Echo(asyncio.Protocol):
    """Sends back what comes, and ends when told to."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)
        if data.endswith(b"bye"):
            self.transport.close()


@asynccontextmanager
async def echo(address: str, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    listener = await asyncio.get_running_loop().create_server(Echo, address, 0, ssl=context)
    async with listener:
        yield listener.sockets[0].getsockname()[1]


async def wait_for(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("address", ["127.0.3.7", "127.0.2.1"])
async def test_pods_and_the_node_itself_are_reached(address: str) -> None:
    async with tunnel() as near, echo(address) as port:
        client = Recorder()
        await near.open(f"tcp:{address}:{port}", client)
        sent = bytes(range(256)) * 20_000
        client.transport.write(sent)
        await wait_for(lambda: client.data == sent)
        client.transport.write(b"bye")
        assert await client.lost is None
        assert client.data == sent + b"bye"


async def test_client_that_goes_ends_the_connection() -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    async with tunnel() as near, await asyncio.start_server(serve, "127.0.3.1", 0) as listener:
        client = Recorder()
        await near.open(f"tcp:127.0.3.1:{listener.sockets[0].getsockname()[1]}", client)
        client.transport.close()
        async with asyncio.timeout(10):
            await gone.wait()


async def test_server_that_does_not_read_holds_the_client_back() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stuck.wait()
        writer.close()

    stuck = asyncio.Event()
    async with tunnel() as near, await asyncio.start_server(serve, "127.0.3.1", 0, limit=1024) as listener:
        client = Recorder()
        await near.open(f"tcp:127.0.3.1:{listener.sockets[0].getsockname()[1]}", client)
        client.transport.write(bytes(20 * WINDOW_BYTES))
        await wait_for(lambda: client.transport.get_write_buffer_size() < 20 * WINDOW_BYTES)
        for _ in range(5_000):
            await asyncio.sleep(0)
        assert client.transport.get_write_buffer_size() > 5 * WINDOW_BYTES
        client.transport.abort()
        stuck.set()


async def test_tls_is_spoken_through_it() -> None:
    authority = TestAuthority()
    context = ssl.create_default_context(cadata=authority.pem.decode())
    context.check_hostname = False
    async with tunnel() as near, echo("127.0.3.1", authority.server()) as port:
        client = Recorder()
        await open_tls(near, f"tcp:127.0.3.1:{port}", client, context, "127.0.3.1")
        sent = b"secret" * 100_000
        client.transport.write(sent)
        await wait_for(lambda: client.data == sent)
        client.transport.abort()
        await wait_for(client.lost.done)
    async with tunnel() as near, echo("127.0.3.1") as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            opening = asyncio.create_task(open_tls(near, f"tcp:127.0.3.1:{port}", Recorder(), context, "127.0.3.1"))
            await opening
        await until(lambda: near.streams == 0)


@pytest.mark.parametrize("target", [
    "tcp:127.0.0.1:10250", "tcp:10.0.0.1:80", "tcp:localhost:80", "tcp:127.0.3.1:x", "tcp:127.0.3.1", "unix:/run/x", "", "tcp:127.0.3.1:-1",
])
async def test_nothing_else_is_reached(target: str) -> None:
    async with tunnel() as near:
        with pytest.raises(ConnectionRefusedError, match="cannot be reached through this node"):
            await near.open(target, Recorder())


async def test_refusal_and_unknown_node_are_told() -> None:
    async with tunnel() as near:
        with pytest.raises(ConnectionRefusedError, match="Connect call failed"):
            await near.open("tcp:127.0.3.1:1", Recorder())
    async with tunnel(None) as near:
        with pytest.raises(ConnectionRefusedError, match="cannot be reached"):
            await near.open("tcp:127.0.3.1:80", Recorder())
