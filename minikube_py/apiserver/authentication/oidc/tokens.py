"""JWTs of one issuer: signature, audience and dates, then the user that its claims make.

Source: k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go, github.com/coreos/go-oidc (IDTokenVerifier)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.errors import UnauthorizedError

from ..jws import JwsError, Token, is_signed, parse
from ..service_account import unverified_issuer
from ..tokens import TokenIdentity
from .claims import ClaimsError, Mapping
from .provider import Provider, ProviderError

# How far before its time a token may be used. Source: go-oidc (leeway of nbf)
NOT_BEFORE_LEEWAY_S: Final = 300.0
_GOOGLE: Final = "accounts.google.com"


class _Standard(msgspec.Struct):
    """The claims that every token has."""

    iss: str = ""
    aud: list[str] | str = []
    exp: float = 0.0
    nbf: float | None = None


class JwtTokens:
    """Authenticates the tokens of one issuer.

    Args:
        audiences: of those whom tokens may be meant for, one is enough.
        mapping: makes users of claims.
        algorithms: that tokens may be signed by.
    """

    def __init__(
        self, provider: Provider, audiences: Sequence[str], mapping: Mapping, algorithms: Collection[str], clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._provider = provider
        self._audiences = tuple(audiences)
        self._mapping = mapping
        self._algorithms = frozenset(algorithms)
        self._clock = clock

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        issuer = unverified_issuer(token)
        # Google's tokens name it without a scheme.
        if issuer != self._provider.issuer and not (issuer == _GOOGLE and self._provider.issuer == f"https://{_GOOGLE}"):
            return None
        try:
            parsed = parse(token)
            standard = self._check(parsed)
            await self._verify(parsed)
        except (JwsError, _Refused) as error:
            raise UnauthorizedError(f"oidc: verify token: oidc: {error}") from error
        except ProviderError as error:
            raise UnauthorizedError(f"oidc: {error}") from error
        claims: dict[str, Any] = msgspec.json.decode(parsed.claims)
        try:
            user = self._mapping.user(claims)
        except ClaimsError as error:
            raise UnauthorizedError(f"oidc: {error}") from error
        return TokenIdentity(user, (), standard.exp)

    def _check(self, token: Token) -> _Standard:
        """The claims of a token whose dates and audience are good; they must not be believed before it is verified."""
        try:
            claims = msgspec.json.decode(token.claims, type=_Standard)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _Refused(f"failed to unmarshal claims: {error}") from error
        meant = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if not set(self._audiences).intersection(meant):
            raise _Refused(f"expected audience in {_quoted(sorted(self._audiences))} got {_quoted(meant)}")
        now = self._clock.now().timestamp()
        if claims.exp < now:
            raise _Refused(f"token is expired (Token Expiry: {_shown(claims.exp)})")
        if claims.nbf is not None and now + NOT_BEFORE_LEEWAY_S < claims.nbf:
            raise _Refused(f"current time {_shown(now)} before the nbf (not before) time: {_shown(claims.nbf)}")
        return claims

    async def _verify(self, token: Token) -> None:
        if token.algorithm not in self._algorithms:
            raise _Refused(
                f'id token signed with unsupported algorithm, expected {_quoted(sorted(self._algorithms))} got "{token.algorithm}"')
        for keys in (self._provider.keys, self._provider.newer_keys):
            if any(is_signed(token, key, self._algorithms) for key in await keys(token.key_id)):
                return
        raise _Refused("failed to verify signature: failed to verify id token signature")


class _Refused(Exception):
    """A token is not good; the text says why."""


def _quoted(names: Sequence[str]) -> str:
    return "[" + " ".join(f'"{name}"' for name in names) + "]"


def _shown(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} +0000 UTC"
    except (ValueError, OverflowError, OSError):
        return str(seconds)
