"""Port forwarding over WebSocket: two channels for each port, one for data and one for errors.

The first message of each channel is its port, two bytes, the low one first. A connection to the pod is made when the client connects.

Source: kubernetes pkg/kubelet (portforward over v4.channel.k8s.io: staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go).
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable

from aiohttp import WSMsgType, web

from minikube_py.core.errors import BadRequestError
from minikube_py.cri.errors import CriError

log = logging.getLogger(__name__)

PROTOCOLS = ("v4.channel.k8s.io", "portforward.k8s.io")
CHUNK_BYTES = 32 * 1024
PORTS_MAX = 64
MESSAGE_BYTES_MAX = 16 * 1024 * 1024

Connect = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def forward_ports(request: web.Request, connect: Connect) -> web.StreamResponse:
    """Serve one port forwarding request to its end.

    Raises: BadRequestError if the ports are missing or wrong.
    """
    ports = _ports(request)
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=MESSAGE_BYTES_MAX, timeout=1.0)
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
