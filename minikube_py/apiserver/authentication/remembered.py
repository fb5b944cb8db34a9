"""Answers of somebody else about tokens, remembered: yes and no, each for a while; failures are not.

A token that many requests show at once is asked about once. That one question goes on when the request that began it ends, as the others
wait for it. How many are under way has a bound; beyond it tokens are refused.
Source: k8s.io/apiserver/pkg/authentication/token/cache/cached_token_authenticator.go (as pkg/kubeapiserver/authenticator uses it for
webhooks)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from minikube_py.core import limits
from minikube_py.core.errors import UnauthorizedError

from .tokens import CACHE_ENTRIES_MAX, TokenAuthenticator, TokenIdentity, token_digest


class RememberedTokens:
    """A kind of tokens that asks somebody else.

    Args:
        ttl_s: how long an answer is believed; 0 for no longer than who waits for it.
    """

    def __init__(self, tokens: TokenAuthenticator, ttl_s: float) -> None:
        self._tokens = tokens
        self._ttl_s = ttl_s
        self._answers: dict[bytes, tuple[TokenIdentity | None, float]] = {}
        self._asking: dict[bytes, asyncio.Task[TokenIdentity | None]] = {}

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        digest = token_digest(token, audiences)
        answer = self._answers.get(digest)
        if answer is not None and time.monotonic() < answer[1]:
            return answer[0]
        task = self._asking.get(digest)
        if task is None:
            if len(self._asking) >= limits.TOKENS_ASKED_MAX:
                raise UnauthorizedError("too many tokens are being asked about")
            task = asyncio.get_running_loop().create_task(self._ask(digest, token, audiences), name="authenticate-token")
            self._asking[digest] = task
            task.add_done_callback(lambda done: self._done(digest, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ask no further."""
        tasks = [*self._asking.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _ask(self, digest: bytes, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        identity = await self._tokens.authenticate_token(token, audiences)
        if self._ttl_s > 0:
            if digest not in self._answers and len(self._answers) >= CACHE_ENTRIES_MAX:
                del self._answers[next(iter(self._answers))]
            self._answers[digest] = (identity, time.monotonic() + self._ttl_s)
        return identity

    def _done(self, digest: bytes, task: asyncio.Task[TokenIdentity | None]) -> None:
        del self._asking[digest]
        if not task.cancelled():
            task.exception()  # It is told to those who wait; nobody may be left.
