"""Lists in pages: a snapshot is pinned while its pages are read, and tokens say where to go on.

A snapshot holds references to entries, no copies. Tokens expire with their snapshot after limits.CONTINUE_TOKEN_S, also where the store
still knows their past: clients count on it, as etcd forgets. The answer to an expired one carries a token that goes on with the present
state, which is pinned in its turn.
Source: kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks,
k8s.io/apiserver/pkg/storage/continue.go
"""

from __future__ import annotations

import base64
import re
import time
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable
from posixpath import normpath
from typing import Any, NamedTuple

import msgspec

from minikube_py.apis.json_syntax import JsonSyntaxError
from minikube_py.apis.json_text import parse, plain
from minikube_py.core import limits
from minikube_py.core.errors import BadRequestError, ExpiredError
from minikube_py.store.interface import CompactedError, Entry, Listing

CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue "
    "parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided "
    "token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was "
    "returned and now may show up in the list."
)


VERSION = "meta.k8s.io/v1"
# How far apart the moments are that the age of tokens is counted from.
_GIVEN_STEP_S = 1.0
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9_-]").search


class Token(NamedTuple):
    """Where to go on: the revision of the snapshot (-1: the present state) and the last key that was sent."""

    revision: int
    after: str

    def encode(self) -> str:
        document = msgspec.json.encode({"v": VERSION, "rv": self.revision, "start": self.after})
        return base64.urlsafe_b64encode(document).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> Token:
        """Raises: BadRequestError if it is no token."""
        try:
            document = plain(parse(_unpacked(text)))
        except JsonSyntaxError as error:
            raise _invalid(f": {error}") from error
        if not isinstance(document, dict):
            kind = _KINDS.get(type(document), "number")
            raise _invalid(f": json: cannot unmarshal {kind} into Go value of type storage.continueToken")
        fields = {"v": "", "rv": 0, "start": ""} | {name: value for name, value in document.items() if value is not None}
        for name, kind_, go_type in (("v", str, "string"), ("rv", int, "int64"), ("start", str, "string")):
            if type(fields[name]) is not kind_:
                found = _KINDS.get(type(fields[name]), "number")
                raise _invalid(f": json: cannot unmarshal {found} into Go struct field continueToken.{name} of type {go_type}")
        if fields["v"] != VERSION:
            raise _invalid(f": server does not recognize this encoded version {fields['v']}")
        if not fields["rv"]:
            raise _invalid(f": incorrect encoded start resourceVersion (version {VERSION})")
        start = fields["start"]
        if not start:
            raise _invalid(f": encoded start key empty (version {VERSION})")
        path = start if start.startswith("/") else f"/{start}"
        if normpath(path) != path:
            raise _invalid(f": {start}")
        return cls(fields["rv"], path[1:])


_KINDS: dict[type[Any], str] = {str: "string", bool: "bool", list: "array", dict: "object"}


def _invalid(why: str) -> BadRequestError:
    return BadRequestError(f"invalid continue token: continue key is not valid{why}")


def _unpacked(text: str) -> bytes:
    """What is in a text of URL-safe base64 without padding. Raises: BadRequestError, as Go says it."""
    wrong = _NOT_BASE64(text)
    position = len(text[: wrong.start()].encode()) if wrong else len(text) // 4 * 4
    if wrong or len(text) % 4 == 1:
        raise _invalid(f": illegal base64 data at input byte {position}")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Page(NamedTuple):
    entries: list[Entry]
    metadata: dict[str, Any]


class _Snapshot(NamedTuple):
    entries: list[Entry]
    expires: float


class Pager:
    """The snapshots of lists that are being read."""

    def __init__(self) -> None:
        self._snapshots: OrderedDict[tuple[Any, ...], _Snapshot] = OrderedDict()
        # When tokens of which revision were given out, and the newest revision whose tokens are too old.
        self._given: deque[tuple[float, int]] = deque()
        self._forgotten = 0

    def first(self, scope: tuple[Any, ...], listing: Listing, limit: int, *, selected: bool) -> Page:
        """The first page of a list.

        Args:
            scope: what is listed (collection, namespace, selectors): tokens are only good for the same.
            limit: objects a page.
            selected: whether selectors were used; then the number of remaining items is not told.
        """
        if len(listing.entries) > limit:
            self._pin(scope, listing)
        return _page(listing.entries, 0, limit, listing.revision, selected)

    def next(
        self, scope: tuple[Any, ...], text: str, present: Listing, limit: int, *, selected: bool, past: Callable[[int], Listing]
    ) -> Page:
        """The page after a token. `limit` 0 is the rest.

        Args:
            past: the list at a revision, for tokens without a snapshot, as of other selectors. Raises: CompactedError.
        Raises: BadRequestError; ExpiredError with a token for an inconsistent continuation.
        """
        token = Token.decode(text)
        entries, revision = present if token.revision < 0 else (self._pinned(scope, token, past), token.revision)
        start = bisect_right(entries, token.after, key=lambda entry: entry.key)
        if token.revision < 0 and 0 < limit < len(entries) - start:
            self._pin(scope, present)
        return _page(entries, start, limit, revision, selected)

    def _pin(self, scope: tuple[Any, ...], listing: Listing) -> None:
        now = time.monotonic()
        self._drop(now)
        key = (*scope, listing.revision)
        self._snapshots[key] = _Snapshot(listing.entries, now + limits.CONTINUE_TOKEN_S)
        self._snapshots.move_to_end(key)
        revision = listing.revision
        if self._given and now - self._given[-1][0] < _GIVEN_STEP_S:
            now, known = self._given.pop()
            revision = max(revision, known)
        self._given.append((now, revision))

    def _pinned(self, scope: tuple[Any, ...], token: Token, past: Callable[[int], Listing]) -> list[Entry]:
        """Raises: ExpiredError."""
        now = time.monotonic()
        snapshot = self._snapshots.get((*scope, token.revision))
        if snapshot is not None and snapshot.expires >= now:
            return snapshot.entries
        while self._given and self._given[0][0] + limits.CONTINUE_TOKEN_S < now:
            _, revision = self._given.popleft()
            self._forgotten = max(self._forgotten, revision)
        if token.revision <= self._forgotten:
            raise _expired(token)
        try:
            return past(token.revision).entries
        except CompactedError as error:
            raise _expired(token) from error

    def _drop(self, now: float) -> None:
        while self._snapshots:
            scope, oldest = next(iter(self._snapshots.items()))
            if oldest.expires >= now and len(self._snapshots) < limits.CONTINUE_SNAPSHOTS_MAX:
                return
            del self._snapshots[scope]


def _expired(token: Token) -> ExpiredError:
    expired = ExpiredError(CONTINUE_EXPIRED)
    expired.list_continue = Token(-1, token.after).encode()
    return expired


def _page(entries: list[Entry], start: int, limit: int, revision: int, selected: bool) -> Page:
    end = start + limit if limit else len(entries)
    page = entries[start:end]
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if end < len(entries):
        metadata["continue"] = Token(revision, page[-1].key).encode()
        if not selected:
            metadata["remainingItemCount"] = len(entries) - end
    return Page(page, metadata)
