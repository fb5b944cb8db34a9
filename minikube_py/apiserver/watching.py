"""What a change means to one watcher: events under a selection, and their encoded frames.

A frame is encoded once per event and form, and shared by all watchers of that form.
Source: kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes,
k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go (transitions into and out of a selector)
"""

from __future__ import annotations

from minikube_py.apis.scheme import deep_copy
from minikube_py.store.interface import Entry, EventType, WatchEvent

from .selection import Selection
from .storage import Storage, encode_versioned


def transition(selection: Selection, event: WatchEvent) -> tuple[EventType, Entry] | None:
    """The event that a watcher of `selection` sees, or None.

    An object that comes to match is ADDED; one that no longer matches is DELETED, in the state that matched, at the new revision.
    """
    entry, previous = event.entry, event.previous
    if selection.everything:
        return (event.type, entry) if selection.matches(entry) else None
    before = previous is not None and selection.matches(previous)
    if event.type == "DELETED":
        return ("DELETED", entry) if before else None
    if selection.matches(entry):
        return ("MODIFIED" if before else "ADDED", entry)
    if before and previous is not None:
        return "DELETED", _at_revision(selection.storage, previous, entry.revision)
    return None


def _at_revision(storage: Storage, entry: Entry, revision: int) -> Entry:
    obj = deep_copy(storage.object(entry))
    return Entry(entry.key, revision, encode_versioned(obj, revision), obj, entry.row)


def frame(storage: Storage, event: WatchEvent, type_: EventType, entry: Entry) -> bytes:
    """The JSON line of an event, `{"type":...,"object":...}` and a newline."""
    if entry is event.entry:
        form = (type_, storage.resource.group_version)
        cached = event.frames.get(form)
        if cached is None:
            cached = event.frames[form] = _frame(storage, type_, entry)
        return cached
    return _frame(storage, type_, entry)


def _frame(storage: Storage, type_: EventType, entry: Entry) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (type_.encode(), storage.data(entry))
