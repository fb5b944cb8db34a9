"""Printers of volumes, claims, storage classes and CSI objects.

Source: pkg/printers/internalversion/printers.go
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from minikube_py.apis import core_v1, storage_v1

from .form import AGE, NAME, UNSET, Column, Printer, age, strings, wide

_MODES = (("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP"))
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


# The class of a volume or claim before there was a field for it.
_CLASS = "volume.beta.kubernetes.io/storage-class"


def _set(text: str | None) -> str:
    return UNSET if text is None else text


def access_modes(modes: list[str]) -> str:
    """Access modes by their short names."""
    return ",".join(short for mode, short in _MODES if mode in modes)


def _volume(obj: core_v1.PersistentVolume, now: datetime) -> list[Any]:
    spec = obj.spec
    claim = f"{spec.claim_ref.namespace}/{spec.claim_ref.name}" if spec.claim_ref is not None else ""
    return [
        obj.metadata.name, str(spec.capacity.get("storage", "0")), access_modes(spec.access_modes), spec.persistent_volume_reclaim_policy,
        "Terminating" if obj.metadata.deletion_timestamp else obj.status.phase, claim,
        obj.metadata.annotations.get(_CLASS, spec.storage_class_name), _set(spec.volume_attributes_class_name), obj.status.reason,
        age(obj, now), _set(spec.volume_mode),
    ]


def _claim(obj: core_v1.PersistentVolumeClaim, now: datetime) -> list[Any]:
    spec, status = obj.spec, obj.status
    bound = bool(spec.volume_name)
    return [
        obj.metadata.name, "Terminating" if obj.metadata.deletion_timestamp else status.phase, spec.volume_name,
        str(status.capacity.get("storage", "0")) if bound else "", access_modes(status.access_modes) if bound else "",
        obj.metadata.annotations.get(_CLASS, spec.storage_class_name or ""), _set(spec.volume_attributes_class_name), age(obj, now),
        _set(spec.volume_mode),
    ]


def _storage_class(obj: storage_v1.StorageClass, now: datetime) -> list[Any]:
    default = any(obj.metadata.annotations.get(key) == "true" for key in _DEFAULT_CLASS)
    return [
        f"{obj.metadata.name} (default)" if default else obj.metadata.name, obj.provisioner, obj.reclaim_policy or "Delete",
        obj.volume_binding_mode or "Immediate", bool(obj.allow_volume_expansion), age(obj, now),
    ]


def _csi_driver(obj: storage_v1.CSIDriver, now: datetime) -> list[Any]:
    spec = obj.spec
    tokens = ",".join(request.audience for request in spec.token_requests) if spec.token_requests else UNSET
    return [
        obj.metadata.name, spec.attach_required is not False, bool(spec.pod_info_on_mount), bool(spec.storage_capacity), tokens,
        bool(spec.requires_republish), ",".join(spec.volume_lifecycle_modes) or "<none>", age(obj, now),
    ]


def _csi_node(obj: storage_v1.CSINode, now: datetime) -> list[Any]:
    return [obj.metadata.name, len(obj.spec.drivers or ()), age(obj, now)]


def _csi_capacity(obj: storage_v1.CSIStorageCapacity, now: datetime) -> list[Any]:
    return [obj.metadata.name, obj.storage_class_name, UNSET if obj.capacity is None else str(obj.capacity)]


def _attachment(obj: storage_v1.VolumeAttachment, now: datetime) -> list[Any]:
    source = obj.spec.source
    volume = source.persistent_volume_name or ""
    return [obj.metadata.name, obj.spec.attacher, volume, obj.spec.node_name, bool(obj.status.attached), age(obj, now)]


def _attributes_class(obj: storage_v1.VolumeAttributesClass, now: datetime) -> list[Any]:
    return [obj.metadata.name, obj.driver_name, age(obj, now)]


KINDS: dict[str, Printer] = {
    "persistentvolumes": Printer(
        (NAME, *strings("Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass", "VolumeAttributesClass", "Reason"),
         AGE, *wide("VolumeMode")), _volume
    ),
    "persistentvolumeclaims": Printer(
        (NAME, *strings("Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass"), AGE, *wide("VolumeMode")),
        _claim
    ),
    "storageclasses.storage.k8s.io": Printer(
        (NAME, *strings("Provisioner", "ReclaimPolicy", "VolumeBindingMode"), Column("AllowVolumeExpansion"), AGE), _storage_class
    ),
    "csidrivers.storage.k8s.io": Printer(
        (NAME, *(Column(name, "boolean") for name in ("AttachRequired", "PodInfoOnMount", "StorageCapacity")), Column("TokenRequests"),
         Column("RequiresRepublish", "boolean"), Column("Modes"), AGE), _csi_driver
    ),
    "csinodes.storage.k8s.io": Printer((NAME, Column("Drivers", "integer"), AGE), _csi_node),
    "csistoragecapacities.storage.k8s.io": Printer((NAME, *strings("StorageClassName", "Capacity")), _csi_capacity),
    "volumeattachments.storage.k8s.io": Printer(
        (NAME, Column("Attacher", format="name"), *strings("PV", "Node"), Column("Attached", "boolean"), AGE), _attachment
    ),
    "volumeattributesclasses.storage.k8s.io": Printer((NAME, Column("DriverName"), AGE), _attributes_class),
}
