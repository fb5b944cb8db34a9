"""Rules of persistent volumes.

Source: pkg/apis/core/validation/validation.go (ValidatePersistentVolumeSpec, ValidatePersistentVolumeUpdate)
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec

from ..core_v1 import NodeSelectorTerm, PersistentVolume, PersistentVolumeSpec, VolumeNodeAffinity
from ..quantity import canonical, nano_value
from . import scheduling
from . import volume_sources as sources
from .causes import IMMUTABLE, Causes, forbidden, invalid, not_supported, required
from .claims import VOLUME_MODES, access_modes
from .common import immutable, subdomain
from .differences import difference

_NOT_INLINE = "may not be specified in the context of inline volumes"
_RECLAIM = ("Delete", "Recycle", "Retain")
_GA_LABELS = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch", "beta.kubernetes.io/os": "kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}
# Attribute, wire name, path of the rules (where it differs) and rules of each source, in the order in which upstream looks at them.
_RULES: tuple[tuple[str, str, str, Callable[..., None]], ...] = (
    ("host_path", "hostPath", "", sources.host_path), ("gce_persistent_disk", "gcePersistentDisk", "persistentDisk", sources.gce_disk),
    ("aws_elastic_block_store", "awsElasticBlockStore", "", sources.aws_disk),
    ("glusterfs", "glusterfs", "", sources.glusterfs_persistent), ("flocker", "flocker", "", sources.flocker),
    ("nfs", "nfs", "", sources.nfs),
    ("rbd", "rbd", "", sources.rbd), ("quobyte", "quobyte", "", sources.quobyte), ("cephfs", "cephFS", "cephfs", sources.cephfs),
    ("iscsi", "iscsi", "", sources.iscsi_persistent),
    ("cinder", "cinder", "", sources.cinder_persistent), ("fc", "fc", "", sources.fc), ("flex_volume", "flexVolume", "", sources.flex),
    ("azure_file", "azureFile", "", sources.azure_file_persistent), ("vsphere_volume", "vsphereVolume", "", sources.vsphere),
    ("photon_persistent_disk", "photonPersistentDisk", "", sources.photon), ("portworx_volume", "portworxVolume", "", sources.portworx),
    ("azure_disk", "azureDisk", "", sources.azure_disk), ("scale_io", "scaleIO", "", sources.scale_io),
    ("local", "local", "", sources.local),
    ("storageos", "storageos", "", sources.storageos_persistent), ("csi", "csi", "", sources.csi_persistent),
)
_SOURCES = tuple(attribute for attribute, _, _, _ in _RULES)
_sources = attrgetter(*_SOURCES)


def volume(causes: Causes, obj: PersistentVolume) -> None:
    volume_spec(causes, "spec", obj.spec, obj.metadata.name)


def inline_volume(causes: Causes, path: str, spec: PersistentVolumeSpec) -> None:
    """A volume that an attachment carries instead of naming it: it has no life of its own, so most fields mean nothing."""
    if spec.claim_ref is not None:
        causes.append(forbidden(f"{path}.claimRef", _NOT_INLINE))
    if spec.capacity:
        causes.append(forbidden(f"{path}.capacity", _NOT_INLINE))
    if spec.csi is None:
        causes.append(required(f"{path}.csi", "has to be specified in the context of inline volumes"))
    volume_spec(causes, path, spec, "", inline=True)


def volume_spec(causes: Causes, path: str, spec: PersistentVolumeSpec, name: str, *, inline: bool = False) -> None:
    """The part that volumes and inline volumes have in common.

    Args:
        name: of the volume.
    """
    if not spec.access_modes:
        causes.append(required(f"{path}.accessModes"))
    access_modes(causes, f"{path}.accessModes", spec.access_modes)
    if not inline:
        _capacity(causes, path, spec)
    policy, class_name, mode = spec.persistent_volume_reclaim_policy, spec.storage_class_name, spec.volume_mode
    if policy and inline and policy != "Retain":
        causes.append(forbidden(f"{path}.persistentVolumeReclaimPolicy", "may only be Retain in the context of inline volumes"))
    elif policy and policy not in _RECLAIM:
        causes.append(not_supported(f"{path}.persistentVolumeReclaimPolicy", policy, _RECLAIM))
    if spec.node_affinity is not None:
        if spec.node_affinity.required is None:
            causes.append(required(f"{path}.nodeAffinity.required", "must specify required node constraints"))
        else:
            scheduling.node_selector(causes, f"{path}.nodeAffinity.required", spec.node_affinity.required)
    _source(causes, path, spec, name)
    if spec.host_path is not None and sources.is_root(spec.host_path.path) and policy == "Recycle":
        causes.append(forbidden(f"{path}.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'"))
    if class_name and inline:
        causes.append(forbidden(f"{path}.storageClassName", _NOT_INLINE))
    elif class_name:
        subdomain(causes, f"{path}.storageClassName", class_name)
    if mode is not None and inline and mode != "Filesystem":
        causes.append(forbidden(f"{path}.volumeMode", "may not specify volumeMode other than Filesystem in the context of inline volumes"))
    elif mode is not None and mode not in VOLUME_MODES:
        causes.append(not_supported(f"{path}.volumeMode", mode, VOLUME_MODES))
    _attributes_class(causes, path, spec, inline=inline)


def _attributes_class(causes: Causes, path: str, spec: PersistentVolumeSpec, *, inline: bool) -> None:
    name = spec.volume_attributes_class_name
    if name is None:
        return
    if not name:
        causes.append(required(f"{path}.volumeAttributesClassName", "an empty string is disallowed"))
    else:
        subdomain(causes, f"{path}.volumeAttributesClassName", name)
    if spec.csi is None:
        causes.append(required(f"{path}.csi", "has to be specified when using volumeAttributesClassName"))
    if inline:
        causes.append(forbidden(f"{path}.volumeAttributesClassName", _NOT_INLINE))


def _capacity(causes: Causes, path: str, spec: PersistentVolumeSpec) -> None:
    if not spec.capacity:
        causes.append(required(f"{path}.capacity"))
    if "storage" not in spec.capacity or len(spec.capacity) > 1:
        causes.append(not_supported(f"{path}.capacity", {name: canonical(amount) for name, amount in spec.capacity.items()}, ("storage",)))
    for name, amount in spec.capacity.items():
        value = nano_value(amount)
        if value < 0:
            causes.append(invalid(f"{path}.capacity[{name}]", -(-value // 10**9), "must be a valid resource quantity"))
        if value <= 0:
            causes.append(invalid(f"{path}.capacity[{name}]", canonical(amount), "must be greater than zero"))


def _source(causes: Causes, path: str, spec: PersistentVolumeSpec, name: str) -> None:
    found = False
    for (attribute, wire, other_path, rule), source in zip(_RULES, _sources(spec), strict=True):
        if source is None:
            continue
        if found and attribute != "flex_volume":
            causes.append(forbidden(f"{path}.{wire}", "may not specify more than 1 volume type"))
            continue
        found = True
        of_volume: tuple[Any, ...] = (source, name) if attribute == "iscsi" else (source,)
        rule(causes, f"{path}.{other_path or wire}", *of_volume)
        if attribute == "local" and spec.node_affinity is None:
            causes.append(required(f"{path}.nodeAffinity", "Local volume requires node affinity"))
    if not found:
        causes.append(required(path, "must specify a volume type"))


def update_volume(causes: Causes, new: PersistentVolume, old: PersistentVolume) -> None:
    """What a volume is stays as it is."""
    volume(causes, new)
    own, was = _only_sources(new.spec), _only_sources(old.spec)
    if own.csi is not None and was.csi is not None and was.csi.controller_expand_secret_ref is None:
        own.csi = msgspec.structs.replace(own.csi, controller_expand_secret_ref=None)
    if own != was:
        causes.append(forbidden("spec.persistentvolumesource",
                                f"spec.persistentvolumesource is immutable after creation\n{difference(was, own)}"))
    immutable(causes, "volumeMode", new.spec.volume_mode, old.spec.volume_mode)
    if old.spec.node_affinity is not None and not _same_nodes(new.spec.node_affinity, old.spec.node_affinity):
        causes.append(invalid("nodeAffinity", new.spec.node_affinity, f"{IMMUTABLE}, except for updating from beta label to GA"))
    if old.spec.volume_attributes_class_name is not None and new.spec.volume_attributes_class_name is None:
        causes.append(forbidden("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden"))


def _only_sources(spec: PersistentVolumeSpec) -> PersistentVolumeSpec:
    return PersistentVolumeSpec(**dict(zip(_SOURCES, _sources(spec), strict=True)))


def _same_nodes(new: VolumeNodeAffinity | None, old: VolumeNodeAffinity) -> bool:
    """Whether the same nodes are meant; a label of old may have become the one that took its place."""
    if new is None or new.required is None or old.required is None:
        return new == old
    own, was = new.required.node_selector_terms, old.required.node_selector_terms
    return len(own) == len(was) and all(_same_term(term, before) for term, before in zip(own, was, strict=True))


def _same_term(new: NodeSelectorTerm, old: NodeSelectorTerm) -> bool:
    for own, was in ((new.match_expressions, old.match_expressions), (new.match_fields, old.match_fields)):
        if len(own) != len(was):
            return False
        for requirement, before in zip(own, was, strict=True):
            key = requirement.key if _GA_LABELS.get(before.key) == requirement.key else before.key
            if msgspec.structs.replace(before, key=key) != requirement:
                return False
    return True
