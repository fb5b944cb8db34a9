"""Following one collection over HTTP: the list and watch state machine.

A Reflector is always in one of four states, and one step moves it on:

    EMPTY         nothing is known     -> PAGING, or STREAMING where the server streams lists
    PAGING        some pages are read  -> PAGING; after the last page the sink gets `replace` -> LISTED
    STREAMING     a watch delivers the initial state; its end mark -> `replace` -> LISTED, in the same watch
    LISTED        the sink is right as of `resource_version`; watches from there, again and again

Errors: 410 -> EMPTY; all others keep the state and wait (0.8 s doubling to 30 s, with jitter), so a sink never loses what it knew
while the server is away. A watch that ends in order is opened again at once, unless it ended without an event within a second.

Source: client-go tools/cache/reflector.go, kube-rs kube-runtime/src/watcher.rs,
kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import enum
import logging
import random
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import aiohttp
import msgspec

from minikube_py.apis.object import Object
from minikube_py.apis.resources import ResourceType
from minikube_py.core.errors import ExpiredError, StatusError, from_status

from .interface import EventType, Sink
from .transport import CONNECT_TIMEOUT_S, Transport

log = logging.getLogger(__name__)
T = TypeVar("T", bound=Object)

PAGE_OBJECTS = 500
# Source: client-go reflector.go minWatchTimeout; the real one is up to twice as long, so that watches do not end together.
WATCH_TIMEOUT_MIN_S = 300
# How much longer than its own timeout a watch may last before its connection counts as dead.
WATCH_OVERTIME_S = 30
# Source: client-go reflector.go (backoff of 800 ms, 30 s, factor 2, jitter 1, reset after 2 min).
BACKOFF_MIN_S = 0.8
BACKOFF_MAX_S = 30.0
BACKOFF_RESET_S = 120.0
SHORT_WATCH_S = 1.0
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class State(enum.Enum):
    EMPTY = "empty"
    PAGING = "paging"
    STREAMING = "streaming"
    LISTED = "listed"


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = ""


class ListAnswer(msgspec.Struct):
    """A list of any kind, its items not yet decoded."""

    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: list[msgspec.Raw] | None = None


class _Frame(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _BookmarkMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class _Bookmark(msgspec.Struct):
    metadata: _BookmarkMeta


list_decoder = msgspec.json.Decoder(ListAnswer)
_frame_decoder = msgspec.json.Decoder(_Frame)
_bookmark_decoder = msgspec.json.Decoder(_Bookmark)


class Reflector(Generic[T]):
    """Keeps one sink up to date.

    Invariants: `replace` comes only with a whole list; `apply` comes in the order of revisions and only in LISTED.
    """

    def __init__(
        self, transport: Transport, resource: ResourceType, decode: Callable[[bytes], T], sink: Sink[T], *, namespace: str = "",
        selectors: dict[str, str] | None = None, stream_lists: bool = False,
    ) -> None:
        self.state = State.EMPTY
        self._transport = transport
        self._path = resource.collection_path(namespace)
        self._decode = decode
        self._sink = sink
        self._selectors = {key: value for key, value in (selectors or {}).items() if value}
        self._stream_lists = stream_lists
        self._whole_list = False
        self._objects: list[T] = []
        self._continue = ""
        self._resource_version = ""
        self._failures = 0
        self._failed_at = 0.0

    async def run(self) -> None:
        """Follow the collection until cancelled."""
        while True:
            try:
                await self._step()
            except ExpiredError as error:
                log.info("relist path=%s reason=%s", self._path, error.message)
                self._expired()
            except StatusError as error:
                await self._fail(error, float(error.details.get("retryAfterSeconds") or 0))
            except (OSError, TimeoutError, msgspec.DecodeError, ValueError) as error:
                await self._fail(error)

    async def _step(self) -> None:
        if self.state is State.EMPTY:
            self._objects, self._continue = [], ""
            self.state = State.STREAMING if self._stream_lists else State.PAGING
        elif self.state is State.PAGING:
            await self._page()
        elif self.state is State.STREAMING:
            await self._stream()
        else:
            await self._watch({"resourceVersion": self._resource_version})

    async def _page(self) -> None:
        params: dict[str, str | int] = {**self._selectors}
        if not self._whole_list:
            params["limit"] = PAGE_OBJECTS
        if self._continue:
            params["continue"] = self._continue
        answer = list_decoder.decode(await self._transport.request("GET", self._path, params=params))
        for raw in answer.items or ():
            obj = self._decoded(raw)
            if obj is not None:
                self._objects.append(obj)
        self._continue = answer.metadata.continue_
        self._resource_version = answer.metadata.resource_version
        if not self._continue:
            self._whole_list = False
            self._replace()

    async def _stream(self) -> None:
        self._objects = []
        params = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        try:
            await self._watch(params)
        except StatusError as error:
            if error.code not in (400, 422):
                raise
            self._stream_lists, self.state = False, State.EMPTY

    async def _watch(self, position: dict[str, str]) -> None:
        timeout_s = int(WATCH_TIMEOUT_MIN_S * (1 + random.random()))
        params: dict[str, str | int] = {
            **self._selectors, **position, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": timeout_s,
        }
        limit = aiohttp.ClientTimeout(total=timeout_s + WATCH_OVERTIME_S, sock_connect=CONNECT_TIMEOUT_S)
        loop = asyncio.get_running_loop()
        begun, events = loop.time(), 0
        async with self._transport.open("GET", self._path, params=params, timeout=limit) as answer:
            async for frame in self._transport.frames(answer):
                events += 1
                self._take(frame)
        if not events and loop.time() - begun < SHORT_WATCH_S:
            raise ConnectionResetError("the watch ended at once and without an event")

    def _take(self, frame: bytes) -> None:
        event = _frame_decoder.decode(frame)
        if event.type == "BOOKMARK":
            mark = _bookmark_decoder.decode(event.object).metadata
            self._resource_version = mark.resource_version
            if self.state is State.STREAMING and (mark.annotations or {}).get(INITIAL_EVENTS_END) == "true":
                self._replace()
        elif event.type in ("ADDED", "MODIFIED", "DELETED"):
            obj = self._decoded(event.object)
            if obj is None:
                return
            if self.state is State.STREAMING:
                self._objects.append(obj)
            else:
                self._resource_version = _resource_version(obj)
                kind: EventType = event.type  # type: ignore[assignment]
                self._sink.apply(kind, obj)
        else:
            document = msgspec.json.decode(event.object)
            raise from_status(document if isinstance(document, dict) else {}, 500)

    def _replace(self) -> None:
        objects, self._objects = self._objects, []
        self.state = State.LISTED
        self._sink.replace(objects)

    def _expired(self) -> None:
        """A page token that ran out means that pages are too slow here: the next list is asked for whole."""
        if self.state is State.PAGING:
            self._whole_list = True
        self.state = State.EMPTY

    def _decoded(self, raw: msgspec.Raw) -> T | None:
        """One object; one that cannot be read is reported and left out, for the others must go on."""
        try:
            return self._decode(bytes(raw))
        except msgspec.ValidationError as error:
            log.error("object not understood path=%s error=%s", self._path, error)
            return None

    async def _fail(self, error: Exception, retry_after_s: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._failed_at > BACKOFF_RESET_S:
            self._failures = 0
        delay_s = min(BACKOFF_MIN_S * 2**min(self._failures, 16), BACKOFF_MAX_S) * (1 + random.random())
        delay_s = max(min(delay_s, BACKOFF_MAX_S), retry_after_s)
        self._failures += 1
        log.log(logging.WARNING if self._failures > 1 else logging.INFO, "list and watch failed path=%s state=%s retry_s=%.1f error=%s",
                self._path, self.state.value, delay_s, error)
        await asyncio.sleep(delay_s)
        self._failed_at = loop.time()


def _resource_version(obj: Any) -> str:
    return str(obj.metadata.resource_version)
