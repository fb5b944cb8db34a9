"""Rules of the storage group: classes, CSI drivers and nodes, capacities, attachments.

Source: pkg/apis/storage/validation/validation.go, pkg/apis/core/validation/validation.go (ValidateTopologySelectorTerm)
"""

from __future__ import annotations

import msgspec

from .. import syntax
from ..core_v1 import TopologySelectorTerm
from ..quantity import nano_value
from ..storage_v1 import (
    CSIDriver,
    CSINode,
    CSINodeDriver,
    CSIStorageCapacity,
    StorageClass,
    VolumeAttachment,
    VolumeAttachmentSource,
    VolumeAttributesClass,
    VolumeError,
)
from .causes import IMMUTABLE, Causes, duplicate, forbidden, invalid, not_supported, required, too_long
from .common import immutable, label_selector, matches, non_negative
from .names import driver_name
from .persistent_volumes import inline_volume
from .rules import KindRules, Rules, SubresourceRules, cluster

_PARAMETERS_MAX, _PARAMETERS_BYTES_MAX = 512, 256 * 1024
_METADATA_BYTES_MAX = 256 * 1024
_ERROR_BYTES_MAX = 1024
_NODE_ID_BYTES_MAX = 192
_TOKEN_S_MIN, _TOKEN_S_MAX = 600, 2**32
_ALLOCATABLE_S_MIN = 10
_MODES = ("Immediate", "WaitForFirstConsumer")
_FS_GROUP = ("File", "None", "ReadWriteOnceWithFSType")
_ONE_SOURCE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"


def storage_class(causes: Causes, obj: StorageClass) -> None:
    _provisioner(causes, "provisioner", obj.provisioner)
    _parameters(causes, "parameters", obj.parameters)
    if obj.reclaim_policy and obj.reclaim_policy not in ("Delete", "Retain"):
        causes.append(not_supported("reclaimPolicy", obj.reclaim_policy, ("Delete", "Retain")))
    mode = obj.volume_binding_mode
    if mode is None:
        causes.append(required("volumeBindingMode"))
    elif mode not in _MODES:
        causes.append(not_supported("volumeBindingMode", mode, _MODES))
    _topologies(causes, "allowedTopologies", obj.allowed_topologies)


def _provisioner(causes: Causes, path: str, text: str) -> None:
    if not text:
        causes.append(required(path))
    else:
        matches(causes, path, text.lower(), syntax.label_key)


def _parameters(causes: Causes, path: str, values: dict[str, str]) -> None:
    if len(values) > _PARAMETERS_MAX:
        causes.append(too_long(path, _PARAMETERS_MAX))
        return
    if "" in values:
        causes.append(invalid(path, "", "field can not be empty."))
    if _bytes(values) > _PARAMETERS_BYTES_MAX:
        causes.append(too_long(path, _PARAMETERS_BYTES_MAX))


