"""Watches over HTTP: one stream of JSON lines per watcher. How it travels is `event_streams.py`'s.

Events go from the store's commit by way of the outbox into each connection's buffer, without a task in between: a write seen by a
thousand watchers is one encoding and a thousand buffer writes. A watch follows the store by itself until it has sent its initial state;
then it joins those that get the same (`broadcast.py`), if it has no selectors and is sent objects as they are. A connection that does
not drain is closed at its bound; the client lists again and nobody else waits for it.

Source: kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes, #watch-bookmarks, #streaming-lists
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from minikube_py.apis.scheme import encode
from minikube_py.core import limits
from minikube_py.core.clock import SYSTEM_CLOCK
from minikube_py.core.errors import ExpiredError, StatusError
from minikube_py.store.interface import CompactedError, Entry, EventType, Listing, Store, Subscription, WatchEvent

from ..printers import partial_object_metadata, table
from ..registry import Registry
from ..selection import Selection
from ..storage import Storage
from ..warning import warning_headers
from ..watching import frame, transition
from .broadcast import Broadcast, Broadcasts, log_failure
from .event_streams import EventStream, event_stream
from .http_request import HttpRequest
from .list_options import ListOptions, list_options
from .metrics import ServerMetrics, WatchSeries
from .negotiation import Form, Negotiated
from .outbox import Audience, Outbox
from .query import Query
from .responses import checked_include

# Seconds. Source: kube-apiserver --min-request-timeout (a watch without a timeout lives 1 to 2 times as long)
WATCH_TIMEOUT_MIN_S = 1800
BOOKMARK_INTERVAL_S = 60.0
# Seconds before the end of a watch that its last bookmark is sent. Source: k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go
BOOKMARK_BEFORE_END_S = 2.0
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
# Bytes of initial events that are handed to the connection at a time.
INITIAL_BATCH_BYTES = 256 * 1024


class Watch:
    """One running watch.

    Attributes:
        storage: what is watched.
    """

    def __init__(
        self, stream: EventStream, selection: Selection, negotiated: Negotiated, include_object: str, store: Store, outbox: Outbox,
        broadcasts: Broadcasts, counted: WatchSeries,
    ) -> None:
        self._stream = stream
        self._counted = counted
        self._outbox = outbox
        self._audience = Audience(stream.pack, self)
        self._broadcasts = broadcasts
        self._broadcast: Broadcast | None = None
        self._subscription: Subscription | None = None
        self._selection = selection
        self.storage: Storage = selection.storage
        # An object is no list: upstream sends it as it is.
        self._form = Form.OBJECT if negotiated.form is Form.PARTIAL_LIST else negotiated.form
        self._version = negotiated.meta_version
        # Whether the columns of a Table are still to be sent, and whether that is for the initial events to do.
        self._columns_due = True
        self._initial = False
        self._include_object = checked_include(include_object) if self._form is Form.TABLE else ""
        self._store = store
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] | None = []
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def subscribe(self, revision: int) -> None:
        """Follow the store from a revision on.

        Raises: CompactedError if that is no longer possible.
        """
        self._subscription = self._store.watch(self.storage.collection, revision, self._deliver)

    def close(self) -> None:
        """Follow the store no longer, and send what has come until now."""
        if self._subscription is not None:
            self._subscription.close()
        self._outbox.leave(self._audience, self)
        if self._broadcast is not None:
            self._broadcasts.leave(self, self._broadcast)

    def _deliver(self, event: WatchEvent) -> None:
        """Take one event from the store. Returns at once.

        An event that cannot be sent ends the watch: the client comes back, rather than go on with a gap.
        """
        if self._ended.done():
            return
        try:
            line = self._encode(event)
        except Exception:
            log_failure(self.storage, event)
            self.end()
            return
        if line is not None:
            self._counted.sent(len(line))
            self._outbox.put(self._audience, line)

    def _encode(self, event: WatchEvent) -> bytes | None:
        """The line of an event, None if it is not for this watcher."""
        change = transition(self._selection, event)
        if change is None:
            return None
        type_, entry = change
        return frame(self.storage, event, type_, entry) if self._form is Form.OBJECT else self._line(type_, entry, live=True)

    def expect_initial(self, initial: list[Entry], *, send_end: bool) -> None:
        """Learn what comes first, before the first live event does."""
        self._initial = self._form is Form.TABLE and (send_end or any(map(self._selection.matches, initial)))

    def end(self) -> None:
        """End the watch: in an orderly way if it is live, by force if the client still reads the initial state."""
        if not self._ended.done():
            self._ended.set_result(None)
            if self._early is not None and self._transport is not None:
                self._transport.abort()

    async def run(self, initial: Listing, timeout_s: float, *, send_end: bool, bookmarks: bool) -> None:
        """Send the initial state, then events, until the timeout, `end`, or the client goes.

        Args:
            initial: what the watcher is told as ADDED first.
            send_end: whether a bookmark marks the end of the initial state.
            bookmarks: whether the watcher is told from time to time how far it is.
        """
        request = self._stream.response._req
        self._transport = request.transport if request is not None else None
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(timeout_s, self.end)]
        try:
            await self._send_initial(initial.entries)
            if send_end:
                # Not the present revision: what has come meanwhile is sent only now.
                await self._stream.write([self._bookmark(initial.revision, initial_end=True)])
            self._go_live(initial.revision)
            if isinstance(request, HttpRequest) and request.ticket is not None:
                # A watch that only waits takes nobody's seat.
                request.ticket.finish()
            if bookmarks:
                self._schedule_bookmark(timers, random.uniform(0.8, 1), timers[0].when() - BOOKMARK_BEFORE_END_S)
            await self._stream.follow(self._ended)
        finally:
            for timer in timers:
                timer.cancel()

    async def _send_initial(self, initial: Iterable[Entry]) -> None:
        batch: list[bytes] = []
        batch_bytes = 0
        for entry in initial:
            if self._selection.matches(entry):
                line = self._line("ADDED", entry)
                batch.append(line)
                batch_bytes += len(line)
                self._counted.sent(len(line))
                self._counted.initial += 1
                if batch_bytes >= INITIAL_BATCH_BYTES:
                    await self._stream.write(batch)
                    batch, batch_bytes = [], 0
        if batch:
            await self._stream.write(batch)

    def _go_live(self, start: int) -> None:
        """From here on events are written to the connection as they come.

        Args:
            start: the revision that the watch follows, which may be one that is yet to come.
        """
        early, self._early = self._early or [], None
        for data in early:
            self.send(data)
        if self._form is Form.OBJECT and self._selection.everything and start <= self._store.revision and self._subscription is not None:
            # Both have seen the same of the store.
            self._subscription.close()
            self._outbox.settle(self._audience)
            self._broadcast = self._broadcasts.join(self, self._selection, self._stream, self._counted)

    def send(self, data: bytes) -> None:
        """Receiver: write to the connection, or keep what comes before the initial state is sent."""
        if self._early is not None:
            self._early.append(data)
            if len(self._early) > limits.WATCH_QUEUE_EVENTS_MAX:
                self.end()
            return
        transport = self._transport
        if transport is None or transport.is_closing():
            self.end()
            return
        transport.write(data)
        if transport.get_write_buffer_size() > limits.WATCH_BACKLOG_BYTES_MAX:
            self._counted.terminated += 1
            transport.abort()
            self.end()

    def _line(self, type_: EventType, entry: Entry, *, live: bool = False) -> bytes:
        storage = self.storage
        if self._form is Form.OBJECT:
            body = storage.data(entry)
        elif self._form is Form.TABLE:
            body = self._table(storage.served(entry), str(entry.revision), live=live)
        else:
            body = encode(partial_object_metadata(storage.served(entry), self._version))
        return b'{"type":"%b","object":%b}\n' % (type_.encode(), body.strip())

    def _table(self, obj: Any, revision: str, *, live: bool) -> bytes:
        """One object as a Table; the first that is sent says what the columns are."""
        with_columns = self._columns_due and not (live and self._initial)
        self._columns_due = self._columns_due and not with_columns
        return table(
            self.storage.resource, [obj], {"resourceVersion": revision}, include_object=self._include_object, now=SYSTEM_CLOCK.now(),
            printer=self.storage.printer, version=self._version, with_columns=with_columns,
        )

    def _bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        resource = self.storage.resource
        metadata: dict[str, object] = {"resourceVersion": str(revision)}
        if initial_end:
            metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
        document = {"kind": resource.kind, "apiVersion": resource.group_version, "metadata": metadata}
        if self._form is Form.TABLE:
            empty, _ = self.storage.from_document(document, "Ignore")
            return b'{"type":"BOOKMARK","object":%b}\n' % self._table(empty, str(revision), live=not initial_end).strip()
        if self._form is not Form.OBJECT:
            document |= {"kind": "PartialObjectMetadata", "apiVersion": self._version}
        return encode({"type": "BOOKMARK", "object": document}) + b"\n"

    def _schedule_bookmark(self, timers: list[asyncio.TimerHandle], share: float, last: float) -> None:
        """Tell the watcher in a minute how far it is.

        Args:
            share: of the minute, so that not all watchers are told at once.
            last: the time of the event loop for the last bookmark, shortly before the watch ends.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        moment = min(now + BOOKMARK_INTERVAL_S * share, last)

        def send() -> None:
            # It must not overtake what it says has been sent, nor come after what is sent from now on.
            if self._broadcast is not None:
                self._broadcast.settle()
            self._outbox.put(self._audience, self._bookmark(self._store.revision))
            self._outbox.settle(self._audience)
            if not self._ended.done():
                self._schedule_bookmark(timers, 1, last)

        if moment > now:
            timers[1:] = [loop.call_at(moment, send)]


