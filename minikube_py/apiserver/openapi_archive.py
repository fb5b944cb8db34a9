"""The OpenAPI documents that ship with the package: an index and gzip members in one file, read when they are asked for.

Owns the file format's reading side; tools/build_openapi.py writes it. Nothing but the index stays in memory.
Methods block on file reads and decompression, so they are meant for a worker thread.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec

DIRECTORY: Final = Path(__file__).parent / "_openapi"


@dataclass(frozen=True, slots=True)
class PackedDocument:
    """One document: gzip bytes, and the hash (upper-case hex) of its decompressed form."""

    gzipped: bytes
    hash: str

    def body(self) -> bytes:
        return gzip.decompress(self.gzipped)


class _Entry(msgspec.Struct):
    offset: int
    length: int
    size: int
    hash: str


class _Index(msgspec.Struct):
    version: str
    documents: dict[str, _Entry]


class Archive:
    """The shipped documents by name: `v2`, `v3/api/v1`, `v3/apis/apps/v1`, …, and `meta`, which is not served."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._directory = directory

    @cached_property
    def _index(self) -> _Index:
        return msgspec.json.decode((self._directory / "index.json").read_bytes(), type=_Index)

    @property
    def version(self) -> str:
        return self._index.version

    def hashes(self) -> dict[str, str]:
        """Return document name to hash.

        Raises: FileNotFoundError if the package was made without its documents.
        """
        return {name: entry.hash for name, entry in self._index.documents.items()}

    def read(self, name: str) -> PackedDocument | None:
        """Return the document called `name`, or None if there is none."""
        entry = self._index.documents.get(name)
        if entry is None:
            return None
        with (self._directory / "documents.bin").open("rb") as file:
            file.seek(entry.offset)
            return PackedDocument(file.read(entry.length), entry.hash)

    def decode(self, name: str) -> Any:
        """Return the document called `name` as a plain object.

        Raises: KeyError if there is none.
        """
        packed = self.read(name)
        if packed is None:
            raise KeyError(name)
        return msgspec.json.decode(packed.body())


def pack(document: Any) -> PackedDocument:
    """Return an encoded and compressed document."""
    return pack_bytes(msgspec.json.encode(document))


def pack_bytes(body: bytes) -> PackedDocument:
    return PackedDocument(gzip.compress(body, 6, mtime=0), digest_of(body))


def digest_of(body: bytes) -> str:
    """The hash of a document, as ETags and URLs have it."""
    return hashlib.sha512(body).hexdigest().upper()
