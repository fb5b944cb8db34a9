"""Who sends a request: front proxy, then client certificate, then bearer token, then nobody.

The first credential that is good counts. When none is, one that was presented ends the request with 401, whatever was wrong with it; only
a request that presents none is anonymous.
Source: kubernetes.io/docs/reference/access-authn-authz/authentication/, pkg/kubeapiserver/authenticator/config.go
"""

from __future__ import annotations

import asyncio
import logging
import time
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from minikube_py.core.errors import UnauthorizedError
from minikube_py.core.upgrade import is_upgrade

from .metrics import AuthenticationMetrics
from .peer import UNKNOWN, Peer, PeerCertificates
from .request_header import RequestHeader
from .tokens import RefusedTokenError, TokenIdentity, Tokens
from .user import ANONYMOUS, UserInfo

log = logging.getLogger(__name__)

NO_CREDENTIAL = "no credential was presented"
EXTRA_SPACE = "the provided Authorization header contains extra space before the bearer token, and is ignored"
WEBSOCKET_TOKEN_PREFIX = "base64url.bearer.authorization.k8s.io."


class Request(Protocol):
    """What is looked at in a request; the server's has it.

    Attributes:
        remarks: what the audit log is to be told of who sends it.
        warnings: what the client is to be told of its credential.
    """

    remarks: Sequence[tuple[str, str]]
    warnings: Sequence[str]

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def path(self) -> str: ...

    @property
    def transport(self) -> asyncio.Transport | None: ...


class Authenticator:
    """Finds out who sends a request.

    Args:
        peers: reads client certificates.
        request_header: how front proxies name users.
        anonymous: whether a request without credentials is let in.
        anonymous_paths: on which paths alone; on all if empty.
    Attributes:
        metrics: what it counts.
    """

    def __init__(
        self, tokens: Tokens, peers: PeerCertificates | None = None, request_header: RequestHeader | None = None, *, anonymous: bool = True,
        anonymous_paths: Collection[str] = (),
    ) -> None:
        self._tokens = tokens
        self.metrics = AuthenticationMetrics()
        self._peers = peers or PeerCertificates()
        self._request_header = request_header or RequestHeader()
        self._anonymous = anonymous
        self._anonymous_paths = frozenset(anonymous_paths)

    async def authenticate(self, request: Request) -> UserInfo:
        """Who sends the request; takes about a microsecond for a known connection or token.

        Raises: UnauthorizedError("Unauthorized").
        """
        peer = self._peers.peer_of(request.transport)
        user = None if peer is None else self._user_of(peer, request.headers)
        if user is None:
            try:
                user = await self._without_certificate(request, peer)
            except UnauthorizedError as error:
                self.metrics.failed("failure" if error.message == NO_CREDENTIAL else "error")
                log.debug("credential refused reason=%s", error.message)
                raise UnauthorizedError("Unauthorized") from error
        self.metrics.succeeded(user.name)
        return user

    def _user_of(self, peer: Peer, headers: Mapping[str, str]) -> UserInfo | None:
        """Whom a certificate stands for: another if it is a front proxy's, or whom it names."""
        if peer is not UNKNOWN:
            self.metrics.expiration.observe(peer.not_after - time.time())
        if peer.proxy is not None and self._request_header.allows(peer.proxy):
            user = self._request_header.user_of(headers)
            if user is not None:
                return user
        return peer.user

    async def _without_certificate(self, request: Request, peer: Peer | None) -> UserInfo:
        """Who sends a request whose certificate, if there is one, stands for nobody.

        Raises: UnauthorizedError, with the reason.
        """
        token = bearer_token(request.headers)
        if token is None:
            if len(_bearer_words(request.headers)) > 1:
                request.warnings = (EXTRA_SPACE,)
            if self._anonymous and peer is None and (not self._anonymous_paths or request.path in self._anonymous_paths):
                return ANONYMOUS
            raise UnauthorizedError(NO_CREDENTIAL if peer is None else "the certificate names nobody")
        try:
            identity = await self._tokens.authenticate_token(token)
        except RefusedTokenError as error:
            request.remarks = error.remarks
            raise
        if identity.remarks:
            request.remarks = identity.remarks
        if identity.warnings:
            request.warnings = identity.warnings
        return identity.user

    async def review_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity:
        """Whom a token stands for towards `audiences` (this API server if empty). Raises: UnauthorizedError with the reason."""
        return await self._tokens.authenticate_token(token, audiences)


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """The token of the Authorization header, or of the subprotocol by which browsers send one; None if there is none.

    Raises: UnauthorizedError if the token or the subprotocol has characters that no token has, or there are several subprotocols.
    """
    words = _bearer_words(headers)
    if words and words[0]:
        if not words[0].isascii():
            raise UnauthorizedError("Unauthorized")
        return words[0]
    if not is_upgrade(headers) or headers.get("Upgrade", "").lower() != "websocket":
        return None
    values = (value for name, value in headers.items() if name.lower() == "sec-websocket-protocol")
    offered = (protocol.strip() for value in values for protocol in value.split(","))
    tokens = [protocol.removeprefix(WEBSOCKET_TOKEN_PREFIX) for protocol in offered if protocol.startswith(WEBSOCKET_TOKEN_PREFIX)]
    if len(tokens) > 1:
        raise UnauthorizedError("multiple base64.bearer.authorization tokens specified")
    try:
        return next((urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii") for token in tokens), None) or None
    except ValueError as error:
        raise UnauthorizedError("Unauthorized") from error


def _bearer_words(headers: Mapping[str, str]) -> list[str]:
    """What stands behind "Bearer" in the Authorization header: a token, or nothing and what stands too far behind it.

    Source: k8s.io/apiserver/pkg/authentication/request/bearertoken/bearertoken.go
    """
    words = headers.get("Authorization", "").strip().split(" ", 2)
    return words[1:] if words[0].lower() == "bearer" else []
