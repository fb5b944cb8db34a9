"""Distributed claims: a claim that a token does not hold but says where to get, as a JWT of its own.

Only the claim of groups is looked for, as upstream does. Another issuer's keys are found as those of any issuer.
Source: openid.net/specs/openid-connect-core-1_0.html#AggregatedDistributedClaims,
k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go (claimResolver)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from ..service_account import unverified_issuer
from .claims import Claims, ClaimsError
from .provider import Provider, ProviderError
from .verifier import RefusedError, Verifier

NAMES: Final = "_claim_names"
SOURCES: Final = "_claim_sources"
# Issuers of distributed claims of one configured issuer; there are few.
ISSUERS_MAX: Final = 16
T = TypeVar("T")


class _Endpoint(msgspec.Struct):
    endpoint: str = ""
    access_token: str = ""


class ClaimResolver:
    """Gets one claim from where tokens say that it is.

    Args:
        claim: its name.
        provider: the issuer of those tokens; what it trusts is trusted here.
        verifier: makes what verifies the tokens of another issuer.
    """

    def __init__(self, claim: str, provider: Provider, verifier: Callable[[Provider], Verifier]) -> None:
        self._claim = claim
        self._provider = provider
        self._verifier = verifier
        self._others: dict[str, tuple[Provider, Verifier]] = {}

    async def expand(self, claims: Claims) -> None:
        """Add the claim to those of a token, if they lack it and say where it is.

        Raises: ClaimsError if it cannot be had.
        """
        if self._claim in claims or NAMES not in claims:
            return
        names = _part(claims[NAMES], dict[str, str], "oidc: error parsing distributed claim names")
        if SOURCES not in claims:
            raise _failed("oidc: no claim sources")
        sources = _part(claims[SOURCES], dict[str, _Endpoint], "oidc: could not parse claim sources")
        source = names.get(self._claim)
        if source is None:
            return
        if source not in sources:
            raise _failed(f"id token _claim_names contained a source {source} missing in _claims_sources")
        endpoint = sources[source]
        if endpoint.endpoint:
            claims[self._claim] = await self._resolve(endpoint)

    async def close(self) -> None:
        """Ask no further."""
        for provider, _ in self._others.values():
            await provider.close()

    async def _resolve(self, endpoint: _Endpoint) -> Any:
        url = endpoint.endpoint
        try:
            token = (await self._provider.get(url, endpoint.access_token)).decode("ascii", "replace").strip()
        except ProviderError as error:
            raise _failed(f'while getting distributed claim "{self._claim}": {error}') from error
        issuer = unverified_issuer(token)
        if not issuer:
            raise _failed(f'getting untrusted issuer from endpoint {url} failed for claim "{self._claim}": malformed token')
        try:
            claims, _ = await self._verifier_of(issuer).verify(token)
        except (ProviderError, RefusedError) as error:
            raise _failed(f"verify distributed claim token: {error}") from error
        if self._claim not in claims:
            raise _failed(f'jwt returned by distributed claim endpoint "{url}" did not contain claim: {self._claim}')
        return claims[self._claim]

    def _verifier_of(self, issuer: str) -> Verifier:
        known = self._others.get(issuer)
        if known is None:
            if len(self._others) >= ISSUERS_MAX:
                raise _failed(f'verifier not initialized for issuer: "{issuer}"')
            provider = self._provider.like(issuer)
            known = self._others[issuer] = (provider, self._verifier(provider))
        return known[1]


def _part(value: Any, kind: type[T], wrong: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _failed(f"{wrong}: {error}") from error


def _failed(why: str) -> ClaimsError:
    return ClaimsError(f"could not expand distributed claims: {why}")
