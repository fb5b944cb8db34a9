"""The field manager of one resource or subresource in one version: managedFields of every write, and applies.

Owns the order in which upstream's managers come: the version that is applied, the annotation of client-side apply, objects that nobody has
tracked, the cap of entries, timestamps. Objects are those of the request's version; they are not changed.

Source: k8s.io/apimachinery/pkg/util/managedfields/internal/, from fieldmanager.go down to structuredmerge.go
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from minikube_py.apis.meta_v1 import ManagedFieldsEntry
from minikube_py.core.errors import BadRequestError, UnreasonedError

from .compare import Changes, Shape, compare, equal, fields_of_new, shape_of_new
from .conflicts import ApplyConflict
from .entries import UPDATE, EntryError, Identity, Managed, Owned, decode, encode, stored
from .field_set import EMPTY, FieldSetError, difference, dump, union
from .field_types import FieldType, MapType
from .last_applied import allowed_conflicts, last_applied_of, updated_annotations
from .list_keys import FieldPathError
from .merge import TypedError, check
from .path_element import PathElementError
from .reconcile import reconciled
from .reset_fields import NOTHING_RESET, Reset
from .updater import Apply, ChangesIn, Versions, applied_by, capped, taken_from

BEFORE_FIRST_APPLY = "before-first-apply"
UNKNOWN = "unknown"
KUBECTL = "kubectl"
SHAPES_MAX = 256
Entries = list[ManagedFieldsEntry]
_EMPTY_ENTRY = ManagedFieldsEntry()


class Applied(NamedTuple):
    """What an apply makes of an object.

    Attributes:
        document: the new object without managedFields; None if it is as it was.
        entries: its managedFields.
    """

    document: dict[str, Any] | None
    entries: Entries


class FieldManager:
    """Updates managedFields and merges what is applied.

    Args:
        group_version, kind: of the objects of requests.
        versions: all versions of the kind.
        zero: an empty object of the version.
        subresource: "" for the resource itself.
        reset: fields that this resource or subresource takes back from who sends them.
        evolves: whether the schema may be another one than when managedFields were written.
    """

    def __init__(
        self, group_version: str, kind: str, versions: Versions, zero: Any, subresource: str = "", reset: Reset = NOTHING_RESET, *,
        evolves: bool = False,
    ) -> None:
        self._group_version = group_version
        self._kind = kind
        self._versions = versions
        self._zero = zero
        self._subresource = subresource
        self._reset = reset
        self._evolves = evolves
        tracked, type_ = versions.tracked_in(group_version), versions.type_in(group_version)
        if tracked is None or type_ is None:
            raise ValueError(f"{group_version} is no version of {kind}")
        self._type = type_
        whole = {element[2:] for element, node in reset.fields.items() if not node}
        self._tracked = _without_fields(tracked, frozenset(whole))
        # The fields of new objects as they are written, by shape.
        self._written: dict[Shape, msgspec.Raw] = {}
        # What is not compared need not be filtered; but fields that are not declared may be compared, too.
        untyped = tracked.map is not None and tracked.map.element is not None
        self._reset_below = reset if untyped else Reset({element: node for element, node in reset.fields.items() if node}, reset.only)

    # Updates.

    def update(self, live: Any, new: Any, manager: str, now: str) -> Entries:
        """The managedFields of an object that was created (`live` is None), replaced or patched.

        Args:
            new: as it came from the client, with defaults; what admission and strategies change is nobody's.
            now: RFC 3339, in seconds.
        """
        present: Entries = live.metadata.managed_fields if live is not None else []
        managed = self._managed(present, new.metadata.managed_fields, live is None)
        if not managed and live is not None:
            return []  # Nobody tracks this object, until somebody applies.
        try:
            if live is None and not managed:
                return self._created(new, manager or UNKNOWN, now)
            return self._updated(live if live is not None else self._zero, new, managed, manager or UNKNOWN, now)
        except FieldPathError:
            return present  # As upstream: what cannot be compared stays whose it was.

    def _managed(self, present: Entries, sent: Entries, created: bool) -> Managed:
        """The owners that an update starts from: those that the client sends, if it sends any that can be read."""
        if self._subresource or sent is present or sent == present:
            return stored(present)
        if len(sent) == 1 and sent[0] == _EMPTY_ENTRY:
            return {}
        if sent or created:
            try:
                managed = decode(sent)
            except (EntryError, FieldSetError, PathElementError):
                managed = {}
            if managed:
                return managed
        return stored(present)

    def _created(self, new: Any, manager: str, now: str) -> Entries:
        """What `_updated` says of a new object: all of it is its maker's. Objects of the same shape are many, and this is kept by shape."""
        shape = shape_of_new(self._tracked, self._zero, new)
        fields = self._written.get(shape) if shape is not None else None
        if fields is None:
            owned = self._reset_below.filter(fields_of_new(self._tracked, self._zero, new))
            fields = msgspec.Raw(dump(owned) if owned else b"")
            if shape is not None:
                if len(self._written) >= SHAPES_MAX:
                    del self._written[next(iter(self._written))]
                self._written[shape] = fields
        if not bytes(fields):
            return []
        return encode({Identity(manager, UPDATE, self._group_version, self._subresource): Owned(None, self._group_version, now, fields)})

    def _updated(self, live: Any, new: Any, managed: Managed, manager: str, now: str) -> Entries:
        managed = self._reconciled(managed)
        if live is self._zero:
            changed, removed = self._reset_below.changes((fields_of_new(self._tracked, live, new), EMPTY))
        else:
            changed, removed = self._reset_below.changes(compare(self._tracked, live, new))
        if not changed and not removed and managed:
            return encode(managed)
        mine = Identity(manager, UPDATE, self._group_version, self._subresource)
        managed = taken_from(managed, self._changes_in(live, new, (changed, removed)), mine)
        previous = managed.get(mine)
        if previous is not None and removed:
            previous = managed[mine] = previous.with_fields(difference(previous.fields, removed))
        if changed:
            # Who only removes fields is not said to have written.
            owned = Owned(changed, self._group_version) if previous is None else previous.with_fields(union(previous.fields, changed))
            managed[mine] = owned.at(now)
        elif previous is not None and not previous.fields:
            del managed[mine]
        return encode(capped(managed))

    def _changes_in(self, live: Any, new: Any, here: Changes) -> ChangesIn:
        """The changes as other versions show them, made when they are first asked for."""
        known: dict[str, Changes | None] = {self._group_version: here}

        def changes_in(api_version: str) -> Changes | None:
            if api_version not in known:
                type_ = self._versions.tracked_in(api_version)
                known[api_version] = None
                if type_ is not None:
                    old, other = (self._versions.convert_object(obj, self._group_version, api_version) for obj in (live, new))
                    known[api_version] = self._reset.changes(compare(type_, old, other))
            return known[api_version]

        return changes_in

    def _reconciled(self, managed: Managed) -> Managed:
        if not self._evolves:
            return managed
        result: Managed = {}
        for identity, owned in managed.items():
            type_ = self._versions.type_in(owned.api_version)
            if type_ is not None:
                result[identity] = owned.with_fields(reconciled(type_, owned.fields))
        return result

    # Apply.

    def apply(self, live: Any, document: dict[str, Any], applied: dict[str, Any], manager: str, now: str, *, force: bool) -> Applied:
        """Merge what a manager applies into an object.

        Args:
            live: the object as it is; an empty one if it is to be created.
            document: its plain document, without managedFields.
            applied: what the client sent.
            manager: who applies; not empty.
        Raises: BadRequestError, ConflictError, UnreasonedError for a document that does not fit the type.
        """
        applied = self._of_this_version(applied)
        managed = stored(live.metadata.managed_fields)
        mine = applied_by(manager, self._subresource)
        try:
            if not managed:
                entries = self._updated(self._zero, live, {}, BEFORE_FIRST_APPLY, now)
                managed = stored(entries)
            if _metadata(applied).get("managedFields") is not None:
                raise BadRequestError("metadata.managedFields must be nil")
            self._check_type(applied)
            managed = self._reconciled(managed)
            run = Apply(self._versions, self._group_version, self._type, mine, self._reset)
            try:
                new, after = run.run(document, applied, managed, force=force)
            except ApplyConflict as conflict:
                self._check_conflict(conflict, manager, document, applied)
                new, after = run.run(document, applied, managed, force=True)
        except FieldPathError as error:
            raise UnreasonedError(f"failed to create typed live object ({self._described(document)}): {error}") from error
        changed = not equal(new, document)
        if changed and mine in after:
            after[mine] = after[mine].at(now)
        if manager == KUBECTL:
            annotations = updated_annotations(new, applied)
            if annotations is not None:
                new = {**new, "metadata": {**new["metadata"], "annotations": annotations}}
                changed = True
        return Applied(new if changed else None, encode(after))

    def _of_this_version(self, applied: dict[str, Any]) -> dict[str, Any]:
        """What is applied; the core group may be said with a slash. Raises: BadRequestError for another version or kind."""
        version, kind = applied.get("apiVersion"), applied.get("kind")
        if version == f"/{self._group_version}" and "/" not in self._group_version:
            version, applied = self._group_version, {**applied, "apiVersion": self._group_version}
        if (version, kind) != (self._group_version, self._kind):
            raise BadRequestError(f"invalid object type: {gvk_text(version, kind)}")
        return applied

    def _check_type(self, applied: dict[str, Any]) -> None:
        try:
            check(self._type, applied)
        except TypedError as error:
            raise UnreasonedError(f"failed to create typed patch object ({self._described(applied)}): {error}") from error

    def _described(self, document: dict[str, Any]) -> str:
        metadata = _metadata(document)
        return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {gvk_text(self._group_version, self._kind)}"

    def _check_conflict(self, conflict: ApplyConflict, manager: str, document: dict[str, Any], applied: dict[str, Any]) -> None:
        """Let kubectl have the fields that it owned by its client-side apply, and that are still as it applied them.

        Raises: ConflictError for all others.
        """
        last = last_applied_of(document) if manager == KUBECTL else ""
        allowed = allowed_conflicts(self._type, self._group_version, document, last) if last else None
        if allowed is not None:
            conflict = ApplyConflict({
                identity: left for identity, fields in conflict.conflicts.items() if (left := difference(fields, allowed))
            })
        if allowed is None or conflict.conflicts:
            raise conflict.status()


@lru_cache(1024)
def _without_fields(type_: FieldType, names: frozenset[str]) -> FieldType:
    """A type without some of its fields, which are not compared then."""
    map_ = type_.map
    if not names or map_ is None:
        return type_
    return FieldType(map_=MapType(lambda: {name: field for name, field in map_.fields.items() if name not in names}, map_.element))


def _metadata(document: dict[str, Any]) -> dict[str, Any]:
    metadata = document.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def gvk_text(api_version: Any, kind: Any) -> str:
    """A kind as Go prints it: "apps/v1, Kind=Deployment", "/v1, Kind=Pod"."""
    group_version = str(api_version or "")
    return f"{group_version if '/' in group_version else '/' + group_version}, Kind={kind or ''}"
