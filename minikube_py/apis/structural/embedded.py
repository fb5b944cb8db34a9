"""Embedded resources: objects with apiVersion, kind and metadata of their own inside a custom resource.

Owns the coercion of their metadata to the fields that metadata has, and the rules that it obeys.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ...core.errors import Cause
from .. import meta_v1, scheme, syntax
from ..custom import metadata_document, metadata_from
from ..validation.causes import invalid, required
from ..validation.metadata import validate_metadata
from .nodes import Node

_FAKE_NAME = "fakename"  # metadata of an embedded resource needs no name, and the rules of metadata ask for one
_WRONG_TYPE = re.compile(r"Expected `(?P<want>[^`]*)`, got `(?P<got>[^`]*)`(?: - at `\$\.?(?P<path>[^`]*)`)?")
_GO_KINDS = {"str": "string", "int": "number", "float": "number", "bool": "bool", "array": "array", "object": "object", "null": "null"}
_GO_TYPES = {"str": "string", "int": "int64", "bool": "bool", "array": "[]string", "object": "map[string]string"}


class CoercionError(ValueError):
    """An embedded resource that is none.

    Attributes:
        cause: what is wrong with it; the text of the error is that of the cause.
    """

    def __init__(self, cause: Cause) -> None:
        super().__init__(f"{cause.field}: {cause.message}")
        self.cause = cause


def coerce(value: Any, node: Node, path: str = "") -> list[str]:
    """Drop unknown fields of embedded metadata, in place, and write it as metadata is written.

    Returns: the paths of what was dropped.
    Raises: CoercionError for an apiVersion or kind that is no string, or metadata that is none.
    """
    dropped: list[str] = []
    if isinstance(value, dict):
        if node.embedded:
            dropped += _coerce_resource(value, node, path)
        for name, item in value.items():
            child = node.child(name)
            if child is not None and child.embeds:
                joint = "." if path else ""
                dropped += coerce(item, child, f"{path}{joint}{name}" if name in node.properties else f"{path}[{name}]")
    elif isinstance(value, list) and node.items is not None and node.items.embeds:
        for index, item in enumerate(value):
            dropped += coerce(item, node.items, f"{path}[{index}]")
    return dropped


def _coerce_resource(value: dict[str, Any], node: Node, path: str) -> list[str]:
    prefix = f"{path}." if path else ""
    for name in ("apiVersion", "kind"):
        if name in value and not isinstance(value[name], str) and not _goes(value[name], node.properties.get(name)):
            raise CoercionError(invalid(f"{prefix}{name}", value[name], "must be a string"))
    metadata = value.get("metadata")
    if metadata is None:
        return []
    if not isinstance(metadata, dict):
        problem = f"json: cannot unmarshal {_kind(metadata)} into Go value of type v1.ObjectMeta"
        raise CoercionError(invalid(f"{prefix}metadata", metadata, problem))
    unknown = scheme.prune(meta_v1.ObjectMeta, metadata, f"{prefix}metadata")
    try:
        value["metadata"] = metadata_document(metadata_from(metadata))
    except msgspec.ValidationError as error:
        raise CoercionError(invalid(f"{prefix}metadata", metadata, _go_message(error))) from error
    return unknown


def _goes(value: Any, node: Node | None) -> bool:
    """Whether it is a null that defaulting drops or replaces."""
    return value is None and node is not None and not node.nullable


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
        return [invalid(path, value, "must be a string")]
    if not value:
        return [invalid(path, value, "must not be empty")]
    return [invalid(path, value, f"unexpected GroupVersion string: {value}")] if value.count("/") > 1 else []


def _check_kind(value: Any, path: str) -> list[Cause]:
    if not isinstance(value, str):
        return [invalid(path, value, "must be a string")]
    if not value:
        return [invalid(path, value, "must not be empty")]
    complaints = syntax.dns_1035_label(value.lower())
    return [invalid(path, value, f"may have mixed case, but should otherwise match: {','.join(complaints)}")] if complaints else []


def _check_metadata(value: Any, path: str) -> list[Cause]:
    try:
        metadata = metadata_from(value if value is not None else {})
    except msgspec.ValidationError as error:
        return [invalid(path, value, _go_message(error))]
    metadata.name = metadata.name or _FAKE_NAME
    return validate_metadata(metadata, namespaced=bool(metadata.namespace), name=syntax.path_segment, path=path)


def _kind(value: Any) -> str:
    return {str: "string", bool: "bool", int: "number", float: "number", list: "array"}.get(type(value), "object")


def _go_message(error: msgspec.ValidationError) -> str:
    found = _WRONG_TYPE.match(str(error))
    if found is None:
        return str(error)
    path = re.sub(r"\[[^\]]*\]", "", found["path"] or "")
    want = found["want"].replace(" | null", "")
    return (f"json: cannot unmarshal {_GO_KINDS.get(found['got'], found['got'])} into Go struct field ObjectMeta.{path} of type "
            f"{_GO_TYPES.get(want, want)}")
