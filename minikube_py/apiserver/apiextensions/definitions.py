"""The life of CustomResourceDefinitions: accepting their names, serving their resources, and removing these with them.

Owns which custom resources the Registry serves, and when conditions are written. What they say is decided in `apis/definition_status.py`,
what is published about resources in `publishing.py`.

A definition is served before its Established condition can be seen, so that a client that waits for it never comes too early. Everything
is driven by the watch of definitions, and, while one is being deleted, of its objects.
Source: k8s.io/apiextensions-apiserver/pkg/controller/{status,establish,finalizer}, pkg/apiserver/customresource_handler.go
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition, CustomResourceDefinitionCondition
from minikube_py.apis.custom_resources import is_condition_true, kind_of, served_versions
from minikube_py.apis.definition_status import definition_status, with_condition
from minikube_py.apis.scheme import deep_copy, encode
from minikube_py.core.errors import NotFoundError, StatusError
from minikube_py.core.workqueue import WorkQueue
from minikube_py.store.interface import Subscription, WatchEvent

from ..context import Context
from ..deletion import DeleteOptions
from ..http.watch import Watches
from ..registry import Registry
from ..strategies.definitions import CLEANUP_FINALIZER

if TYPE_CHECKING:
    from .storage import CustomStorage

log = logging.getLogger(__name__)
DELETIONS_MAX = 256


@dataclass(slots=True)
class _Served:
    """A definition that is served: what of it was compiled, and the storages made of that."""

    compiled: bytes
    stored: CustomStorage
    storages: list[CustomStorage]


class Definitions:
    """Serves what definitions define.

    Attributes:
        ready: set when everything that was established before is served.
    """

    def __init__(self, registry: Registry, watches: Watches) -> None:
        storage = registry.storage("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        if storage is None:
            raise KeyError("customresourcedefinitions")
        self._registry = registry
        self._watches = watches
        self._storage = storage
        self._queue: WorkQueue[str] = WorkQueue("customresourcedefinitions")
        self._served: dict[str, _Served] = {}
        self._emptying: dict[str, Subscription] = {}
        self.ready = asyncio.Event()

    def load(self) -> None:
        """Serve what was established before, and follow what comes."""
        listing = self._registry.list(self._storage)
        for definition in self._all():
            if is_condition_true(definition, "Established"):
                self._serve(definition)
            self._queue.add(definition.metadata.name)
        self._registry.store.watch(self._storage.collection, listing.revision, self._changed)
        self.ready.set()

    async def run(self) -> None:
        """Follow definitions until cancelled."""
        try:
            await self._queue.work(self._reconcile)
        finally:
            self._queue.close()

    def _all(self) -> list[CustomResourceDefinition]:
        return [self._storage.object(entry) for entry in self._registry.list(self._storage).entries]

    def _changed(self, event: WatchEvent) -> None:
        name = event.entry.key
        self._queue.add(name)
        if event.type == "DELETED" or (event.previous is not None and _names_changed(self._storage, event)):
            # Names have become free, or contested: others may be accepted now.
            for definition in self._all():
                self._queue.add(definition.metadata.name)

    async def _reconcile(self, name: str) -> float | None:
        entry = self._registry.store.get(self._storage.collection, name)
        if entry is None:
            self._withdraw(name)
            return None
        definition: CustomResourceDefinition = self._storage.object(entry)
        status = definition_status(definition, self._all(), self._registry.clock.now())
        if status != definition.status:
            changed = deep_copy(definition)
            changed.status = status
            if is_condition_true(changed, "Established"):
                self._serve(changed)
            await self._write_status(changed)
            return None
        if is_condition_true(definition, "Established"):
            self._serve(definition)
        if definition.metadata.deletion_timestamp and CLEANUP_FINALIZER in definition.metadata.finalizers:
            await self._empty(definition)
        return None

    async def _write_status(self, changed: CustomResourceDefinition) -> None:
        await self._registry.update(self._storage, "", changed.metadata.name, lambda old: changed, CONTROLLER, subresource="status")

    # Serving.

    def _serve(self, definition: CustomResourceDefinition) -> None:
        """Serve the versions of a definition as it is now."""
        from .storage import build_storages  # Large, with all of schemas and CEL; only clusters with definitions need it.

        name = definition.metadata.name
        compiled = encode([definition.spec, definition.status.accepted_names])
        known = self._served.get(name)
        if known is None or known.compiled != compiled:
            resources = [kind_of(definition, v.name).resource for v in definition.spec.versions if v.served or v.storage]
            stored, storages = build_storages(definition, resources)
            wanted = served_versions(definition)
            storages = [storage for storage in storages if storage.resource.version in wanted]
            if known is not None:
                self._withdraw_storages(known)
            for storage in storages:
                self._registry.serve(storage)
        else:
            stored, storages = known.stored, known.storages
        self._served[name] = _Served(compiled, stored, storages)
        for storage in storages:
            storage.custom_strategy.terminating = bool(definition.metadata.deletion_timestamp)

    def _withdraw(self, name: str) -> None:
        emptying = self._emptying.pop(name, None)
        if emptying is not None:
            emptying.close()
        known = self._served.pop(name, None)
        if known is not None:
            self._withdraw_storages(known)

    def _withdraw_storages(self, served: _Served) -> None:
        for storage in served.storages:
            self._registry.withdraw(storage)
            self._watches.end_of(storage)

    # Removing.

    async def _empty(self, definition: CustomResourceDefinition) -> None:
        """Delete all objects of a definition that is being deleted, and let it go when none is left."""
        name = definition.metadata.name
        served = self._served.get(name)
        if served is None:
            await self._release(definition)
            return
        storage = served.stored
        if name not in self._emptying:
            revision = self._registry.store.revision
            self._emptying[name] = self._registry.store.watch(storage.collection, revision, lambda event: self._queue.add(name))
            await self._report(definition, "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress")
        failures = await self._delete_all(storage)
        if failures:
            message = f"could not issue all deletes: {', '.join(failures)}"
            await self._report(definition, "True", "InstanceDeletionFailed", message)
            raise StatusError(message)
        if not self._registry.store.count(storage.collection):
            await self._report(definition, "False", "InstanceDeletionCompleted", "removed all instances")
            await self._release(definition)

    async def _delete_all(self, storage: CustomStorage) -> list[str]:
        """Delete what is not being deleted yet; return what went wrong."""
        entries = [entry for entry in self._registry.list(storage).entries if not storage.object(entry).metadata.deletion_timestamp]
        failures: list[str] = []

        async def delete(key: str) -> None:
            namespace, _, name = key.rpartition("/")
            try:
                await self._registry.delete(storage, namespace, name, DeleteOptions(), CONTROLLER)
            except NotFoundError:
                return
            except StatusError as error:
                failures.append(error.message)

        for start in range(0, len(entries), DELETIONS_MAX):
            await asyncio.gather(*(delete(entry.key) for entry in entries[start : start + DELETIONS_MAX]))
        return failures

    async def _report(self, definition: CustomResourceDefinition, status: str, reason: str, message: str) -> None:
        changed = self._copy_of_newest(definition)
        condition = CustomResourceDefinitionCondition(type="Terminating", status=status, reason=reason, message=message)
        changed.status.conditions = with_condition(changed.status.conditions, condition, self._registry.clock.now())
        await self._write_status(changed)

    async def _release(self, definition: CustomResourceDefinition) -> None:
        changed = self._copy_of_newest(definition)
        changed.metadata.finalizers = [name for name in changed.metadata.finalizers if name != CLEANUP_FINALIZER]
        await self._registry.update(self._storage, "", changed.metadata.name, lambda old: changed, CONTROLLER)

    def _copy_of_newest(self, definition: CustomResourceDefinition) -> CustomResourceDefinition:
        """Raises: NotFoundError if the definition is gone."""
        copy: CustomResourceDefinition = deep_copy(self._storage.object(self._registry.get(self._storage, "", definition.metadata.name)))
        return copy


CONTROLLER = Context(field_manager="kube-apiserver")


def _names_changed(storage: Any, event: WatchEvent) -> bool:
    before, after = storage.object(event.previous), storage.object(event.entry)
    return bool(before.spec.names != after.spec.names or before.status.accepted_names != after.status.accepted_names)
