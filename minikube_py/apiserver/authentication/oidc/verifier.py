"""Whether a JWT is an issuer's, meant for us, and of now.

Source: github.com/coreos/go-oidc (IDTokenVerifier), k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go (verifyAudience)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from minikube_py.core.clock import Clock

from ..jws import JwsError, Token, is_signed, parse
from .provider import Provider

# How far before its time a token may be used. Source: go-oidc (leeway of nbf)
NOT_BEFORE_LEEWAY_S: Final = 300.0
# The time that Go shows where there is none.
NEVER: Final = "0001-01-01 00:00:00 +0000 UTC"


class RefusedError(Exception):
    """A token is not good; the text says why."""


class _Standard(msgspec.Struct):
    """The claims that every token has."""

    aud: list[str] | str = []
    exp: float = 0.0
    nbf: float | None = None


class Verifier:
    """Verifies the tokens of one issuer.

    Args:
        audiences: of those whom tokens may be meant for, one is enough.
        algorithms: that tokens may be signed by.
    """

    def __init__(self, provider: Provider, audiences: Sequence[str], algorithms: Collection[str], clock: Clock) -> None:
        self._provider = provider
        self._audiences = tuple(audiences)
        self._algorithms = frozenset(algorithms)
        self._clock = clock

    async def verify(self, token: str) -> tuple[dict[str, Any], float]:
        """The claims of a good token, and its end in seconds since the epoch.

        Raises: RefusedError; ProviderError if the issuer's keys cannot be had.
        """
        try:
            parsed = parse(token)
        except JwsError as error:
            raise RefusedError(f"malformed jwt: {error}") from error
        standard = self._check(parsed)
        await self._verify(parsed)
        self._check_audience(standard)
        claims: dict[str, Any] = msgspec.json.decode(parsed.claims)
        return claims, standard.exp

    def _check(self, token: Token) -> _Standard:
        """The claims of a token whose dates are good; they must not be believed before it is verified."""
        try:
            claims = msgspec.json.decode(token.claims, type=_Standard)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise RefusedError(f"failed to unmarshal claims: {error}") from error
        now = self._clock.now().timestamp()
        if claims.exp < now:
            raise RefusedError(f"token is expired (Token Expiry: {_shown(claims.exp) if claims.exp else NEVER})")
        if claims.nbf is not None and now + NOT_BEFORE_LEEWAY_S < claims.nbf:
            raise RefusedError(f"current time {_shown(now)} before the nbf (not before) time: {_shown(claims.nbf)}")
        return claims

    def _check_audience(self, claims: _Standard) -> None:
        meant = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if not set(self._audiences).intersection(meant):
            raise RefusedError(f"expected audience in {_quoted(sorted(self._audiences))} got {_quoted(meant)}")

    async def _verify(self, token: Token) -> None:
        if token.algorithm not in self._algorithms:
            raise RefusedError(
                f'id token signed with unsupported algorithm, expected {_quoted(sorted(self._algorithms))} got "{token.algorithm}"')
        for keys in (self._provider.keys, self._provider.newer_keys):
            if any(is_signed(token, key, self._algorithms) for key in await keys(token.key_id)):
                return
        raise RefusedError("failed to verify signature: failed to verify id token signature")


def _quoted(names: Sequence[str]) -> str:
    return "[" + " ".join(f'"{name}"' for name in names) + "]"


def _shown(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} +0000 UTC"
    except (ValueError, OverflowError, OSError):
        return str(seconds)
