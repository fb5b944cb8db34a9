"""How a client is joined with a command: by WebSocket or by SPDY, whichever it asks for."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from aiohttp import web

from .channel_stream import ChannelStream, Streams
from .spdy_command import PROTOCOLS, SpdyCommandStream, check_upgrade, is_spdy, negotiate


class Wanted(NamedTuple):
    """Which streams a client asks for."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


class CommandStream(Protocol):
    """A client's end of a command's streams."""

    async def carry(self, process: Streams) -> None:
        """Carry the streams until all output has been sent, or the client is gone.

        Raises: ConnectionError if the client went away.
        """

    async def finish(self, status: dict[str, Any]) -> None:
        """Tell the client how it ended, and close."""


async def open_stream(request: web.BaseRequest, wanted: Wanted) -> tuple[web.StreamResponse, CommandStream]:
    """Answer a client's request for a stream.

    Returns: the response, to be given to aiohttp when all is done, and the stream.
    Raises: BadRequestError, ForbiddenError; ConnectionError if the client goes away.
    """
    check_upgrade(request)
    if is_spdy(request):
        names = {"stdin": wanted.stdin, "stdout": wanted.stdout, "stderr": wanted.stderr, "resize": wanted.tty}
        spdy = SpdyCommandStream(frozenset(name for name, asked in names.items() if asked), negotiate(request, PROTOCOLS))
        return await spdy.open(request), spdy
    socket = ChannelStream.open()
    await socket.prepare(request)
    return socket, ChannelStream(socket, stdout=wanted.stdout, stderr=wanted.stderr)
