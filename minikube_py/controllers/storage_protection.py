"""Volumes, claims and classes of attributes that are deleted stay until nothing uses them: the finalizers that admission gives them are
taken away here.

A claim is used by the pods on nodes that mount it, a volume by the claim that it is bound to, a class by the claims and volumes that
name it.
Source: pkg/controller/volume/{pvcprotection,pvprotection,vacprotection}
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from minikube_py.apis.core_v1 import PersistentVolume, PersistentVolumeClaim, Pod
from minikube_py.apis.scheme import deep_copy
from minikube_py.apis.storage_v1 import VolumeAttributesClass
from minikube_py.client.informer import key_of
from minikube_py.core.errors import NotFoundError

from .base import Context, Controller

CLAIM_FINALIZER, VOLUME_FINALIZER = "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"
CLASS_FINALIZER = "kubernetes.io/vac-protection"

Protected = PersistentVolume | PersistentVolumeClaim | VolumeAttributesClass


class _Protection(Controller):
    """What all controllers do with their finalizer."""

    finalizer: str

    def _due(self, obj: Protected) -> bool:
        """Whether the finalizer is to be added or, if nothing uses the object, taken away."""
        return bool(obj.metadata.deletion_timestamp) == (self.finalizer in obj.metadata.finalizers)

    async def _settle(self, obj: Protected, *, used: bool) -> None:
        """Raises: ConflictError for an object that has changed; it comes again after its back-off."""
        if not self._due(obj) or (used and obj.metadata.deletion_timestamp):
            return
        new = deep_copy(obj)
        kept = [each for each in new.metadata.finalizers if each != self.finalizer]
        new.metadata.finalizers = kept if obj.metadata.deletion_timestamp else [*kept, self.finalizer]
        with contextlib.suppress(NotFoundError):
            await self.client.update(new)


class ClaimProtection(_Protection):
    """Keeps claims that pods use."""

    name = "pvcprotection"
    component = "persistentvolumeclaim-protection-controller"
    finalizer = CLAIM_FINALIZER

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.claims = self.informer(PersistentVolumeClaim)
        self.pods = self.informer(Pod)
        self._users: dict[str, set[str]] = {}
        self.claims.add_handler(self._claim_changed)
        self.pods.add_handler(self._pod_changed)

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        if new is not None and self._due(new):
            self.enqueue(new)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        before, after = (set(_claims_of(pod)) if pod is not None else set() for pod in (old, new))
        for claim in before - after:
            users = self._users.get(claim, set())
            users.discard(key_of(old) if old is not None else "")
            if not users:
                self._users.pop(claim, None)
                self.queue.add(claim)
        if new is not None:
            for claim in after:
                self._users.setdefault(claim, set()).add(key_of(new))

    async def reconcile(self, key: str) -> float | None:
        claim = self.claims.get_key(key)
        if claim is not None:
            await self._settle(claim, used=key in self._users)
        return None


class VolumeProtection(_Protection):
    """Keeps volumes that are bound."""

    name = "pvprotection"
    component = "persistentvolume-protection-controller"
    finalizer = VOLUME_FINALIZER

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.volumes = self.informer(PersistentVolume)
        self.volumes.add_handler(self._changed)

    def _changed(self, old: PersistentVolume | None, new: PersistentVolume | None) -> None:
        if new is not None and self._due(new):
            self.enqueue(new)

    async def reconcile(self, key: str) -> float | None:
        volume = self.volumes.get_key(key)
        if volume is not None:
            await self._settle(volume, used=volume.status.phase == "Bound")
        return None


class AttributesClassProtection(_Protection):
    """Keeps classes of volume attributes that claims and volumes name."""

    name = "vacprotection"
    component = "volumeattributesclass-protection-controller"
    finalizer = CLASS_FINALIZER

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.classes = self.informer(VolumeAttributesClass)
        # Class -> keys of the claims and volumes that name it; the key of a claim has a slash.
        self._users: dict[str, set[str]] = {}
        self.classes.add_handler(self._class_changed)
        self.informer(PersistentVolumeClaim).add_handler(self._user_changed)
        self.informer(PersistentVolume).add_handler(self._user_changed)

    def _class_changed(self, old: VolumeAttributesClass | None, new: VolumeAttributesClass | None) -> None:
        if new is not None and self._due(new):
            self.enqueue(new)

    def _user_changed(
        self, old: PersistentVolume | PersistentVolumeClaim | None, new: PersistentVolume | PersistentVolumeClaim | None
    ) -> None:
        before, after = (set(_classes_of(obj)) if obj is not None else set() for obj in (old, new))
        for name in before - after:
            users = self._users.get(name, set())
            users.discard(key_of(old) if old is not None else "")
            if not users:
                self._users.pop(name, None)
                self.queue.add(name)
        for name in after:
            self._users.setdefault(name, set()).add(key_of(new) if new is not None else "")

    async def reconcile(self, key: str) -> float | None:
        found = self.classes.get_key(key)
        if found is not None:
            await self._settle(found, used=key in self._users)
        return None


def _classes_of(obj: PersistentVolume | PersistentVolumeClaim) -> Iterator[str]:
    """Names of the classes that a claim or volume has, had or is to have."""
    names = [obj.spec.volume_attributes_class_name]
    if isinstance(obj, PersistentVolumeClaim):
        modifying = obj.status.modify_volume_status
        names += [obj.status.current_volume_attributes_class_name, modifying.target_volume_attributes_class_name if modifying else None]
    yield from filter(None, names)


def _claims_of(pod: Pod) -> Iterator[str]:
    """Keys of the claims that a pod on a node uses."""
    if not pod.spec.node_name:
        return
    meta = pod.metadata
    gone = bool(meta.deletion_timestamp) and meta.deletion_grace_period_seconds == 0
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield f"{meta.namespace}/{volume.persistent_volume_claim.claim_name}"
        elif volume.ephemeral is not None and not gone:
            yield f"{meta.namespace}/{meta.name}-{volume.name}"
