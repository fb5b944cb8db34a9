"""What a controller has done and its cache has not shown yet.

A controller that creates a pod and then counts the pods in a cache that lags would create it again. So each object created or deleted
is noted under the key of its owner until the informer shows it; the owner's number of pods is not managed before.

Invariants: a uid is expected at most once as created and once as deleted. An expectation ends at the latest after EXPIRES_S, for the
case that the change is never seen (created and removed while the watch was away).
Source: pkg/controller/controller_utils.go (UIDTrackingControllerExpectations); here by uid alone, as the answer to a create names it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minikube_py.client.informer import Informer

# Source: pkg/controller/controller_utils.go, ExpectationsTimeout.
EXPIRES_S = 300.0


class Expectations:
    """Outstanding creations and deletions of one kind, by owner."""

    def __init__(self, informer: Informer[Any]) -> None:
        self._informer = informer
        self._created: dict[str, dict[str, float]] = {}
        self._deleted: dict[str, dict[str, float]] = {}
        self._owner_of_created: dict[str, str] = {}
        self._owner_of_deleted: dict[str, str] = {}
        self._creating = 0
        self._seen: set[str] = set()
        informer.add_handler(self._observe)

    @contextmanager
    def creating(self) -> Iterator[None]:
        """Surrounds calls that create: what the informer shows before the call returns is remembered as seen."""
        self._creating += 1
        try:
            yield
        finally:
            self._creating -= 1
            if not self._creating:
                self._seen.clear()

    def expect_created(self, owner: str, obj: Any) -> None:
        """Note that `obj`, as the server returned it, belongs to `owner` and should show up. Call inside `creating()`."""
        uid = obj.metadata.uid
        known = self._informer.get(obj.metadata.name, obj.metadata.namespace)
        if uid in self._seen or (known is not None and known.metadata.uid == uid):
            return
        self._created.setdefault(owner, {})[uid] = self._expiry()
        self._owner_of_created[uid] = owner

    def expect_deleted(self, owner: str, obj: Any) -> None:
        """Note that `obj` is about to be deleted; call before the request, and `unexpect_deleted` if it fails."""
        uid = obj.metadata.uid
        self._deleted.setdefault(owner, {})[uid] = self._expiry()
        self._owner_of_deleted[uid] = owner

    def unexpect_deleted(self, uid: str) -> None:
        self._drop(self._deleted, self._owner_of_deleted, uid)

    def satisfied(self, owner: str) -> bool:
        """Whether the cache shows all that was done for `owner`."""
        self._expire(owner)
        return not self._created.get(owner) and not self._deleted.get(owner)

    def remaining_s(self, owner: str) -> float:
        """Seconds until the last expectation of `owner` expires."""
        deadlines = [*self._created.get(owner, {}).values(), *self._deleted.get(owner, {}).values()]
        return max(0.0, max(deadlines, default=0.0) - asyncio.get_running_loop().time())

    def forget(self, owner: str) -> None:
        """Drop all expectations of an owner that is gone."""
        for uid in self._created.pop(owner, {}):
            self._owner_of_created.pop(uid, None)
        for uid in self._deleted.pop(owner, {}):
            self._owner_of_deleted.pop(uid, None)

    def _expiry(self) -> float:
        return asyncio.get_running_loop().time() + EXPIRES_S

    def _expire(self, owner: str) -> None:
        now = asyncio.get_running_loop().time()
        for table, owners in ((self._created, self._owner_of_created), (self._deleted, self._owner_of_deleted)):
            for uid in [uid for uid, deadline in table.get(owner, {}).items() if deadline <= now]:
                self._drop(table, owners, uid)

    def _observe(self, old: Any, new: Any) -> None:
        if new is None or (old is not None and old.metadata.uid != new.metadata.uid):
            uid = old.metadata.uid
            self._drop(self._created, self._owner_of_created, uid)
            self._drop(self._deleted, self._owner_of_deleted, uid)
        if new is None:
            return
        uid = new.metadata.uid
        if self._creating:
            self._seen.add(uid)
        self._drop(self._created, self._owner_of_created, uid)
        if new.metadata.deletion_timestamp:
            self._drop(self._deleted, self._owner_of_deleted, uid)

    @staticmethod
    def _drop(table: dict[str, dict[str, float]], owners: dict[str, str], uid: str) -> None:
        owner = owners.pop(uid, None)
        if owner is not None:
            rows = table[owner]
            del rows[uid]
            if not rows:
                del table[owner]
