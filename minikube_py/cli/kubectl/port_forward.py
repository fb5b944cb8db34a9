"""kubectl port-forward: ports of this machine that lead into a pod.

Each connection is a WebSocket of its own with two channels: data (0) and errors (1); the first message of each is the port.
Source: kubectl pkg/cmd/portforward, kubelet pkg/cri/streaming/portforward/websocket.go
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp

from minikube_py.core.errors import StatusError

from .api import Document
from .errors import KubectlError, sentence
from .selectors import pods_of
from .session import Session
from .targets import Target, document_of, target

PROTOCOL = "v4.channel.k8s.io"
DATA, ERROR = b"\0", 1
READ_BYTES = 32 * 1024
HEADER_BYTES = 2


async def port_forward(session: Session, what: str, ports: Sequence[str], addresses: Sequence[str]) -> None:
    """Listen until interrupted."""
    kind, slash, name = what.partition("/")
    one = target(session, await session.api.resource(kind if slash else "pods"), name if slash else kind)
    document = await document_of(session, one)
    pods = await pods_of(session, Target(one.resource, one.namespace, one.name, document))
    running = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]
    if not running:
        raise KubectlError(f"unable to forward port because pod is not running. Current status={_phase(pods)}")
    pairs = [_pair(text, document if one.resource.kind == "Service" else None, running[0]) for text in ports]
    servers: list[asyncio.Server] = []
    try:
        for local, remote in pairs:
            servers += await _listen(session, running[0], local, remote, addresses)
        session.flush()
        await asyncio.get_running_loop().create_future()
    finally:
        for server in servers:
            server.close()


def _phase(pods: list[Document]) -> str:
    return str((pods[0].get("status") or {}).get("phase", "")) if pods else "no pod"


def _pair(text: str, service: Document | None, pod: Document) -> tuple[int, int]:
    """Local and remote port of "8080:80", "80", ":80", "8080:http"; a service's port becomes that of the pod."""
    local, colon, remote = text.partition(":")
    remote = remote if colon else local
    number = _port_number(remote, pod) if service is None else _service_port(remote, service, pod)
    if not colon:
        return (int(local) if local.isdigit() else number), number
    if local and not local.isdigit():
        raise KubectlError(f"invalid port format: error parsing local port '{local}'")
    return int(local or 0), number


def _service_port(text: str, service: Document, pod: Document) -> int:
    for port in service["spec"].get("ports") or ():
        if text in (str(port["port"]), port.get("name")):
            return _port_number(str(port.get("targetPort") or port["port"]), pod)
    raise KubectlError(f"Service {service['metadata']['name']} does not have a service port {text}")


def _port_number(text: str, pod: Document) -> int:
    if text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == text:
                return int(port["containerPort"])
    raise KubectlError(f"Pod '{pod['metadata']['name']}' does not have a named port '{text}'")


async def _listen(session: Session, pod: Document, local: int, remote: int, addresses: Sequence[str]) -> list[asyncio.Server]:
    servers: list[asyncio.Server] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session.print(f"Handling connection for {local}")
        session.flush()
        try:
            await _carry(session, pod, remote, reader, writer)
        except (StatusError, OSError) as error:
            session.complain(sentence(error))
        finally:
            writer.close()

    wanted = [host for address in addresses for host in (("127.0.0.1", "::1") if address == "localhost" else (address,))]
    for host in wanted:
        try:
            server = await asyncio.start_server(connected, host, local)
        except OSError as error:
            if host == "::1" and servers:
                continue  # a machine without IPv6
            raise KubectlError(f"unable to listen on port {local}: {error.strerror}") from error
        local = int(server.sockets[0].getsockname()[1])
        servers.append(server)
        session.print(f"Forwarding from {f'[{host}]' if ':' in host else host}:{local} -> {remote}")
    return servers


async def _carry(
    session: Session, pod: Document, remote: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    resource = await session.api.resource("pods")
    path = resource.path(pod["metadata"]["namespace"], pod["metadata"]["name"], "portforward")
    async with session.api.transport.websocket(path, f"ports={remote}", (PROTOCOL,)) as socket:
        sending = asyncio.create_task(_send(socket, reader), name="port-forward-send")
        try:
            await _receive(session, socket, writer)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _send(socket: aiohttp.ClientWebSocketResponse, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(READ_BYTES):
        await socket.send_bytes(DATA + data)


async def _receive(session: Session, socket: aiohttp.ClientWebSocketResponse, writer: asyncio.StreamWriter) -> None:
    greeted: set[int] = set()
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, data = message.data[0], message.data[1:]
        if channel not in greeted:
            greeted.add(channel)
            data = data[HEADER_BYTES:]
        if channel == ERROR and data:
            session.complain(f"an error occurred forwarding: {data.decode(errors='replace')}")
            return
        if data:
            writer.write(data)
            await writer.drain()
