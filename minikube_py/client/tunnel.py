"""A node's tunnel to its server: opened from here, kept open, and opened again when it is lost.

The server needs no way to the node: NAT and closed ports do not matter. What the server may reach by the tunnel says `accept`.
Source: docs.k3s.io/architecture (the agent's tunnel to its supervisor)
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable

import aiohttp

from minikube_py.core.backoff import Backoff
from minikube_py.core.tunnel.handshake import CONNECT_PATH, PROTOCOL, SERVER
from minikube_py.core.tunnel.multiplexer import HEARTBEAT_S, MESSAGE_BYTES_MAX, Accept, Multiplexer

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 15.0
CLOSE_TIMEOUT_S = 1.0
# Between attempts; the true delay is up to a half longer, so that the nodes of a server that comes back do not come all at once.
RETRY_MIN_S = 0.5
RETRY_MAX_S = 5.0
# A tunnel that ends sooner has failed: two machines with one identity would take it from each other without a pause.
STABLE_S = 10.0


class Tunnel:
    """The tunnel to one server.

    Args:
        server: https://host:port.
        context: TLS with the node's client certificate, asked for at each attempt: certificates are renewed.
        accept: makes the ends of the streams that the server opens.

    Attributes:
        connected: set while the tunnel is open.
    """

    def __init__(self, server: str, context: Callable[[], ssl.SSLContext], accept: Accept) -> None:
        self._server = server
        self._context = context
        self._accept = accept
        self._backoff = Backoff(RETRY_MIN_S, RETRY_MAX_S)
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Keep the tunnel until cancelled. Streams end with the tunnel that carries them."""
        while True:
            try:
                reason = await self._carry()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
            delay_s = self._backoff.next_s(self._server) * random.uniform(1.0, 1.5)
            log.warning("tunnel is not open server=%s retry_s=%.1f reason=%s", self._server, delay_s, reason)
            await asyncio.sleep(delay_s)

    async def _carry(self) -> str:
        """Open the tunnel and carry its streams to its end; why it ended."""
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.ws_connect(
                self._server + CONNECT_PATH, protocols=[PROTOCOL], ssl=self._context(), heartbeat=HEARTBEAT_S,
                max_msg_size=MESSAGE_BYTES_MAX + 1, compress=0, timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
            ) as socket,
        ):
            log.info("tunnel open server=%s", self._server)
            self.connected.set()
            loop = asyncio.get_running_loop()
            opened = loop.time()
            try:
                await Multiplexer(socket, accept=self._accept, extra={SERVER: self._server}).run()
            finally:
                self.connected.clear()
                if loop.time() - opened >= STABLE_S:
                    self._backoff.forget(self._server)
        return "the server has closed it"
