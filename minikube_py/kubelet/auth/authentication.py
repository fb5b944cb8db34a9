"""Who sends a request to a node: the certificate of the connection says it, or a bearer token that the API server knows.

A token that is presented and not good ends the request; only a request that presents nothing may be anonymous.
Source: cmd/kubelet/app/auth.go, k8s.io/apiserver/pkg/authentication/authenticatorfactory
"""

from __future__ import annotations

import hashlib
import logging
import ssl
import time
from collections.abc import Mapping
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from minikube_py.apis.authentication_v1 import TokenReview, TokenReviewSpec, UserInfo
from minikube_py.client.interface import Client
from minikube_py.core.errors import StatusError
from minikube_py.core.remembered import Remembered, TooManyQuestionsError

from .options import AuthOptions

log = logging.getLogger(__name__)

AUTHENTICATED, UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"
ANONYMOUS = UserInfo(username="system:anonymous", groups=[UNAUTHENTICATED])
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
ANSWERS_MAX = 4096
QUESTIONS_MAX = 64


class Request(Protocol):
    """What is looked at in a request; `aiohttp.web.Request` has it."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    def get_extra_info(self, name: str, default: Any = None) -> Any: ...


class Authentication:
    """All ways to be known to a node."""

    def __init__(self, client: Client, options: AuthOptions) -> None:
        self._client = client
        self._options = options
        self._peers: WeakKeyDictionary[ssl.SSLObject, tuple[UserInfo | None, float]] = WeakKeyDictionary()
        self._tokens: Remembered[str, UserInfo | None] = Remembered(
            self._review, lambda _: options.authentication_token_webhook_cache_ttl, answers_max=ANSWERS_MAX, questions_max=QUESTIONS_MAX
        )

    async def close(self) -> None:
        await self._tokens.close()

    async def authenticate(self, request: Request) -> UserInfo | None:
        """Who sends a request; None if that cannot be said."""
        user = self._peer(request.get_extra_info("ssl_object"))
        if user is not None:
            return user
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or not self._options.authentication_token_webhook:
            return ANONYMOUS if self._options.anonymous_auth else None
        if not token.isascii():
            return None
        try:
            return await self._tokens.get(token)
        except (StatusError, TooManyQuestionsError, OSError) as error:
            log.warning("Unable to authenticate the request due to an error reason=%s", error)
            return None

    def _peer(self, connection: ssl.SSLObject | None) -> UserInfo | None:
        """Whom the client certificate of a connection names. The handshake has verified it; it may have ended since."""
        if connection is None:
            return None
        known = self._peers.get(connection)
        if known is None:
            known = self._peers[connection] = _read(connection)
        user, not_after = known
        return user if time.time() <= not_after else None

    async def _review(self, token: str) -> UserInfo | None:
        review = await self._client.create(TokenReview(spec=TokenReviewSpec(token=token)))
        status = review.status
        if not status.authenticated or status.user is None:
            log.info("token refused reason=%s", status.error or "it is not known")
            return None
        return _authenticated(status.user)


def _read(connection: ssl.SSLObject) -> tuple[UserInfo | None, float]:
    der, certificate = connection.getpeercert(binary_form=True), connection.getpeercert()
    if not der or not certificate:
        return None, float("inf")
    attributes: dict[str, list[str]] = {}
    subject: Any = certificate.get("subject", ())
    for relative_name in subject:
        for name, value in relative_name:
            attributes.setdefault(name, []).append(value)
    name = attributes.get("commonName", [""])[-1]
    if not name:
        return None, float("inf")
    extra = {CREDENTIAL_ID: [f"X509SHA256={hashlib.sha256(der).hexdigest()}"]}
    user = UserInfo(username=name, groups=attributes.get("organizationName", []), extra=extra)
    return _authenticated(user), ssl.cert_time_to_seconds(str(certificate["notAfter"]))


def _authenticated(user: UserInfo) -> UserInfo:
    groups = user.groups if AUTHENTICATED in user.groups else [*user.groups, AUTHENTICATED]
    return UserInfo(username=user.username, uid=user.uid, groups=groups, extra=user.extra)
