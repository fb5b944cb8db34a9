"""Rules of what containers mount, and of the devices that they are given.

Source: pkg/apis/core/validation/validation.go (ValidateVolumeMounts, ValidateVolumeDevices)
"""

from __future__ import annotations

from collections.abc import Mapping

from .. import core_v1
from ..core_v1 import Container, EphemeralContainer, Volume
from .causes import Causes, forbidden, invalid, not_found, not_supported, required
from .common import descending_path

_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_READ_ONLY = ("Disabled", "Enabled", "IfPossible")


def mounts(causes: Causes, path: str, item: Container | EphemeralContainer, volumes: Mapping[str, Volume]) -> None:
    seen: set[str] = set()
    for index, mount in enumerate(item.volume_mounts):
        name, target = mount.name, mount.mount_path
        if not name:
            causes.append(required(f"{path}[{index}].name"))
        if name not in volumes:
            causes.append(not_found(f"{path}[{index}].name", name))
        if not target:
            causes.append(required(f"{path}[{index}].mountPath"))
        if target in seen:
            causes.append(invalid(f"{path}[{index}].mountPath", target, "must be unique"))
        seen.add(target)
        if item.volume_devices:
            if any(device.name == name for device in item.volume_devices):
                causes.append(invalid(f"{path}[{index}].name", name, "must not already exist in volumeDevices"))
            if any(device.device_path == target for device in item.volume_devices):
                causes.append(invalid(f"{path}[{index}].mountPath", target, "must not already exist as a path in volumeDevices"))
        if mount.sub_path:
            descending_path(causes, f"{path}.subPath", mount.sub_path)
        if mount.sub_path_expr:
            if mount.sub_path:
                causes.append(invalid(f"{path}[{index}].subPathExpr", mount.sub_path_expr,
                                      "subPathExpr and subPath are mutually exclusive"))
            descending_path(causes, f"{path}.subPathExpr", mount.sub_path_expr)
        if mount.mount_propagation is not None:
            _propagation(causes, f"{path}.mountPropagation", mount.mount_propagation, item)
        if mount.recursive_read_only is not None:
            _recursive_read_only(causes, f"{path}.recursiveReadOnly", mount)


def _propagation(causes: Causes, path: str, value: str, item: Container | EphemeralContainer) -> None:
    if value not in _PROPAGATIONS:
        causes.append(not_supported(path, value, _PROPAGATIONS))
    privileged = item.security_context is not None and item.security_context.privileged
    if value == "Bidirectional" and not privileged:
        causes.append(forbidden(path, "Bidirectional mount propagation is available only to privileged containers"))


def _recursive_read_only(causes: Causes, path: str, mount: core_v1.VolumeMount) -> None:
    value = mount.recursive_read_only or ""
    if value in ("Enabled", "IfPossible"):
        if not mount.read_only:
            causes.append(forbidden(path, "may only be specified when readOnly is true"))
        if mount.mount_propagation not in (None, "None"):
            causes.append(forbidden(path, "may only be specified when mountPropagation is None or not specified"))
    elif value != "Disabled":
        causes.append(not_supported(path, value, _READ_ONLY))


def devices(causes: Causes, path: str, item: Container | EphemeralContainer, volumes: Mapping[str, Volume]) -> None:
    names: set[str] = set()
    paths: set[str] = set()
    mounted = {mount.name: mount.mount_path for mount in item.volume_mounts}
    for index, device in enumerate(item.volume_devices):
        where = f"{path}[{index}]"
        volume = volumes.get(device.name)
        if not device.name:
            causes.append(required(f"{where}.name"))
        if device.name in names:
            causes.append(invalid(f"{where}.name", device.name, "must be unique"))
        if volume is None:
            causes.append(not_found(f"{where}.name", device.name))
        elif volume.persistent_volume_claim is None and volume.ephemeral is None:
            causes.append(invalid(f"{where}.name", device.name,
                                  "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"))
        if not device.device_path:
            causes.append(required(f"{where}.devicePath"))
        if device.device_path in paths:
            causes.append(invalid(f"{where}.devicePath", device.device_path, "must be unique"))
        if ".." in device.device_path.split("/"):
            causes.append(invalid(f"{where}.devicePath", device.device_path, "can not contain backsteps ('..')"))
        else:
            paths.add(device.device_path)
        if device.name in mounted:
            causes.append(invalid(f"{where}.name", device.name, "must not already exist in volumeMounts"))
        if device.device_path in mounted.values():
            causes.append(invalid(f"{where}.devicePath", device.device_path, "must not already exist as a path in volumeMounts"))
        if device.name:
            names.add(device.name)