def _bytes(values: dict[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in values.items())


def _topologies(causes: Causes, path: str, terms: list[TopologySelectorTerm]) -> None:
    """Terms differ from each other. Upstream compares with as many empty terms as there are terms, too."""
    seen: list[dict[str, set[str]]] = [{} for _ in terms]
    for index, term in enumerate(terms):
        where = f"{path}[{index}].matchLabelExpressions"
        values: dict[str, set[str]] = {}
        for number, expression in enumerate(term.match_label_expressions):
            _topology_values(causes, f"{where}[{number}].values", expression.values)
            matches(causes, f"{where}[{number}].key", expression.key, syntax.label_key)
            if expression.key in values:
                causes.append(duplicate(f"{where}[{number}].key", expression.key))
            values[expression.key] = set(expression.values)
        causes += [duplicate(where, "") for other in seen if other == values]
        seen.append(values)


def _topology_values(causes: Causes, path: str, values: list[str]) -> None:
    if not values:
        causes.append(required(path))
    causes += [duplicate(f"{path}[{index}]", value) for index, value in enumerate(values) if value in values[:index]]


def update_storage_class(causes: Causes, new: StorageClass, old: StorageClass) -> None:
    storage_class(causes, new)
    for now, was, wire in ((new.parameters, old.parameters, "parameters"), (new.provisioner, old.provisioner, "provisioner"),
                           (new.reclaim_policy, old.reclaim_policy, "reclaimPolicy")):
        if now != was:
            causes.append(forbidden(wire, f"updates to {wire} are forbidden."))
    immutable(causes, "volumeBindingMode", new.volume_binding_mode, old.volume_binding_mode)


def csi_driver(causes: Causes, obj: CSIDriver) -> None:
    spec = obj.spec
    for value, wire in ((spec.attach_required, "attachedRequired"), (spec.pod_info_on_mount, "podInfoOnMount"),
                        (spec.storage_capacity, "storageCapacity")):
        if value is None:
            causes.append(required(f"spec.{wire}"))
    if spec.fs_group_policy is not None and spec.fs_group_policy not in _FS_GROUP:
        causes.append(not_supported("spec.fsGroupPolicy", spec.fs_group_policy, _FS_GROUP))
    audiences: set[str] = set()
    for index, request in enumerate(spec.token_requests):
        where = f"spec.tokenRequests[{index}]"
        if request.audience in audiences:
            causes.append(duplicate(f"{where}.audience", request.audience))
            continue
        audiences.add(request.audience)
        seconds = request.expiration_seconds
        if seconds is not None and seconds < _TOKEN_S_MIN:
            causes.append(invalid(f"{where}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes"))
        if seconds is not None and seconds > _TOKEN_S_MAX:
            causes.append(invalid(f"{where}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds"))
    causes += [not_supported("spec.volumeLifecycleModes", mode, ("Persistent", "Ephemeral")) for mode in spec.volume_lifecycle_modes
               if mode not in ("Ephemeral", "Persistent")]
    if spec.se_linux_mount is None:
        causes.append(required("spec.seLinuxMount"))
    period_s = spec.node_allocatable_update_period_seconds
    if period_s is not None and period_s < _ALLOCATABLE_S_MIN:
        causes.append(invalid("spec.nodeAllocatableUpdatePeriodSeconds", period_s, "must be greater than or equal to 10 seconds"))
    if spec.service_account_token_in_secrets is not None and not spec.token_requests:
        causes.append(invalid("spec.serviceAccountTokenInSecrets", spec.service_account_token_in_secrets,
                              "serviceAccountTokenInSecrets is set but no tokenRequests are specified"))


def update_csi_driver(causes: Causes, new: CSIDriver, old: CSIDriver) -> None:
    csi_driver(causes, new)
    immutable(causes, "spec.attachedRequired", new.spec.attach_required, old.spec.attach_required)
    immutable(causes, "spec.volumeLifecycleModes", new.spec.volume_lifecycle_modes, old.spec.volume_lifecycle_modes)


def csi_node(causes: Causes, obj: CSINode) -> None:
    names: set[str] = set()
    for index, driver in enumerate(obj.spec.drivers or ()):
        _node_driver(causes, f"spec.drivers[{index}]", driver, names)


def _node_driver(causes: Causes, path: str, driver: CSINodeDriver, names: set[str]) -> None:
    driver_name(causes, f"{path}.name", driver.name)
    if not driver.node_id:
        causes.append(required(f"{path}.nodeID"))
    if len(driver.node_id.encode()) > _NODE_ID_BYTES_MAX:
        causes.append(invalid(f"{path}.nodeID", driver.node_id, f"must be {_NODE_ID_BYTES_MAX} characters or less"))
    if driver.allocatable is not None:
        non_negative(causes, f"{path}.allocatable.count", driver.allocatable.count)
    if driver.name in names:
        causes.append(duplicate(f"{path}.name", driver.name))
    names.add(driver.name)
    keys = driver.topology_keys or []
    for index, key in enumerate(keys):
        if not key:
            causes.append(required(path))
        if key in keys[:index]:
            causes.append(duplicate(path, key))
        matches(causes, path, key, syntax.label_key)


def update_csi_node(causes: Causes, new: CSINode, old: CSINode) -> None:
    """Of a driver that stays only what it can attach may change."""
    csi_node(causes, new)
    for was in old.spec.drivers or ():
        for now in new.spec.drivers or ():
            if was.name == now.name:
                immutable(causes, "spec.drivers", msgspec.structs.replace(now, allocatable=None),
                          msgspec.structs.replace(was, allocatable=None))


def csi_capacity(causes: Causes, obj: CSIStorageCapacity) -> None:
    label_selector(causes, "nodeTopology", obj.node_topology)
    matches(causes, "storageClassName", obj.storage_class_name, syntax.dns_subdomain)
    if obj.capacity is not None and nano_value(obj.capacity) < 0:
        causes.append(invalid("capacity", str(obj.capacity), "must be greater than or equal to 0"))


def update_csi_capacity(causes: Causes, new: CSIStorageCapacity, old: CSIStorageCapacity) -> None:
    wrong: Causes = []
    label_selector(wrong, "", old.node_topology)
    label_selector(causes, "nodeTopology", new.node_topology, strict_values=not wrong)
    matches(causes, "storageClassName", new.storage_class_name, syntax.dns_subdomain)
    if new.capacity is not None and nano_value(new.capacity) < 0:
        causes.append(invalid("capacity", str(new.capacity), "must be greater than or equal to 0"))
    immutable(causes, "nodeTopology", new.node_topology, old.node_topology)
    immutable(causes, "storageClassName", new.storage_class_name, old.storage_class_name)


def attachment(causes: Causes, obj: VolumeAttachment) -> None:
    _attachment(causes, obj)
    driver_name(causes, "spec.attacher", obj.spec.attacher)
    name = obj.spec.source.persistent_volume_name
    if name is not None:
        matches(causes, "spec.source.persistentVolumeName", name, syntax.dns_subdomain)


def _attachment(causes: Causes, obj: VolumeAttachment) -> None:
    spec, status = obj.spec, obj.status
    if not spec.attacher:
        causes.append(required("spec.attacher"))
    _source(causes, "spec.source", spec.source)
    matches(causes, "spec.nodeName", spec.node_name, syntax.dns_subdomain)
    if _bytes(status.attachment_metadata) > _METADATA_BYTES_MAX:
        causes.append(too_long("status.attachmentMetadata", _METADATA_BYTES_MAX))
    _error(causes, "status.attachError", status.attach_error)
    _error(causes, "status.detachError", status.detach_error)


def _source(causes: Causes, path: str, source: VolumeAttachmentSource) -> None:
    name, inline = source.persistent_volume_name, source.inline_volume_spec
    if name is None and inline is None:
        causes.append(required(path, _ONE_SOURCE))
    elif name is not None and inline is not None:
        causes.append(forbidden(path, _ONE_SOURCE))
    elif name == "":
        causes.append(required(f"{path}.persistentVolumeName", "must specify non empty persistentVolumeName"))
    elif inline is not None:
        inline_volume(causes, f"{path}.inlineVolumeSpec", inline)


def _error(causes: Causes, path: str, error: VolumeError | None) -> None:
    if error is None:
        return
    if len(error.message.encode()) > _ERROR_BYTES_MAX:
        causes.append(too_long(f"{path}.message", _METADATA_BYTES_MAX))
    if error.error_code is not None and error.error_code < 0:
        causes.append(invalid(f"{path}.errorCode", error.error_code, syntax.in_range(0, 2**31 - 1)))


def update_attachment(causes: Causes, new: VolumeAttachment, old: VolumeAttachment) -> None:
    _attachment(causes, new)
    if new.spec != old.spec:
        causes.append(invalid("spec", new.spec, IMMUTABLE))


def attributes_class(causes: Causes, obj: VolumeAttributesClass) -> None:
    _provisioner(causes, "driverName", obj.driver_name)
    _parameters(causes, "parameters", obj.parameters)
    if not obj.parameters:
        causes.append(required("parameters", "must contain at least one key/value pair"))


def update_attributes_class(causes: Causes, new: VolumeAttributesClass, old: VolumeAttributesClass) -> None:
    for now, was, wire in ((new.driver_name, old.driver_name, "driverName"), (new.parameters, old.parameters, "parameters")):
        if now != was:
            causes.append(forbidden(wire, f"updates to {wire} are forbidden."))
    attributes_class(causes, new)


RULES: Rules = {
    StorageClass: cluster(storage_class, update_storage_class), CSIDriver: cluster(csi_driver, update_csi_driver),
    CSINode: cluster(csi_node, update_csi_node), CSIStorageCapacity: KindRules(csi_capacity, update_csi_capacity),
    VolumeAttachment: cluster(attachment, update_attachment),
    VolumeAttributesClass: cluster(attributes_class, update_attributes_class),
}
SUBRESOURCES: SubresourceRules = {(VolumeAttachment, "status"): update_attachment}
