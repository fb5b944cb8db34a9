"""EncryptionConfiguration: which resources are encrypted with which keys.

Owns reading and checking the file. Providers of kind kms are refused: a key service is a program of its own.
Source: kubernetes.io/docs/tasks/administer-cluster/encrypt-data/, k8s.io/apiserver/pkg/apis/apiserver/validation (encryption)
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path

from minikube_py.apis.object import Object
from minikube_py.apis.scheme import encode
from minikube_py.apis.syntax import quote
from minikube_py.core.errors import aggregate_texts

from ..configuration import ConfigurationError, decode_text, open_problem, parse_document, type_of_document

VERSION, KIND = "apiserver.config.k8s.io/v1", "EncryptionConfiguration"
# What upstream's documentation once called it by mistake.
LEGACY_TYPE = ("v1", "EncryptionConfig")
# Bytes of a key, by provider.
KEY_BYTES = {"aesgcm": (16, 24, 32), "aescbc": (16, 24, 32), "secretbox": (32,)}
ANY = "*.*"


class EncryptionConfigurationError(ValueError):
    """The configuration cannot be used; the message says why, never with a key."""


class Key(Object):
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


class Keys(Object):
    """The keys of a provider: the first encrypts, all decrypt."""

    keys: list[Key] = []


class Identity(Object):
    """What leaves everything as it is; it has nothing to say."""


class Kms(Object):
    """A key service."""

    api_version: str = ""
    name: str = ""
    cachesize: int | None = None
    endpoint: str = ""
    timeout: str = ""


class Provider(Object):
    """Exactly one of these."""

    aesgcm: Keys | None = None
    aescbc: Keys | None = None
    secretbox: Keys | None = None
    identity: Identity | None = None
    kms: Kms | None = None

    @property
    def named(self) -> list[tuple[str, Keys]]:
        """The ciphers that are set, with their keys."""
        found = ((name, getattr(self, name)) for name in KEY_BYTES)
        return [(name, keys) for name, keys in found if keys is not None]


class ResourceConfiguration(Object):
    """Resources and their providers: the first one's first key encrypts, all decrypt."""

    resources: list[str] = []
    providers: list[Provider] = []


class EncryptionConfiguration(Object, omit_defaults=False):
    """The file."""

    kind: str = KIND
    api_version: str = VERSION
    resources: list[ResourceConfiguration] = []


def read_configuration(path: Path) -> EncryptionConfiguration:
    """Raises: EncryptionConfigurationError."""
    return parse_configuration(path, read_content(path))


def read_content(path: Path) -> bytes:
    """Raises: EncryptionConfigurationError."""
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"error while loading file: error reading {_named(path)}: {open_problem(path, error)}"
        raise EncryptionConfigurationError(f"error while parsing file: {problem}") from error


def parse_configuration(path: Path, text: bytes) -> EncryptionConfiguration:
    """The configuration in the content of a file. Raises: EncryptionConfigurationError."""
    try:
        configuration = _decoded(path, text)
        problems = list(_problems(configuration))
        if problems:
            raise ConfigurationError(aggregate_texts(problems))
    except ConfigurationError as error:
        raise EncryptionConfigurationError(f"error while parsing file: {error}") from error
    return configuration


def _named(path: Path) -> str:
    return f"encryption provider configuration file {quote(str(path))}"


def _decoded(path: Path, text: bytes) -> EncryptionConfiguration:
    """Raises: ConfigurationError."""
    file = _named(path)
    if not text:
        raise ConfigurationError(f"error while loading file: {file} is empty")
    try:
        found = type_of_document(parse_document(text))
        if "" in found:
            # The usual words for this quote the document.
            raise ConfigurationError(f"Object '{'apiVersion' if found[1] else 'Kind'}' is missing")
        version, kind = LEGACY_TYPE if found == LEGACY_TYPE else (VERSION, KIND)
        return decode_text(EncryptionConfiguration, text, kind, [version])
    except ConfigurationError as error:
        raise ConfigurationError(f"error decoding {file}: {error.discreet}") from error


def encode_configuration(configuration: EncryptionConfiguration) -> bytes:
    return encode(configuration)


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
    shown = f"[{','.join(map(quote, resources))}]"
    if len(set(resources)) != len(resources):
        yield f"{at}: Invalid value: {shown}: the same resource cannot be specified multiple times"
    if _overlap(resources):
        yield (f"{at}: Invalid value: {shown}: using overlapping resources such as 'secrets' and '*.' in the same resource list is not "
               "allowed as they will be masked")
    for index, resource in enumerate(resources):
        problem = _name_problem(resource)
        if problem:
            yield f"{at}[{index}]: Invalid value: {quote(resource)}: {problem}"


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
    groups: dict[str, list[str]] = {}
    for resource in resources:
        name, _, group = resource.partition(".")
        groups.setdefault(group, []).append(name)
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
