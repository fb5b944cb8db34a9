"""The IPAddresses of cluster IPs, written with the services that hold them.

Before the store saves what it has accepted, every cluster IP that a service has got gets its IPAddress, and those that were given up lose
theirs, in the same transaction: who has the answer to the create of a service finds its IPAddress. Upstream's allocator makes it within the
request, before the service. What is not as it should be nevertheless - made by somebody else, deleted by hand, kept by a finalizer, from
before there was this - the controller puts right (`controllers/service_cidrs.py`).

Source: pkg/registry/core/service/ipallocator/ipallocator.go (createIPAddress, release)
"""

from __future__ import annotations

import asyncio
import logging

from minikube_py.apis.core_v1 import Service
from minikube_py.apis.networking_v1 import IPAddress
from minikube_py.apis.scheme import decoder
from minikube_py.apis.service_addresses import ALLOCATOR, MANAGED_BY, allocated, cluster_ips
from minikube_py.core.names import random_uid
from minikube_py.store.interface import Entry, StoreError

from .context import INTERNAL
from .registry import Registry
from .storage import encode_versioned

log = logging.getLogger(__name__)
SERVICES = "services"


class IPAddresses:
    """Follows the services that a Registry's store accepts, and writes their IPAddresses. See WriteObserver.

    Invariant: an IPAddress is only touched here because its service has changed; the index says which service had which addresses.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._storage = registry.storage_of(IPAddress)
        self._held: dict[str, list[str]] = {}
        # What is to be written: who holds an address now; None for nobody.
        self._changed: dict[str, str | None] = {}
        self._flushing: asyncio.Handle | None = None
        self._reload()
        self._store.observe(self)

    def _reload(self) -> None:
        self._held = {entry.key: cluster_ips(_service(entry)) for entry in self._store.list(SERVICES).entries}

    def accepted(self, resource: str, entry: Entry, *, deleted: bool) -> None:
        if resource != SERVICES:
            return
        key, before = entry.key, self._held.get(entry.key, [])
        after = [] if deleted else cluster_ips(_service(entry))
        if after:
            self._held[key] = after
        else:
            self._held.pop(key, None)
        if before == after:
            return
        self._changed |= dict.fromkeys((ip for ip in before if ip not in after), None)
        self._changed |= dict.fromkeys((ip for ip in after if ip not in before), key)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self.saving)

    def saving(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._changed:
            changed, self._changed = self._changed, {}
            for name, holder in changed.items():
                try:
                    self._write(name, holder)
                except StoreError as error:
                    log.warning("IPAddress is left to the controller name=%s error=%s", name, error)

    def discarded(self) -> None:
        self._changed = {}
        self._reload()

    def _write(self, name: str, holder: str | None) -> None:
        collection, head = self._storage.collection, self._store.head(self._storage.collection, name)
        if holder is not None and head is None:
            write = self._store.submit_create(collection, name, self._made(name, holder), encode_versioned)
        elif holder is None and head is not None and self._may_go(head):
            write = self._store.submit_delete(collection, name, self._last(head), encode_versioned, previous=head.revision)
        else:
            return
        # Nobody waits for it; if it fails, so do the writes of services before it.
        write.add_done_callback(asyncio.Future.exception)

    def _may_go(self, head: Entry) -> bool:
        """Whether an IPAddress is the allocator's, and may go at once; finalizers are waited for by who deletes it as clients do."""
        metadata = self._storage.object(head).metadata
        return metadata.labels.get(MANAGED_BY) == ALLOCATOR and not metadata.finalizers

    def _made(self, name: str, holder: str) -> IPAddress:
        obj, registry, storage = allocated(name, holder), self._registry, self._storage
        now = registry.now()
        obj.metadata.managed_fields = registry.field_managers.of(storage, "").update(None, obj, INTERNAL.field_manager, now)
        obj.metadata.uid, obj.metadata.creation_timestamp = random_uid(), now
        storage.strategy.prepare_create(obj, INTERNAL)
        return obj

    def _last(self, head: Entry) -> IPAddress:
        found: IPAddress = decoder(IPAddress).decode(head.data)
        return found


def _service(entry: Entry) -> Service:
    service: Service = entry.obj if entry.obj is not None else decoder(Service).decode(entry.data)
    return service
