"""Port forwarding: over SPDY, and over WebSocket in two ways.

Over SPDY the client opens a pair of streams for each connection that it takes. A WebSocket may carry the same: its messages are then pieces
of a SPDY connection. Or each port has two channels, one for data and one for errors, and one connection; the first message of each channel
is its port, two bytes, the low one first.

Source: kubernetes staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go, httpstream.go; KEP-4006.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import WSMsgType, web

from minikube_py.core.errors import BadRequestError
from minikube_py.core.upgrade import ByteStream
from minikube_py.cri.errors import CriError

from .spdy import SpdyError, SpdySession, SpdyStream
from .spdy_command import check_upgrade, is_spdy, negotiate, switch

log = logging.getLogger(__name__)

SPDY_PROTOCOL = "portforward.k8s.io"
TUNNEL = "SPDY/3.1+portforward.k8s.io"
PROTOCOLS = (TUNNEL, "v4.channel.k8s.io", "portforward.k8s.io")
CHUNK_BYTES = 32 * 1024
PORTS_MAX = 64
MESSAGE_BYTES_MAX = 16 * 1024 * 1024

Connect = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def forward_ports(request: web.Request, connect: Connect) -> web.StreamResponse:
    """Serve one port forwarding request to its end.

    Raises: BadRequestError if the ports are missing or wrong.
    """
    check_upgrade(request)
    if is_spdy(request):
        response, connection = await switch(request, negotiate(request, (SPDY_PROTOCOL,)))
        await _Tunnel(_of_connection(connection), connection.write, connect).run()
        return response
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=MESSAGE_BYTES_MAX, timeout=1.0)
    if TUNNEL in request.headers.get("Sec-WebSocket-Protocol", ""):
        await socket.prepare(request)
        try:
            await _Tunnel(_of_socket(socket), socket.send_bytes, connect).run()
        finally:
            await socket.close()
        return socket
    ports = _ports(request)
    await socket.prepare(request)
    writers: dict[int, asyncio.StreamWriter] = {}
    try:
        async with asyncio.TaskGroup() as group:
            tasks = []
            for index, port in enumerate(ports):
                for channel in (2 * index, 2 * index + 1):
                    await socket.send_bytes(bytes([channel]) + struct.pack("<H", port))
                try:
                    reader, writers[index] = await connect(port)
                except (OSError, CriError) as error:
                    text = f"an error occurred forwarding {port}: {error}"
                    await socket.send_bytes(bytes([2 * index + 1]) + text.encode())
                    continue
                tasks.append(group.create_task(_from_pod(socket, 2 * index, reader)))
            receive = group.create_task(_from_client(socket, writers))
            pending = set(tasks)
            while pending and not receive.done():
                done, _ = await asyncio.wait({receive, *pending}, return_when=asyncio.FIRST_COMPLETED)
                pending -= done
            for task in (*tasks, receive):
                task.cancel()
    except* ConnectionError:
        log.debug("port forwarding ended ports=%s", ports)
    finally:
        for writer in writers.values():
            writer.close()
        await socket.close()
    return socket


async def _of_connection(connection: ByteStream) -> AsyncIterator[bytes]:
    while data := await connection.read():
        yield data


async def _of_socket(socket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            yield message.data


def _ports(request: web.Request) -> list[int]:
    texts = [text for value in request.query.getall("port", []) + request.query.getall("ports", []) for text in value.split(",")]
    try:
        ports = [int(text) for text in texts]
    except ValueError as error:
        raise BadRequestError(f"unable to parse port: {error}") from error
    if not ports or len(ports) > PORTS_MAX or not all(0 < port < 65536 for port in ports):
        raise BadRequestError('query parameter "port" is required')
    return ports


async def _from_pod(socket: web.WebSocketResponse, channel: int, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(CHUNK_BYTES):
        await socket.send_bytes(bytes([channel]) + data)


async def _from_client(socket: web.WebSocketResponse, writers: dict[int, asyncio.StreamWriter]) -> None:
    async for message in socket:
        if message.type is not WSMsgType.BINARY or len(message.data) < 2:
            continue
        channel, data = message.data[0], message.data[1:]
        writer = writers.get(channel // 2) if channel % 2 == 0 else None
        if writer is not None:
            writer.write(data)
            await writer.drain()


class _Tunnel:
    """A SPDY connection: streams come in pairs with the same request id, one for data and one for errors.

    Args:
        pieces: what the client sends.
        send: sends bytes to it.
    """

    def __init__(self, pieces: AsyncIterator[bytes], send: Callable[[bytes], Awaitable[None]], connect: Connect) -> None:
        self._pieces = pieces
        self._connect = connect
        self._session = SpdySession(send, self._opened)
        self._waiting: dict[str, SpdyStream] = {}
        self._group: asyncio.TaskGroup

    async def run(self) -> None:
        """Serve until the client closes."""
        try:
            async with asyncio.TaskGroup() as self._group:
                async for piece in self._pieces:
                    await self._session.receive(piece)
                await self._session.end()
        except* ConnectionError:
            log.debug("port forwarding ended by the client")
        except* SpdyError as errors:
            log.info("port forwarding ended error=%s", errors.exceptions[0])

    async def _opened(self, stream: SpdyStream) -> None:
        request = stream.headers.get("requestid", "")
        other = self._waiting.pop(request, None)
        if other is None:
            self._waiting[request] = stream
            return
        pair = {item.headers.get("streamtype", ""): item for item in (stream, other)}
        if pair.keys() != {"data", "error"}:
            raise SpdyError(f"streams of types {sorted(pair)} where data and error were expected")
        self._group.create_task(self._forward(pair["data"], pair["error"]), name=f"port-forward-{request}")

    async def _forward(self, data: SpdyStream, error: SpdyStream) -> None:
        """Carry one connection."""
        port = data.headers.get("port", "")
        try:
            reader, writer = await self._connect(int(port))
        except (OSError, CriError, ValueError) as failure:
            await error.write(f"an error occurred forwarding {port}: {failure}".encode())
            await error.close()
            await data.reset()
            return
        up = asyncio.create_task(_to_pod(data, writer), name="port-forward-up")
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                await data.write(chunk)
            await data.close()
            await error.close()
        except ConnectionResetError as failure:
            log.debug("forwarded connection reset port=%s error=%s", port, failure)
            await data.reset()
            await error.close()
        finally:
            up.cancel()
            await asyncio.gather(up, return_exceptions=True)
            writer.close()
            for stream in (data, error):
                self._session.forget(stream)


async def _to_pod(stream: SpdyStream, writer: asyncio.StreamWriter) -> None:
    while data := await stream.read():
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