class Watches:
    """All watches of a server.

    Attributes:
        running: those that have begun and not ended.
    """

    def __init__(self, registry: Registry, metrics: ServerMetrics) -> None:
        self._registry = registry
        self._metrics = metrics
        self.running: set[Watch] = set()
        self._outbox = Outbox()
        self._broadcasts = Broadcasts(registry.store, self._outbox)

    def end_of(self, storage: Storage) -> None:
        """End the watches of a resource that is served no longer, or no longer as it was."""
        for watch in [watch for watch in self.running if watch.storage is storage]:
            watch.end()

    def end_all(self) -> None:
        """End every watch: the server goes down."""
        for watch in [*self.running]:
            watch.end()

    async def serve(
        self, request: web.BaseRequest, storage: Storage, selection: Selection, query: Query, negotiated: Negotiated
    ) -> web.StreamResponse:
        """Answer a watch request; returns when it has ended.

        What cannot be watched for reasons of revisions is answered with one ERROR event: a client that got this far reads events.
        Raises: BadRequestError, InvalidError for options that do not fit.
        """
        store = self._registry.store
        counted = self._metrics.watch_series(storage.resource)
        stream = event_stream(request, negotiated.coding)
        for header in warning_headers([storage.deprecation]):
            stream.response.headers.add("Warning", header)
        watch = Watch(stream, selection, negotiated, query.text("includeObject"), store, self._outbox, self._broadcasts, counted)
        options = list_options(query, watch=query.flag("watch"))
        timeout_s = options.timeout_s or random.uniform(WATCH_TIMEOUT_MIN_S, 2 * WATCH_TIMEOUT_MIN_S)
        if options.send_initial and options.revision and options.revision > store.revision:
            # The state from there on is to come: the watch has begun, and says nothing until then.
            await stream.open()
            if not await store.wait_revision(options.revision, timeout_s):
                await stream.close()
                return stream.response
        listing = self._registry.list(storage, selection.namespace)
        try:
            start, initial, send_end = _start(options, listing.revision, listing.entries)
            watch.expect_initial(initial, send_end=send_end)
            watch.subscribe(start)
        except CompactedError as error:
            return await _refuse(stream, ExpiredError(f"too old resource version: {options.revision} ({error.oldest})"))
        self.running.add(watch)
        counted.running += 1
        try:
            try:
                await stream.open()
                await watch.run(Listing(initial, start), timeout_s, send_end=send_end, bookmarks=options.bookmarks)
            finally:
                watch.close()
            if request.transport is not None and not request.transport.is_closing():
                await stream.close()
        except ConnectionError:
            # The client went away: that is how most watches end.
            pass
        finally:
            self.running.discard(watch)
            counted.running -= 1
        return stream.response


async def _refuse(stream: EventStream, error: StatusError) -> web.StreamResponse:
    """Send an error as the only event."""
    await stream.open()
    await stream.write([encode({"type": "ERROR", "object": error.status()}) + b"\n"])
    await stream.close()
    return stream.response


def _start(options: ListOptions, now: int, present: list[Entry]) -> tuple[int, list[Entry], bool]:
    """From which revision a watch follows, what it is told first, and whether a bookmark ends that."""
    if options.send_initial:
        return now, present, options.bookmarks
    if not options.revision:
        return now, present if options.send_initial is None else [], False
    return options.revision, [], False
