"""Lists in pages: a snapshot is pinned while its pages are read, and tokens say where to go on.

A snapshot holds references to entries, no copies. Tokens expire with their snapshot after limits.CONTINUE_TOKEN_S; the answer to
an expired one carries a token that goes on with the present state.
Source: kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks,
k8s.io/apiserver/pkg/storage/continue.go
"""

from __future__ import annotations

import base64
import time
from bisect import bisect_right
from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from minikube_py.core import limits
from minikube_py.core.errors import BadRequestError, ExpiredError
from minikube_py.store.interface import Entry, Listing

CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue "
    "parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided "
    "token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was "
    "returned and now may show up in the list."
)


class Token(NamedTuple):
    """Where to go on: the revision of the snapshot (-1: the present state) and the last key that was sent."""

    revision: int
    after: str

    def encode(self) -> str:
        document = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": self.revision, "start": self.after})
        return base64.urlsafe_b64encode(document).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> Token:
        """Raises: BadRequestError if it is no token."""
        try:
            document = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if document["v"] != "meta.k8s.io/v1":
                raise ValueError(document["v"])
            return cls(int(document["rv"]), str(document["start"]))
        except (ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
            raise BadRequestError(f"continue key is not valid: {error}") from error


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

    def first(self, scope: tuple[Any, ...], listing: Listing, limit: int, *, selected: bool) -> Page:
        """The first page of a list.

        Args:
            scope: what is listed (collection, namespace, selectors): tokens are only good for the same.
            limit: objects a page.
            selected: whether selectors were used; then the number of remaining items is not told.
        """
        if len(listing.entries) > limit:
            now = time.monotonic()
            self._drop(now)
            self._snapshots[(*scope, listing.revision)] = _Snapshot(listing.entries, now + limits.CONTINUE_TOKEN_S)
        return _page(listing.entries, 0, limit, listing.revision, listing.revision, selected)

    def next(self, scope: tuple[Any, ...], text: str, present: Listing, limit: int, *, selected: bool) -> Page:
        """The page after a token. `limit` 0 is the rest.

        Raises: BadRequestError; ExpiredError with a token for an inconsistent continuation.
        """
        token = Token.decode(text)
        if token.revision < 0:
            entries, revision, shown = present.entries, -1, present.revision
        else:
            snapshot = self._snapshots.get((*scope, token.revision))
            if snapshot is None or snapshot.expires < time.monotonic():
                error = ExpiredError(CONTINUE_EXPIRED)
                error.list_continue = Token(-1, token.after).encode()
                raise error
            entries, revision, shown = snapshot.entries, token.revision, token.revision
        start = bisect_right(entries, token.after, key=lambda entry: entry.key)
        return _page(entries, start, limit, revision, shown, selected)

    def _drop(self, now: float) -> None:
        while self._snapshots:
            scope, oldest = next(iter(self._snapshots.items()))
            if oldest.expires >= now and len(self._snapshots) < limits.CONTINUE_SNAPSHOTS_MAX:
                return
            del self._snapshots[scope]


def _page(entries: list[Entry], start: int, limit: int, revision: int, shown: int, selected: bool) -> Page:
    end = start + limit if limit else len(entries)
    page = entries[start:end]
    metadata: dict[str, Any] = {"resourceVersion": str(shown)}
    if end < len(entries):
        metadata["continue"] = Token(revision, page[-1].key).encode()
        if not selected:
            metadata["remainingItemCount"] = len(entries) - end
    return Page(page, metadata)
