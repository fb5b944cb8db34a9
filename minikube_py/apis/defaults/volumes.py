"""Defaults of volumes: those of pods and the sources that persistent volumes share with them.

Source: pkg/apis/core/v1/defaults.go
"""

from __future__ import annotations

from .. import core_v1
from ..core_v1 import EmptyDirVolumeSource, PersistentVolumeClaimSpec, Volume
from . import quantities
from .images import image_pull_policy

FILE_MODE = 0o644
_SERVICE_ACCOUNT_TOKEN_S = 3600
_SOURCES = tuple(name for name in Volume.__struct_fields__ if name != "name")


def set_volume(volume: Volume) -> None:
    """A volume without source is an empty directory."""
    if (files := volume.secret or volume.config_map) is not None:
        if files.default_mode is None:
            files.default_mode = FILE_MODE
    elif volume.empty_dir is not None:
        volume.empty_dir.size_limit = quantities.single(volume.empty_dir.size_limit)
    elif volume.projected is not None:
        _set_projected(volume.projected)
    elif volume.downward_api is not None:
        if volume.downward_api.default_mode is None:
            volume.downward_api.default_mode = FILE_MODE
        _set_downward_items(volume.downward_api.items)
    elif volume.host_path is not None:
        set_host_path(volume.host_path)
    elif all(getattr(volume, name) is None for name in _SOURCES):
        volume.empty_dir = EmptyDirVolumeSource()
    else:
        _set_other(volume)


def set_host_path(source: core_v1.HostPathVolumeSource) -> None:
    if source.type is None:
        source.type = ""


def set_claim_spec(spec: PersistentVolumeClaimSpec) -> None:
    if spec.volume_mode is None:
        spec.volume_mode = "Filesystem"
    quantities.requirements(spec.resources)


def set_iscsi(source: core_v1.ISCSIVolumeSource | core_v1.ISCSIPersistentVolumeSource) -> None:
    if not source.iscsi_interface:
        source.iscsi_interface = "default"


def set_rbd(source: core_v1.RBDVolumeSource | core_v1.RBDPersistentVolumeSource) -> None:
    source.pool = source.pool or "rbd"
    source.user = source.user or "admin"
    source.keyring = source.keyring or "/etc/ceph/keyring"


def set_scale_io(source: core_v1.ScaleIOVolumeSource | core_v1.ScaleIOPersistentVolumeSource) -> None:
    source.storage_mode = source.storage_mode or "ThinProvisioned"
    source.fs_type = source.fs_type or "xfs"


def set_azure_disk(source: core_v1.AzureDiskVolumeSource) -> None:
    if source.caching_mode is None:
        source.caching_mode = "ReadWrite"
    if source.kind is None:
        source.kind = "Shared"
    if source.fs_type is None:
        source.fs_type = "ext4"
    if source.read_only is None:
        source.read_only = False


def _set_other(volume: Volume) -> None:
    if volume.ephemeral is not None and volume.ephemeral.volume_claim_template is not None:
        set_claim_spec(volume.ephemeral.volume_claim_template.spec)
    elif volume.image is not None and not volume.image.pull_policy:
        volume.image.pull_policy = image_pull_policy(volume.image.reference)
    elif volume.iscsi is not None:
        set_iscsi(volume.iscsi)
    elif volume.rbd is not None:
        set_rbd(volume.rbd)
    elif volume.scale_io is not None:
        set_scale_io(volume.scale_io)
    elif volume.azure_disk is not None:
        set_azure_disk(volume.azure_disk)


def _set_projected(source: core_v1.ProjectedVolumeSource) -> None:
    if source.default_mode is None:
        source.default_mode = FILE_MODE
    source.sources = source.sources or None
    for part in source.sources or ():
        if part.service_account_token is not None and part.service_account_token.expiration_seconds is None:
            part.service_account_token.expiration_seconds = _SERVICE_ACCOUNT_TOKEN_S
        if part.downward_api is not None:
            _set_downward_items(part.downward_api.items)
        if part.pod_certificate is not None and part.pod_certificate.max_expiration_seconds is None:
            part.pod_certificate.max_expiration_seconds = 86400


def _set_downward_items(items: list[core_v1.DownwardAPIVolumeFile]) -> None:
    for item in items:
        if item.field_ref is not None and not item.field_ref.api_version:
            item.field_ref.api_version = "v1"
        if item.resource_field_ref is not None:
            item.resource_field_ref.divisor = quantities.single(item.resource_field_ref.divisor) or "0"
