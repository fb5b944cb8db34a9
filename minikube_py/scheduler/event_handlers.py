"""What changes in the API mean to the scheduler: for its cache, and for the pods that wait.

Source: pkg/scheduler/eventhandlers.go
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis import core_v1, storage_v1
from minikube_py.client.informer import Informers, key_of

from .cache import Cache
from .framework import ClusterEvent
from .pod_info import PodInfo
from .queue import SchedulingQueue

_ENDED = ("Succeeded", "Failed")


class EventHandlers:
    """Feeds a cache and a queue from informers."""

    def __init__(self, cache: Cache, queue: SchedulingQueue, scheduler_name: str) -> None:
        self._cache = cache
        self._queue = queue
        self._scheduler_name = scheduler_name

    def register(self, informers: Informers) -> None:
        informers.of(core_v1.Node).add_handler(self.node_changed)
        informers.of(core_v1.Pod).add_handler(self.pod_changed)
        informers.of(core_v1.Namespace).add_handler(self.namespace_changed)
        for kind in (core_v1.PersistentVolumeClaim, core_v1.PersistentVolume, storage_v1.StorageClass):
            informers.of(kind).add_handler(self.volume_changed)

    def node_changed(self, old: core_v1.Node | None, new: core_v1.Node | None) -> None:
        if new is None:
            if old is not None:
                self._cache.remove_node(old.metadata.name)
            return
        event = _node_event(old, new)
        if old is not None and not event and old.status.images == new.status.images:
            return
        self._cache.set_node(new)
        if event:
            self._queue.happened(event, new)

    def pod_changed(self, old: core_v1.Pod | None, new: core_v1.Pod | None) -> None:
        if old is not None and new is not None and old.metadata.uid != new.metadata.uid:
            self._gone(old)
            old = None
        if new is None or new.status.phase in _ENDED:
            if new is not None or old is not None:
                self._gone(new or old)
        elif new.spec.node_name:
            self._placed(old, new)
        elif new.metadata.deletion_timestamp:
            self._queue.remove(key_of(new))
        elif (new.spec.scheduler_name or "default-scheduler") == self._scheduler_name:
            self._waiting(old, new)

    def namespace_changed(self, old: core_v1.Namespace | None, new: core_v1.Namespace | None) -> None:
        if new is not None and (old is None or old.metadata.labels != new.metadata.labels):
            self._queue.happened(ClusterEvent.NAMESPACE, new)

    def volume_changed(self, old: Any, new: Any) -> None:
        if new is not None:
            self._queue.happened(ClusterEvent.VOLUME, new)

    def _gone(self, pod: Any) -> None:
        key = key_of(pod)
        self._queue.remove(key)
        self._cache.clear_nomination(key)
        info = self._cache.remove(key)
        if info is not None:
            self._queue.happened(ClusterEvent.POD_FREED, info)

    def _placed(self, old: core_v1.Pod | None, new: core_v1.Pod) -> None:
        if self._cache.confirm(new):
            return
        info = PodInfo(new)
        self._queue.remove(info.key)
        self._cache.clear_nomination(info.key)
        before = self._cache.placed(info.key)
        self._cache.place(info, new.spec.node_name)
        if before is None:
            self._queue.happened(ClusterEvent.POD_ASSIGNED, new)
            return
        if before.pod.metadata.labels != new.metadata.labels:
            self._queue.happened(ClusterEvent.POD_LABEL, new)
        if any(info.requests.get(name, 0) < amount for name, amount in before.requests.items()):
            self._queue.happened(ClusterEvent.POD_FREED, before)

    def _waiting(self, old: core_v1.Pod | None, new: core_v1.Pod) -> None:
        key = key_of(new)
        if self._cache.assumed(key):
            return
        info = PodInfo(new)
        if key not in self._queue or old is None:
            self._queue.add(info)
        elif old.spec == new.spec and old.metadata.labels == new.metadata.labels:
            self._queue.refresh(info)
        else:
            self._queue.update(info)


def _node_event(old: core_v1.Node | None, new: core_v1.Node) -> ClusterEvent:
    if old is None:
        return ClusterEvent.NODE_ADD
    event = ClusterEvent(0)
    if old.status.allocatable != new.status.allocatable or old.status.capacity != new.status.capacity:
        event |= ClusterEvent.NODE_ALLOCATABLE
    if old.metadata.labels != new.metadata.labels:
        event |= ClusterEvent.NODE_LABEL
    if old.spec.taints != new.spec.taints or bool(old.spec.unschedulable) != bool(new.spec.unschedulable):
        event |= ClusterEvent.NODE_TAINT
    return event
