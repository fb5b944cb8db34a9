"""Volumes and claims: StorageObjectInUseProtection and PersistentVolumeClaimResize.

Source: plugin/pkg/admission/storage/{storageobjectinuseprotection,persistentvolume/resize}
"""

from __future__ import annotations

from decimal import Decimal

from minikube_py.apis.core_v1 import PersistentVolumeClaim
from minikube_py.apis.quantity import parse
from minikube_py.apis.storage_v1 import StorageClass
from minikube_py.store.interface import Store

from . import Operation, Plugin, forbidden
from .classes import STORAGE_CLASS
from .lookup import find

FINALIZERS = {
    "persistentvolumes": "kubernetes.io/pv-protection", "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "volumeattributesclasses.storage.k8s.io": "kubernetes.io/vac-protection",
}


class StorageObjectInUseProtection(Plugin):
    """New volumes, claims and classes of attributes get a finalizer, which controllers take away when nothing uses them."""

    name = "StorageObjectInUseProtection"
    resources = frozenset(FINALIZERS)

    def mutate(self, operation: Operation) -> None:
        if operation.verb != "CREATE" or operation.subresource:
            return
        metadata, finalizer = operation.obj.metadata, FINALIZERS[operation.storage.resource.group_resource]
        if finalizer not in metadata.finalizers:
            metadata.finalizers = [*metadata.finalizers, finalizer]


class PersistentVolumeClaimResize(Plugin):
    """A claim grows only when it is bound, and its class allows it."""

    name = "PersistentVolumeClaimResize"
    resources = frozenset({"persistentvolumeclaims"})

    def __init__(self, store: Store) -> None:
        self._store = store

    def validate(self, operation: Operation) -> None:
        if operation.verb != "UPDATE" or operation.subresource or _size(operation.obj) <= _size(operation.old):
            return
        if operation.old.status.phase != "Bound":
            raise forbidden(operation, "Only bound persistent volume claims can be expanded")
        if not self._may_grow(operation.obj, operation.old):
            raise forbidden(operation, "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must "
                                       "support resize")

    def _may_grow(self, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> bool:
        name = _class_of(new)
        if not name or name != _class_of(old):
            return False
        found = find(self._store, StorageClass, "storageclasses.storage.k8s.io", name)
        return found is not None and bool(found.allow_volume_expansion)


def _size(claim: PersistentVolumeClaim) -> Decimal:
    return parse(claim.spec.resources.requests.get("storage", "0"))


def _class_of(claim: PersistentVolumeClaim) -> str:
    """Source: pkg/apis/core/v1/helper (GetPersistentVolumeClaimClass)"""
    return claim.metadata.annotations.get(STORAGE_CLASS) or claim.spec.storage_class_name or ""
