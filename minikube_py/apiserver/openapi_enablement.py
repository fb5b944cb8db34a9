"""The OpenAPI documents of a server that does not serve all built-in resources: the shipped ones, less what is turned off.

Schemas that nothing refers to any more go with the paths that did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from .enablement import Enablement
from .openapi_archive import Archive, PackedDocument, pack

Document = dict[str, Any]
_REFERENCE = re.compile(r"#/(?:definitions|components/schemas)/(.+)")


class EnabledArchive(Archive):
    """The documents of what is served. Each is made once, when it is asked for."""

    def __init__(self, enablement: Enablement) -> None:
        super().__init__()
        self._enablement = enablement
        self._made: dict[str, PackedDocument | None] = {}

    def hashes(self) -> dict[str, str]:
        found = {}
        for name in super().hashes():
            packed = self.read(name)
            if packed is not None:
                found[name] = packed.hash
        return found

    def read(self, name: str) -> PackedDocument | None:
        if name not in self._made:
            self._made[name] = self._filtered(name)
        return self._made[name]

    def _filtered(self, name: str) -> PackedDocument | None:
        shipped = super().read(name)
        if shipped is None or not self._tells_of_disabled(name):
            return shipped
        document: Document = msgspec.json.decode(shipped.body())
        before = _reachable(document)
        paths = {path: item for path, item in document["paths"].items() if self._serves(path)}
        if not paths:
            return None
        document["paths"] = paths
        gone = before - _reachable(document)
        for schemas in _schemas(document):
            for schema in gone.intersection(schemas):
                del schemas[schema]
        return pack(document)

    def _tells_of_disabled(self, name: str) -> bool:
        disabled, groups = self._enablement.disabled, self._enablement.groups
        match name.split("/"):
            case ["v2"]:
                return True
            case ["v3", "api"]:
                return "" not in groups
            case ["v3", "apis", group]:
                return group not in groups
            case ["v3", "api", version]:
                return any(gvr[:2] == ("", version) for gvr in disabled)
            case ["v3", "apis", group, version]:
                return any(gvr[:2] == (group, version) for gvr in disabled)
        return False

    def _serves(self, path: str) -> bool:
        """Whether a path template leads to something that is served."""
        parts = path.strip("/").split("/")
        if parts[0] == "api":
            group, rest = "", parts[1:]
        elif parts[0] == "apis" and len(parts) > 1:
            group, rest = parts[1], parts[2:]
        else:
            return True
        enablement = self._enablement
        if not rest:
            return group in enablement.groups
        version, rest = rest[0], rest[1:]
        if rest[:1] == ["watch"]:
            rest = rest[1:]
        if rest[:2] == ["namespaces", "{namespace}"] and len(rest) > 2:
            rest = rest[2:]
        if not rest:
            return (group, version) in enablement.group_versions
        return enablement.serves(group, version, rest[0])


def _schemas(document: Document) -> Iterator[Document]:
    """The places of a document that hold schemas by name."""
    yield document.get("definitions", {})
    yield document.get("components", {}).get("schemas", {})


def _reachable(document: Document) -> set[str]:
    """The names of all schemas that the paths refer to, directly or not."""
    known: Mapping[str, Any] = {name: schema for schemas in _schemas(document) for name, schema in schemas.items()}
    found: set[str] = set()
    waiting = list(_references(document["paths"]))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_references(known.get(name)))
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref" and isinstance(item, str):
                match = _REFERENCE.fullmatch(item)
                if match is not None:
                    yield match[1]
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
