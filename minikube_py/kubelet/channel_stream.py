"""Commands and attachments over WebSocket: one byte before each message says which stream it belongs to.

Protocols, by their last difference: v5 can close one stream (a message 255, channel), v4 ends with a metav1.Status as JSON on the error
channel, older ones with plain text. For clients that know no bytes there are forms whose messages are text: a digit and base64. An empty
message tells the client that the streams are open.

Source: kubernetes staging/src/k8s.io/kubelet/pkg/cri/streaming/remotecommand/websocket.go, staging/src/k8s.io/apimachinery/pkg/util/
httpstream/wsstream/conn.go; kubernetes.io/docs/reference/using-api/api-concepts/ (streaming); KEP-4006; kubernetes
staging/src/k8s.io/apimachinery/pkg/util/remotecommand/constants.go.
"""

from __future__ import annotations

import asyncio
import json
import logging
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import WSMessage, WSMsgType, web

from minikube_py.cri.interface import ExecInput, ExecOutput

log = logging.getLogger(__name__)

TEXT_PROTOCOLS = ("v4.base64.channel.k8s.io", "base64.channel.k8s.io")
STATUS_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io")
PROTOCOLS = (*STATUS_PROTOCOLS, "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
CHUNK_BYTES = 32 * 1024
MESSAGE_BYTES_MAX = 16 * 1024 * 1024


class Streams(Protocol):
    """A process whose streams are carried."""

    @property
    def stdin(self) -> ExecInput | None: ...
    @property
    def stdout(self) -> ExecOutput: ...
    @property
    def stderr(self) -> ExecOutput | None: ...

    async def resize(self, width: int, height: int) -> None:
        """Set the terminal's size."""


def success() -> dict[str, Any]:
    """The status of a command that ended with 0."""
    return {"metadata": {}, "status": "Success"}


def exit_status(code: int) -> dict[str, Any]:
    """The status of a command by its exit code."""
    if code == 0:
        return success()
    return {
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: command terminated with exit code {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def failure(message: str) -> dict[str, Any]:
    """The status of a command that could not be carried out."""
    return {"metadata": {}, "status": "Failure", "reason": "InternalError", "message": message, "code": 500,
            "details": {"causes": [{"message": message}]}}


class ChannelStream:
    """One WebSocket that carries a process's streams.

    Args:
        stdout, stderr: whether the client wants them; what it does not want is read and dropped.
    """

    def __init__(self, socket: web.WebSocketResponse, *, stdout: bool, stderr: bool) -> None:
        self._socket = socket
        self._wanted = {STDOUT: stdout, STDERR: stderr}
        self._text = False

    @staticmethod
    def open() -> web.WebSocketResponse:
        """A WebSocket that speaks the best protocol that the client offers; to be prepared with the request."""
        return web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=MESSAGE_BYTES_MAX, timeout=1.0)

    async def carry(self, process: Streams) -> None:
        """Carry the streams until all output has been sent, or the client is gone.

        Raises: ConnectionError if the client went away.
        """
        self._text = self._socket.ws_protocol in TEXT_PROTOCOLS
        await self._write(next((channel for channel, wanted in self._wanted.items() if wanted), ERROR), b"")
        async with asyncio.TaskGroup() as group:
            outputs = {group.create_task(self._send(STDOUT, process.stdout))}
            if process.stderr is not None:
                outputs.add(group.create_task(self._send(STDERR, process.stderr)))
            inputs = group.create_task(self._receive(process))
            while outputs and not inputs.done():
                done, _ = await asyncio.wait({inputs, *outputs}, return_when=asyncio.FIRST_COMPLETED)
                outputs -= done
            if outputs:
                raise ConnectionResetError("the client is gone")
            inputs.cancel()

    async def finish(self, status: dict[str, Any]) -> None:
        """Tell the client how it ended, and close."""
        if self._socket.closed:
            return
        as_json = self._socket.ws_protocol in STATUS_PROTOCOLS
        data = (json.dumps(status) if as_json else str(status.get("message", ""))).encode()
        if data:
            await self._write(ERROR, data)
        await self._socket.close()

    async def _write(self, channel: int, data: bytes) -> None:
        if self._text:
            await self._socket.send_str(f"{channel}{b64encode(data).decode()}")
        else:
            await self._socket.send_bytes(bytes([channel]) + data)

    def _read(self, message: WSMessage) -> tuple[int, bytes] | None:
        """Channel and data of a message; None if it is none."""
        if self._text and message.type is WSMsgType.TEXT and message.data[:1].isdigit():
            try:
                return int(message.data[0]), b64decode(message.data[1:], validate=True)
            except ValueError:
                return None
        if self._text or message.type is not WSMsgType.BINARY or not message.data:
            return None
        return message.data[0], message.data[1:]

    async def _send(self, channel: int, stream: ExecOutput) -> None:
        while chunk := await stream.read(CHUNK_BYTES):
            if self._wanted[channel]:
                await self._write(channel, chunk)

    async def _receive(self, process: Streams) -> None:
        """Pass input on until the client closes the WebSocket. Its standard input may end before."""
        async for message in self._socket:
            read = self._read(message)
            if read is None:
                continue
            channel, data = read
            if channel == STDIN and process.stdin is not None and data:
                try:
                    await process.stdin.write(data)
                except BrokenPipeError:
                    log.debug("input after the command stopped reading bytes=%d", len(data))
            elif channel == CLOSE and data[:1] == bytes([STDIN]) and process.stdin is not None:
                await process.stdin.close()
            elif channel == RESIZE:
                await resize(process.resize, data)


async def resize(set_size: Callable[[int, int], Any], data: bytes) -> None:
    """Pass on the size of the client's terminal, {"Width":..,"Height":..}; anything else is ignored."""
    try:
        size = json.loads(data)
        width, height = int(size["Width"]), int(size["Height"])
    except (ValueError, KeyError, TypeError):
        return
    await set_size(width, height)
