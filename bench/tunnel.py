"""How fast bytes go to a node and back: a client, the server, and a node, each a process of its own, TLS between all of them.

    python -m bench.tunnel

The node has joined as agents do. What its kubelet would carry is upgraded connections, as of port-forward: raw bytes from memory. The same
is measured by the tunnel and directly; then the time of a small request while another client does not read what it asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop
from aiohttp import web

from minikube_py.client.join import join
from minikube_py.client.node_credentials import NodeCredentials
from minikube_py.client.tunnel import Tunnel
from minikube_py.core.upgrade import SwitchingProtocols, is_upgrade

from .client import send, session
from .program import TOKEN, Running, allow_open_files, free_port, server

NODE = "bench-node"
SIZE_BYTES = 400_000_000
CHUNK_BYTES = 256 * 1024
SMALL_REQUESTS = 200
POD = "/api/v1/namespaces/default/pods/box"


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    """What the node says: bytes without end, or how many it has got, or a small answer."""
    if not is_upgrade(request.headers):
        return web.Response(text="small")
    response = SwitchingProtocols({"Connection": "Upgrade", "Upgrade": "raw/1"})
    stream = await response.switch(request)
    with contextlib.suppress(ConnectionError):
        if "down" in request.query_string:
            chunk = bytes(CHUNK_BYTES)
            while True:
                await stream.write(chunk)
        missing = SIZE_BYTES
        while missing > 0 and (data := await stream.read()):
            missing -= len(data)
        await stream.write(b"!")
        await stream.read()
    return response


async def run_node(url: str, token: str, home: Path, port: int) -> None:
    """Join, then serve by the tunnel and at a port until killed."""
    credentials: NodeCredentials = await join(url, token, NODE, ["127.0.0.1"], home)
    kubelet = web.Server(answer, handler_cancellation=True)

    async def accept(_: str) -> asyncio.BaseProtocol:
        return kubelet()

    loop = asyncio.get_running_loop()
    await loop.create_server(kubelet, "127.0.0.1", port, ssl=credentials.serving_ssl_context())
    await Tunnel(url, credentials.client_ssl_context, accept).run()


@contextlib.contextmanager
def node(running: Running, port: int) -> Iterator[None]:
    """A process that is the node."""
    data = running.log.parent / "data"
    token = (data / "server" / "token").read_text().strip()
    command = [sys.executable, "-m", "bench.tunnel", "--node", running.url, token, str(data / "node"), str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def objects(url: str, port: int) -> None:
    """The Node, and a pod on it."""
    async with session() as http:
        await send(http, "POST", f"{url}/api/v1/nodes", {"metadata": {"name": NODE}})
        status = {"metadata": {"name": NODE}, "status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}}
        await send(http, "PUT", f"{url}/api/v1/nodes/{NODE}/status", status)
        spec = {"nodeName": NODE, "containers": [{"name": "app", "image": "x"}]}
        await send(http, "POST", f"{url}/api/v1/namespaces/default/pods", {"metadata": {"name": "box"}, "spec": spec})
        while True:
            async with http.get(f"{url}{POD}/log") as small:
                if await small.read() == b"small":
                    return
            await asyncio.sleep(0.1)


class Counter(asyncio.Protocol):
    """A client's upgraded connection.

    Attributes:
        switched: set when the answer is 101.
        got: set when as many bytes have come as are waited for.
    """

    def __init__(self, request: bytes, count: int) -> None:
        loop = asyncio.get_running_loop()
        self.switched: asyncio.Future[None] = loop.create_future()
        self.got: asyncio.Future[None] = loop.create_future()
        self.writable = asyncio.Event()
        self.writable.set()
        self._request = request
        self._missing = count
        self._head = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.switched.done():
            self._head += data
            if b"\r\n\r\n" not in self._head:
                return
            if not self._head.startswith(b"HTTP/1.1 101 "):
                self.switched.set_exception(RuntimeError(repr(self._head[:400])))
                return
            self.switched.set_result(None)
            data = self._head.partition(b"\r\n\r\n")[2]
        self._missing -= len(data)
        if self._missing <= 0 and not self.got.done():
            self.got.set_result(None)

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()


async def connect(url: str, query: str, count: int) -> Counter:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    parts = urlsplit(url)
    head = (
        f"POST {POD}/portforward?{query} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 0\r\n"
        "Connection: Upgrade\r\nUpgrade: raw/1\r\n\r\n"
    ).encode()
    _, protocol = await asyncio.get_running_loop().create_connection(
        lambda: Counter(head, count), parts.hostname or "", parts.port or 443, ssl=context
    )
    await protocol.switched
    return protocol


async def down(url: str) -> float:
    """Megabytes a second from the node to a client."""
    begun = time.perf_counter()
    client = await connect(url, "down", SIZE_BYTES)
    await client.got
    client.transport.abort()
    return SIZE_BYTES / (time.perf_counter() - begun) / 1e6


async def up(url: str) -> float:
    """Megabytes a second from a client to the node."""
    begun = time.perf_counter()
    client, chunk = await connect(url, "up", 1), bytes(CHUNK_BYTES)
    for _ in range(0, SIZE_BYTES, CHUNK_BYTES):
        await client.writable.wait()
        client.transport.write(chunk)
    await client.got
    client.transport.abort()
    return SIZE_BYTES / (time.perf_counter() - begun) / 1e6


async def small_ms(url: str) -> float:
    """The median time of a small answer of the node."""
    times = []
    async with session(1) as http:
        for _ in range(SMALL_REQUESTS):
            begun = time.perf_counter()
            async with http.get(f"{url}{POD}/log") as small:
                await small.read()
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


async def measure(mode: str) -> dict[str, float]:
    """All figures of one way to nodes (`--egress-selector-mode`)."""
    name, port = "tunnel" if mode == "agent" else "direct", free_port()
    with server("--egress-selector-mode", mode) as running, node(running, port):
        await objects(running.url, port)
        found = {f"{name}_down_mb": await down(running.url), f"{name}_up_mb": await up(running.url)}
        found[f"{name}_small_ms"] = await small_ms(running.url)
        stuck = await connect(running.url, "down", 1)
        stuck.transport.pause_reading()
        await asyncio.sleep(1)
        found[f"{name}_beside_stuck_ms"] = await small_ms(running.url)
        stuck.transport.abort()
    return found


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", nargs=4, metavar=("URL", "TOKEN", "HOME", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.node:
        url, token, home, port = options.node
        await run_node(url, token, Path(home), int(port))
        return
    allow_open_files()
    found = await measure("agent") | await measure("disabled")
    print("RESULT " + " ".join(f"{name}={value:.2f}" for name, value in found.items()))


if __name__ == "__main__":
    uvloop.run(main())
