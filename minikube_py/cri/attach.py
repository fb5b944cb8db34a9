"""Attaching to a container's first process, through the streaming server of the runtime.

Its standard streams belong to the CRI plugin, which copies them into the log; it serves them to others over
WebSocket, each message with the number of its stream before it. The protocol that containerd 1.6 speaks has no way
to close standard input alone. So input and output are two connections: closing the first is the end of the input, and the
second goes on. Over WebSocket the server takes "without standard input" for standard input at its end, and with stdin_once
ends the container's. So the connection for output asks for standard input too, and sends none. What remains: a client that
attaches without input to a container with stdin_once ends its input when it detaches.

Source: kubernetes staging/src/k8s.io/kubelet/pkg/cri/streaming/remotecommand/websocket.go (v4.channel.k8s.io).
"""

from __future__ import annotations

import asyncio
import json
import logging
from types import TracebackType
from typing import TYPE_CHECKING, Self

from minikube_py.cri.errors import CriError, CriUnavailableError

if TYPE_CHECKING:
    from aiohttp import ClientSession, ClientWebSocketResponse, WSMessage

    from minikube_py.cri.interface import RuntimeService

log = logging.getLogger(__name__)

STREAM_PROTOCOL = "v4.channel.k8s.io"
STDIN, _STDOUT, STDERR, ERROR, RESIZE = range(5)

# Output that is not fetched stays with the runtime; this many messages, of at most 32 KiB, are held here.
MESSAGES_MAX = 16

# Messages of standard input are no longer than the runtime's own.
WRITE_BYTES_MAX = 32 * 1024


class AttachInput:
    """The ExecInput protocol (interface.py) over a connection of its own."""

    def __init__(self, connection: ClientWebSocketResponse) -> None:
        self._connection = connection

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), WRITE_BYTES_MAX):
            if self._connection.closed:
                raise BrokenPipeError("the container does not read its standard input")
            try:
                await self._connection.send_bytes(bytes([STDIN]) + data[start : start + WRITE_BYTES_MAX])
            except ConnectionResetError as error:
                raise BrokenPipeError("the container does not read its standard input") from error

    async def close(self) -> None:
        await self._connection.close()


class AttachOutput:
    """The ExecOutput protocol (interface.py), fed by the one task that reads the connection."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[bytes] = asyncio.Queue(MESSAGES_MAX)
        self._rest = b""
        self._at_end = False

    async def read(self, n: int = -1) -> bytes:
        if n < 0:
            chunks = []
            while chunk := await self.read(WRITE_BYTES_MAX):
                chunks.append(chunk)
            return b"".join(chunks)
        if not self._rest and not self._at_end:
            self._rest = await self._messages.get()
            self._at_end = not self._rest
        chunk, self._rest = self._rest[:n], self._rest[n:]
        return chunk

    async def feed(self, data: bytes) -> None:
        """Append data, waiting for room; b"" is the end."""
        await self._messages.put(data)


class AttachedContainer:
    """The AttachedProcess protocol (interface.py). Made by `attach`."""

    def __init__(
        self, session: ClientSession, output: ClientWebSocketResponse, first: WSMessage, stdin: AttachInput | None, *, tty: bool
    ) -> None:
        self._session = session
        self._output = output
        self._failure: CriError | None = None
        self.stdin = stdin
        self.stdout = AttachOutput()
        self.stderr = None if tty else AttachOutput()
        self._reading = asyncio.create_task(self._read(first), name="attach-output")

    async def _read(self, first: WSMessage) -> None:
        if isinstance(first.data, bytes):
            await self._take(first.data)
            async for message in self._output:
                await self._take(message.data)
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                await stream.feed(b"")

    async def _take(self, message: bytes) -> None:
        number, data = message[0], message[1:]
        if number == ERROR:
            self._failure = _failure(data)
        elif data:
            stream = self.stderr if number == STDERR else self.stdout
            await (stream or self.stdout).feed(data)

    async def resize(self, width: int, height: int) -> None:
        if not self._output.closed:
            await self._output.send_bytes(bytes([RESIZE]) + json.dumps({"Width": width, "Height": height}).encode())

    async def wait(self) -> None:
        await asyncio.shield(self._reading)
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        if self.stdin is not None:
            await self.stdin.close()
        await self._output.close()
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


async def attach(cri: RuntimeService, container_id: str, *, tty: bool, stdin: bool) -> AttachedContainer:
    """Attach to a running container.

    Args:
        tty: whether the container has a terminal; it must be told right.
        stdin: whether to feed its standard input, which the container must have been created with.
    Raises: CriError family.
    """
    # Only who attaches needs an HTTP client.
    import aiohttp

    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=10))
    try:
        # Output first, so that none of the answers to the input is missed. The server begins to attach when it has sent its
        # first, empty message; what the container writes before is in its log only.
        url = await cri.attach(container_id, tty=tty, stdin=True, stdout=True, stderr=not tty)
        output = await session.ws_connect(url, protocols=[STREAM_PROTOCOL], max_msg_size=0)
        first = await output.receive()
        source = None
        if stdin:
            url = await cri.attach(container_id, tty=tty, stdin=True, stdout=False, stderr=False)
            source = AttachInput(await session.ws_connect(url, protocols=[STREAM_PROTOCOL], max_msg_size=0))
    except BaseException as error:
        await asyncio.shield(session.close())
        if isinstance(error, aiohttp.ClientError):
            raise CriUnavailableError(f"the runtime's streaming server does not answer: {error}") from error
        raise
    return AttachedContainer(session, output, first, source, tty=tty)


def _failure(status: bytes) -> CriError | None:
    """The error of a status, metav1.Status as JSON; None if it tells of success."""
    parsed = json.loads(status) if status else {}
    return CriError(parsed.get("message", "attaching failed")) if parsed.get("status") == "Failure" else None
