"""The contract of a store, its data and its errors.

A store maps (resource, key) to an Entry. `resource` is a collection ("pods", "apps/deployments"), `key` names an object in it
("default/web", or "web" for cluster-scoped kinds). Every change gets a revision greater than all before it, in the whole store.
A write is acknowledged, and seen by readers and watchers, only when it is as safe as its class demands; readers and watchers see
writes in the order of revisions.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

from minikube_py.core.histogram import Histogram

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
Operation = Literal["create", "update", "delete"]


class StoreError(Exception):
    """The store cannot do it; the message says what is wrong and with which file."""


class ExistsError(StoreError):
    """The key exists already."""


class MissingError(StoreError):
    """The key does not exist."""


class RevisionConflictError(StoreError):
    """The revision given is not the newest of that key."""


class CompactedError(StoreError):
    """The revision to watch from is older than what is kept.

    Attributes:
        oldest: the revision from which on events are kept.
    """

    def __init__(self, message: str, oldest: int = 0) -> None:
        super().__init__(message)
        self.oldest = oldest


class BusyError(StoreError):
    """Too many writes wait for the disk. What was to be written is as it was."""


class FullError(StoreError):
    """The disk is full."""


class DamagedError(StoreError):
    """The file is no store, or its content is broken."""


class LockedError(StoreError):
    """Another process has the file."""


class Entry:
    """One version of one object; immutable.

    Attributes:
        key: within its resource.
        revision: of this version.
        data: its JSON, with metadata.resourceVersion.
        obj: the decoded object, or None until somebody decoded it (then kept here; read-only).
        row: where the driver keeps it.
    """

    __slots__ = ("data", "key", "obj", "revision", "row")

    def __init__(self, key: str, revision: int, data: bytes, obj: Any, row: int) -> None:
        self.key = key
        self.revision = revision
        self.data = data
        self.obj = obj
        self.row = row


class WatchEvent:
    """One change, shared by all who watch it.

    Attributes:
        entry: the new version; of a DELETED event the last state, at the revision of the deletion.
        previous: the version before, None for ADDED.
        frames: encodings of the event made so far, by whatever names their makers choose.
    """

    __slots__ = ("entry", "frames", "previous", "type")

    def __init__(self, type_: EventType, entry: Entry, previous: Entry | None) -> None:
        self.type: EventType = type_
        self.entry = entry
        self.previous = previous
        self.frames: dict[Any, bytes] = {}


class Listing(NamedTuple):
    """A consistent view.

    Attributes:
        entries: in key order; shared with other readers, not to be changed.
        revision: the store's revision that it shows.
    """

    entries: list[Entry]
    revision: int


Deliver = Callable[[WatchEvent], None]
# Sets the revision in an object and returns its JSON. Called once or (where the revision is known only afterwards) twice.
Encode = Callable[[Any, int], bytes]


class Transformer(Protocol):
    """What becomes of objects on their way to the disk and back: encryption at rest. Called on the writer thread."""

    def covers(self, resource: str) -> bool:
        """Whether objects of a resource look other on the disk than in memory, or did."""

    def to_disk(self, resource: str, key: str, data: bytes) -> bytes:
        """What is written of an object."""

    def from_disk(self, resource: str, key: str, stored: bytes) -> tuple[bytes, bool]:
        """The object that was written, and whether it would look other today.

        Raises: DamagedError.
        """


class Subscription(Protocol):
    """A running watch."""

    def close(self) -> None:
        """Deliver nothing more; may be called twice."""


class WriteObserver(Protocol):
    """Follows writes from their acceptance on, not from their safety: it knows of each object what `head` returns.

    All methods are called on the event loop, must return at once and must not raise.
    """

    def accepted(self, resource: str, entry: Entry, *, deleted: bool) -> None:
        """`entry` is what `head` returns from now on, or (`deleted`) the last state of what is gone. Nothing may be written here."""

    def saving(self) -> None:
        """What has been accepted is about to be saved. What is written here is saved with it, in one transaction."""

    def discarded(self) -> None:
        """Writes that were accepted have failed: `head` is what is acknowledged again."""


class StoreStatistics(Protocol):
    """What a store counts, for metrics.

    Attributes:
        commits: seconds per transaction.
        batches: writes per transaction.
        writes: seconds from the call to the acknowledgement, by operation and resource.
    """

    @property
    def commits(self) -> Histogram: ...
    @property
    def batches(self) -> Histogram: ...
    @property
    def writes(self) -> dict[tuple[str, str], Histogram]: ...

    def objects(self) -> dict[str, int]:
        """Objects per resource."""

    def size_bytes(self) -> int:
        """What the store takes up on the disk."""


class Store(Protocol):
    """What the Registry stands on. Reads are from memory and do not wait."""

    @property
    def statistics(self) -> StoreStatistics: ...

    def trouble(self) -> str | None:
        """Why writes cannot be made now; None if, as far as is known, they can."""

    @property
    def revision(self) -> int:
        """The newest revision that readers see."""

    async def wait_revision(self, revision: int, timeout_s: float) -> bool:
        """Wait until readers see a revision; return whether they do."""

    def get(self, resource: str, key: str) -> Entry | None:
        """The newest acknowledged version."""

    def head(self, resource: str, key: str) -> Entry | None:
        """The newest version, acknowledged or on its way to the disk: what the next write of this key must be based on."""

    def heads(self, resource: str, namespace: str) -> list[Entry]:
        """The newest versions of all objects of a resource in a namespace, as `head` has them; in no order."""

    def list(self, resource: str, namespace: str = "") -> Listing:
        """All objects of a resource, or those whose key starts with "namespace/"."""

    def list_at(self, resource: str, revision: int, namespace: str = "") -> Listing:
        """What `list` returned when `revision` was the store's.

        Raises: CompactedError if the events since then are no longer kept.
        """

    def count(self, resource: str) -> int:
        """How many objects a resource has."""

    async def create(self, resource: str, key: str, obj: Any, encode: Encode, *, durable: bool = True) -> Entry:
        """Add an object and return its entry, once it is safe.

        Args:
            durable: False acknowledges from memory; the disk follows within limits.STORE_RELAXED_FLUSH_S.
        Raises: ExistsError, BusyError, FullError, StoreError.
        Cancellation: the write may still land; read again before retrying.
        """

    async def update(self, resource: str, key: str, obj: Any, encode: Encode, *, previous: int, durable: bool = True) -> Entry:
        """Replace the version of revision `previous` and return the new entry, once it is safe.

        Raises: MissingError, RevisionConflictError, BusyError, FullError, StoreError.
        Cancellation: the write may still land; read again before retrying.
        """

    def submit_update(self, resource: str, key: str, obj: Any, encode: Encode, *, previous: int) -> Future[Entry]:
        """`update`, durable, that is accepted when this returns; the future ends as `update` does."""

    def submit_create(self, resource: str, key: str, obj: Any, encode: Encode) -> Future[Entry]:
        """`create`, durable, that is accepted when this returns; the future ends as `create` does."""

    def submit_delete(self, resource: str, key: str, obj: Any, encode: Encode, *, previous: int) -> Future[Entry]:
        """`delete`, durable, that is accepted when this returns; the future ends as `delete` does."""

    async def delete(self, resource: str, key: str, obj: Any, encode: Encode, *, previous: int, durable: bool = True) -> Entry:
        """Remove the version of revision `previous`; `obj` is its last state, which watchers get.

        Raises: MissingError, RevisionConflictError, BusyError, FullError, StoreError.
        Cancellation: the deletion may still land; read again before retrying.
        """

    async def mark_and_delete(
        self, resource: str, key: str, marked: Any, final: Any, encode: Encode, *, previous: int, durable: bool = True
    ) -> Entry:
        """`update` by `marked` and `delete` right after it: both are accepted or neither. A crash may come between them.

        Raises: MissingError, RevisionConflictError, BusyError, FullError, StoreError.
        Cancellation: both may still land; read again before retrying.
        """

    def watch(self, resource: str, revision: int, deliver: Deliver) -> Subscription:
        """Call `deliver` with every event after `revision`: those kept at once, the others as they come.

        `deliver` runs on the event loop, must return at once and must not raise.
        Raises: CompactedError if events after `revision` are no longer kept.
        """

    def observe(self, observer: WriteObserver) -> None:
        """Tell an observer of all writes from now on."""

    async def open(self) -> None:
        """Read what is stored.

        Raises: DamagedError, LockedError, FullError, StoreError.
        """

    async def close(self) -> None:
        """Make everything safe, relaxed writes too, and let go of the file."""
