"""Rules of pods' volumes: their names and sources.

Source: pkg/apis/core/validation/validation.go (ValidateVolumes and below)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from .. import core_v1, syntax
from ..core_v1 import PodSpec, Volume
from ..quantity import nano_value
from . import claims, containers, projections
from . import volume_sources as sources
from .causes import Causes, duplicate, forbidden, invalid, required
from .common import local_path
from .volume_sources import csi_driver_name

__all__ = ["csi_driver_name", "downward_file", "file_mode", "key_to_path", "volumes"]

MODE_MAX = 0o777
_MODE_WRONG = "must be a number between 0 and 0777 (octal), both inclusive"
_DOWNWARD_FIELDS = frozenset((
    "metadata.name", "metadata.namespace", "metadata.labels", "metadata.annotations", "metadata.uid",
))


def volumes(causes: Causes, path: str, spec: PodSpec, pod_name: str = "") -> dict[str, Volume]:
    """Check the volumes of a pod.

    Args:
        pod_name: of a pod; "" for templates.
    Returns: those that are right, by name.
    """
    named: dict[str, Volume] = {}
    created: set[str] = set()
    if pod_name:
        created = {f"{pod_name}-{volume.name}" for volume in spec.volumes if volume.ephemeral is not None}
    for index, volume in enumerate(spec.volumes):
        where = f"{path}[{index}]"
        before = len(causes)
        name = volume.name
        _source(causes, where, volume, pod_name)
        if not name:
            causes.append(required(f"{where}.name"))
        elif complaints := syntax.dns_label(name):
            causes += [invalid(f"{where}.name", name, complaint) for complaint in complaints]
        if name in named:
            causes.append(duplicate(f"{where}.name", name))
        if len(causes) == before:
            named[name] = volume
        if created and volume.persistent_volume_claim is not None and volume.persistent_volume_claim.claim_name in created:
            causes.append(invalid(f"{where}.persistentVolumeClaim.claimName", volume.persistent_volume_claim.claim_name,
                                  "must not reference a PVC that gets created for an ephemeral volume"))
    return named


def _empty_dir(causes: Causes, path: str, source: core_v1.EmptyDirVolumeSource) -> None:
    if source.size_limit is not None and nano_value(source.size_limit) < 0:
        causes.append(forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity"))


def _secret(causes: Causes, path: str, source: core_v1.SecretVolumeSource) -> None:
    if not source.secret_name:
        causes.append(required(f"{path}.secretName"))
    _files(causes, path, source.default_mode, source.items)


def _config_map(causes: Causes, path: str, source: core_v1.ConfigMapVolumeSource) -> None:
    if not source.name:
        causes.append(required(f"{path}.name"))
    _files(causes, path, source.default_mode, source.items)


def _files(causes: Causes, path: str, mode: int | None, items: Iterable[core_v1.KeyToPath]) -> None:
    file_mode(causes, f"{path}.defaultMode", mode)
    for index, item in enumerate(items):
        key_to_path(causes, f"{path}.items[{index}]", item)


def _claim(causes: Causes, path: str, source: core_v1.PersistentVolumeClaimVolumeSource) -> None:
    if not source.claim_name:
        causes.append(required(f"{path}.claimName"))


def _downward(causes: Causes, path: str, source: core_v1.DownwardAPIVolumeSource) -> None:
    file_mode(causes, f"{path}.defaultMode", source.default_mode)
    for item in source.items:
        downward_file(causes, path, item)  # upstream's path names no item


def _projected(causes: Causes, path: str, source: core_v1.ProjectedVolumeSource) -> None:
    file_mode(causes, f"{path}.defaultMode", source.default_mode)
    projections.projected(causes, path, source)


def _ephemeral(causes: Causes, path: str, source: core_v1.EphemeralVolumeSource) -> None:
    if source.volume_claim_template is None:
        causes.append(required(f"{path}.volumeClaimTemplate"))
    else:
        claims.claim_template(causes, f"{path}.volumeClaimTemplate", source.volume_claim_template)


def _image(causes: Causes, path: str, source: core_v1.ImageVolumeSource) -> None:
    if not source.reference:
        causes.append(required(f"{path}.reference"))
    if source.pull_policy not in containers.PULL_POLICIES:
        containers.pull_policy(causes, f"{path}.pullPolicy", source.pull_policy)


# Attribute, wire name, path of the rules (where it differs) and rules of each source, in the order in which upstream looks at them.
_RULES: tuple[tuple[str, str, str, Callable[[Causes, str, Any], None]], ...] = (
    ("empty_dir", "emptyDir", "", _empty_dir), ("host_path", "hostPath", "", sources.host_path),
    ("git_repo", "gitRepo", "", sources.git_repo),
    ("gce_persistent_disk", "gcePersistentDisk", "persistentDisk", sources.gce_disk),
    ("aws_elastic_block_store", "awsElasticBlockStore", "", sources.aws_disk), ("secret", "secret", "", _secret),
    ("nfs", "nfs", "", sources.nfs),
    ("iscsi", "iscsi", "", sources.iscsi), ("glusterfs", "glusterfs", "", sources.glusterfs), ("flocker", "flocker", "", sources.flocker),
    ("persistent_volume_claim", "persistentVolumeClaim", "", _claim), ("rbd", "rbd", "", sources.rbd),
    ("cinder", "cinder", "", sources.cinder),
    ("cephfs", "cephFS", "cephfs", sources.cephfs), ("quobyte", "quobyte", "", sources.quobyte),
    ("downward_api", "downwarAPI", "downwardAPI", _downward), ("fc", "fc", "", sources.fc), ("flex_volume", "flexVolume", "", sources.flex),
    ("config_map", "configMap", "", _config_map), ("azure_file", "azureFile", "", sources.azure_file),
    ("vsphere_volume", "vsphereVolume", "", sources.vsphere), ("photon_persistent_disk", "photonPersistentDisk", "", sources.photon),
    ("portworx_volume", "portworxVolume", "", sources.portworx), ("azure_disk", "azureDisk", "", sources.azure_disk),
    ("storageos", "storageos", "", sources.storageos), ("projected", "projected", "", _projected),
    ("scale_io", "scaleIO", "", sources.scale_io),
    ("csi", "csi", "", sources.csi), ("ephemeral", "ephemeral", "", _ephemeral), ("image", "image", "", _image),
)
_sources = attrgetter(*(attribute for attribute, _, _, _ in _RULES))


def _source(causes: Causes, path: str, volume: Volume, pod_name: str) -> None:
    found = _sources(volume)
    rules = [rule for rule, source in zip(_RULES, found, strict=True) if source is not None]
    if not rules:
        causes.append(required(path, "must specify a volume type"))
        return
    attribute, wire, other_path, rule = rules[0]
    source = getattr(volume, attribute)
    rule(causes, f"{path}.{other_path or wire}", source)
    if len(rules) > 1:
        sources.one_source(causes, path, [wire for _, wire, _, _ in rules])
    if volume.iscsi is not None and sources.iscsi_name_too_long(volume.iscsi, volume.name):
        causes.append(invalid(f"{path}.name", volume.name, sources.ISCSI_TOO_LONG))
    if attribute == "ephemeral" and pod_name and volume.name:
        claim_name = f"{pod_name}-{volume.name}"
        causes += [invalid(f"{path}.name", volume.name, f"PVC name {syntax.quote(claim_name)}: {complaint}")
                   for complaint in syntax.dns_subdomain(claim_name)]


def file_mode(causes: Causes, path: str, mode: int | None) -> None:
    if mode is not None and not 0 <= mode <= MODE_MAX:
        causes.append(invalid(path, mode, _MODE_WRONG))


def key_to_path(causes: Causes, path: str, item: core_v1.KeyToPath) -> None:
    if not item.key:
        causes.append(required(f"{path}.key"))
    if not item.path:
        causes.append(required(f"{path}.path"))
    local_path(causes, f"{path}.path", item.path)
    file_mode(causes, f"{path}.mode", item.mode)


def downward_file(causes: Causes, path: str, item: core_v1.DownwardAPIVolumeFile) -> None:
    if not item.path:
        causes.append(required(f"{path}.path"))
    local_path(causes, f"{path}.path", item.path)
    if item.field_ref is not None:
        containers.field_reference(causes, f"{path}.fieldRef", item.field_ref, _DOWNWARD_FIELDS)
        if item.resource_field_ref is not None:
            causes.append(invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
    elif item.resource_field_ref is not None:
        containers.resource_reference(causes, f"{path}.resourceFieldRef", item.resource_field_ref, volume=True)
    else:
        causes.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    file_mode(causes, f"{path}.mode", item.mode)
