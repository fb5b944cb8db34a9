"""The ConfigMaps and Secrets that pods of this node name, and no others.

Each is followed by a watch of its own from the moment that the first pod names it until no pod does, so a change arrives without
asking and a node sees no more secrets than it needs. Copies on disk, readable by root alone, let pods start without a server.

Source: kubernetes pkg/kubelet/util/manager/watch_based_manager.go; Node authorizer (which lets a node watch single objects only).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from minikube_py.apis import core_v1
from minikube_py.apis.pod_references import config_map_names, secret_names
from minikube_py.client.informer import Informer
from minikube_py.client.interface import Client

from .checkpoints import Checkpoints

log = logging.getLogger(__name__)

# How long a pod's start waits for the first answer before it takes the copy on disk.
FIRST_LIST_TIMEOUT_S = 5.0

Key = tuple[type[Any], str, str]
T = TypeVar("T", core_v1.ConfigMap, core_v1.Secret)


def references_of(pod: core_v1.Pod) -> set[Key]:
    """The ConfigMaps and Secrets that a pod names, as (kind, namespace, name)."""
    namespace = pod.metadata.namespace
    found: set[Key] = {(core_v1.ConfigMap, namespace, name) for name in config_map_names(pod)}
    return found | {(core_v1.Secret, namespace, name) for name in secret_names(pod)}


class _Followed:
    """One object: its watch and the pods that name it."""

    def __init__(self, informer: Informer[Any], task: asyncio.Task[None]) -> None:
        self.informer = informer
        self.task = task
        self.uids: set[str] = set()


class ObjectReferences:
    """Follows what the pods name.

    Args:
        changed: called with the uid of each pod that names an object which has changed.
        checkpoints: where copies are kept.
    """

    def __init__(self, client: Client, changed: Callable[[str], None], checkpoints: Checkpoints) -> None:
        self._client = client
        self._changed = changed
        self._checkpoints = checkpoints
        self._followed: dict[Key, _Followed] = {}
        self._by_pod: dict[str, set[Key]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Keep the watches going until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await asyncio.get_running_loop().create_future()

    def register(self, pod: core_v1.Pod) -> None:
        """Follow what a pod names; what it named before and no longer does is let go."""
        wanted = references_of(pod)
        uid = pod.metadata.uid
        if self._by_pod.get(uid) == wanted:
            return
        for key in self._by_pod.get(uid, set()) - wanted:
            self._release(key, uid)
        for key in wanted:
            self._follow(key).uids.add(uid)
        self._by_pod[uid] = wanted

    def forget(self, uid: str) -> None:
        """Let go of what a pod named."""
        for key in self._by_pod.pop(uid, set()):
            self._release(key, uid)

    async def config_map(self, namespace: str, name: str) -> core_v1.ConfigMap | None:
        """One ConfigMap as last known; None if there is none."""
        return await self._get(core_v1.ConfigMap, namespace, name)

    async def secret(self, namespace: str, name: str) -> core_v1.Secret | None:
        """One Secret as last known; None if there is none."""
        return await self._get(core_v1.Secret, namespace, name)

    def version(self, pod: core_v1.Pod) -> tuple[tuple[str, str, str], ...]:
        """What changes whenever an object that a pod names does."""
        return tuple(sorted(
            (key[0].__name__, key[2], found.metadata.resource_version if (found := self._known(key)) is not None else "")
            for key in self._by_pod.get(pod.metadata.uid, ())
        ))

    async def _get(self, kind: type[T], namespace: str, name: str) -> T | None:
        followed = self._follow((kind, namespace, name))
        try:
            async with asyncio.timeout(FIRST_LIST_TIMEOUT_S):
                await followed.informer.synced.wait()
        except TimeoutError:
            return await self._checkpoints.load_object(kind, namespace, name)
        found: T | None = followed.informer.get(name, namespace)
        return found

    def _known(self, key: Key) -> Any:
        followed = self._followed.get(key)
        return followed.informer.get(key[2], key[1]) if followed is not None else None

    def _follow(self, key: Key) -> _Followed:
        followed = self._followed.get(key)
        if followed is not None:
            return followed
        if self._group is None:
            raise RuntimeError("ObjectReferences does not run")
        kind, namespace, name = key
        informer: Informer[Any] = Informer(self._client, kind, namespace=namespace, field_selector=f"metadata.name={name}")
        task = self._group.create_task(informer.run(), name=f"reference-{kind.__name__}-{namespace}/{name}")
        followed = _Followed(informer, task)
        self._followed[key] = followed
        informer.add_handler(lambda old, new: self._on_change(key, new))
        return followed

    def _on_change(self, key: Key, new: Any) -> None:
        self._checkpoints.save_object_soon(key[0], key[1], key[2], new)
        followed = self._followed.get(key)
        for uid in list(followed.uids) if followed is not None else ():
            self._changed(uid)

    def _release(self, key: Key, uid: str) -> None:
        followed = self._followed.get(key)
        if followed is None:
            return
        followed.uids.discard(uid)
        if not followed.uids:
            followed.task.cancel()
            del self._followed[key]
            self._checkpoints.save_object_soon(key[0], key[1], key[2], None)
