"""Rules of pods' volumes.

Source: pkg/apis/core/validation/validation.go (ValidateVolumes and below)
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from .. import core_v1, syntax
from ..core_v1 import PodSpec, Volume
from ..quantity import nano_value
from . import containers
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required
from .common import descending_path, label_selector, matches, no_backsteps, present

MODE_MAX = 0o777
HOST_PATH_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_SOURCES = tuple(name for name in Volume.__struct_fields__ if name != "name")
_WIRE = dict(zip(Volume.__struct_fields__, Volume.__struct_encode_fields__, strict=True))
_sources = attrgetter(*_SOURCES)
_VOLUME_FIELDS = frozenset((
    "metadata.name", "metadata.namespace", "metadata.labels", "metadata.annotations", "metadata.uid",
))
_TOKEN_S_MIN, _TOKEN_S_MAX = 600, 2**32


def volumes(causes: Causes, path: str, spec: PodSpec) -> dict[str, Volume]:
    """Check the volumes of a pod. Returns: those with a name, by it."""
    named: dict[str, Volume] = {}
    for index, volume in enumerate(spec.volumes):
        where = f"{path}[{index}]"
        if not volume.name:
            causes.append(required(f"{where}.name"))
        else:
            matches(causes, f"{where}.name", volume.name, syntax.dns_label)
            if volume.name in named:
                causes.append(duplicate(f"{where}.name", volume.name))
            named[volume.name] = volume
        _source(causes, where, volume)
    return named


def _source(causes: Causes, path: str, volume: Volume) -> None:
    sources = _sources(volume)
    count = len(sources) - sources.count(None)
    if not count:
        causes.append(required(path, "must specify a volume type"))
    elif count > 1:
        extra = [name for name, source in zip(_SOURCES, sources, strict=True) if source is not None][1:]
        causes += [forbidden(f"{path}.{_WIRE[name]}", "may not specify more than 1 volume type") for name in extra]
    if volume.config_map is not None:
        present(causes, f"{path}.configMap.name", volume.config_map.name, syntax.dns_subdomain)
        _files(causes, f"{path}.configMap", volume.config_map.default_mode, volume.config_map.items)
    elif volume.secret is not None:
        present(causes, f"{path}.secret.secretName", volume.secret.secret_name, syntax.dns_subdomain)
        _files(causes, f"{path}.secret", volume.secret.default_mode, volume.secret.items)
    elif volume.empty_dir is not None:
        limit = volume.empty_dir.size_limit
        if limit is not None and nano_value(limit) < 0:
            causes.append(forbidden(f"{path}.emptyDir.sizeLimit", "SizeLimit field must be a valid resource quantity"))
    elif volume.persistent_volume_claim is not None:
        present(causes, f"{path}.persistentVolumeClaim.claimName", volume.persistent_volume_claim.claim_name, syntax.dns_subdomain)
    elif volume.projected is not None:
        _projected(causes, f"{path}.projected", volume.projected)
    elif volume.downward_api is not None:
        _mode(causes, f"{path}.downwardAPI.defaultMode", volume.downward_api.default_mode)
        _downward(causes, f"{path}.downwardAPI", volume.downward_api.items)
    elif volume.host_path is not None:
        host_path(causes, f"{path}.hostPath", volume.host_path)
    else:
        _other(causes, path, volume)


def _other(causes: Causes, path: str, volume: Volume) -> None:
    if volume.nfs is not None:
        nfs(causes, f"{path}.nfs", volume.nfs)
    elif volume.csi is not None:
        if not volume.csi.driver:
            causes.append(required(f"{path}.csi.driver"))
        else:
            csi_driver_name(causes, f"{path}.csi.driver", volume.csi.driver)
    elif volume.ephemeral is not None:
        if volume.ephemeral.volume_claim_template is None:
            causes.append(required(f"{path}.ephemeral.volumeClaimTemplate"))
        else:
            claim_spec(causes, f"{path}.ephemeral.volumeClaimTemplate.spec", volume.ephemeral.volume_claim_template.spec)
    elif volume.image is not None:
        if not volume.image.reference:
            causes.append(required(f"{path}.image.reference"))
        if volume.image.pull_policy not in containers.PULL_POLICIES:
            causes.append(not_supported(f"{path}.image.pullPolicy", volume.image.pull_policy, containers.PULL_POLICIES))
    elif volume.git_repo is not None and not volume.git_repo.repository:
        causes.append(required(f"{path}.gitRepo.repository"))
    elif volume.iscsi is not None:
        for value, wire in ((volume.iscsi.target_portal, "targetPortal"), (volume.iscsi.iqn, "iqn")):
            if not value:
                causes.append(required(f"{path}.iscsi.{wire}"))


def nfs(causes: Causes, path: str, source: core_v1.NFSVolumeSource) -> None:
    for value, wire in ((source.server, "server"), (source.path, "path")):
        if not value:
            causes.append(required(f"{path}.{wire}"))
    if source.path and not source.path.startswith("/"):
        causes.append(invalid(f"{path}.path", source.path, "must be an absolute path"))


def host_path(causes: Causes, path: str, source: core_v1.HostPathVolumeSource) -> None:
    if not source.path:
        causes.append(required(f"{path}.path"))
    else:
        no_backsteps(causes, f"{path}.path", source.path)
    if source.type is not None and source.type not in HOST_PATH_TYPES:
        causes.append(not_supported(f"{path}.type", source.type, HOST_PATH_TYPES))


def csi_driver_name(causes: Causes, path: str, name: str) -> None:
    if len(name) > 63:
        causes.append(invalid(path, name, syntax.too_long(63)))
    matches(causes, path, name.lower(), syntax.dns_subdomain)


def claim_spec(causes: Causes, path: str, spec: core_v1.PersistentVolumeClaimSpec) -> None:
    """What a claim asks for, in a claim or in a template of one."""
    access_modes(causes, f"{path}.accessModes", spec.access_modes)
    label_selector(causes, f"{path}.selector", spec.selector)
    storage = spec.resources.requests.get("storage") if spec.resources is not None else None
    if storage is None:
        causes.append(required(f"{path}.resources[storage]"))
    elif nano_value(storage) <= 0:
        causes.append(invalid(f"{path}.resources[storage]", str(storage), "must be greater than zero"))
    if spec.storage_class_name:
        matches(causes, f"{path}.storageClassName", spec.storage_class_name, syntax.dns_subdomain)
    if spec.volume_mode is not None and spec.volume_mode not in ("Block", "Filesystem"):
        causes.append(not_supported(f"{path}.volumeMode", spec.volume_mode, ("Block", "Filesystem")))
    source, reference = spec.data_source, spec.data_source_ref
    if source is not None:
        _data_source(causes, f"{path}.dataSource", source.name, source.kind, source.api_group or "")
    if reference is not None:
        _data_source(causes, f"{path}.dataSourceRef", reference.name, reference.kind, reference.api_group or "")
    if source is not None and reference is not None and (source.name, source.kind) != (reference.name, reference.kind):
        causes.append(invalid(path, path, "must match dataSourceRef"))


ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def access_modes(causes: Causes, path: str, modes: list[str]) -> None:
    if not modes:
        causes.append(required(path, "at least 1 access mode is required"))
    for mode in modes:
        if mode not in ACCESS_MODES:
            causes.append(not_supported(path, mode, ACCESS_MODES))
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        causes.append(forbidden(path, "may not use ReadWriteOncePod with other access modes"))


def _data_source(causes: Causes, path: str, name: str, kind: str, group: str) -> None:
    for value, wire in ((name, "name"), (kind, "kind")):
        if not value:
            causes.append(required(f"{path}.{wire}"))
    if not group and kind != "PersistentVolumeClaim":
        causes.append(invalid(path, kind, ""))


def _mode(causes: Causes, path: str, mode: int | None) -> None:
    if mode is not None and not 0 <= mode <= MODE_MAX:
        causes.append(invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive"))


def _files(causes: Causes, path: str, mode: int | None, items: Iterable[core_v1.KeyToPath]) -> None:
    _mode(causes, f"{path}.defaultMode", mode)
    for index, item in enumerate(items):
        where = f"{path}.items[{index}]"
        if not item.key:
            causes.append(required(f"{where}.key"))
        _file_path(causes, f"{where}.path", item.path)
        _mode(causes, f"{where}.mode", item.mode)


def _file_path(causes: Causes, path: str, text: str) -> None:
    if not text:
        causes.append(required(path))
    else:
        descending_path(causes, path, text)
        if text.startswith("..") and not text.startswith("../"):
            causes.append(invalid(path, text, "must not start with '..'"))


def _downward(causes: Causes, path: str, items: list[core_v1.DownwardAPIVolumeFile]) -> None:
    for index, item in enumerate(items):
        where = f"{path}[{index}]"
        _file_path(causes, f"{where}.path", item.path)
        if item.field_ref is not None:
            containers.field_reference(causes, f"{where}.fieldRef", item.field_ref, _VOLUME_FIELDS)
            if item.resource_field_ref is not None:
                causes.append(invalid(where, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
        elif item.resource_field_ref is not None:
            containers.resource_reference(causes, f"{where}.resourceFieldRef", item.resource_field_ref, volume=True)
        else:
            causes.append(required(where, "one of fieldRef and resourceFieldRef is required"))
        _mode(causes, f"{where}.mode", item.mode)


def _projected(causes: Causes, path: str, source: core_v1.ProjectedVolumeSource) -> None:
    _mode(causes, f"{path}.defaultMode", source.default_mode)
    for index, part in enumerate(source.sources):
        where = f"{path}.sources[{index}]"
        kinds = (part.secret, part.config_map, part.downward_api, part.service_account_token, part.cluster_trust_bundle,
                 part.pod_certificate)
        count = len(kinds) - kinds.count(None)
        if count != 1:
            detail = "may not specify more than 1 volume type per source" if count else ""
            causes.append(forbidden(where, detail) if count else required(where, "must specify one volume type per source"))
        if part.secret is not None:
            present(causes, f"{where}.secret.name", part.secret.name, syntax.dns_subdomain)
            _files(causes, f"{where}.secret", None, part.secret.items)
        if part.config_map is not None:
            present(causes, f"{where}.configMap.name", part.config_map.name, syntax.dns_subdomain)
            _files(causes, f"{where}.configMap", None, part.config_map.items)
        if part.downward_api is not None:
            _downward(causes, f"{where}.downwardAPI", part.downward_api.items)
        if part.service_account_token is not None:
            _token(causes, f"{where}.serviceAccountToken", part.service_account_token)


def _token(causes: Causes, path: str, token: core_v1.ServiceAccountTokenProjection) -> None:
    if (token.expiration_seconds or 0) < _TOKEN_S_MIN:
        causes.append(invalid(f"{path}.expirationSeconds", token.expiration_seconds, "may not specify a duration less than 10 minutes"))
    elif (token.expiration_seconds or 0) > _TOKEN_S_MAX:
        causes.append(invalid(f"{path}.expirationSeconds", token.expiration_seconds, "may not specify a duration larger than 2^32 seconds"))
    if not token.path:
        causes.append(required(f"{path}.path"))
    else:
        descending_path(causes, f"{path}.path", token.path)
