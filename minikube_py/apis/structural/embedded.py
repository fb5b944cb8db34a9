"""Embedded resources: objects with apiVersion, kind and metadata of their own inside a custom resource.

Owns the coercion of their metadata to the fields that metadata has, and the rules that it obeys.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta
"""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from ...core.errors import Cause
from .. import meta_v1, scheme, syntax
from ..custom import metadata_document, metadata_from
from ..go_numbers import in_go_form
from ..json_text import parse
from ..typed_json import DecodeError, TypedDecoder
from ..validation.causes import Raw, invalid, required
from ..validation.metadata import validate_metadata
from .nodes import Node

_FAKE_NAME = "fakename"  # metadata of an embedded resource needs no name, and the rules of metadata ask for one


class CoercionError(ValueError):
    """An embedded resource that is none.

    Attributes:
        cause: what is wrong with it; the text of the error is that of the cause.
    """

    def __init__(self, cause: Cause) -> None:
        super().__init__(f"{cause.field}: {cause.message}")
        self.cause = cause


def coerce(value: Any, node: Node, path: str = "", *, drop_wrong: bool = False) -> list[str]:
    """Drop unknown fields of embedded metadata, in place, and write it as metadata is written.

    Args:
        drop_wrong: fields of a wrong type are dropped, too, and nothing raises.
    Returns: the paths of what was unknown.
    Raises: CoercionError for an apiVersion or kind that is no string, or metadata that is none.
    """
    unknown: list[str] = []
    if isinstance(value, dict):
        if node.embedded:
            unknown += _coerce_resource(value, node, path, drop_wrong)
        for name, item in value.items():
            child = node.child(name)
            if child is not None and child.embeds:
                joint = "." if path else ""
                where = f"{path}{joint}{name}" if name in node.properties else f"{path}[{name}]"
                unknown += coerce(item, child, where, drop_wrong=drop_wrong)
    elif isinstance(value, list) and node.items is not None and node.items.embeds:
        for index, item in enumerate(value):
            unknown += coerce(item, node.items, f"{path}[{index}]", drop_wrong=drop_wrong)
    return unknown


def _coerce_resource(value: dict[str, Any], node: Node, path: str, drop_wrong: bool) -> list[str]:
    prefix = f"{path}." if path else ""
    for name in ("apiVersion", "kind"):
        if name in value and not isinstance(value[name], str) and not _goes(value[name], node.properties.get(name)):
            if not drop_wrong:
                raise CoercionError(invalid(f"{prefix}{name}", Raw(value[name]), "must be a string"))
            del value[name]
    if "metadata" not in value or _goes(value["metadata"], node.properties.get("metadata")):
        return []
    metadata = value["metadata"]
    if drop_wrong:
        if isinstance(metadata, dict):
            value["metadata"] = _what_is_right(metadata)
        return []
    unknown = scheme.prune(meta_v1.ObjectMeta, metadata, f"{prefix}metadata")
    try:
        value["metadata"] = _as_written(metadata)
    except DecodeError as error:
        raise CoercionError(invalid(f"{prefix}metadata", Raw(metadata), str(error))) from error
    return unknown


def _as_written(metadata: Any) -> Any:
    """Metadata as Go reads and writes it.

    Raises: DecodeError.
    """
    return metadata_document(_read(metadata))


def _read(metadata: Any) -> meta_v1.ObjectMeta:
    """Raises: DecodeError."""
    try:
        return metadata_from(metadata if metadata is not None else {})
    except msgspec.ValidationError:
        return metadata_from(TypedDecoder().decode(meta_v1.ObjectMeta, parse(in_go_form(scheme.encode_sorted(metadata)))))


def _what_is_right(metadata: dict[str, Any]) -> dict[str, Any]:
    """The fields of metadata that can be read."""
    right: dict[str, Any] = {}
    for name, item in metadata.items():
        with contextlib.suppress(DecodeError):
            right |= _as_written({name: item})
    return right


def _goes(value: Any, node: Node | None) -> bool:
    """Whether it is a null that is dropped before embedded resources are looked at."""
    return value is None and node is not None and not node.nullable and node.default is None


def validate_embedded(value: Any, node: Node, path: str = "") -> list[Cause]:
    """What is wrong with the embedded resources in `value`."""
    causes: list[Cause] = []
    if isinstance(value, dict):
        if node.embedded:
            causes += validate_resource(value, path)
        for name, item in value.items():
            child = node.child(name)
            if child is not None and child.embeds:
                joint = "." if path else ""
                causes += validate_embedded(item, child, f"{path}{joint}{name}" if name in node.properties else f"{path}[{name}]")
    elif isinstance(value, list) and node.items is not None and node.items.embeds:
        for index, item in enumerate(value):
            causes += validate_embedded(item, node.items, f"{path}[{index}]")
    return causes


def validate_resource(value: dict[str, Any], path: str = "") -> list[Cause]:
    """What is wrong with the apiVersion, kind and metadata of a resource."""
    prefix = f"{path}." if path else ""
    causes = [required(f"{prefix}{name}", "must not be empty") for name in ("apiVersion", "kind") if name not in value]
    if "apiVersion" in value:
        causes += _check_api_version(value["apiVersion"], f"{prefix}apiVersion")
    if "kind" in value:
        causes += _check_kind(value["kind"], f"{prefix}kind")
    if "metadata" in value:
        causes += _check_metadata(value["metadata"], f"{prefix}metadata")
    return causes


def _check_api_version(value: Any, path: str) -> list[Cause]:
    if not isinstance(value, str):
        return [invalid(path, Raw(value), "must be a string")]
    if not value:
        return [invalid(path, value, "must not be empty")]
    return [invalid(path, value, f"unexpected GroupVersion string: {value}")] if value.count("/") > 1 else []


def _check_kind(value: Any, path: str) -> list[Cause]:
    if not isinstance(value, str):
        return [invalid(path, Raw(value), "must be a string")]
    if not value:
        return [invalid(path, value, "must not be empty")]
    complaints = syntax.dns_1035_label(value.lower())
    return [invalid(path, value, f"may have mixed case, but should otherwise match: {','.join(complaints)}")] if complaints else []


def _check_metadata(value: Any, path: str) -> list[Cause]:
    try:
        metadata = _read(value)
    except DecodeError as error:
        return [invalid(path, Raw(value), str(error))]
    metadata.name = metadata.name or _FAKE_NAME
    return validate_metadata(metadata, namespaced=bool(metadata.namespace), name=syntax.path_segment, path=path)
