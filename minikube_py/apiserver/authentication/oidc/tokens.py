"""JWTs of one issuer: verified, then made into the user of their claims.

Source: k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.errors import UnauthorizedError

from ..service_account import unverified_issuer
from ..tokens import TokenIdentity
from .claims import Claim, ClaimsError, Mapping
from .distributed import ClaimResolver
from .provider import Provider, ProviderError
from .verifier import RefusedError, Verifier

_GOOGLE: Final = "accounts.google.com"


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
        def verifier(of: Provider) -> Verifier:
            return Verifier(of, audiences, algorithms, clock)

        self._provider = provider
        self._verifier = verifier(provider)
        self._mapping = mapping
        groups = mapping.groups
        self._resolver = ClaimResolver(groups.name, provider, verifier) if isinstance(groups, Claim) else None

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        issuer = unverified_issuer(token)
        # Google's tokens name it without a scheme.
        if issuer != self._provider.issuer and not (issuer == _GOOGLE and self._provider.issuer == f"https://{_GOOGLE}"):
            return None
        try:
            claims, until = await self._verifier.verify(token)
            if self._resolver is not None:
                await self._resolver.expand(claims)
            user = self._mapping.user(claims)
        except RefusedError as error:
            raise UnauthorizedError(f"oidc: verify token: oidc: {error}") from error
        except (ProviderError, ClaimsError) as error:
            raise UnauthorizedError(f"oidc: {error}") from error
        return TokenIdentity(user, (), until)

    async def close(self, *, patient: bool = False) -> None:
        """Ask no further.

        Args:
            patient: whether to let those have their answer who wait for one.
        """
        if self._resolver is not None:
            await self._resolver.close()
        await self._provider.close(patient=patient)
