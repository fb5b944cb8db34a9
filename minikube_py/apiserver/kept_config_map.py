"""A ConfigMap in kube-system that the server itself keeps: it is made again when it is gone, and put right when it is not.

Source: pkg/controlplane/controller/clusterauthenticationtrust, pkg/controlplane/controller/legacytokentracking
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from minikube_py.apis.core_v1 import ConfigMap, Namespace
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.informer import Informers
from minikube_py.client.interface import Client
from minikube_py.core.errors import AlreadyExistsError
from minikube_py.core.workqueue import WorkQueue

NAMESPACE: Final = "kube-system"


class KeptConfigMap:
    """Keeps one ConfigMap.

    Args:
        data: what should be in it, given what is.
        component: the name of upstream's controller.
    Attributes:
        ready: set once it is there.
    """

    def __init__(self, client: Client, name: str, data: Callable[[Mapping[str, str]], dict[str, str]], component: str) -> None:
        self._client = client
        self._name = name
        self._data = data
        self._component = component
        self._queue: WorkQueue[str] = WorkQueue(component)
        self._informers = Informers(client)
        self._config_maps = self._informers.of(ConfigMap, namespace=NAMESPACE, field_selector=f"metadata.name={name}")
        self._config_maps.add_handler(lambda old, new: self._queue.add(name))
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Keep the object until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._informers.run(), name=f"{self._component}-informers")
                await self._informers.wait_synced()
                self._queue.add(self._name)
                await self._queue.work(self._reconcile, 1)
        finally:
            self._queue.close()

    def check(self) -> None:
        """Look at it again: what should be in it may have changed."""
        self._queue.add(self._name)

    async def _reconcile(self, name: str) -> None:
        current = self._config_maps.get(name, NAMESPACE)
        data = self._data({} if current is None else current.data)
        if current is None:
            await self._make_namespace()
            await self._client.create(ConfigMap(metadata=ObjectMeta(name=name, namespace=NAMESPACE), data=data))
        elif current.data != data:
            changed = deep_copy(current)
            changed.data = data
            await self._client.update(changed)
        self.ready.set()

    async def _make_namespace(self) -> None:
        try:
            await self._client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
        except AlreadyExistsError:
            return
