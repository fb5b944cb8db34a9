"""Classes that objects get which name none: DefaultStorageClass and DefaultIngressClass.

Of several default classes the newest is taken; of equally old ones the first by name.
Source: plugin/pkg/admission/storage/storageclass/setdefault, plugin/pkg/admission/network/defaultingressclass
"""

from __future__ import annotations

from collections.abc import Sequence

from minikube_py.apis.core_v1 import PersistentVolumeClaim
from minikube_py.apis.networking_v1 import Ingress, IngressClass
from minikube_py.apis.storage_v1 import StorageClass
from minikube_py.store.interface import Store

from . import Operation, Plugin
from .lookup import every

DEFAULT_STORAGE = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
STORAGE_CLASS = "volume.beta.kubernetes.io/storage-class"
DEFAULT_INGRESS = ("ingressclass.kubernetes.io/is-default-class",)
INGRESS_CLASS = "kubernetes.io/ingress.class"


class DefaultStorageClass(Plugin):
    """Claims without a class get the default one, if there is one."""

    name = "DefaultStorageClass"
    resources = frozenset({"persistentvolumeclaims"})

    def __init__(self, store: Store) -> None:
        self._store = store

    def mutate(self, operation: Operation) -> None:
        if operation.verb != "CREATE" or operation.subresource:
            return
        claim: PersistentVolumeClaim = operation.obj
        if claim.spec.storage_class_name is not None or STORAGE_CLASS in claim.metadata.annotations:
            return
        default = _newest_default(every(self._store, StorageClass, "storageclasses.storage.k8s.io"), DEFAULT_STORAGE)
        if default is not None:
            claim.spec.storage_class_name = default


class DefaultIngressClass(Plugin):
    """Ingresses without a class get the default one, if there is one."""

    name = "DefaultIngressClass"
    resources = frozenset({"ingresses.networking.k8s.io"})

    def __init__(self, store: Store) -> None:
        self._store = store

    def mutate(self, operation: Operation) -> None:
        if operation.verb != "CREATE" or operation.subresource:
            return
        ingress: Ingress = operation.obj
        if ingress.spec.ingress_class_name is not None or INGRESS_CLASS in ingress.metadata.annotations:
            return
        default = _newest_default(every(self._store, IngressClass, "ingressclasses.networking.k8s.io"), DEFAULT_INGRESS)
        if default is not None:
            ingress.spec.ingress_class_name = default


def _newest_default(classes: Sequence[StorageClass | IngressClass], annotations: Sequence[str]) -> str | None:
    """The name of the class that counts as the default."""
    metas = [each.metadata for each in classes if any(each.metadata.annotations.get(key) == "true" for key in annotations)]
    if not metas:
        return None
    newest = max(meta.creation_timestamp for meta in metas)
    return min(meta.name for meta in metas if meta.creation_timestamp == newest)
