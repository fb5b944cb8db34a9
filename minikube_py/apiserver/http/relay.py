"""Passing a request on to a backend: bodies as they come, in both directions, and upgraded connections.

Owns what happens to headers, answers and errors on the way; where a request goes is its caller's.
Source: k8s.io/apimachinery/pkg/util/proxy/upgradeaware.go, net/http/httputil/reverseproxy.go
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import AsyncIterator, Callable, Mapping

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from minikube_py.core.errors import BadRequestError, ServiceUnavailableError, UnreasonedError
from minikube_py.core.upgrade import CONNECTION_HEADERS, SwitchingProtocols, is_upgrade, join, switched

from .byte_sockets import is_socket, send_by_socket
from .rewriting import Rewriting

# What says who the client is ends here. Source: k8s.io/apiserver/pkg/endpoints/filters/authentication.go, impersonation.go
CREDENTIAL_HEADERS = frozenset({
    "authorization", "impersonate-group", "impersonate-uid", "impersonate-user", "x-remote-group", "x-remote-uid", "x-remote-user",
})
CREDENTIAL_PREFIXES = ("impersonate-extra-", "x-remote-extra-")
WEBSOCKET_PROTOCOLS = "Sec-WebSocket-Protocol"
BEARER_PROTOCOL = "base64url.bearer.authorization.k8s.io."
CORS_HEADERS = (
    "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin",
)
AUTOMATIC_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
CONNECT_TIMEOUT_S = 30.0
REASONS = {
    errno.ECONNREFUSED: "connect: connection refused", errno.EHOSTUNREACH: "connect: no route to host",
    errno.ENETUNREACH: "connect: network is unreachable", errno.ETIMEDOUT: "connect: connection timed out",
    errno.ECONNRESET: "read: connection reset by peer",
}


class Relay:
    """Passes requests on.

    Args:
        tls: how backends are trusted that speak TLS, and what they are shown; False trusts all.
        connector: makes what opens connections, if that is not the network.
        ends_here: whether a header, in lower case, says who the client is, beside those that always do.
        connect_timeout_s: until a connection must stand.
    """

    def __init__(
        self, tls: ssl.SSLContext | bool = False, *, connector: Callable[[], aiohttp.BaseConnector] | None = None,
        ends_here: Callable[[str], bool] = lambda _: False, connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        self._ends_here = ends_here
        self._connector = connector or (lambda: aiohttp.TCPConnector(ssl=tls, limit=0))
        self._connect_timeout_s = connect_timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector(), auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout_s), skip_auto_headers=AUTOMATIC_HEADERS,
            )
        return self._session

    async def pass_on(
        self, http: web.BaseRequest, url: URL, *, upgrade_required: bool = False, rewriting: Rewriting | None = None
    ) -> web.StreamResponse:
        """Answer a request with what a backend answers.

        Args:
            rewriting: how links in the answer are made to lead through this server; None leaves them.
        Raises: BadRequestError, ServiceUnavailableError, UnreasonedError.
        """
        if is_upgrade(http.headers):
            return await self._upgrade(http, url)
        if upgrade_required:
            raise BadRequestError("Upgrade request required")
        async with await self._ask(http, url, rewriting) as answer:
            return await _copy_answer(http, answer, rewriting)

    async def pass_on_bytes(self, http: web.BaseRequest, url: URL) -> web.StreamResponse:
        """Answer a request with what a backend answers, to a client that wants a WebSocket in messages of one; other upgrades are not made.

        Raises: BadRequestError, ForbiddenError, UnreasonedError.
        Source: k8s.io/apiserver/pkg/registry/generic/rest/streamer.go (InputStream), net/url (Error)
        """
        try:
            answer = await self._send(http, url, None)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnreasonedError(f'Get "{url}": {_why(error, url)}') from error
        async with answer:
            if not is_socket(http):
                return await _copy_answer(http, answer, None)
            if answer.status < 400:
                return await send_by_socket(http, answer.content)
            refused = await _copy_answer(http, answer, None)
            refused.force_close()
            return refused

    async def _ask(self, http: web.BaseRequest, url: URL, rewriting: Rewriting | None) -> aiohttp.ClientResponse:
        try:
            return await self._send(http, url, rewriting)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServiceUnavailableError(f"error trying to reach service: {_why(error, url)}") from error

    async def _send(self, http: web.BaseRequest, url: URL, rewriting: Rewriting | None) -> aiohttp.ClientResponse:
        """Raises: aiohttp.ClientError, TimeoutError."""
        headers = self._forwarded(http)
        if rewriting is not None:
            headers["X-Forwarded-Uri"] = rewriting.forwarded_uri
        return await self._client().request(http.method, url, headers=headers, data=await _body(http), allow_redirects=False)

    async def _upgrade(self, http: web.BaseRequest, url: URL) -> web.StreamResponse:
        """Let the backend answer, and if it takes the other protocol, join the connections."""
        body = await http.read()
        headers = self._forwarded(http)
        headers["Connection"] = "Upgrade"
        headers["Upgrade"] = http.headers.get("Upgrade", "")
        try:
            answer = await self._client().request(http.method, url, headers=headers, data=body or None, allow_redirects=False)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnreasonedError(f"error dialing backend: {_why(error, url)}") from error
        try:
            if answer.status != 101:
                if answer.status < 400:
                    raise UnreasonedError(f"invalid upgrade response: status code {answer.status}")
                refused = await _copy_answer(http, answer, None)
                refused.force_close()
                return refused
            backend = switched(answer)
            kept = _kept(answer.headers)
            kept["Connection"], kept["Upgrade"] = "Upgrade", answer.headers.get("Upgrade", "")
            response = SwitchingProtocols(kept)
            client = await response.switch(http)
            await join(client, backend)
            return response
        finally:
            answer.close()

    def _forwarded(self, http: web.BaseRequest) -> CIMultiDict[str]:
        """The headers with which a request goes on."""
        dropped = {name.strip().lower() for name in http.headers.get("Connection", "").split(",")}
        headers: CIMultiDict[str] = CIMultiDict()
        for name, value in http.headers.items():
            lower = name.lower()
            if lower in CREDENTIAL_HEADERS or lower.startswith(CREDENTIAL_PREFIXES) or self._ends_here(lower):
                continue
            if lower not in CONNECTION_HEADERS and lower not in dropped:
                headers.add(name, value)
        peer = http.transport.get_extra_info("peername") if http.transport is not None else None
        if peer:
            before = headers.getall("X-Forwarded-For", [])
            headers["X-Forwarded-For"] = ", ".join([*before, str(peer[0])])
        _drop_bearer(headers)
        return headers


def _drop_bearer(headers: CIMultiDict[str]) -> None:
    """Take the client's token out of its WebSocket protocols, where browsers have to put it."""
    offered = [part.strip() for value in headers.getall(WEBSOCKET_PROTOCOLS, []) for part in value.split(",")]
    kept = [part for part in offered if part and not part.startswith(BEARER_PROTOCOL)]
    headers.popall(WEBSOCKET_PROTOCOLS, None)
    if kept:
        headers[WEBSOCKET_PROTOCOLS] = ", ".join(kept)


