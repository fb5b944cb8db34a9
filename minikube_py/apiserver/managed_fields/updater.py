"""Who owns what after a write, and what an apply makes of an object.

Works on owners (`entries.Managed`) and values, knows nothing of requests. The caller's owners are not changed.

Source: sigs.k8s.io/structured-merge-diff/v6/merge/update.go, k8s.io/apimachinery/pkg/util/managedfields/internal/{stripmeta,capmanagers}.go
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .compare import Changes, compare
from .conflicts import ApplyConflict
from .document_sets import fields_in, with_named_fields, without
from .entries import APPLY, UPDATE, Identity, Managed, Owned, seconds
from .field_set import FieldSet, difference, from_paths, intersection, union
from .field_types import FieldType
from .merge import merge
from .reset_fields import Reset
from .struct_types import STRIPPED, STRIPPED_METADATA

# Source: k8s.io/apimachinery/pkg/util/managedfields/internal/fieldmanager.go (DefaultMaxUpdateManagers), capmanagers.go
UPDATE_MANAGERS_MAX = 10
ANCIENT_CHANGES = "ancient-changes"
STRIP_SET = from_paths([
    *((f"f:{name}",) for name in (*STRIPPED, "metadata")), *(("f:metadata", f"f:{name}") for name in STRIPPED_METADATA),
])
ChangesIn = Callable[[str], Changes | None]


class Versions(Protocol):
    """The versions of a kind, by apiVersion."""

    def type_in(self, api_version: str) -> FieldType | None:
        """The type of a version's documents; None if there is no such version (any more)."""

    def tracked_in(self, api_version: str) -> FieldType | None:
        """The same without the fields that nobody owns."""

    def convert(self, document: Any, source: str, target: str) -> Any:
        """A document of one version as one of another that there is."""

    def convert_object(self, obj: Any, source: str, target: str) -> Any:
        """An object of one version as one of another that there is."""


def taken_from(managed: Managed, changes_in: ChangesIn, mine: Identity) -> Managed:
    """The owners after fields changed and went: others who had them no longer own them, and who owns nothing goes.

    Args:
        changes_in: the changes, as a version shows them; None for a version that is not known, whose owners go.
        mine: who made the changes; what he has stays.
    """
    result: Managed = {}
    for identity, owned in managed.items():
        if identity == mine:
            result[identity] = owned
            continue
        changes = changes_in(owned.api_version)
        if changes is None:
            continue
        changed, removed = changes
        if changed or removed:
            owned = owned.with_fields(difference(difference(owned.fields, changed), removed))
            if not owned.fields:
                continue
        result[identity] = owned
    return result


def conflicts_with(managed: Managed, changes_in: ChangesIn, mine: Identity) -> dict[Identity, FieldSet]:
    """What others own of what changes."""
    found = {}
    for identity, owned in managed.items():
        changes = None if identity == mine else changes_in(owned.api_version)
        if changes is not None and changes[0]:
            common = intersection(owned.fields, changes[0])
            if common:
                found[identity] = common
    return found


def capped(managed: Managed) -> Managed:
    """At most so many owners by updates: the fields of the oldest go into one of their version."""
    updates = [identity for identity in managed if identity.operation == UPDATE]
    excess = len(updates) - UPDATE_MANAGERS_MAX
    if excess <= 0:
        return managed
    updates.sort(key=lambda identity: (seconds(managed[identity].time), identity.text()))
    managed = dict(managed)
    first: dict[str, Identity] = {}
    for identity in updates:
        if not excess:
            break
        owned = managed[identity]
        bucket = Identity(ANCIENT_CHANGES, UPDATE, owned.api_version, "")
        if owned.api_version not in first:
            first[owned.api_version] = identity
            continue
        if bucket not in managed:
            managed[bucket] = managed.pop(first[owned.api_version])
        managed[bucket] = Owned(union(owned.fields, managed[bucket].fields), owned.api_version, owned.time)
        del managed[identity]
        excess -= 1
    return managed


