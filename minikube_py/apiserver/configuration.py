"""Files that configure parts of the server: documents with a kind and a version, in YAML or JSON.

Source: k8s.io/apimachinery/pkg/runtime/serializer, pkg/runtime/error.go
"""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from minikube_py.apis.object import Object
from minikube_py.apis.scheme import from_document, prune

from .decoding import strict_error
from .json_text import quote
from .yaml_document import YamlError, read_yaml

T = TypeVar("T", bound=Object)


class ConfigurationError(ValueError):
    """A file cannot be read or does not say what it should; the text names what is wrong."""


def read_file(path: Path, what: str) -> bytes:
    """Raises: ConfigurationError, which says of what the file was to be the configuration."""
    try:
        return path.read_bytes()
    except OSError as error:
        why = (error.strerror or "").lower()
        raise ConfigurationError(f"unable to read {what} from {quote(str(path))} [open {path}: {why}]") from error


def parse_document(text: bytes, *, strict: bool = False) -> Any:
    """The plain document of a file, None of an empty one.

    Raises: ConfigurationError; if strict, also for names that occur twice.
    """
    try:
        value, problem = read_yaml(text)
    except YamlError as error:
        raise ConfigurationError(str(error)) from error
    if strict and problem:
        raise ConfigurationError(strict_error([problem]))
    return value


def type_of_document(document: Any) -> tuple[str, str]:
    """The apiVersion and kind that a document says it has, "" for what it does not say."""
    if not isinstance(document, dict):
        return "", ""
    version, kind = document.get("apiVersion"), document.get("kind")
    return version if isinstance(version, str) else "", kind if isinstance(kind, str) else ""


def decode_configuration(struct: type[T], document: Any, kind: str, group_versions: Collection[str], *, strict: bool) -> T:
    """The configuration that a document describes.

    Args:
        struct: with all fields of the kind, in all versions.
        strict: whether unknown fields are errors, or else ignored.
    Raises: ConfigurationError.
    """
    version, found = type_of_document(document)
    for name, value in (("Kind", found), ("apiVersion", version)):
        if not value:
            raise ConfigurationError(f"Object '{name}' is missing in '{msgspec.json.encode(document).decode()}'")
    if found != kind or version not in group_versions:
        raise ConfigurationError(f"no kind {quote(found)} is registered for version {quote(version)}")
    document = deepcopy(document)
    unknown = prune(struct, document)
    if strict and unknown:
        raise ConfigurationError(strict_error([f"unknown field {quote(path)}" for path in unknown]))
    try:
        return from_document(struct, document)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{kind} in version {quote(version)} cannot be handled: {error}") from error
