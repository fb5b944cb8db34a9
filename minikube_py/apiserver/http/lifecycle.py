"""The end of a server, step by step: not ready, no new requests, those that run finish, watches end, then nothing.

Source: k8s.io/apiserver/pkg/server/genericapiserver.go (RunWithContext), filters/waitgroup.go, filters/with_retry_after.go
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from minikube_py.core.errors import ServiceUnavailableError

from .responses import status_response, text_error

log = logging.getLogger(__name__)

# Answered to the last: whoever probes or scrapes must see how it goes.
EXEMPT_PATHS = ("/readyz", "/livez", "/healthz", "/metrics")
EXEMPT_AGENT = "kube-apiserver/"


class Lifecycle:
    """Where a server is between its start and its end.

    Args:
        send_retry_after: whether late requests are told by 429 while the listener stays open (`--shutdown-send-retry-after`).

    Attributes:
        draining: whether new requests are refused.
        running: requests that run and are waited for.
    """

    def __init__(self, *, send_retry_after: bool = False) -> None:
        self.draining = False
        self.send_retry_after = send_retry_after
        self.running = 0
        self._initiated = False
        self._drained = asyncio.Event()

    def check(self) -> str | None:
        """The `shutdown` check of /readyz."""
        return "process is shutting down" if self._initiated else None

    def initiate(self) -> bool:
        """From now on the server is not ready; it goes on answering. Returns whether that is new."""
        if self._initiated:
            return False
        self._initiated = True
        log.info("shutdown initiated")
        return True

    def refuse(self, http: web.BaseRequest, path: str) -> web.Response | None:
        """The answer to a request that comes too late; None if it may go on."""
        if path.startswith(EXEMPT_PATHS) or http.headers.get("User-Agent", "").startswith(EXEMPT_AGENT):
            return None
        if self.send_retry_after:
            response = text_error("The apiserver is shutting down, please try again later.", 429, {"Retry-After": "5"})
        else:
            response = status_response(ServiceUnavailableError("apiserver is shutting down"))
            response.headers["Retry-After"] = "1"
            response.headers["X-Content-Type-Options"] = "nosniff"
        response.force_close()
        return response

    def left(self) -> None:
        """A request that is waited for has ended."""
        self.running -= 1
        if self.draining and not self.running:
            self._drained.set()

    async def wait_drained(self, timeout_s: float) -> None:
        """Refuse new requests and wait until those that run have ended, or for so long."""
        self.draining = True
        if not self.running:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._drained.wait()
        except TimeoutError:
            log.warning("requests did not end in time requests=%d", self.running)
