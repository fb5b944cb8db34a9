"""Which cipher writes a resource and which ones read it; what the store calls on its way to the disk and back.

Source: k8s.io/apiserver/pkg/storage/value/transformer.go (prefix transformers), server/options/encryptionconfig/config.go
"""

from __future__ import annotations

from typing import NamedTuple

from minikube_py.store.interface import DamagedError

from .configuration import EncryptionConfiguration, ResourceConfiguration
from .providers import CIPHERS, MARK, Cipher, UndecipherableError, prefix_of


class _Reader(NamedTuple):
    prefix: bytes
    cipher: Cipher | None
    """None of the identity: what is not encrypted."""


class _Ring:
    """The keys of a resource: the first writes, all read."""

    def __init__(self, rule: ResourceConfiguration) -> None:
        self.readers: list[_Reader] = []
        for provider in rule.providers:
            if provider.identity is not None:
                self.readers.append(_Reader(b"", None))
            for name, keys in provider.named:
                for key in keys.keys:
                    self.readers.append(_Reader(prefix_of(name, key.name), CIPHERS[name](key.secret_bytes)))

    def seal(self, data: bytes, path: bytes) -> bytes:
        prefix, cipher = self.readers[0]
        return data if cipher is None else prefix + cipher.seal(data, path)

    def open(self, stored: bytes, path: bytes) -> tuple[bytes, bool]:
        """Raises: UndecipherableError."""
        encrypted, failure = stored.startswith(MARK), UndecipherableError("no matching prefix found")
        for index, (prefix, cipher) in enumerate(self.readers):
            if cipher is None:
                if not encrypted:
                    return stored, index > 0
            elif stored.startswith(prefix):
                # Two keys may have one name.
                try:
                    return cipher.open(stored[len(prefix) :], path), index > 0
                except UndecipherableError as error:
                    failure = error
        raise failure


class EncryptionTransformer:
    """The store's Transformer for an EncryptionConfiguration."""

    def __init__(self, configuration: EncryptionConfiguration) -> None:
        self._rules = [(rule.resources, _Ring(rule)) for rule in configuration.resources]
        self._rings: dict[str, _Ring | None] = {}

    def covers(self, resource: str) -> bool:
        return self._ring(resource) is not None

    def to_disk(self, resource: str, key: str, data: bytes) -> bytes:
        ring = self._ring(resource)
        return data if ring is None else ring.seal(data, _path(resource, key))

    def from_disk(self, resource: str, key: str, stored: bytes) -> tuple[bytes, bool]:
        ring = self._ring(resource)
        if ring is None:
            if stored.startswith(MARK):
                raise DamagedError(f"{resource}/{key} is encrypted, and the encryption configuration does not name {resource}")
            return stored, False
        try:
            return ring.open(stored, _path(resource, key))
        except UndecipherableError as error:
            raise DamagedError(f"{resource}/{key} cannot be decrypted with the keys of the encryption configuration: {error}") from error

    def _ring(self, resource: str) -> _Ring | None:
        if resource not in self._rings:
            _, _, group = resource.partition(".")
            names = {resource, f"{resource}." if not group else resource, f"*.{group}", "*.*"}
            self._rings[resource] = next((ring for resources, ring in self._rules if not names.isdisjoint(resources)), None)
        return self._rings[resource]


def _path(resource: str, key: str) -> bytes:
    return f"/registry/{resource}/{key}".encode()
