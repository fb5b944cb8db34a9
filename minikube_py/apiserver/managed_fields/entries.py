"""The entries of metadata.managedFields: who owns which fields, and since when.

Source: k8s.io/apimachinery/pkg/util/managedfields/internal/{managedfields,buildmanagerinfo}.go
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from minikube_py.apis.meta_v1 import ManagedFieldsEntry
from minikube_py.apis.object import NO_FIELDS

from .field_set import FieldSet, dump, load, parse

APPLY, UPDATE = "Apply", "Update"
FIELDS_V1 = "FieldsV1"
# Entries that are kept to be shared, and the largest.
SHARED_ENTRIES_MAX = 1024
SHARED_SET_BYTES_MAX = 4096
# Of an entry that says nothing about its fields.
UNSET = (b"", b"null")


class EntryError(ValueError):
    """What should be an entry of managedFields is none."""


class Identity(NamedTuple):
    """Who owns: an entry is one of these. Who applies is the same in all versions."""

    manager: str
    operation: str
    api_version: str
    subresource: str

    def text(self) -> str:
        """What conflicts are sorted by."""
        parts = zip(("manager", "operation", "apiVersion", "subresource"), self, strict=True)
        return msgspec.json.encode({name: value for name, value in parts if value}).decode()


class Owned:
    """What one manager owns: the fields, in the version of which they are, and since when.

    Attributes:
        raw: the fields as they are written; None if that is yet to be done.
    """

    __slots__ = ("_fields", "api_version", "raw", "time")

    def __init__(self, fields: FieldSet | None, api_version: str, time: str = "", raw: msgspec.Raw | None = None) -> None:
        self._fields = fields
        self.api_version = api_version
        self.time = time
        self.raw = raw

    @property
    def fields(self) -> FieldSet:
        if self._fields is None:
            self._fields = load(bytes(self.raw)) if self.raw is not None else {}
        return self._fields

    def with_fields(self, fields: FieldSet) -> Owned:
        return self if fields is self.fields else Owned(fields, self.api_version, self.time)

    def at(self, time: str) -> Owned:
        return Owned(self._fields, self.api_version, time, self.raw)


Managed = dict[Identity, Owned]


def identity_of(entry: ManagedFieldsEntry) -> Identity:
    return Identity(entry.manager, entry.operation, "" if entry.operation == APPLY else entry.api_version, entry.subresource)


def stored(entries: Iterable[ManagedFieldsEntry]) -> Managed:
    """The owners that a stored object has: its entries are `encode`'s."""
    return {
        identity_of(entry): Owned(None, entry.api_version, entry.time, entry.fields_v1 if entry.fields_v1 is not NO_FIELDS else None)
        for entry in entries
    }


def decode(entries: Iterable[ManagedFieldsEntry]) -> Managed:
    """The owners that somebody's entries name.

    Raises: EntryError, FieldSetError, PathElementError.
    """
    managed: Managed = {}
    for index, entry in enumerate(entries):
        if entry.operation not in (APPLY, UPDATE):
            raise EntryError("operation must be `Apply` or `Update`")
        if not entry.api_version:
            raise EntryError("apiVersion must not be empty")
        if not entry.fields_type:
            raise EntryError(f"missing fieldsType in managed fields entry {index}")
        if entry.fields_type != FIELDS_V1:
            raise EntryError(f'invalid fieldsType "{entry.fields_type}" in managed fields entry {index}')
        data = bytes(entry.fields_v1)
        managed[identity_of(entry)] = Owned(parse(data) if data not in UNSET else {}, entry.api_version, entry.time)
    return managed


def encode(managed: Managed) -> list[ManagedFieldsEntry]:
    """The entries of these owners, in upstream's order."""
    entries = [_entry(identity, owned) for identity, owned in managed.items()]
    if len(entries) > 1:
        entries.sort(key=lambda e: (e.operation, seconds(e.time), e.manager, e.api_version, e.subresource))
    return entries


def differ_in_time(one: list[ManagedFieldsEntry], other: list[ManagedFieldsEntry]) -> bool:
    """Whether entries are the same but for their times, and these are not."""
    if one is other or len(one) != len(other) or all(a.time == b.time for a, b in zip(one, other, strict=True)):
        return False
    return all(identity_of(a) == identity_of(b) and a.api_version == b.api_version and a.fields_v1 == b.fields_v1
               for a, b in zip(one, other, strict=True))


def _entry(identity: Identity, owned: Owned) -> ManagedFieldsEntry:
    data = dump(owned.fields) if owned.raw is None else bytes(owned.raw)
    make = _shared_entry if len(data) <= SHARED_SET_BYTES_MAX else _make_entry
    return make(identity.manager, identity.operation, owned.api_version, identity.subresource, owned.time, data)


def _make_entry(manager: str, operation: str, api_version: str, subresource: str, time: str, data: bytes) -> ManagedFieldsEntry:
    """An entry that keeps no message alive that its fields came in."""
    return ManagedFieldsEntry(
        api_version=api_version, fields_type=FIELDS_V1, fields_v1=msgspec.Raw(data), manager=manager, operation=operation,
        subresource=subresource, time=time,
    )


# Objects that are made in one go have equal entries, and are many: they share them.
_shared_entry = lru_cache(SHARED_ENTRIES_MAX)(_make_entry)


@lru_cache(SHARED_ENTRIES_MAX)
def seconds(time: str) -> int:
    """A time as seconds since 1970; 0 if there is none, or if it is no date that there is."""
    try:
        return int(datetime.fromisoformat(time.upper()).timestamp()) if time else 0
    except ValueError:
        return 0
