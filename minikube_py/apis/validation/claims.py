"""Rules of persistent volume claims, and of the templates that they are made from.

Source: pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaim and below)
"""

from __future__ import annotations

import msgspec

from .. import core_v1, meta_v1, syntax
from ..core_v1 import PersistentVolumeClaim, PersistentVolumeClaimSpec
from ..quantity import compare, nano_value
from . import resources
from .causes import Causes, forbidden, invalid, not_supported, required
from .common import dns_label, immutable, label_selector, labels, subdomain
from .differences import difference
from .metadata import check_annotations

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_IMMUTABLE = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
_RESIZE_STATES = ("ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible",
                  "NodeResizePending")
_TEMPLATE_META = (
    ("name", "name"), ("generate_name", "generateName"), ("namespace", "namespace"), ("self_link", "selfLink"), ("uid", "uID"),
    ("resource_version", "resourceVersion"), ("generation", "generation"), ("creation_timestamp", "creationTimestamp"),
    ("deletion_timestamp", "deletionTimestamp"), ("deletion_grace_period_seconds", "deletionGracePeriodSeconds"),
    ("owner_references", "ownerReferences"), ("finalizers", "finalizers"), ("managed_fields", "managedFields"),
)


def claim(causes: Causes, obj: PersistentVolumeClaim) -> None:
    claim_spec(causes, "spec", obj.spec)


def access_modes(causes: Causes, path: str, modes: list[str]) -> None:
    """Which modes there are; whether there must be one is said before."""
    single = others = False
    for mode in modes:
        if mode not in ACCESS_MODES:
            causes.append(not_supported(path, mode, ACCESS_MODES))
        elif mode == "ReadWriteOncePod":
            single = True
        else:
            others = True
    if single and others:
        causes.append(forbidden(path, "may not use ReadWriteOncePod with other access modes"))


def claim_spec(causes: Causes, path: str, spec: PersistentVolumeClaimSpec) -> None:
    """What a claim asks for, in a claim or in a template of one."""
    if not spec.access_modes:
        causes.append(required(f"{path}.accessModes", "at least 1 access mode is required"))
    label_selector(causes, f"{path}.selector", spec.selector)
    access_modes(causes, f"{path}.accessModes", spec.access_modes)
    storage = spec.resources.requests.get("storage")
    where = f"{path}.resources[storage]"
    if storage is None:
        causes.append(required(where))
    elif nano_value(storage) <= 0:
        causes.append(invalid(where, str(storage), "must be greater than zero"))
    else:
        resources.amount(causes, where, "storage", storage)
    if spec.storage_class_name:
        subdomain(causes, f"{path}.storageClassName", spec.storage_class_name)
    if spec.volume_mode is not None and spec.volume_mode not in VOLUME_MODES:
        causes.append(not_supported(f"{path}.volumeMode", spec.volume_mode, VOLUME_MODES))
    _data_sources(causes, path, spec)
    if spec.volume_attributes_class_name:
        subdomain(causes, f"{path}.volumeAttributesClassName", spec.volume_attributes_class_name)


def _data_sources(causes: Causes, path: str, spec: PersistentVolumeClaimSpec) -> None:
    source, reference = spec.data_source, spec.data_source_ref
    if source is not None:
        _data_source(causes, f"{path}.dataSource", source.name, source.kind, source.api_group or "")
    if reference is None:
        return
    _data_source(causes, f"{path}.dataSourceRef", reference.name, reference.kind, reference.api_group or "")
    if reference.namespace:
        dns_label(causes, f"{path}.dataSourceRef.namespace", reference.namespace)
    if source is None:
        return
    shown = f"{path}.dataSource"
    if reference.namespace:
        causes.append(invalid(path, shown, "may not be specified when dataSourceRef.namespace is specified"))
    elif (source.api_group, source.kind, source.name) != (reference.api_group, reference.kind, reference.name):
        causes.append(invalid(path, shown, "must match dataSourceRef"))


