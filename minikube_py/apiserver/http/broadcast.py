"""Live events for all watchers of a collection, or of a namespace in it, that want every object as it is: most watchers do.

What is done for an event is done once, however many watch. A watcher comes in when it has its initial state.
"""

from __future__ import annotations

import logging
from typing import Protocol

from minikube_py.store.interface import Store, WatchEvent

from ..selection import Selection
from ..storage import Storage
from ..watching import frame
from .event_streams import EventStream
from .metrics import WatchSeries
from .outbox import Audience, Outbox, Receiver

log = logging.getLogger(__name__)


class Member(Receiver, Protocol):
    """A watcher in a broadcast."""

    def end(self) -> None:
        """Send nothing more: the client comes back, rather than go on with a gap."""


class Broadcast:
    """One subscription to the store for many watchers."""

    def __init__(self, selection: Selection, stream: EventStream, store: Store, outbox: Outbox, counted: WatchSeries) -> None:
        self._selection = selection
        self._outbox = outbox
        self._counted = counted
        self._members: dict[Member, None] = {}
        self._audience = Audience(stream.pack)
        self._subscription = store.watch(selection.storage.collection, store.revision, self._deliver)

    def __len__(self) -> int:
        return len(self._members)

    def join(self, member: Member) -> None:
        """Let a watcher have what comes from now on."""
        self._members[member] = None
        self._outbox.join(self._audience, member)

    def leave(self, member: Member) -> None:
        """Give a watcher what has come until now, and nothing more."""
        self._outbox.leave(self._audience, member)
        del self._members[member]

    def settle(self) -> None:
        """Let what has come until now leave before all that is sent to any of the watchers by itself."""
        self._outbox.settle(self._audience)

    def close(self) -> None:
        """Follow the store no longer."""
        self._subscription.close()

    def _deliver(self, event: WatchEvent) -> None:
        selection = self._selection
        if not selection.matches(event.entry):
            return
        try:
            line = frame(selection.storage, event, event.type, event.entry)
        except Exception:
            log_failure(selection.storage, event)
            for member in [*self._members]:
                member.end()
            return
        self._outbox.put(self._audience, line)
        self._counted.sent(len(line), len(self._members))


class Broadcasts:
    """The broadcasts of a server, each as long as somebody is in it."""

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox
        self._running: dict[tuple[Storage, str, str], Broadcast] = {}

    def join(self, member: Member, selection: Selection, stream: EventStream, counted: WatchSeries) -> Broadcast:
        """Let a watcher have all events of a collection or namespace from now on.

        Args:
            selection: without selectors.
        """
        key = selection.storage, selection.namespace, stream.framing
        broadcast = self._running.get(key)
        if broadcast is None:
            broadcast = self._running[key] = Broadcast(selection, stream, self._store, self._outbox, counted)
        broadcast.join(member)
        return broadcast

    def leave(self, member: Member, broadcast: Broadcast) -> None:
        """Give a watcher what has come until now, and nothing more."""
        broadcast.leave(member)
        if not broadcast:
            broadcast.close()
            self._running = {key: other for key, other in self._running.items() if other is not broadcast}


def log_failure(storage: Storage, event: WatchEvent) -> None:
    """Tell of an event that cannot be sent, from within the handling of its error."""
    entry = event.entry
    log.exception("watch event failed resource=%s key=%s revision=%d", storage.collection, entry.key, entry.revision)
