"""Rules of persistent volumes, claims and the storage group.

Source: pkg/apis/core/validation/validation.go (ValidatePersistentVolume...), pkg/apis/storage/validation/validation.go
"""

from __future__ import annotations

from operator import attrgetter

import msgspec

from .. import syntax
from ..core_v1 import PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec
from ..quantity import nano_value
from ..storage_v1 import CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment, VolumeAttributesClass
from . import scheduling, volumes
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required, too_long
from .common import immutable, label_selector, matches, no_backsteps

_PARAMETERS_MAX, _PARAMETERS_BYTES_MAX = 512, 256 * 1024
_RECLAIM = ("Delete", "Recycle", "Retain")
_SOURCES = (
    "aws_elastic_block_store", "azure_disk", "azure_file", "cephfs", "cinder", "csi", "fc", "flex_volume", "flocker", "gce_persistent_disk",
    "glusterfs", "host_path", "iscsi", "local", "nfs", "photon_persistent_disk", "portworx_volume", "quobyte", "rbd", "scale_io",
    "storageos", "vsphere_volume",
)
_WIRE = dict(zip(PersistentVolumeSpec.__struct_fields__, PersistentVolumeSpec.__struct_encode_fields__, strict=True))
_sources = attrgetter(*_SOURCES)
_CLAIM_MUTABLE = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def persistent_volume(causes: Causes, obj: PersistentVolume) -> None:
    spec = obj.spec
    volumes.access_modes(causes, "spec.accessModes", spec.access_modes)
    storage = spec.capacity.get("storage")
    if not spec.capacity:
        causes.append(required("spec.capacity"))
    elif storage is None or len(spec.capacity) > 1:
        causes.append(not_supported("spec.capacity", dict(spec.capacity), ("storage",)))
    elif nano_value(storage) <= 0:
        causes.append(invalid("spec.capacity[storage]", str(storage), "must be greater than zero"))
    if spec.persistent_volume_reclaim_policy not in _RECLAIM:
        causes.append(not_supported("spec.persistentVolumeReclaimPolicy", spec.persistent_volume_reclaim_policy, _RECLAIM))
    if spec.volume_mode is not None and spec.volume_mode not in ("Block", "Filesystem"):
        causes.append(not_supported("spec.volumeMode", spec.volume_mode, ("Block", "Filesystem")))
    if spec.storage_class_name:
        matches(causes, "spec.storageClassName", spec.storage_class_name, syntax.dns_subdomain)
    if spec.node_affinity is not None and spec.node_affinity.required is not None:
        scheduling.node_selector(causes, "spec.nodeAffinity.required", spec.node_affinity.required)
    _source(causes, spec)


def _source(causes: Causes, spec: PersistentVolumeSpec) -> None:
    sources = _sources(spec)
    names = [name for name, source in zip(_SOURCES, sources, strict=True) if source is not None]
    if not names:
        causes.append(required("spec", "must specify a volume type"))
    causes += [forbidden(f"spec.{_WIRE[name]}", "may not specify more than 1 volume type") for name in names[1:]]
    if spec.host_path is not None:
        volumes.host_path(causes, "spec.hostPath", spec.host_path)
        if spec.host_path.path == "/" and spec.persistent_volume_reclaim_policy == "Recycle":
            causes.append(forbidden("spec.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'"))
    elif spec.nfs is not None:
        volumes.nfs(causes, "spec.nfs", spec.nfs)
    elif spec.local is not None:
        if not spec.local.path:
            causes.append(required("spec.local.path"))
        else:
            no_backsteps(causes, "spec.local.path", spec.local.path)
        if spec.node_affinity is None:
            causes.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    elif spec.csi is not None:
        if not spec.csi.driver:
            causes.append(required("spec.csi.driver"))
        else:
            volumes.csi_driver_name(causes, "spec.csi.driver", spec.csi.driver)
        if not spec.csi.volume_handle:
            causes.append(required("spec.csi.volumeHandle"))