def _data_source(causes: Causes, path: str, name: str, kind: str, group: str) -> None:
    causes += [required(f"{path}.{wire}") for wire, value in (("name", name), ("kind", kind)) if not value]
    if not group and kind != "PersistentVolumeClaim":
        causes.append(invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
    if group:
        subdomain(causes, f"{path}.apiGroup", group)


def claim_template(causes: Causes, path: str, template: core_v1.PersistentVolumeClaimTemplate) -> None:
    """The template of an ephemeral volume's claim: labels and annotations are all the metadata that it may have."""
    meta = template.metadata
    check_annotations(causes, f"{path}.metadata.annotations", meta.annotations)
    labels(causes, f"{path}.metadata.labels", meta.labels)
    _only_labels_and_annotations(causes, f"{path}.metadata", meta)
    claim_spec(causes, f"{path}.spec", template.spec)


def _only_labels_and_annotations(causes: Causes, path: str, meta: meta_v1.ObjectMeta) -> None:
    causes += [forbidden(f"{path}.{wire}", "cannot be set") for name, wire in _TEMPLATE_META if getattr(meta, name)]


def update_claim(causes: Causes, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
    """A claim may be bound once, and grow when it is bound."""
    claim(causes, new)
    _immutable_spec(causes, new, old)
    own, was = new.spec, old.spec
    size = own.resources.requests.get("storage", "0")
    size_was = was.resources.requests.get("storage", "0")
    if compare(size, size_was) < 0 and compare(size, old.status.capacity.get("storage", "0")) <= 0:
        causes.append(forbidden("spec.resources.requests.storage", "field can not be less than status.capacity"))
    immutable(causes, "volumeMode", own.volume_mode, was.volume_mode)
    if own.volume_attributes_class_name != was.volume_attributes_class_name \
            and old.status.current_volume_attributes_class_name is not None and not own.volume_attributes_class_name:
        what = "nil" if own.volume_attributes_class_name is None else "empty string"
        causes.append(forbidden("spec.volumeAttributesClassName",
                                f"update to {what} is forbidden when status.currentVolumeAttributesClassName is not nil"))


def _immutable_spec(causes: Causes, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
    own = msgspec.structs.replace(new.spec)
    was = old.spec
    if not was.volume_name:
        was = msgspec.structs.replace(was, volume_name=own.volume_name)
    annotation, annotation_was = new.metadata.annotations.get(_BETA_CLASS), old.metadata.annotations.get(_BETA_CLASS)
    class_name = own.storage_class_name
    moved = annotation_was is not None and was.storage_class_name is None and class_name == annotation_was
    if moved and annotation in (None, annotation_was):
        own.storage_class_name = None
    else:
        if (annotation or "") != (annotation_was or ""):
            causes.append(invalid(f"metadata.annotations.{_BETA_CLASS}", annotation or "", "field is immutable"))
        if class_name is not None and was.storage_class_name is None and annotation_was in (None, class_name):
            own.storage_class_name = None
    if new.status.phase == "Bound":
        if own.resources.requests and "storage" in was.resources.requests:
            requests = {**own.resources.requests, "storage": was.resources.requests["storage"]}
            own.resources = msgspec.structs.replace(own.resources, requests=requests)
        own.volume_attributes_class_name = was.volume_attributes_class_name
    if own != was:
        causes.append(forbidden("spec", f"{_IMMUTABLE}\n{difference(was, own)}"))


def update_claim_status(causes: Causes, new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> None:
    if not new.spec.access_modes:
        causes.append(required("Spec.accessModes"))
    status = new.status
    for name, quantity in status.capacity.items():
        _basic(causes, f"status.capacity[{name}]", quantity)
    for name, state in status.allocated_resource_statuses.items():
        _resource_key(causes, "status.allocatedResourceStatuses", name)
        if state not in _RESIZE_STATES:
            causes.append(not_supported("status.allocatedResourceStatuses", name, _RESIZE_STATES))
    for name, quantity in status.allocated_resources.items():
        wrong: Causes = []
        _resource_key(wrong, "status.allocatedResources", name)
        if not wrong:
            _basic(wrong, f"status.allocatedResources[{name}]", quantity)
        if not wrong:
            resources.amount(wrong, f"status.allocatedResources[{name}]", "storage", quantity)
        causes += wrong


def _basic(causes: Causes, path: str, quantity: str | int | float) -> None:
    if nano_value(quantity) < 0:
        causes.append(invalid(path, nano_value(quantity) // 10**9, "must be a valid resource quantity"))


def _resource_key(causes: Causes, path: str, name: str) -> None:
    if complaints := syntax.label_key(name):
        causes += [invalid(path, name, complaint) for complaint in complaints]
    elif resources.is_native(name) and name != "storage":
        causes.append(not_supported(path, name, ("storage",)))
