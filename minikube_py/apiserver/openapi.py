"""Serving of /openapi/v2, /openapi/v3 and /openapi/v3/PATH: negotiation, hashes, caching headers and custom resources.

Owns which document is sent in which coding. The built-in documents come from the package (openapi_archive), those of custom resources are
built when they are first asked for (openapi_document, openapi_v2).

Invariants: nothing is read or built before a client asks; only compressed documents stay in memory, and of the built-in ones not even
those; file reads, compression and building run on a worker thread.

Source: kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition, k8s.io/kube-openapi/pkg/handler and handler3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

import msgspec

from minikube_py.apiserver.accept import accepts_gzip, parse_accept
from minikube_py.apiserver.openapi_archive import Archive, PackedDocument, digest_of, pack, pack_bytes
from minikube_py.apiserver.openapi_custom import CustomResource, custom_document, definitions_v2
from minikube_py.apiserver.openapi_document import JSON, Document
from minikube_py.apiserver.openapi_proto import encode_v2
from minikube_py.apiserver.openapi_v2 import merge

V2_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""The name under which the protobuf form is sent: clients ask for it by the older one, which is not a valid media type."""
V2_PROTOBUF_NAMES: Final = (V2_PROTOBUF, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
CACHE_LIFETIME: Final = timedelta(days=365)
"""Lifetime of a document that was asked for by its hash. Source: kube-openapi/pkg/handler3."""


@dataclass(frozen=True, slots=True)
class OpenApiResponse:
    """One complete answer; `body` is already in the coding that the headers name."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True)
class _Custom:
    """The custom resources of one group-version, and their document once it has been built."""

    group: str
    version: str
    resources: tuple[CustomResource, ...]
    packed: PackedDocument | None = None

    @property
    def path(self) -> str:
        return f"apis/{self.group}/{self.version}"


class OpenApi:
    """The OpenAPI documents of one server."""

    def __init__(self, archive: Archive | None = None) -> None:
        self._archive = archive or Archive()
        self._custom: dict[str, _Custom] = {}
        self._v2: dict[str, PackedDocument] = {}
        self._generation = 0

    def publish(self, group: str, version: str, resources: Sequence[CustomResource]) -> None:
        """Publish a group-version of custom resources, or replace what it publishes; what is published already stays as it is."""
        entry = _Custom(group, version, tuple(sorted(resources, key=lambda custom: custom.resource.plural)))
        known = self._custom.get(entry.path)
        if known is None or known.resources != entry.resources:
            self._custom[entry.path] = entry
            self._changed()

    def withdraw(self, group: str, version: str) -> None:
        """Publish a group-version no longer; one that is not published is no error."""
        if self._custom.pop(f"apis/{group}/{version}", None) is not None:
            self._changed()

    async def respond(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        accept: str = "",
        accept_encoding: str = "",
        if_none_match: str = "",
    ) -> OpenApiResponse | None:
        """Answer a GET.

        Args:
            path: URL path without query.
            query: decoded query parameters; only `hash` counts.
            accept, accept_encoding, if_none_match: the request's headers, "" where there is none.
        Returns: None if nothing is served at `path`; status 200, 301 (outdated hash), 304 or 406 otherwise.
        Raises: FileNotFoundError if the package was made without its documents.
        """
        path = path.rstrip("/")
        if path == "/openapi/v2":
            return await self._respond_v2(accept, accept_encoding, if_none_match)
        if path == "/openapi/v3":
            return await self._respond_index(if_none_match)
        if not path.startswith("/openapi/v3/"):
            return None
        packed = await self._document_v3(path.removeprefix("/openapi/v3/"))
        if packed is None:
            return None
        if not _accepts_json(accept):
            return OpenApiResponse(406)
        headers = {"Vary": "Accept, Accept-Encoding"}
        wanted_hash = query.get("hash", "")
        if wanted_hash and wanted_hash != packed.hash:
            return OpenApiResponse(301, {**headers, "Location": f"{path}?hash={packed.hash}"})
        if wanted_hash:
            headers["Cache-Control"] = "public, immutable"
            headers["Expires"] = format_datetime(datetime.now(UTC) + CACHE_LIFETIME, usegmt=True)
        return await _send(packed, JSON, headers, accept_encoding, if_none_match)

    def _changed(self) -> None:
        self._generation += 1
        self._v2.clear()

    async def _respond_index(self, if_none_match: str) -> OpenApiResponse:
        """Answer with the list of documents, which there is in JSON only."""
        hashes = await asyncio.to_thread(self._archive.hashes)
        paths = {name.removeprefix("v3/"): digest for name, digest in hashes.items() if name.startswith("v3/")}
        for entry in list(self._custom.values()):
            paths[entry.path] = (await self._pack_custom(entry)).hash
        urls = {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"} for path, digest in sorted(paths.items())}
        body = msgspec.json.encode({"paths": urls})
        digest = digest_of(body)
        if _matches(if_none_match, digest):
            return OpenApiResponse(304, {"ETag": f'"{digest}"'})
        return OpenApiResponse(200, {"Content-Type": JSON, "ETag": f'"{digest}"'}, body)

    async def _document_v3(self, path: str) -> PackedDocument | None:
        custom = self._custom.get(path)
        if custom is not None:
            return await self._pack_custom(custom)
        return await asyncio.to_thread(self._archive.read, f"v3/{path}")

    async def _pack_custom(self, entry: _Custom) -> PackedDocument:
        if entry.packed is None:
            entry.packed = await asyncio.to_thread(lambda: pack(self._build_custom(entry)))
        return entry.packed

    def _build_custom(self, entry: _Custom) -> Document:
        return custom_document(entry.group, entry.version, entry.resources, self._shared())

    def _shared(self) -> Document:
        """The schemas that documents of custom resources refer to."""
        schemas: Document = self._archive.decode("meta")["components"]["schemas"]
        return schemas

    async def _respond_v2(self, accept: str, accept_encoding: str, if_none_match: str) -> OpenApiResponse:
        media_type = _negotiate_v2(accept)
        if media_type is None:
            return OpenApiResponse(406)
        packed = self._v2.get(media_type)
        if packed is None:
            generation = self._generation
            packed = await asyncio.to_thread(self._build_v2, media_type, list(self._custom.values()))
            if generation == self._generation and (self._custom or media_type != JSON):
                self._v2[media_type] = packed
        return await _send(packed, media_type, {"Vary": "Accept, Accept-Encoding"}, accept_encoding, if_none_match)

    def _build_v2(self, media_type: str, custom: Sequence[_Custom]) -> PackedDocument:
        """Return the v2 document of everything; the shipped one as it is, if that is what is wanted."""
        shipped = self._archive.read("v2")
        if shipped is None:
            raise FileNotFoundError("the package holds no OpenAPI v2 document")
        if media_type == JSON and not custom:
            return shipped
        document = msgspec.json.decode(shipped.body())
        for entry in custom:
            merge(document, self._build_custom(entry), definitions_v2(entry.group, entry.version, entry.resources, self._shared()))
        return pack(document) if media_type == JSON else pack_bytes(encode_v2(document))


async def _send(
    packed: PackedDocument, media_type: str, headers: Mapping[str, str], accept_encoding: str, if_none_match: str
) -> OpenApiResponse:
    full = {**headers, "ETag": f'"{packed.hash}"'}
    if _matches(if_none_match, packed.hash):
        return OpenApiResponse(304, full)
    full["Content-Type"] = media_type
    if accepts_gzip(accept_encoding):
        return OpenApiResponse(200, {**full, "Content-Encoding": "gzip"}, packed.gzipped)
    return OpenApiResponse(200, full, await asyncio.to_thread(packed.body))


def _matches(if_none_match: str, digest: str) -> bool:
    """Tell whether an If-None-Match header names the document. Source: RFC 9110 section 13.1.2 (weak comparison)."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return f'"{digest}"' in tags or "*" in tags


def _accepts_json(accept: str) -> bool:
    return any(clause.matches(JSON) for clause in parse_accept(accept))


def _negotiate_v2(accept: str) -> str | None:
    """Return the media type to answer with, or None if the client takes none of those offered."""
    for clause in parse_accept(accept):
        if clause.matches(JSON):
            return JSON
        if clause.value in V2_PROTOBUF_NAMES:
            return V2_PROTOBUF
    return None
