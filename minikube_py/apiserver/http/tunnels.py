"""The tunnels that nodes have opened to this server: by them it reaches nodes that it has no route to.

A node is who its client certificate says, and nothing else counts: no token, no name in the request. It has one tunnel; a new one
takes the place of the old, which is dead or about to be.

Source: docs.k3s.io/cli/server (--egress-selector-mode), docs.k3s.io/architecture
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from minikube_py.core.errors import BadRequestError, ForbiddenError, UnauthorizedError, unknown_method, unknown_path
from minikube_py.core.seen_clock import SeenClock
from minikube_py.core.tunnel.handshake import PROTOCOL
from minikube_py.core.tunnel.multiplexer import HEARTBEAT_S, MESSAGE_BYTES_MAX, Multiplexer

from ..authentication.peer import PeerCertificates
from ..authentication.user import NODE_USER_PREFIX, NODES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 1.0
# An agent tries again after less. Source: RETRY_MAX_S in client/tunnel.py
RETURN_TIMEOUT_S = 8.0


class Tunnels:
    """The tunnels of nodes, by name.

    Args:
        client_authorities: PEM certificates of those that vouch for nodes.
        mode: "agent" for the way to kubelets, "pod" for the way to pods too, "disabled" for none.
        clock: by which their certificates end.
    """

    def __init__(self, client_authorities: bytes, mode: str = "agent", *, clock: SeenClock | None = None) -> None:
        self.mode = mode
        self._peers = PeerCertificates(client_authorities, clock=clock)
        self._tunnels: dict[str, Multiplexer] = {}
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def find(self, node_name: str) -> Multiplexer | None:
        """The tunnel of a node, if it has one."""
        return self._tunnels.get(node_name)

    async def wait(self, node_name: str) -> Multiplexer | None:
        """The tunnel of a node that is known to keep one; None if it does not come back within RETURN_TIMEOUT_S."""
        found = self._tunnels.get(node_name)
        if found is not None or self.mode == "disabled":
            return found
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(node_name, set())
        waiting.add(opened)
        try:
            async with asyncio.timeout(RETURN_TIMEOUT_S):
                await opened
        except TimeoutError:
            return None
        finally:
            waiting.discard(opened)
            if not waiting:
                self._waiting.pop(node_name, None)
        return self._tunnels.get(node_name)

    async def respond(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer a request for a tunnel, and carry the tunnel until it ends.

        Raises: UnknownPathError, UnauthorizedError, ForbiddenError, BadRequestError, MethodNotAllowedError.
        """
        if self.mode == "disabled":
            raise unknown_path()
        if http.method != "GET":
            raise unknown_method()
        name = self._node_name(http)
        socket = web.WebSocketResponse(
            protocols=[PROTOCOL], heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_BYTES_MAX + 1, compress=False, timeout=CLOSE_TIMEOUT_S
        )
        if socket.can_prepare(http).protocol != PROTOCOL:
            raise BadRequestError(f"a WebSocket with the protocol {PROTOCOL} is expected")
        await socket.prepare(http)
        tunnel = Multiplexer(socket)
        run = asyncio.create_task(tunnel.run(), name=f"tunnel-{name}")
        before = self._runs.get(name)
        self._tunnels[name], self._runs[name] = tunnel, run
        if before is not None:
            log.info("tunnel replaced node=%s", name)
            before.cancel()
        log.info("tunnel open node=%s remote=%s", name, http.remote)
        for opened in self._waiting.get(name, ()):
            if not opened.done():
                opened.set_result(None)
        try:
            await asyncio.wait({run})
        finally:
            run.cancel()
            (ended,) = await asyncio.gather(run, return_exceptions=True)
            if self._tunnels.get(name) is tunnel:
                del self._tunnels[name], self._runs[name]
            log.info("tunnel closed node=%s reason=%s", name, ended or "the node has closed it")
            await socket.close()
        return socket

    def _node_name(self, http: web.BaseRequest) -> str:
        """Raises: UnauthorizedError, ForbiddenError unless a node's certificate was presented."""
        peer = self._peers.peer_of(http.transport)
        user = None if peer is None else peer.user
        if user is None:
            raise UnauthorizedError("a tunnel is opened with a node's client certificate")
        if NODES not in user.groups or not user.name.startswith(NODE_USER_PREFIX):
            raise ForbiddenError(f'"{user.name}" is no node')
        return user.name.removeprefix(NODE_USER_PREFIX)


class TunnelConnector(aiohttp.BaseConnector):
    """aiohttp's connections by another way than sockets.

    Args:
        dial: connects a protocol to host and port. Raises: OSError, TimeoutError.
    """

    def __init__(self, dial: Callable[[str, int, asyncio.BaseProtocol], Awaitable[None]]) -> None:
        super().__init__(limit=0)
        self._dial = dial

    # The method that aiohttp's own connectors define.
    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
        protocol = self._factory()
        try:
            await self._dial(req.url.host or "", req.url.port or 0, protocol)
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        return protocol
