"""The usage of all ResourceQuotas, kept with the writes that change it.

An index over what the store's `head` returns: an object counts from the moment that its write is accepted until the write of its deletion
is. Between an admission plugin's look and the acceptance of the write that it allows nothing is awaited, so there is nothing to reserve and
nothing to give back: what is not accepted was never counted. If accepted writes fail, everything is counted anew.

Only namespaces with quotas have anything here. Other objects cost a look into an empty dictionary.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from minikube_py.apis.core_v1 import PersistentVolumeClaim, Pod, ResourceQuota, Service
from minikube_py.apis.object import Quantity
from minikube_py.apis.quota import Evaluator, Evaluators
from minikube_py.apis.quota.evaluator import COUNT_PREFIX
from minikube_py.apis.resource_v1 import DeviceClass, ResourceClaim
from minikube_py.apis.scheme import decoder
from minikube_py.core.clock import Clock
from minikube_py.store.interface import Entry, Store

from .tracked import TrackedQuota

QUOTAS, PODS, CLAIMS, DEVICE_CLASSES = "resourcequotas", "pods", "resourceclaims.resource.k8s.io", "deviceclasses.resource.k8s.io"
# Objects of other resources need not be known to be counted.
_STRUCTS: dict[str, type[Any]] = {
    QUOTAS: ResourceQuota, PODS: Pod, "services": Service, "persistentvolumeclaims": PersistentVolumeClaim, CLAIMS: ResourceClaim,
    DEVICE_CLASSES: DeviceClass,
}


class QuotaUsage:
    """What counts against each quota.

    Args:
        is_counted: whether a resource is one of namespaced objects that are served now.
    """

    def __init__(self, store: Store, clock: Clock, is_counted: Callable[[str], bool]) -> None:
        self._store, self._clock, self._is_counted = store, clock, is_counted
        self._evaluators = Evaluators(self)
        self._namespaces: dict[str, dict[str, TrackedQuota]] = {}
        # When objects begin to count for less: time, namespace, resource and key.
        self._deadlines: list[tuple[datetime, str, str, str]] = []
        self._changed: set[tuple[str, str]] = set()
        self.reload()

    def reload(self) -> None:
        """Count everything anew."""
        self._namespaces, self._deadlines = {}, []
        for entry in self._store.list(QUOTAS).entries:
            namespace = entry.key.partition("/")[0]
            # What is on its way counts, too.
            for head in self._store.heads(QUOTAS, namespace) if namespace not in self._namespaces else ():
                self._track(namespace, self._object(QUOTAS, head))

    # Asking.

    def now(self) -> datetime:
        return self._clock.now()

    def evaluator(self, resource: str) -> Evaluator | None:
        """The evaluator of a resource, None for one whose objects never count."""
        return self._evaluators.of(resource)

    def quotas(self, namespace: str) -> Iterable[TrackedQuota]:
        """The quotas of a namespace, by name, as of now."""
        found = self._namespaces.get(namespace)
        if not found:
            return ()
        self._look_at_clock()
        return [found[name] for name in sorted(found)]

    def used(self, namespace: str, name: str) -> dict[str, Quantity] | None:
        """What is used of a quota that exists, by those of its names that objects which are served can count for."""
        self._look_at_clock()
        tracked = self._namespaces.get(namespace, {}).get(name)
        if tracked is None:
            return None
        return {name: amount for name, amount in tracked.used.items()
                if not name.startswith(COUNT_PREFIX) or self._is_counted(name.removeprefix(COUNT_PREFIX))}

    @property
    def changed(self) -> bool:
        """Whether the usage of a quota is another than when it was asked last."""
        return bool(self._changed)

    def take_changed(self) -> set[tuple[str, str]]:
        """Namespace and name of the quotas whose usage has changed since the last call."""
        self._look_at_clock()
        taken, self._changed = self._changed, set()
        return taken

    # Following.

    def accepted(self, resource: str, entry: Entry, *, deleted: bool) -> None:
        """A write has been accepted. See WriteObserver."""
        if resource == QUOTAS:
            self._follow_quota(entry, deleted)
        elif resource == DEVICE_CLASSES and self._namespaces:
            self.reload()
            self.note_all()
        if not self._namespaces:
            return
        namespace = entry.key.partition("/")[0]
        quotas = self._namespaces.get(namespace)
        if quotas is None:
            return
        self._charge(namespace, resource, entry, deleted=deleted)
        if resource in (PODS, CLAIMS) and any(CLAIMS in tracked.evaluators for tracked in quotas.values()):
            # A claim for a pod's extended resources counts for what the pod does not, and the first of several is the pod's.
            for claim in self._store.heads(CLAIMS, namespace):
                self._charge(namespace, CLAIMS, claim)

    def note_all(self) -> None:
        """Take the usage of all quotas for changed."""
        self._changed |= {(namespace, name) for namespace, quotas in self._namespaces.items() for name in quotas}

    def _follow_quota(self, entry: Entry, deleted: bool) -> None:
        namespace, _, name = entry.key.partition("/")
        quotas = self._namespaces.get(namespace, {})
        if deleted:
            quotas.pop(name, None)
            if not quotas:
                self._namespaces.pop(namespace, None)
            return
        quota: ResourceQuota = self._object(QUOTAS, entry)
        known = quotas.get(name)
        if known is not None and known.counts_as(quota):
            known.quota = quota
        else:
            self._track(namespace, quota)

    def _track(self, namespace: str, quota: ResourceQuota) -> None:
        """Count for a quota all that there is."""
        tracked = TrackedQuota(quota, self._evaluators)
        self._namespaces.setdefault(namespace, {})[quota.metadata.name] = tracked
        now = self._clock.now()
        for resource in tracked.evaluators:
            for entry in self._store.heads(resource, namespace):
                self._charge_one(tracked, namespace, resource, entry, now)

    def _charge(self, namespace: str, resource: str, entry: Entry, *, deleted: bool = False) -> None:
        now = self._clock.now()
        for name, tracked in self._namespaces.get(namespace, {}).items():
            if resource not in tracked.evaluators:
                continue
            changed = tracked.release(resource, entry.key) if deleted else self._charge_one(tracked, namespace, resource, entry, now)
            if changed:
                self._changed.add((namespace, name))

    def _charge_one(self, tracked: TrackedQuota, namespace: str, resource: str, entry: Entry, now: datetime) -> bool:
        obj = self._object(resource, entry)
        ends = tracked.evaluators[resource].usage_ends(obj)
        if ends is not None and ends >= now:
            heapq.heappush(self._deadlines, (ends, namespace, resource, entry.key))
        return tracked.charge(resource, entry.key, obj, now)

    def _look_at_clock(self) -> None:
        """Let objects count for less whose time has come."""
        if not self._deadlines:
            return
        now = self._clock.now()
        while self._deadlines and self._deadlines[0][0] < now:
            _, namespace, resource, key = heapq.heappop(self._deadlines)
            head = self._store.head(resource, key)
            if head is not None:
                self._charge(namespace, resource, head)

    def _object(self, resource: str, entry: Entry) -> Any:
        if entry.obj is None and (struct := _STRUCTS.get(resource)) is not None:
            entry.obj = decoder(struct).decode(entry.data)
        return entry.obj

    # What evaluators look up; see Devices.

    def extended_resource(self, device_class: str) -> str:
        entry = self._store.head(DEVICE_CLASSES, device_class)
        return "" if entry is None else self._object(DEVICE_CLASSES, entry).spec.extended_resource_name or ""

    def has_device_class(self, extended_resource: str) -> bool:
        entries = self._store.list(DEVICE_CLASSES).entries
        return any(self._object(DEVICE_CLASSES, entry).spec.extended_resource_name == extended_resource for entry in entries)

    def pod(self, namespace: str, name: str) -> Pod | None:
        entry = self._store.head(PODS, f"{namespace}/{name}")
        found: Pod | None = None if entry is None else self._object(PODS, entry)
        return found

    def claims(self, namespace: str) -> Iterable[ResourceClaim]:
        return [self._object(CLAIMS, entry) for entry in self._store.heads(CLAIMS, namespace)]