def update_persistent_volume(causes: Causes, new: PersistentVolume, old: PersistentVolume) -> None:
    if any(getattr(new.spec, name) != getattr(old.spec, name) for name in _SOURCES):
        causes.append(forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation"))
    immutable(causes, "spec.volumeMode", new.spec.volume_mode, old.spec.volume_mode)
    if old.spec.node_affinity is not None:
        immutable(causes, "spec.nodeAffinity", new.spec.node_affinity, old.spec.node_affinity)
    persistent_volume(causes, new)


def claim(causes: Causes, obj: PersistentVolumeClaim) -> None:
    volumes.claim_spec(causes, "spec", obj.spec)


def update_claim(causes: Causes, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
    """A claim may be bound once, and grow when it is bound."""
    own, was = new.spec, old.spec
    resources = was.resources
    bound = old.status.phase == "Bound"
    if bound and own.resources is not None and was.resources is not None:
        size, size_was = own.resources.requests.get("storage"), was.resources.requests.get("storage")
        if size is not None and size_was is not None and nano_value(size) < nano_value(old.status.capacity.get("storage", size_was)):
            causes.append(forbidden("spec.resources.requests.storage", "field can not be less than status.capacity"))
        resources = msgspec.structs.replace(was.resources, requests={**was.resources.requests, **({"storage": size} if size else {})})
    allowed = msgspec.structs.replace(
        was, volume_name=was.volume_name or own.volume_name, resources=resources,
        storage_class_name=own.storage_class_name if was.storage_class_name is None and not bound else was.storage_class_name,
        volume_attributes_class_name=own.volume_attributes_class_name,
    )
    if own != allowed:
        causes.append(forbidden("spec", _CLAIM_MUTABLE + "\n" + _difference(own, allowed)))
    claim(causes, new)


def _difference(new: msgspec.Struct, old: msgspec.Struct) -> str:
    lines = []
    for name, wire in zip(new.__struct_fields__, new.__struct_encode_fields__, strict=True):
        now, was = getattr(new, name), getattr(old, name)
        if now != was:
            lines += [f"- {wire}: {msgspec.json.encode(was).decode()}", f"+ {wire}: {msgspec.json.encode(now).decode()}"]
    return "\n".join(lines) + "\n"


def _parameters(causes: Causes, path: str, values: dict[str, str]) -> None:
    if len(values) > _PARAMETERS_MAX:
        causes.append(too_long(path, _PARAMETERS_MAX))
    if any(not key for key in values):
        causes.append(invalid(path, "", "field must not be empty."))
    if sum(len(key.encode()) + len(value.encode()) for key, value in values.items()) > _PARAMETERS_BYTES_MAX:
        causes.append(too_long(path, _PARAMETERS_BYTES_MAX))


def storage_class(causes: Causes, obj: StorageClass) -> None:
    if not obj.provisioner:
        causes.append(required("provisioner"))
    else:
        matches(causes, "provisioner", obj.provisioner.lower(), syntax.label_key)
    _parameters(causes, "parameters", obj.parameters)
    if obj.reclaim_policy is not None and obj.reclaim_policy not in ("Delete", "Retain"):
        causes.append(not_supported("reclaimPolicy", obj.reclaim_policy, ("Delete", "Retain")))
    modes = ("Immediate", "WaitForFirstConsumer")
    if obj.volume_binding_mode not in modes:
        value = obj.volume_binding_mode
        causes.append(not_supported("volumeBindingMode", value, modes) if value else required("volumeBindingMode"))


def update_storage_class(causes: Causes, new: StorageClass, old: StorageClass) -> None:
    for name, wire in (("parameters", "parameters"), ("provisioner", "provisioner"), ("reclaim_policy", "reclaimPolicy")):
        if getattr(new, name) != getattr(old, name):
            causes.append(forbidden(wire, f"updates to {wire} are forbidden."))
    immutable(causes, "volumeBindingMode", new.volume_binding_mode, old.volume_binding_mode)
    storage_class(causes, new)


def csi_driver(causes: Causes, obj: CSIDriver) -> None:
    spec = obj.spec
    volumes.csi_driver_name(causes, "metadata.name", obj.metadata.name)
    for value, wire in ((spec.attach_required, "attachedRequired"), (spec.pod_info_on_mount, "podInfoOnMount"),
                        (spec.storage_capacity, "storageCapacity")):
        if value is None:
            causes.append(required(f"spec.{wire}"))
    policies = ("File", "None", "ReadWriteOnceWithFSType")
    if spec.fs_group_policy is not None and spec.fs_group_policy not in policies:
        causes.append(not_supported("spec.fsGroupPolicy", spec.fs_group_policy, policies))
    for mode in spec.volume_lifecycle_modes:
        if mode not in ("Ephemeral", "Persistent"):
            causes.append(not_supported("spec.volumeLifecycleModes", mode, ("Ephemeral", "Persistent")))


def update_csi_driver(causes: Causes, new: CSIDriver, old: CSIDriver) -> None:
    immutable(causes, "spec.attachedRequired", new.spec.attach_required, old.spec.attach_required)
    immutable(causes, "spec.volumeLifecycleModes", new.spec.volume_lifecycle_modes, old.spec.volume_lifecycle_modes)
    csi_driver(causes, new)


def csi_node(causes: Causes, obj: CSINode) -> None:
    names: set[str] = set()
    for index, driver in enumerate(obj.spec.drivers):
        where = f"spec.drivers[{index}]"
        if driver.name in names:
            causes.append(duplicate(f"{where}.name", driver.name))
        names.add(driver.name)
        volumes.csi_driver_name(causes, f"{where}.name", driver.name)
        if not driver.node_id:
            causes.append(required(f"{where}.nodeID"))


def csi_capacity(causes: Causes, obj: CSIStorageCapacity) -> None:
    label_selector(causes, "nodeTopology", obj.node_topology)
    matches(causes, "storageClassName", obj.storage_class_name, syntax.dns_subdomain)
    for amount, wire in ((obj.capacity, "capacity"), (obj.maximum_volume_size, "maximumVolumeSize")):
        if amount is not None and nano_value(amount) < 0:
            causes.append(invalid(wire, str(amount), "must be greater than or equal to 0"))


def update_csi_capacity(causes: Causes, new: CSIStorageCapacity, old: CSIStorageCapacity) -> None:
    immutable(causes, "nodeTopology", new.node_topology, old.node_topology)
    immutable(causes, "storageClassName", new.storage_class_name, old.storage_class_name)
    csi_capacity(causes, new)


def attachment(causes: Causes, obj: VolumeAttachment) -> None:
    spec = obj.spec
    if not spec.attacher:
        causes.append(required("spec.attacher"))
    else:
        volumes.csi_driver_name(causes, "spec.attacher", spec.attacher)
    matches(causes, "spec.nodeName", spec.node_name, syntax.dns_subdomain)
    source = spec.source
    if source is None or (source.persistent_volume_name is None and source.inline_volume_spec is None):
        causes.append(required("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))


def update_attachment(causes: Causes, new: VolumeAttachment, old: VolumeAttachment) -> None:
    if new.spec != old.spec:
        causes.append(invalid("spec", new.spec, "field is immutable"))


def attributes_class(causes: Causes, obj: VolumeAttributesClass) -> None:
    if not obj.driver_name:
        causes.append(required("driverName"))
    else:
        volumes.csi_driver_name(causes, "driverName", obj.driver_name)
    if not obj.parameters:
        causes.append(required("parameters", "must contain at least one key/value pair"))
    _parameters(causes, "parameters", obj.parameters)


def update_attributes_class(causes: Causes, new: VolumeAttributesClass, old: VolumeAttributesClass) -> None:
    for name, wire in (("driver_name", "driverName"), ("parameters", "parameters")):
        if getattr(new, name) != getattr(old, name):
            causes.append(forbidden(wire, f"updates to {wire} are forbidden."))
    attributes_class(causes, new)

