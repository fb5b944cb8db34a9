"""Files that configure parts of the server: documents with a kind and a version, in YAML or JSON.

Source: k8s.io/apimachinery/pkg/runtime/serializer, pkg/runtime/error.go
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from minikube_py.apis.object import Object
from minikube_py.apis.scheme import from_document, prune
from minikube_py.apis.syntax import quote

from .decoding import strict_error
from .yaml_document import YamlDocument, YamlError, read_yaml

T = TypeVar("T", bound=Object)


class ConfigurationError(ValueError):
    """A file cannot be read or does not say what it should; the text names what is wrong.

    Attributes:
        discreet: the text for files with secrets, where the usual one quotes what the file says.
    """

    def __init__(self, text: str, discreet: str = "") -> None:
        super().__init__(text)
        self.discreet = discreet or text


class StrictError(ConfigurationError):
    """A file is what it should be but for fields that are unknown or names that occur twice."""


def open_problem(path: Path, error: OSError) -> str:
    """Why a file cannot be opened, as Go says it."""
    return f"open {path}: {(error.strerror or '').lower()}"


def read_file(path: Path, what: str) -> bytes:
    """Raises: ConfigurationError, which says of what the file was to be the configuration."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"unable to read {what} from {quote(str(path))} [{open_problem(path, error)}]") from error


def parse_document(text: bytes, *, strict: bool = False) -> Any:
    """The plain document of a file, None of an empty one.

    Raises: ConfigurationError; if strict, also for names that occur twice.
    """
    value, problem = _parsed(text)
    if strict and problem:
        raise StrictError(strict_error([problem]))
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
    return _decoded(struct, document, kind, group_versions, [], strict=strict)


def decode_text(struct: type[T], text: bytes, kind: str, group_versions: Collection[str], *, strict: bool = True) -> T:
    """The configuration that the text of a file describes.

    Args:
        struct: with all fields of the kind, in all versions.
        strict: whether unknown fields and names that occur twice are errors. Otherwise they are ignored, and the last one counts.
    Raises: ConfigurationError.
    """
    document, repeated = _parsed(text)
    return _decoded(struct, document, kind, group_versions, [repeated] if repeated else [], strict=strict)


def _parsed(text: bytes) -> YamlDocument:
    try:
        return read_yaml(text)
    except YamlError as error:
        raise ConfigurationError(str(error), error.discreet) from error


def _decoded(
    struct: type[T], document: Any, kind: str, group_versions: Collection[str], problems: Sequence[str], *, strict: bool
) -> T:
    """As `decode_configuration`; `problems` is what is known to be wrong with names already."""
    version, found = type_of_document(document)
    for name, value in (("Kind", found), ("apiVersion", version)):
        if not value:
            raise ConfigurationError(f"Object '{name}' is missing in '{msgspec.json.encode(document).decode()}'")
    if found != kind or version not in group_versions:
        raise ConfigurationError(f"no kind {quote(found)} is registered for version {quote(version)}")
    document = deepcopy(document)
    problems = [*problems, *(f"unknown field {quote(path)}" for path in prune(struct, document))]
    try:
        configuration = from_document(struct, document)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{kind} in version {quote(version)} cannot be handled: {error}") from error
    if strict and problems:
        raise StrictError(strict_error(problems))
    return configuration
