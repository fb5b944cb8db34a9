"""EncryptionConfiguration: which resources are encrypted with which keys.

Owns reading and checking the file. Providers of kind kms are refused: a key service is a program of its own.
Source: kubernetes.io/docs/tasks/administer-cluster/encrypt-data/, k8s.io/apiserver/pkg/apis/apiserver/validation (encryption)
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

GROUP, KIND = "apiserver.config.k8s.io", "EncryptionConfiguration"
VERSIONS = (f"{GROUP}/v1", "v1")
# Bytes of a key, by provider.
KEY_BYTES = {"aesgcm": (16, 24, 32), "aescbc": (16, 24, 32), "secretbox": (32,)}
ANY = "*.*"


class EncryptionConfigurationError(ValueError):
    """The configuration cannot be used; the message says why, never with a key."""


class Key(msgspec.Struct, forbid_unknown_fields=True):
    """One key.

    Attributes:
        name: stands in what is encrypted with it.
        secret: base64.
    """

    name: str = ""
    secret: str = ""

    @property
    def secret_bytes(self) -> bytes:
        return b64decode(self.secret, validate=True)


class Keys(msgspec.Struct, forbid_unknown_fields=True):
    """The keys of a provider: the first encrypts, all decrypt."""

    keys: list[Key] = []


class Provider(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of these."""

    aesgcm: Keys | None = None
    aescbc: Keys | None = None
    secretbox: Keys | None = None
    identity: dict[str, Any] | None = None
    kms: dict[str, Any] | None = None

    @property
    def named(self) -> list[tuple[str, Keys]]:
        """The ciphers that are set, with their keys."""
        found = ((name, getattr(self, name)) for name in KEY_BYTES)
        return [(name, keys) for name, keys in found if keys is not None]


class ResourceConfiguration(msgspec.Struct, forbid_unknown_fields=True):
    """Resources and their providers: the first one's first key encrypts, all decrypt."""

    resources: list[str] = []
    providers: list[Provider] = []


class EncryptionConfiguration(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The file."""

    kind: str = KIND
    api_version: str = VERSIONS[0]
    resources: list[ResourceConfiguration] = []


def read_configuration(path: Path) -> EncryptionConfiguration:
    """Raises: EncryptionConfigurationError."""
    try:
        document = yaml.safe_load(path.read_bytes())
        configuration = msgspec.convert(document, EncryptionConfiguration)
    except OSError as error:
        raise EncryptionConfigurationError(f"error reading encryption provider configuration file {path}: {error.strerror}") from error
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise EncryptionConfigurationError(f"error decoding encryption provider configuration file {path}: {_told(error)}") from error
    if configuration.kind != KIND or configuration.api_version not in VERSIONS:
        raise EncryptionConfigurationError(f"{path}: expected {VERSIONS[0]}, Kind={KIND}")
    problems = list(_problems(configuration))
    if problems:
        raise EncryptionConfigurationError(f"invalid encryption configuration {path}: {'; '.join(problems)}")
    return configuration


def _told(error: Exception) -> str:
    """What is wrong with a document, without the lines of it that YAML's errors quote: they may hold keys."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f"line {mark.line + 1}: {getattr(error, 'problem', 'not YAML')}"
    return str(error)


def encode_configuration(configuration: EncryptionConfiguration) -> bytes:
    return msgspec.json.encode(configuration)


def encode_key(secret: bytes) -> str:
    return b64encode(secret).decode()


def _problems(configuration: EncryptionConfiguration) -> Iterator[str]:
    if not configuration.resources:
        yield "resources: Required value: at least one resources is required"
    for index, rule in enumerate(configuration.resources):
        at = f"resources[{index}]"
        if not rule.resources:
            yield f"{at}.resources: Required value: at least one {at}.resources is required"
        yield from _resource_problems(rule.resources, f"{at}.resources")
        if not rule.providers:
            yield f"{at}.providers: Required value: at least one {at}.providers is required"
        for number, provider in enumerate(rule.providers):
            yield from _provider_problems(provider, f"{at}.providers[{number}]")


def _resource_problems(resources: Sequence[str], at: str) -> Iterator[str]:
    if len(set(resources)) != len(resources):
        yield f"{at}: Invalid value: the same resource cannot be specified multiple times"
    elif _overlap(resources):
        yield (f"{at}: Invalid value: using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed "
               "as they will be masked")
    for index, resource in enumerate(resources):
        problem = _name_problem(resource)
        if problem:
            yield f'{at}[{index}]: Invalid value: "{resource}": {problem}'


def _name_problem(resource: str) -> str:
    name, _, group = resource.partition(".")
    if resource != resource.lower():
        return "resource name should not contain capital letters"
    if resource == "*":
        return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
    if resource in ("apiserveripinfo", "serviceipallocations", "servicenodeportallocations"):
        return "resources which do not have REST API/s cannot be encrypted"
    if group == "events.k8s.io":
        return ("'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file")
    if group == "extensions":
        return "'extensions' group has been removed and cannot be used for encryption"
    return "encrypting the same resource across groups is not supported" if group == "*" and name != "*" else ""


def _overlap(resources: Sequence[str]) -> bool:
    """Whether one entry of a list includes another."""
    if len(resources) < 2:
        return False
    groups: dict[str, set[str]] = {}
    for resource in resources:
        name, _, group = resource.partition(".")
        groups.setdefault(group, set()).add(name)
    return ANY in resources or any("*" in names and len(names) > 1 for names in groups.values())


def _provider_problems(provider: Provider, at: str) -> Iterator[str]:
    found = sum(part is not None for part in (provider.aesgcm, provider.aescbc, provider.secretbox, provider.identity, provider.kms))
    if not found:
        yield f"{at}: Invalid value: provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"
    if found > 1:
        yield f"{at}: Invalid value: more than one provider specified in a single element, should split into different list elements"
    if provider.kms is not None:
        yield f"{at}.kms: Forbidden: this server knows aesgcm, aescbc, secretbox and identity"
    for name, keys in provider.named:
        if not keys.keys:
            yield f"{at}.{name}.keys: Required value: at least one keys is required"
        for index, key in enumerate(keys.keys):
            yield from _key_problems(key, f"{at}.{name}.keys[{index}]", KEY_BYTES[name])


def _key_problems(key: Key, at: str, sizes: Sequence[int]) -> Iterator[str]:
    if not key.name:
        yield f"{at}.name: Required value: name is a mandatory field for a key"
    if not key.secret:
        yield f"{at}.secret: Required value: secret is a mandatory field for a key"
        return
    try:
        length = len(key.secret_bytes)
    except (binascii.Error, ValueError):
        yield f'{at}.secret: Invalid value: "REDACTED": secrets must be base64 encoded'
        return
    if length not in sizes:
        expected = " ".join(map(str, sizes))
        yield (f'{at}.secret: Invalid value: "REDACTED": secret is not of the expected length, got {length}, expected one of [{expected}]')
