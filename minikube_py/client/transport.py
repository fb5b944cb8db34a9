"""Requests to an API server over HTTP: bytes in, bytes out, errors as StatusErrors.

Owns the connection pool, the credentials on each request and the splitting of watch streams into frames. Knows paths and
bytes, no Kinds. A change of the client certificate opens a new pool; the old one is closed when its last request ends.

Source: client-go rest/request.go, kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
from multidict import CIMultiDict

from minikube_py.core import limits
from minikube_py.core.errors import StatusError, TooManyRequestsError, from_status, unknown_path

from .connection import Connection, keepalive_socket

# Seconds until a connection must stand, and until an ordinary answer must be there. Source: apiserver --request-timeout (60 s).
CONNECT_TIMEOUT_S = 15.0
REQUEST_TIMEOUT_S = 75.0
# Times that a request is sent again when the server says "try again in N seconds". Source: client-go rest/request.go (maxRetries).
RETRIES_MAX = 10
# The longest watch frame: two of the largest objects.
FRAME_BYTES_MAX = 4 * limits.REQUEST_BYTES_MAX
# Connections at the same time, watches included.
CONNECTIONS_MAX = 1024

Params = Mapping[str, str | int] | None


class _Pool:
    """One ClientSession and how many requests are under way in it."""

    def __init__(self, connection: Connection, user_agent: str) -> None:
        ssl: Any = connection.ssl_context() if connection.server.startswith("https") else False
        connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=ssl, socket_factory=keepalive_socket)
        auth = aiohttp.BasicAuth(connection.username, connection.password) if connection.username else None
        self.session = aiohttp.ClientSession(connector=connector, auth=auth, headers={"User-Agent": user_agent}, auto_decompress=True)
        self.users = 0
        self.retired = False

    async def release(self) -> None:
        self.users -= 1
        if self.retired and not self.users:
            await self.session.close()


class Transport:
    """HTTP to one API server.

    Attributes:
        connection: where the server is and who we are.
    """

    def __init__(
        self, connection: Connection, *, user_agent: str = "minikube-py", request_timeout_s: float = REQUEST_TIMEOUT_S
    ) -> None:
        self.connection = connection
        self._request_timeout_s = request_timeout_s
        self._user_agent = user_agent
        self._pool: _Pool | None = None
        self._token = connection.token
        self._token_stamp: float | None = None

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.session.close()

    def set_credentials(self, certificate: bytes, key: bytes, ca: bytes = b"") -> None:
        """Use another client certificate, and other authorities if given, from the next request on; requests under way end as they began.

        Raises: ssl.SSLError if it cannot be used; the old one then stays.
        """
        connection = self.connection.with_credentials(certificate, key, ca)
        connection.ssl_context()
        self.connection = connection
        if self._pool is not None:
            pool, self._pool = self._pool, None
            pool.retired = True
            if not pool.users:
                task = asyncio.get_running_loop().create_task(pool.session.close(), name="close-retired-pool")
                _closing.add(task)
                task.add_done_callback(_closing.discard)

    async def request(
        self, method: str, path: str, *, params: Params = None, body: bytes | None = None, content_type: str = "application/json",
        accept: str = "application/json", headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Send a request and return the whole answer.

        Raises: StatusError for an answer that is no success; OSError (TimeoutError is one) if there is no answer.
        Cancellation: the server may still carry it out.
        """
        timeout = aiohttp.ClientTimeout(total=self._request_timeout_s, sock_connect=CONNECT_TIMEOUT_S)
        for attempt in range(RETRIES_MAX + 1):
            try:
                async with self.open(
                    method, path, params=params, body=body, content_type=content_type, accept=accept, headers=headers, timeout=timeout
                ) as answer:
                    return await answer.read()
            except TooManyRequestsError as error:
                retry_after_s = error.details.get("retryAfterSeconds")
                if attempt == RETRIES_MAX or not retry_after_s:
                    raise
                await asyncio.sleep(float(retry_after_s))
        raise AssertionError("unreachable")

    @contextlib.asynccontextmanager
    async def open(
        self, method: str, path: str, *, params: Params = None, body: bytes | None = None, content_type: str = "application/json",
        accept: str = "application/json", headers: Mapping[str, str] | None = None, timeout: aiohttp.ClientTimeout | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and give its answer while it still streams.

        Raises: as `request`.
        """
        sent = CIMultiDict({"Accept": accept, **(headers or {})})
        sent.extend(self._authorization())
        if body is not None:
            sent["Content-Type"] = content_type
        pool = self._open_pool()
        pool.users += 1
        try:
            async with pool.session.request(
                method, self.connection.server + path, params={k: str(v) for k, v in params.items()} if params else None, data=body,
                headers=sent, timeout=timeout or aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
                server_hostname=self.connection.tls_server_name or None, allow_redirects=False,
            ) as answer:
                if answer.status >= 300:
                    raise _error(answer, await answer.read())
                yield answer
        except aiohttp.ClientError as error:
            if isinstance(error, OSError | TimeoutError):
                raise
            raise ConnectionResetError(f"the connection broke: {error}") from error
        finally:
            await pool.release()

    @contextlib.asynccontextmanager
    async def websocket(self, path: str, params: str, protocols: tuple[str, ...]) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Upgrade to a WebSocket; `params` is the encoded query, since its keys may repeat.

        Raises: StatusError if the server refuses; OSError if it is not there.
        """
        pool = self._open_pool()
        pool.users += 1
        try:
            async with pool.session.ws_connect(
                f"{self.connection.server}{path}?{params}", protocols=protocols, headers=self._authorization(), max_msg_size=0,
                server_hostname=self.connection.tls_server_name or None, heartbeat=30.0,
            ) as socket:
                yield socket
        except aiohttp.WSServerHandshakeError as error:
            raise await self._refusal(pool, f"{path}?{params}", protocols, error) from error
        finally:
            await pool.release()

    async def frames(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """The lines of a streamed answer, each complete and without its newline.

        Raises: ConnectionResetError if the stream breaks off; ValueError for a line beyond FRAME_BYTES_MAX.
        """
        parts: list[bytes] = []
        size = 0
        async for chunk in answer.content.iter_any():
            lines = chunk.split(b"\n")
            parts.append(lines[0])
            size += len(lines[0])
            if size > FRAME_BYTES_MAX:
                raise ValueError("watch frame too large")
            for line in lines[1:]:
                whole = b"".join(parts)
                parts, size = [line], len(line)
                if whole.strip():
                    yield whole
        if size:
            raise ConnectionResetError("the stream ended within a frame")

    async def _refusal(self, pool: _Pool, target: str, protocols: tuple[str, ...], error: aiohttp.WSServerHandshakeError) -> StatusError:
        """Why an upgrade was refused; aiohttp keeps no body of the refusal, so the same request is made once more by hand."""
        headers = CIMultiDict(self._authorization())
        headers.extend({
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Protocol": ",".join(protocols),
        })
        async with pool.session.get(
            self.connection.server + target, headers=headers, timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S), allow_redirects=False,
            server_hostname=self.connection.tls_server_name or None,
        ) as answer:
            if answer.status >= 300:
                return _error(answer, await answer.read())
        return from_status({"message": f"unable to upgrade connection: {error.message}", "code": error.status})

    def _open_pool(self) -> _Pool:
        if self._pool is None:
            self._pool = _Pool(self.connection, self._user_agent)
        return self._pool

    def _authorization(self) -> list[tuple[str, str]]:
        path = self.connection.token_file
        if path:
            stamp = os.stat(path).st_mtime
            if stamp != self._token_stamp:
                with open(path) as file:
                    self._token, self._token_stamp = file.read().strip(), stamp
        found = [("Authorization", f"Bearer {self._token}")] if self._token else []
        if self.connection.as_user:
            found.append(("Impersonate-User", self.connection.as_user))
        return found + [("Impersonate-Group", group) for group in self.connection.as_groups]


_closing: set[asyncio.Task[None]] = set()


def _error(answer: aiohttp.ClientResponse, body: bytes) -> StatusError:
    """The error that an answer stands for; servers in front of the API server answer without a metav1.Status."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if isinstance(document, dict) and document.get("kind") == "Status":
        error = from_status(document, answer.status)
    elif answer.status == 404:
        error = unknown_path()
    else:
        text = body.decode(errors="replace").strip()[:2048] or answer.reason or "unknown"
        reasons = {401: "Unauthorized", 403: "Forbidden", 405: "MethodNotAllowed", 429: "TooManyRequests",
                   503: "ServiceUnavailable", 504: "Timeout"}
        error = from_status({"message": text, "reason": reasons.get(answer.status, ""), "code": answer.status}, answer.status)
    retry_after = answer.headers.get("Retry-After", "")
    if retry_after.isdigit():
        error.details.setdefault("retryAfterSeconds", int(retry_after))
    return error