class Apply:
    """One apply of a document by one manager.

    Args:
        api_version: of both documents.
        reset: fields that this request cannot set.
    """

    def __init__(self, versions: Versions, api_version: str, type_: FieldType, mine: Identity, reset: Reset) -> None:
        self._versions = versions
        self._api_version = api_version
        self._type = type_
        self._mine = mine
        self._reset = reset

    def run(self, live: Any, applied: Any, managed: Managed, *, force: bool) -> tuple[Any, Managed]:
        """The new document, and the owners after it.

        Raises: ApplyConflict; FieldPathError.
        """
        last = managed.get(self._mine)
        fields = self._reset.filter(fields_in(self._type, applied))
        managed = {**managed, self._mine: Owned(fields, self._api_version, last.time if last is not None else "")}
        new = self._pruned(merge(self._type, live, applied), managed, last)
        changes_in = self._changes(live, new)
        if not force:
            conflicts = conflicts_with(managed, changes_in, self._mine)
            if conflicts:
                raise ApplyConflict(conflicts)
        managed = taken_from(managed, changes_in, self._mine)
        stripped = difference(fields, STRIP_SET)
        if stripped:
            managed[self._mine] = Owned(stripped, self._api_version, managed[self._mine].time)
        else:
            del managed[self._mine]
        return new, managed

    def _changes(self, live: Any, new: Any) -> ChangesIn:
        """The changes in each version, made when they are first asked for."""
        known: dict[str, Changes | None] = {}

        def changes_in(api_version: str) -> Changes | None:
            if api_version not in known:
                type_ = self._versions.tracked_in(api_version)
                known[api_version] = None
                if type_ is not None:
                    known[api_version] = self._reset.changes(compare(type_, self._to(live, api_version), self._to(new, api_version)))
            return known[api_version]

        return changes_in

    def _to(self, document: Any, api_version: str) -> Any:
        return document if api_version == self._api_version else self._versions.convert(document, self._api_version, api_version)

    def _pruned(self, merged: Any, managed: Managed, last: Owned | None) -> Any:
        """Without what this manager applied last time and not now, and that nobody else owns."""
        if last is None or not last.fields:
            return merged
        version = last.api_version
        if version == self._api_version and not difference(last.fields, managed[self._mine].fields):
            return merged
        type_ = self._versions.type_in(version)
        if type_ is None:
            return merged
        whole = self._to(merged, version)
        named = with_named_fields(type_, last.fields)
        pruned = without(type_, whole, named) or {}
        pruned = self._with_owned(whole, pruned, version, managed)
        gone = difference(_named_fields_in(type_, whole), _named_fields_in(type_, pruned))
        pruned = without(type_, whole, intersection(gone, named)) or {}
        return pruned if version == self._api_version else self._versions.convert(pruned, version, self._api_version)

    def _with_owned(self, whole: Any, pruned: Any, version: str, managed: Managed) -> Any:
        """What was pruned, with what somebody owns back in it; in `version`.

        Fields of that version come first: the conversion to others may need them.
        """
        owned_in: dict[str, FieldSet] = {version: {}}
        for owned in managed.values():
            owned_in[owned.api_version] = union(owned_in.get(owned.api_version, {}), owned.fields)
        present = version
        for target, owned_fields in owned_in.items():
            type_ = self._versions.type_in(target)
            if type_ is None:
                continue
            if target != present:
                whole, pruned = self._versions.convert(whole, present, target), self._versions.convert(pruned, present, target)
                present = target
            kept = union(_named_fields_in(type_, pruned), with_named_fields(type_, owned_fields))
            pruned = without(type_, whole, difference(_named_fields_in(type_, whole), kept)) or {}
        return pruned if present == version else self._versions.convert(pruned, present, version)


def _named_fields_in(type_: FieldType, document: Any) -> FieldSet:
    return with_named_fields(type_, fields_in(type_, document))


def applied_by(manager: str, subresource: str) -> Identity:
    return Identity(manager, APPLY, "", subresource)