async def _body(http: web.BaseRequest) -> AsyncIterator[bytes] | bytes | None:
    """The request's body, as it comes, or as it has come; the length that its header says is kept."""
    return http.content.iter_any() if http.can_read_body else await http.read() or None


def _kept(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers of an answer that go on to the client."""
    dropped = {name.strip().lower() for name in headers.get("Connection", "").split(",")} | CONNECTION_HEADERS
    kept: CIMultiDict[str] = CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)
    for name in CORS_HEADERS:
        kept.popall(name, None)
    return kept


async def _copy_answer(http: web.BaseRequest, answer: aiohttp.ClientResponse, rewriting: Rewriting | None) -> web.StreamResponse:
    headers = _kept(answer.headers)
    if rewriting is not None:
        if headers.get("Location"):
            headers["Location"] = rewriting.url(headers["Location"])
        elif rewriting.applies(headers):
            body = await asyncio.to_thread(rewriting.document, await answer.read(), headers.get("Content-Encoding", ""))
            headers.popall("Content-Length", None)
            return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=body)
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    try:
        await response.prepare(http)
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
    except ConnectionError:
        # The reader went away in the middle: nothing is owed to it.
        pass
    except aiohttp.ClientError:
        # The backend went away in the middle: the client must not take what it has for the whole.
        if http.transport is not None:
            http.transport.abort()
    return response


def _why(error: BaseException, url: URL) -> str:
    """An error of a connection in the words of Go's net package."""
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error is not None:
        known = REASONS.get(error.os_error.errno or 0)
        host = f"[{error.host}]" if ":" in error.host else error.host
        return f"dial tcp {host}:{error.port}: {known or error.os_error.strerror or error.os_error}"
    if isinstance(error, TimeoutError):
        return f"dial tcp {url.authority}: i/o timeout"
    return "EOF" if isinstance(error, aiohttp.ServerDisconnectedError) else str(error)
