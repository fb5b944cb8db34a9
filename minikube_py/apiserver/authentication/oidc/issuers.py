"""All issuers of an AuthenticationConfiguration, which may be replaced while the server runs.

A file that is changed counts from then on, for issuers; who may come without credentials is decided at the start. One that is wrong changes
nothing. Source: pkg/kubeapiserver/options/authentication.go (loadAuthenticationConfig, the file's reload)
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from minikube_py.core.inotify import file_contents

from ...reload_metrics import ReloadMetrics, content_hash
from ..tokens import TokenIdentity
from .configuration import AuthenticationConfiguration, parse
from .provider import Provider
from .tokens import JwtTokens
from .validation import compiled

log = logging.getLogger(__name__)


class Issuers:
    """Authenticates the tokens of some issuers.

    Args:
        algorithms: that tokens may be signed by.
        own_issuers: of service account tokens, which no other issuer may be.
    """

    def __init__(self, configuration: AuthenticationConfiguration, algorithms: Collection[str], own_issuers: Sequence[str]) -> None:
        """Raises: ValueError, with all that is wrong with the configuration."""
        self._algorithms = algorithms
        self._own_issuers = own_issuers
        self._reloads = ReloadMetrics("authentication")
        self._issuers: list[JwtTokens] = self._made(configuration)

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        for tokens in self._issuers:
            identity = await tokens.authenticate_token(token, audiences)
            if identity is not None:
                return identity
        return None

    async def follow(self, path: Path, known: bytes) -> None:
        """Take over the configuration of a file each time that it is another than the known one, until cancelled."""
        self._reloads.use(content_hash(known))
        async for text in file_contents(path, known):
            try:
                await self.replace(parse(text))
                self._reloads.succeeded(content_hash(text))
            except ValueError as error:
                self._reloads.failed()
                log.error("authentication configuration is wrong, the one before stays file=%s reason=%s", path, error)

    async def replace(self, configuration: AuthenticationConfiguration) -> None:
        """Go by another configuration from now on.

        Raises: ValueError, with all that is wrong with it; nothing changes then.
        """
        old, self._issuers = self._issuers, self._made(configuration)
        log.info("authentication configuration is taken over issuers=%d", len(self._issuers))
        for tokens in old:
            await tokens.close(patient=True)

    def families(self) -> Iterator[Any]:
        """Metric families."""
        return self._reloads.families()

    async def close(self) -> None:
        """Ask nobody any more."""
        for tokens in self._issuers:
            await tokens.close()

    def _made(self, configuration: AuthenticationConfiguration) -> list[JwtTokens]:
        made = []
        for jwt, mapping in zip(configuration.jwt, compiled(configuration, self._own_issuers), strict=True):
            issuer = jwt.issuer
            provider = Provider(issuer.url, authorities=issuer.certificate_authority, discovery_url=issuer.discovery_url)
            made.append(JwtTokens(provider, issuer.audiences, mapping, self._algorithms))
        return made
