"""The keys of this server: made at the first start, rotated while it runs.

The file with the keys is written before a key is used, and a key leaves it only when nothing is encrypted with it any more, so whatever
moment the power goes, everything can be read afterwards. A configuration that the administrator gives is only read.
Source: docs.k3s.io/cli/secrets-encrypt
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import msgspec

from minikube_py.core.errors import BadRequestError, ConflictError, internal
from minikube_py.core.files import private_directory, write_atomic
from minikube_py.core.inotify import file_contents
from minikube_py.store.interface import StoreError, Transformer

from ..reload_metrics import ReloadMetrics
from .configuration import (
    EncryptionConfiguration,
    EncryptionConfigurationError,
    Identity,
    Key,
    Provider,
    ResourceConfiguration,
    encode_configuration,
    encode_key,
    parse_configuration,
    read_configuration,
    read_content,
)
from .transformer import EncryptionTransformer

log = logging.getLogger(__name__)
KEY_BYTES = 32
RESOURCES = ["secrets"]
ACTIONS = ("enable", "disable", "rotate", "reencrypt", "rotate-keys")


class EncryptingStore(Protocol):
    """What is asked of the store."""

    @property
    def stale(self) -> bool: ...

    async def transform(self, transformer: Transformer) -> None: ...

    async def rewrite(self) -> int: ...


class SecretsEncryption:
    """The encryption configuration in force.

    Args:
        path: where the keys of this server lie; its directory is made.
        provider: the cipher of new keys.
        enabled: whether keys are made at the first start.
        given: the administrator's own configuration, which stands in place of all this.
        follow: whether that is taken over when it changes.
    """

    def __init__(
        self, path: Path, *, provider: str = "aesgcm", enabled: bool = True, given: Path | None = None, follow: bool = False
    ) -> None:
        self._path = given or path
        self._follow = follow
        self._content = b""
        self._reloads = ReloadMetrics("encryption")
        self._own = given is None
        self._provider = provider
        self._enabled = enabled
        self._configuration: EncryptionConfiguration | None = None
        self._store: EncryptingStore | None = None
        self._lock = asyncio.Lock()

    def load(self) -> EncryptionTransformer | None:
        """Read the configuration, making it at the first start; None if nothing is, or was, encrypted. Blocks.

        Raises: EncryptionConfigurationError, OSError.
        """
        if self._own and not self._path.exists():
            if not self._enabled:
                return None
            self._write(_configuration([self._new_key()], self._provider))
        self._content = read_content(self._path)
        self._configuration = parse_configuration(self._path, self._content)
        return EncryptionTransformer(self._configuration)

    async def attach(self, store: EncryptingStore) -> None:
        """Let `store`, which is not open yet, read and write accordingly.

        Raises: EncryptionConfigurationError, OSError.
        """
        transformer = await asyncio.to_thread(self.load)
        self._store = store
        if transformer is not None:
            await store.transform(transformer)

    async def bring_up_to_date(self) -> None:
        """Encrypt what an earlier configuration left in another form, such as a store from before there were keys."""
        store = self._store
        if store is None or not store.stale or (self._own and len(self._keys()) > 1):
            return
        async with self._lock:
            count = await store.rewrite()
        log.info("objects written in their encrypted form objects=%d", count)

    async def run(self) -> None:
        """Follow the administrator's configuration, if that is asked for, until cancelled; one that cannot be used changes nothing.

        Unlike upstream, what is stored is then written anew: keys that the file no longer has are no longer needed, also after a restart.
        If that fails, as on a full disk, it is told, and made up for by the next change.
        """
        if not self._follow or self._own:
            return
        self._reloads.use(_hash(self._content))
        async for content in file_contents(self._path, self._content):
            self._content = content
            try:
                async with self._lock:
                    await self._reload(content)
            except StoreError as error:
                self._reloads.failed()
                log.error("not everything is written by the changed encryption configuration: keys that it lacks are still needed file=%s "
                          "reason=%s", self._path, error)
            except (EncryptionConfigurationError, OSError) as error:
                self._reloads.failed()
                log.error("encryption configuration is not used file=%s reason=%s", self._path, error)
            else:
                self._reloads.succeeded(_hash(content))
                log.info("encryption configuration changed file=%s", self._path)

    async def _reload(self, content: bytes) -> None:
        configuration = parse_configuration(self._path, content)
        store, transformer = self._store, await asyncio.to_thread(EncryptionTransformer, configuration)
        self._configuration = configuration
        if store is not None:
            await store.transform(transformer)
            await store.rewrite()

    def families(self) -> Iterator[Any]:
        """Metric families."""
        return self._reloads.families()

    # What administrators ask.

    def status(self) -> dict[str, object]:
        """What `secrets-encrypt status` shows: never a key."""
        configuration = self._configuration
        if configuration is None:
            return {"enabled": False, "stage": "start", "configuration": str(self._path), "keys": []}
        keys: list[dict[str, object]] = []
        for rule in configuration.resources:
            for index, provider in enumerate(rule.providers):
                keys += [
                    {"resources": rule.resources, "provider": name, "name": key.name, "active": index == 0 and number == 0}
                    for name, found in provider.named for number, key in enumerate(found.keys)
                ]
        writes = any(key["active"] for key in keys)
        return {"enabled": writes, "stage": self._stage(), "configuration": str(self._path), "keys": keys}

    def _stage(self) -> str:
        """How far a rotation is: "rotate" until everything is written anew."""
        return "rotate" if self._own and len(self._keys()) > 1 else "start"

    async def act(self, action: str) -> dict[str, object]:
        """Do what an administrator asks and return the status.

        Raises: BadRequestError for an unknown action or one that is not possible; ConflictError while another runs; InternalError if the
            store cannot be written.
        """
        if action not in ACTIONS:
            raise BadRequestError(f"unknown action {action!r}: known are {', '.join(ACTIONS)}")
        if self._store is None:
            raise BadRequestError("this server's store has no file: there is nothing to encrypt")
        if self._lock.locked():
            raise ConflictError("the keys are being changed; try again when that is done")
        async with self._lock:
            try:
                await self._do(action, self._store)
            except (StoreError, OSError, EncryptionConfigurationError) as error:
                raise internal(str(error)) from error
        log.info("secrets encryption changed action=%s", action)
        return self.status()

    async def _do(self, action: str, store: EncryptingStore) -> None:
        if action == "reencrypt":
            return await self._reencrypt(store)
        if not self._own:
            raise BadRequestError(f"the keys are those of {self._path}: change that file, then reencrypt")
        keys = self._keys()
        match action:
            case "disable" if keys:  # Without one nothing is encrypted.
                await self._use(store, _configuration(keys, self._key_provider(), enabled=False))
            case "enable":
                await self._use(store, _configuration(keys or [self._new_key()], self._key_provider()))
            case "rotate" | "rotate-keys":
                if not self.status()["enabled"]:
                    raise BadRequestError("secrets are not encrypted: enable encryption first")
                if len(keys) > 1:
                    raise BadRequestError("the last rotation is not complete: reencrypt first")
                await self._use(store, _configuration([self._new_key(), *keys], self._key_provider()))
                if action == "rotate-keys":
                    await self._reencrypt(store)

    async def _reencrypt(self, store: EncryptingStore) -> None:
        """Write everything with the present key, then give up the keys before it."""
        if not self._own:
            self._configuration = await asyncio.to_thread(read_configuration, self._path)
            await store.transform(EncryptionTransformer(self._configuration))
        count = await store.rewrite()
        log.info("objects encrypted anew objects=%d", count)
        keys = self._keys()
        if self._own and len(keys) > 1:
            await self._use(store, _configuration(keys[:1], self._key_provider()))

    async def _use(self, store: EncryptingStore, configuration: EncryptionConfiguration) -> None:
        await asyncio.to_thread(self._write, configuration)
        await store.transform(EncryptionTransformer(configuration))
        self._configuration = configuration

    def _write(self, configuration: EncryptionConfiguration) -> None:
        private_directory(self._path.parent)
        write_atomic(self._path, encode_configuration(configuration))

    def _keys(self) -> list[Key]:
        """The keys of this server, the newest first."""
        configuration = self._configuration
        if configuration is None:
            return []
        return [key for provider in configuration.resources[0].providers for _, keys in provider.named for key in keys.keys]

    def _key_provider(self) -> str:
        """The cipher of the keys that there are; all of one file have one."""
        configuration = self._configuration
        if configuration is not None:
            for provider in configuration.resources[0].providers:
                for name, _ in provider.named:
                    return name
        return self._provider

    def _new_key(self) -> Key:
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        return Key(f"{self._key_provider()}key-{stamp}-{os.urandom(3).hex()}", encode_key(os.urandom(KEY_BYTES)))


def _hash(content: bytes) -> str:
    """Source: k8s.io/apiserver/pkg/server/options/encryptionconfig/config.go (computeEncryptionConfigHash)"""
    return f"k8s:enc:unstable:1:{sha256(content).hexdigest()}"


def _configuration(keys: list[Key], provider: str, *, enabled: bool = True) -> EncryptionConfiguration:
    """This server's configuration; what is not encrypted can always be read, for there may be something from before."""
    ciphers, plain = msgspec.convert({provider: {"keys": msgspec.to_builtins(keys)}}, Provider), Provider(identity=Identity())
    return EncryptionConfiguration(resources=[ResourceConfiguration(RESOURCES, [ciphers, plain] if enabled else [plain, ciphers])])
