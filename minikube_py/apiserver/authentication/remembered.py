"""Answers of somebody else about tokens, remembered: yes and no, each for a while; failures are not.

Tokens are remembered by their digests. How many are being asked about has a bound; beyond it tokens are refused.
Source: k8s.io/apiserver/pkg/authentication/token/cache/cached_token_authenticator.go (as pkg/kubeapiserver/authenticator uses it for
webhooks)
"""

from __future__ import annotations

from collections.abc import Sequence

from minikube_py.core import limits
from minikube_py.core.errors import UnauthorizedError
from minikube_py.core.remembered import Remembered, TooManyQuestionsError

from .tokens import CACHE_ENTRIES_MAX, TokenAuthenticator, TokenIdentity, token_digest


class RememberedTokens:
    """A kind of tokens that asks somebody else.

    Args:
        ttl_s: how long an answer is believed; 0 for no longer than who waits for it.
    """

    def __init__(self, tokens: TokenAuthenticator, ttl_s: float) -> None:
        self._tokens = tokens
        self._answers: Remembered[bytes, TokenIdentity | None] = Remembered(
            self._ask, lambda answer: ttl_s, answers_max=CACHE_ENTRIES_MAX, questions_max=limits.TOKENS_ASKED_MAX
        )

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        try:
            return await self._answers.get(token_digest(token, audiences), token, audiences)
        except TooManyQuestionsError as error:
            raise UnauthorizedError("too many tokens are being asked about") from error

    async def close(self) -> None:
        """Ask no further."""
        await self._answers.close()

    async def _ask(self, digest: bytes, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        return await self._tokens.authenticate_token(token, audiences)
