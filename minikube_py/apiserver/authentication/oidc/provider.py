"""The keys of one issuer, found by OpenID discovery when the first token of it comes, and remembered.

They are fetched again when a token is signed by none of them, and once an hour, but never twice within ten seconds, however many tokens
come and whether it worked or not. One fetch serves all who wait; a fetch that fails leaves the keys as they are.

Source: github.com/coreos/go-oidc (NewProvider, RemoteKeySet), k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from typing import Any, Final

import aiohttp
import msgspec

from ..jws import JwsError, PublicKey, key_of_jwk

log = logging.getLogger(__name__)

WELL_KNOWN: Final = "/.well-known/openid-configuration"
TIMEOUT_S: Final = 30.0
FETCH_INTERVAL_S: Final = 10.0
KEYS_LIFE_S: Final = 3600.0
ANSWER_BYTES_MAX: Final = 1024 * 1024


class ProviderError(Exception):
    """A provider's keys cannot be had; the text says why."""


class _Configuration(msgspec.Struct):
    issuer: str = ""
    jwks_uri: str = ""


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]] = []


class Provider:
    """One issuer.

    Args:
        authorities: PEM, who may have signed its certificate; empty for the system's.
        discovery_url: where its configuration is, if not below its URL.
    """

    def __init__(self, issuer: str, *, authorities: str = "", discovery_url: str = "") -> None:
        self.issuer = issuer
        self._configuration_url = discovery_url or issuer.removesuffix("/") + WELL_KNOWN
        self._authorities = authorities
        self._session: aiohttp.ClientSession | None = None
        self._keys: list[tuple[str, PublicKey]] | None = None
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def keys(self, key_id: str) -> list[PublicKey]:
        """The keys that a token may have been signed by that names `key_id`, or none by "".

        Raises: ProviderError if none are known and none can be fetched now.
        """
        if self._keys is None:
            await self._fetch()
            if self._keys is None:
                raise ProviderError("authenticator not initialized")
        elif time.monotonic() - self._fetched > KEYS_LIFE_S:
            self._begin()
        return self._named(key_id)

    async def newer_keys(self, key_id: str) -> list[PublicKey]:
        """The same, after another look at what the provider publishes, if it is time for one."""
        await self._fetch()
        return self._named(key_id)

    async def close(self, *, patient: bool = False) -> None:
        """Ask no further.

        Args:
            patient: whether to let those have their answer who wait for one.
        """
        fetching = self._fetching
        if fetching is not None:
            if not patient:
                fetching.cancel()
            await asyncio.wait([fetching])
        if self._session is not None:
            await self._session.close()

    def _named(self, key_id: str) -> list[PublicKey]:
        return [key for name, key in self._keys or () if not key_id or name == key_id]

    async def _fetch(self) -> None:
        """Wait for a fetch, if one runs or may begin."""
        task = self._begin()
        if task is not None:
            await asyncio.shield(task)

    def _begin(self) -> asyncio.Task[None] | None:
        if self._fetching is not None:
            return self._fetching
        now = time.monotonic()
        if now - self._tried < FETCH_INTERVAL_S:
            return None
        self._tried = now
        self._fetching = asyncio.get_running_loop().create_task(self._load(), name="oidc-keys")
        self._fetching.add_done_callback(self._ended)
        return self._fetching

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._fetching = None

    def like(self, issuer: str) -> Provider:
        """Another issuer that is found and trusted in the same way."""
        return Provider(issuer, authorities=self._authorities)

    async def get(self, url: str, token: str = "") -> bytes:
        """What is at a URL of the provider.

        Args:
            token: to be shown there, if any.
        Raises: ProviderError.
        """
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            async with asyncio.timeout(TIMEOUT_S), self._open().get(url, headers=headers) as answer:
                if answer.status != 200:
                    raise ProviderError(f"{url}: {answer.status} {answer.reason}")
                body = b""
                while chunk := await answer.content.read(ANSWER_BYTES_MAX):
                    body += chunk
                    if len(body) > ANSWER_BYTES_MAX:
                        raise ProviderError(f"{url}: more than {ANSWER_BYTES_MAX} bytes")
                return body
        except (OSError, aiohttp.ClientError, ValueError) as error:
            raise ProviderError(f"{url}: {error or type(error).__name__}") from error

    async def _load(self) -> None:
        try:
            configuration = msgspec.json.decode(await self.get(self._configuration_url), type=_Configuration)
            if configuration.issuer != self.issuer:
                raise ProviderError(
                    f'issuer did not match the issuer returned by provider, expected "{self.issuer}" got "{configuration.issuer}"')
            keys = msgspec.json.decode(await self.get(configuration.jwks_uri), type=_KeySet).keys
        except (msgspec.MsgspecError, UnicodeDecodeError, ProviderError) as error:
            log.warning("keys of a token issuer cannot be had issuer=%s reason=%s", self.issuer, error)
            return
        self._keys, self._fetched = [*_public(keys)], time.monotonic()

    def _open(self) -> aiohttp.ClientSession:
        """The session. Raises: OSError if the authorities cannot be used."""
        if self._session is None:
            context = ssl.create_default_context(cadata=self._authorities or None)
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), cookie_jar=aiohttp.DummyCookieJar())
        return self._session


def _public(keys: list[dict[str, Any]]) -> list[tuple[str, PublicKey]]:
    """Ids and keys; one that is malformed is passed over."""
    found = []
    for jwk in keys:
        try:
            key = key_of_jwk(jwk)
        except JwsError as error:
            log.warning("key of a token issuer is passed over kid=%s reason=%s", jwk.get("kid"), error)
            continue
        if key is not None:
            found.append((str(jwk.get("kid", "")), key))
    return found
