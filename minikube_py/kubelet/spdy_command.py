"""Commands and attachments over SPDY, as clients before WebSockets have them: one stream for each of error, stdin, stdout, stderr, resize.

The client opens all streams that its request promises before anything runs. Protocols, by their last difference: v4 ends with a
metav1.Status as JSON on the error stream, older ones with plain text; v3 has the terminal's size.

Source: kubernetes staging/src/k8s.io/kubelet/pkg/cri/streaming/remotecommand/httpstream.go;
staging/src/k8s.io/apimachinery/pkg/util/httpstream/httpstream.go (Handshake).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from minikube_py.core.errors import BadRequestError, ForbiddenError
from minikube_py.core.upgrade import ByteStream, SwitchingProtocols

from .channel_stream import CHUNK_BYTES, Streams, resize
from .spdy import SpdyError, SpdySession, SpdyStream

log = logging.getLogger(__name__)

SPDY = "SPDY/3.1"
PROTOCOLS = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
VERSION_HEADER = "X-Stream-Protocol-Version"
# Seconds that a client has to open its streams. Source: kubelet's DefaultStreamCreationTimeout
CREATION_TIMEOUT_S = 30.0
# Longest description of a terminal's size that is taken.
RESIZE_BYTES_MAX = 4096


def is_spdy(request: web.BaseRequest) -> bool:
    return request.headers.get("Upgrade", "").lower() == SPDY.lower()


def negotiate(request: web.BaseRequest, known: Sequence[str]) -> str:
    """The first protocol of the client's that is known; the oldest if the client names none.

    Raises: ForbiddenError.
    """
    offered = [part.strip() for value in request.headers.getall(VERSION_HEADER, []) for part in value.split(",") if part.strip()]
    if not offered:
        return known[-1]
    for protocol in offered:
        if protocol in known:
            return protocol
    raise ForbiddenError(
        f"unable to upgrade: unable to negotiate protocol: client supports [{' '.join(offered)}], server accepts [{' '.join(known)}]"
    )


async def switch(request: web.BaseRequest, protocol: str) -> tuple[SwitchingProtocols, ByteStream]:
    """Go over to SPDY."""
    response = SwitchingProtocols({"Connection": "Upgrade", "Upgrade": SPDY, VERSION_HEADER: protocol})
    return response, await response.switch(request)


class SpdyCommandStream:
    """One SPDY connection that carries a process's streams.

    Args:
        names: the streams that the client has promised, without the one for errors.
    """

    def __init__(self, names: frozenset[str], protocol: str) -> None:
        self._protocol = protocol
        self._names = names | {"error"}
        if "resize" in names and protocol in PROTOCOLS[2:]:
            self._names -= {"resize"}
        self._streams: dict[str, SpdyStream] = {}
        self._complete = asyncio.Event()
        self._connection: ByteStream
        self._session: SpdySession
        self._pump: asyncio.Task[None]

    async def open(self, request: web.BaseRequest) -> SwitchingProtocols:
        """Go over to SPDY and wait for the streams.

        Raises: ConnectionError if the client goes away or does not open them.
        """
        response, self._connection = await switch(request, self._protocol)
        self._session = SpdySession(self._connection.write, self._opened)
        self._pump = asyncio.create_task(self._receive(), name="spdy-command")
        complete = asyncio.ensure_future(self._complete.wait())
        try:
            await asyncio.wait({complete, self._pump}, timeout=CREATION_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
            if not self._complete.is_set():
                raise ConnectionResetError("the client did not open its streams")
        except BaseException:
            await self.close()
            raise
        finally:
            complete.cancel()
        return response

    async def carry(self, process: Streams) -> None:
        """Carry the streams until all output has been sent, or the client is gone.

        Raises: ConnectionError if the client went away.
        """
        async with asyncio.TaskGroup() as group:
            outputs = {group.create_task(self._send("stdout", process.stdout))}
            if process.stderr is not None:
                outputs.add(group.create_task(self._send("stderr", process.stderr)))
            inputs = [group.create_task(self._feed(process)), group.create_task(self._resize(process))]
            while outputs and not self._pump.done():
                done, _ = await asyncio.wait({self._pump, *outputs}, return_when=asyncio.FIRST_COMPLETED)
                outputs -= done
            if outputs:
                raise ConnectionResetError("the client is gone")
            for task in inputs:
                task.cancel()

    async def finish(self, status: dict[str, Any]) -> None:
        """Tell the client how it ended, and close."""
        try:
            for name in ("stdout", "stderr"):
                if name in self._streams:
                    await self._streams[name].close()
            data = json.dumps(status) if self._protocol == PROTOCOLS[0] else str(status.get("message", ""))
            if data:
                await self._streams["error"].write(data.encode())
            await self._streams["error"].close()
        except ConnectionError:
            log.debug("the client did not wait for the end")
        await self.close()

    async def close(self) -> None:
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        self._connection.close()

    async def _receive(self) -> None:
        try:
            while data := await self._connection.read():
                await self._session.receive(data)
        except SpdyError as error:
            log.info("spdy connection ended error=%s", error)
        finally:
            await self._session.end()

    async def _opened(self, stream: SpdyStream) -> None:
        name = stream.headers.get("streamtype", "")
        if name not in self._names or name in self._streams:
            raise SpdyError(f"a stream of type {name!r} was not expected")
        self._streams[name] = stream
        if len(self._streams) == len(self._names):
            self._complete.set()

    async def _send(self, name: str, output: Any) -> None:
        stream = self._streams.get(name)
        while chunk := await output.read(CHUNK_BYTES):
            if stream is not None:
                await stream.write(chunk)
        if stream is not None:
            await stream.close()

    async def _feed(self, process: Streams) -> None:
        stream = self._streams.get("stdin")
        if stream is None or process.stdin is None:
            return
        try:
            while data := await stream.read():
                await process.stdin.write(data)
        except BrokenPipeError:
            # The command has stopped reading; what still comes is dropped, so that the connection does not stand still.
            while await stream.read():
                pass
            return
        await process.stdin.close()

    async def _resize(self, process: Streams) -> None:
        stream = self._streams.get("resize")
        waiting = b""
        while stream is not None and (data := await stream.read()):
            # One JSON document a line.
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                await resize(process.resize, line)
            waiting = waiting[-RESIZE_BYTES_MAX:]


def check_upgrade(request: web.BaseRequest) -> None:
    """Raises: BadRequestError for a request that does not ask for a stream."""
    if not request.headers.get("Upgrade"):
        raise BadRequestError("Unable to upgrade: missing upgrade headers in request")
