"""What the status of a ResourceQuota says of its usage: written with the writes that change it.

Before the store saves what it has accepted, the quotas whose usage that changes get their new status, once each however many objects it
was, in the same transaction. So whoever has the answer to a create reads a usage that counts it, as upstream's, whose plugin writes the
usage before the object; and what the disk holds agrees with itself. The first status of a quota, and what is wanted of it, are the
controller's.
"""

from __future__ import annotations

import asyncio
import logging

from msgspec.structs import replace

from minikube_py.apis.core_v1 import ResourceQuota
from minikube_py.store.interface import Entry, StoreError

from ..context import INTERNAL
from ..registry import Registry
from ..storage import encode_versioned
from .usage import QUOTAS, QuotaUsage

log = logging.getLogger(__name__)


class QuotaStatus:
    """Feeds a QuotaUsage with the writes that a Registry's store accepts, and writes what becomes of it. See WriteObserver."""

    def __init__(self, registry: Registry, usage: QuotaUsage) -> None:
        self._registry, self._usage = registry, usage
        self._store = registry.store
        self._storage = registry.storage_of(ResourceQuota)
        self._flushing: asyncio.Handle | None = None
        self._store.observe(self)

    def accepted(self, resource: str, entry: Entry, *, deleted: bool) -> None:
        usage = self._usage
        usage.accepted(resource, entry, deleted=deleted)
        if usage.changed and self._flushing is None:
            # Writes that are not saved at once would be waited for otherwise.
            self._flushing = asyncio.get_running_loop().call_soon(self.saving)

    def saving(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._usage.changed:
            for namespace, name in self._usage.take_changed():
                self._write(namespace, name)

    def discarded(self) -> None:
        self._usage.reload()
        self._usage.note_all()

    def _write(self, namespace: str, name: str) -> None:
        key = self._storage.key(namespace, name)
        head, used = self._store.head(QUOTAS, key), self._usage.used(namespace, name)
        if head is None or used is None:
            return
        old: ResourceQuota = self._storage.object(head)
        told = {name: amount for name, amount in used.items() if name in old.status.hard}
        if all(old.status.used.get(name) == amount for name, amount in told.items()):
            return
        new = replace(old, metadata=replace(old.metadata), status=replace(old.status, used=old.status.used | told))
        fields = self._registry.field_managers.of(self._storage, "status")
        new.metadata.managed_fields = fields.update(old, new, INTERNAL.field_manager, self._registry.now())
        try:
            write = self._store.submit_update(QUOTAS, key, new, encode_versioned, previous=head.revision)
        except StoreError as error:
            # The usage itself is right, and the next change of it tries again.
            log.warning("quota status not written key=%s error=%s", key, error)
        else:
            # Nobody waits for it; if it fails, so do the writes that it tells of.
            write.add_done_callback(asyncio.Future.exception)
