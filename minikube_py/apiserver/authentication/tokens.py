"""What every kind of bearer token gives, and the cache before the kinds.

A token that was good is believed for ten seconds without asking again, as upstream does: that is how long a deleted pod's token may
still work. The cache holds digests, so a memory dump holds no credentials and no comparison of secrets takes time that depends on them.

Source: staging/src/k8s.io/apiserver/pkg/authentication/token/{cache,union}, authenticator/audagnostic.go,
pkg/kubeapiserver/authenticator (TokenSuccessCacheTTL, 10 s)
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from minikube_py.core.errors import UnauthorizedError, aggregate_texts

from .user import UserInfo

SUCCESS_CACHE_S = 10.0
CACHE_ENTRIES_MAX = 8192
# What every bad token is told, whatever else is: upstream asks for its own loopback token first, which no other token is.
INVALID = "invalid bearer token"


@dataclass(frozen=True, slots=True)
class TokenIdentity:
    """Whom a token stands for.

    Attributes:
        audiences: of those who want to know, whom the token is meant for; empty from a kind of tokens that knows no audiences.
        expires_at: seconds since the epoch.
        remarks: what the audit log is told of a request with this token, by key.
        warnings: what the client is told.
    """

    user: UserInfo
    audiences: tuple[str, ...] = ()
    expires_at: float = float("inf")
    remarks: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


class RefusedTokenError(UnauthorizedError):
    """A token is not good.

    Attributes:
        remarks: what the audit log is told of a request with it.
    """

    def __init__(self, message: str, remarks: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.remarks = tuple(remarks)


class TokenAuthenticator(Protocol):
    """One kind of bearer token."""

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        """Whom the token stands for; None if it is not of this kind.

        Args:
            audiences: who wants to know; the API server itself if empty. A kind that knows no audiences does not look at it.
        Raises: UnauthorizedError if it is of this kind and not good; its message is for the log and TokenReview, not for the client.
        """


class Tokens:
    """All kinds of bearer tokens, in order, with a cache of good ones."""

    def __init__(self, kinds: Sequence[TokenAuthenticator], *, audiences: Sequence[str] = ()) -> None:
        """
        Args:
            audiences: names of this API server; tokens that know no audiences are meant for it.
        """
        self._kinds = tuple(kinds)
        self._audiences = tuple(audiences)
        self._cache: dict[bytes, tuple[TokenIdentity, float]] = {}

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity:
        """Whom a token stands for, with the group of authenticated users, and towards which of `audiences`.

        Args:
            audiences: who wants to know; this API server if empty.
        Raises: RefusedTokenError if no kind accepts it, with the reasons as its message.
        """
        digest = token_digest(token, audiences)
        now = time.time()
        cached = self._cache.get(digest)
        if cached is not None and now < cached[1]:
            return cached[0]
        identity = await self._ask(token, tuple(audiences) or self._audiences)
        if cached is None and len(self._cache) >= CACHE_ENTRIES_MAX:
            del self._cache[next(iter(self._cache))]
        self._cache[digest] = (identity, min(now + SUCCESS_CACHE_S, identity.expires_at))
        return identity

    async def _ask(self, token: str, audiences: Sequence[str]) -> TokenIdentity:
        reasons, remarks = [INVALID], list[tuple[str, str]]()
        for kind in self._kinds:
            try:
                identity = await kind.authenticate_token(token, audiences)
            except UnauthorizedError as error:
                reasons.append(error.message)
                remarks += error.remarks if isinstance(error, RefusedTokenError) else ()
                continue
            if identity is None:
                continue
            shared = identity.audiences or tuple(name for name in self._audiences if name in audiences)
            if shared or not audiences:
                return replace(identity, user=identity.user.authenticated(), audiences=shared)
        raise RefusedTokenError(aggregate_texts(reasons), remarks)


def token_digest(token: str, audiences: Iterable[str] = ()) -> bytes:
    """What a token is remembered by, towards some audiences.

    A token may hold any character, so each part goes in with its length: none can be written as a token with an audience behind it.
    """
    parts = [part.encode(errors="surrogateescape") for part in (token, *audiences)]
    return hashlib.sha256(b"".join([b"%d:%b" % (len(part), part) for part in parts])).digest()
