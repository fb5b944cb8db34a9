"""Rules of the storage group.

Source: pkg/apis/storage/validation/validation.go
"""

from __future__ import annotations

from .. import syntax
from ..quantity import nano_value
from ..storage_v1 import CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment, VolumeAttributesClass
from . import volumes
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required, too_long
from .common import immutable, label_selector, matches

_PARAMETERS_MAX, _PARAMETERS_BYTES_MAX = 512, 256 * 1024

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

