"""Defaults of persistent volumes, claims and the storage group.

Source: pkg/apis/core/v1/defaults.go, pkg/apis/storage/v1/defaults.go
"""

from __future__ import annotations

from ..core_v1 import PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec
from ..storage_v1 import CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment
from . import quantities, volumes
from .table import Defaults


def set_persistent_volume(volume: PersistentVolume) -> None:
    if not volume.status.phase:
        volume.status.phase = "Pending"
    spec = volume.spec
    if not spec.persistent_volume_reclaim_policy:
        spec.persistent_volume_reclaim_policy = "Retain"
    set_volume_spec(spec)


def set_volume_spec(spec: PersistentVolumeSpec) -> None:
    if spec.volume_mode is None:
        spec.volume_mode = "Filesystem"
    quantities.resource_list(spec.capacity)
    if spec.host_path is not None:
        volumes.set_host_path(spec.host_path)
    elif spec.iscsi is not None:
        volumes.set_iscsi(spec.iscsi)
    elif spec.rbd is not None:
        volumes.set_rbd(spec.rbd)
    elif spec.scale_io is not None:
        volumes.set_scale_io(spec.scale_io)
    elif spec.azure_disk is not None:
        volumes.set_azure_disk(spec.azure_disk)


def set_claim(claim: PersistentVolumeClaim) -> None:
    if not claim.status.phase:
        claim.status.phase = "Pending"
    volumes.set_claim_spec(claim.spec)
    quantities.resource_list(claim.status.capacity)
    quantities.resource_list(claim.status.allocated_resources)


def set_storage_class(storage_class: StorageClass) -> None:
    if storage_class.reclaim_policy is None:
        storage_class.reclaim_policy = "Delete"
    if storage_class.volume_binding_mode is None:
        storage_class.volume_binding_mode = "Immediate"


def set_csi_driver(driver: CSIDriver) -> None:
    spec = driver.spec
    if spec.attach_required is None:
        spec.attach_required = True
    for name in ("pod_info_on_mount", "storage_capacity", "requires_republish", "se_linux_mount"):
        if getattr(spec, name) is None:
            setattr(spec, name, False)
    if spec.fs_group_policy is None:
        spec.fs_group_policy = "ReadWriteOnceWithFSType"
    if not spec.volume_lifecycle_modes:
        spec.volume_lifecycle_modes = ["Persistent"]


def set_csi_node(node: CSINode) -> None:
    node.spec.drivers = node.spec.drivers or None
    for driver in node.spec.drivers or ():
        driver.topology_keys = driver.topology_keys or None


def set_attachment(attachment: VolumeAttachment) -> None:
    source = attachment.spec.source
    if source.inline_volume_spec is not None:
        set_volume_spec(source.inline_volume_spec)


def set_capacity(capacity: CSIStorageCapacity) -> None:
    capacity.capacity = quantities.single(capacity.capacity)
    capacity.maximum_volume_size = quantities.single(capacity.maximum_volume_size)


DEFAULTS: Defaults = {
    PersistentVolume: set_persistent_volume, PersistentVolumeClaim: set_claim, StorageClass: set_storage_class, CSIDriver: set_csi_driver,
    CSINode: set_csi_node, VolumeAttachment: set_attachment, CSIStorageCapacity: set_capacity,
}
