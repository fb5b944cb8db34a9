"""What every kind of bearer token gives, and the cache before the kinds.

A token that was good is believed for ten seconds without asking again, as upstream does: that is how long a deleted pod's token may
still work. The cache holds digests, so a memory dump holds no credentials and no comparison of secrets takes time that depends on them.

Source: staging/src/k8s.io/apiserver/pkg/authentication/token/cache, pkg/kubeapiserver/authenticator (TokenSuccessCacheTTL, 10 s)
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from minikube_py.core.errors import UnauthorizedError

from .user import UserInfo

SUCCESS_CACHE_S = 10.0
CACHE_ENTRIES_MAX = 8192


@dataclass(frozen=True, slots=True)
class TokenIdentity:
    """Whom a token stands for.

    Attributes:
        audiences: whom the token is meant for; empty for kinds of tokens that know no audiences.
        expires_at: seconds since the epoch.
    """

    user: UserInfo
    audiences: tuple[str, ...] = ()
    expires_at: float = float("inf")


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

    async def authenticate_token(self, token: str) -> TokenIdentity:
        """Whom a token stands for, with the group of authenticated users.

        Raises: UnauthorizedError if no kind accepts it, with the reasons as its message.
        """
        digest = hashlib.sha256(token.encode(errors="surrogateescape")).digest()
        now = time.time()
        cached = self._cache.get(digest)
        if cached is not None and now < cached[1]:
            return cached[0]
        identity = await self._ask(token, ())
        if cached is None and len(self._cache) >= CACHE_ENTRIES_MAX:
            del self._cache[next(iter(self._cache))]
        self._cache[digest] = (identity, min(now + SUCCESS_CACHE_S, identity.expires_at))
        return identity

    async def review(self, token: str, audiences: Sequence[str]) -> TokenIdentity:
        """Whom a token stands for towards others than this API server, and towards which of them.

        Raises: UnauthorizedError with the reason.
        """
        if not audiences:
            return await self.authenticate_token(token)
        identity = await self._ask(token, audiences)
        shared = tuple(audience for audience in identity.audiences or self._audiences if audience in audiences)
        if not shared:
            raise UnauthorizedError("token audiences are invalid for the target audiences")
        return TokenIdentity(identity.user, shared, identity.expires_at)

    async def _ask(self, token: str, audiences: Sequence[str]) -> TokenIdentity:
        reasons = []
        for kind in self._kinds:
            try:
                identity = await kind.authenticate_token(token, audiences)
            except UnauthorizedError as error:
                reasons.append(error.message)
                continue
            if identity is not None:
                return TokenIdentity(identity.user.authenticated(), identity.audiences, identity.expires_at)
        raise UnauthorizedError(_aggregate(reasons) if reasons else "invalid bearer token")


def _aggregate(reasons: Sequence[str]) -> str:
    return reasons[0] if len(reasons) == 1 else f"[{', '.join(reasons)}]"
