"""Bytes of a backend as messages of a WebSocket: how browsers and tests follow a container's log.

An empty message comes first, so that the client sees that the stream is open; what the client says is of no interest, but that it closes.
Source: k8s.io/apimachinery/pkg/util/httpstream/wsstream/stream.go (Reader)
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode

from aiohttp import ClientError, StreamReader, WSCloseCode, web

from minikube_py.core.errors import BadRequestError, ForbiddenError
from minikube_py.core.upgrade import is_upgrade

log = logging.getLogger(__name__)
BINARY, BASE64 = "binary.k8s.io", "base64.binary.k8s.io"
CLOSE_TIMEOUT_S = 1.0


def is_socket(request: web.BaseRequest) -> bool:
    """Whether a request asks for a WebSocket."""
    return is_upgrade(request.headers) and request.headers.get("Upgrade", "").lower() == "websocket"


async def send_by_socket(request: web.BaseRequest, content: StreamReader) -> web.StreamResponse:
    """Answer a request with a WebSocket that carries `content` to its end, or until the client closes.

    Raises: BadRequestError, ForbiddenError for a client that asks for it in a wrong way.
    """
    offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if part.strip()]
    if offered and not {BINARY, BASE64} & set(offered):
        raise ForbiddenError(f"requested protocol(s) are not supported: [{' '.join(offered)}]; supports [ {BASE64} {BINARY}]")
    socket = web.WebSocketResponse(
        protocols=[protocol for protocol in offered if protocol in (BINARY, BASE64)], compress=False, timeout=CLOSE_TIMEOUT_S
    )
    try:
        await socket.prepare(request)
    except web.HTTPBadRequest as error:
        raise BadRequestError(error.text or "no WebSocket handshake") from error
    try:
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(_send(socket, content), name="byte-socket-send")
            listening = group.create_task(_listen(socket), name="byte-socket-listen")
            await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            listening.cancel()
    except* ConnectionError:
        # The reader went away in the middle: nothing is owed to it.
        pass
    except* ClientError as errors:
        log.info("content ended before its end error=%s", errors.exceptions[0])
        await socket.close(code=WSCloseCode.INTERNAL_ERROR)
    await socket.close()
    return socket


async def _send(socket: web.WebSocketResponse, content: StreamReader) -> None:
    text = socket.ws_protocol == BASE64
    chunk = b""
    while True:
        await (socket.send_str(b64encode(chunk).decode()) if text else socket.send_bytes(chunk))
        if not (chunk := await content.readany()):
            return


async def _listen(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass
