"""Who sends a request: client certificate, then bearer token, then nobody.

A credential that is presented and not good ends the request with 401; only a request that presents none is anonymous.
Source: kubernetes.io/docs/reference/access-authn-authz/authentication/
"""

from __future__ import annotations

import asyncio
import logging
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from typing import Protocol

from minikube_py.core.errors import UnauthorizedError

from .peer import PeerCertificates
from .tokens import TokenIdentity, Tokens
from .user import ANONYMOUS, UserInfo

log = logging.getLogger(__name__)

WEBSOCKET_TOKEN_PREFIX = "base64url.bearer.authorization.k8s.io."


class Request(Protocol):
    """What is looked at in a request; `aiohttp.web.Request` has it."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def transport(self) -> asyncio.Transport | None: ...


class Authenticator:
    """Finds out who sends a request."""

    def __init__(self, tokens: Tokens, *, anonymous: bool = True) -> None:
        self._peers = PeerCertificates()
        self._tokens = tokens
        self._anonymous = anonymous

    async def authenticate(self, request: Request) -> UserInfo:
        """Who sends the request; takes about a microsecond for a known connection or token.

        Raises: UnauthorizedError("Unauthorized").
        """
        user = self._peers.user_of(request.transport)
        if user is not None:
            return user
        token = bearer_token(request.headers)
        if token is None:
            if self._anonymous:
                return ANONYMOUS
            raise UnauthorizedError("Unauthorized")
        try:
            return (await self._tokens.authenticate_token(token)).user
        except UnauthorizedError as error:
            log.debug("bearer token refused reason=%s", error.message)
            raise UnauthorizedError("Unauthorized") from error

    async def review_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity:
        """Whom a token stands for towards `audiences` (this API server if empty). Raises: UnauthorizedError with the reason."""
        return await self._tokens.review(token, audiences)


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """The token of the Authorization header, or of the subprotocol by which browsers send one; None if there is none.

    Raises: UnauthorizedError if the token or the subprotocol has characters that no token has.
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        if not token.isascii():
            raise UnauthorizedError("Unauthorized")
        return token.strip()
    for protocol in headers.get("Sec-WebSocket-Protocol", "").split(","):
        encoded = protocol.strip()
        if encoded.startswith(WEBSOCKET_TOKEN_PREFIX):
            encoded = encoded.removeprefix(WEBSOCKET_TOKEN_PREFIX)
            try:
                return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("ascii")
            except ValueError as error:
                raise UnauthorizedError("Unauthorized") from error
    return None
