"""APIService objects for what the server answers itself: one for each group-version, built-in or of custom resources.

Owns their being there: those of built-in group-versions are made and corrected once a start, those of custom resources follow the
definitions all the time. An object without the label `automanaged` is an administrator's and left alone.

Source: pkg/controlplane/apiserver/aggregator.go, pkg/controlplane/controller/crdregistration,
k8s.io/kube-aggregator/pkg/controllers/autoregister (the table of cases)
"""

from __future__ import annotations

import asyncio
from typing import Final

from minikube_py.apis import meta_v1
from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition
from minikube_py.apis.apiregistration_v1 import APIService, APIServiceSpec
from minikube_py.apis.resources import GROUP_PRIORITIES, VERSION_PRIORITIES
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.informer import Informers
from minikube_py.client.interface import Client
from minikube_py.core.workqueue import WorkQueue

from .discovery import CUSTOM_GROUP_PRIORITY, CUSTOM_VERSION_PRIORITY
from .enablement import ALL, Enablement

AUTOMANAGED: Final = "kube-aggregator.kubernetes.io/automanaged"
ON_START: Final = "onstart"
ALWAYS: Final = "true"
OWN_GROUP: Final = "apiregistration.k8s.io"
WORKERS: Final = 5


class ApiServiceRegistration:
    """Keeps the APIServices of local group-versions.

    Args:
        enablement: which of the built-in ones are served.

    Attributes:
        ready: set once every wanted object is there.
    """

    def __init__(self, client: Client, enablement: Enablement = ALL) -> None:
        self._client = client
        self._queue: WorkQueue[str] = WorkQueue("autoregister")
        self._informers = Informers(client)
        self._services = self._informers.of(APIService)
        self._definitions = self._informers.of(CustomResourceDefinition)
        self._builtin = {service.metadata.name: service for service in builtin_services(enablement)}
        self._at_start: frozenset[str] = frozenset()
        self._synced: set[str] = set()
        self.ready = asyncio.Event()
        self._services.add_handler(lambda old, new: self._enqueue(new or old))
        self._definitions.add_handler(self._definition_changed)

    async def run(self) -> None:
        """Keep the objects until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._informers.run(), name="autoregister-informers")
                await self._informers.wait_synced()
                self._at_start = frozenset(self._services.keys())
                for name in self._builtin:
                    self._queue.add(name)
                await self._queue.work(self._reconcile, WORKERS)
        finally:
            self._queue.close()

    def problem(self) -> str | None:
        """Which objects of built-in group-versions have not been seen to yet, for health checks; None if all have."""
        missing = sorted(set(self._builtin) - self._synced)
        return f"missing APIService: [{' '.join(missing)}]" if missing else None

    def _enqueue(self, service: APIService | None) -> None:
        if service is not None:
            self._queue.add(service.metadata.name)

    def _definition_changed(self, old: CustomResourceDefinition | None, new: CustomResourceDefinition | None) -> None:
        for crd in (old, new):
            if crd is not None:
                for version in crd.spec.versions:
                    self._queue.add(f"{version.name}.{crd.spec.group}")

    def _wanted(self, name: str) -> APIService | None:
        """The object that should be there, to be read only."""
        builtin = self._builtin.get(name)
        if builtin is not None:
            return builtin
        for crd in self._definitions.list():
            for version in crd.spec.versions:
                if version.served and f"{version.name}.{crd.spec.group}" == name:
                    return _service(crd.spec.group, version.name, CUSTOM_GROUP_PRIORITY, CUSTOM_VERSION_PRIORITY, ALWAYS)
        return None

    async def _reconcile(self, name: str) -> None:
        await self._make(name, self._wanted(name), self._services.get(name))
        self._synced.add(name)
        if not self.ready.is_set() and self.problem() is None:
            self.ready.set()

    async def _make(self, name: str, wanted: APIService | None, current: APIService | None) -> None:
        """Create, correct or delete an object, if it is this component's to do so."""
        synced = name in self._synced
        if wanted is not None and _managed(wanted) == ON_START and synced:
            return
        if current is None:
            if wanted is not None:
                await self._client.create(deep_copy(wanted))
            return
        how = _managed(current)
        if how not in (ON_START, ALWAYS) or (how == ON_START and (synced or name not in self._at_start)):
            return
        if wanted is None:
            await self._client.delete(APIService, name, uid=current.metadata.uid)
        elif current.spec != wanted.spec:
            changed = deep_copy(current)
            changed.spec = deep_copy(wanted.spec)
            await self._client.update(changed)


def builtin_services(enablement: Enablement = ALL) -> list[APIService]:
    """The APIServices of the built-in group-versions that are served. The group of APIServices itself has none."""
    return [
        _service(group, version, GROUP_PRIORITIES[group], priority, ON_START)
        for (group, version), priority in VERSION_PRIORITIES.items()
        if group != OWN_GROUP and (group, version) in enablement.group_versions
    ]


def _service(group: str, version: str, group_priority: int, version_priority: int, managed: str) -> APIService:
    return APIService(
        metadata=meta_v1.ObjectMeta(name=f"{version}.{group}", labels={AUTOMANAGED: managed}),
        spec=APIServiceSpec(group=group, version=version, group_priority_minimum=group_priority, version_priority=version_priority),
    )


def _managed(service: APIService) -> str:
    return service.metadata.labels.get(AUTOMANAGED, "")
