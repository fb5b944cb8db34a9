"""Rules of security contexts.

Source: pkg/apis/core/validation/validation.go (validatePodSpecSecurityContext, ValidateSecurityContext)
"""

from __future__ import annotations

import re

from .. import core_v1
from . import windows
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required, too_long
from .common import descending_path, user_id

_PROFILE_TYPES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL_PATTERN = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL = re.compile(_SYSCTL_PATTERN)
_SYSCTL_BYTES_MAX = 253
_PROFILE_PATH_BYTES_MAX = 4095
_WHEN_OWN_USERS = "when `hostUsers` is false"


def pod(causes: Causes, path: str, context: core_v1.PodSecurityContext, spec: core_v1.PodSpec) -> None:
    user_id(causes, f"{path}.fsGroup", context.fs_group)
    user_id(causes, f"{path}.runAsUser", context.run_as_user)
    user_id(causes, f"{path}.runAsGroup", context.run_as_group)
    for index, group in enumerate(context.supplemental_groups):
        user_id(causes, f"{path}.supplementalGroups[{index}]", group)
    if spec.share_process_namespace and spec.host_pid:
        causes.append(invalid(f"{path}.shareProcessNamespace", True, "ShareProcessNamespace and HostPID cannot both be enabled"))
    if context.sysctls:
        _sysctls(causes, f"{path}.sysctls", context.sysctls, spec)
    _choice(causes, f"{path}.fsGroupChangePolicy", context.fs_group_change_policy, ("Always", "OnRootMismatch"))
    if context.seccomp_profile is not None:
        seccomp(causes, f"{path}.seccompProfile", context.seccomp_profile)
    if context.windows_options is not None:
        windows.options(causes, f"{path}.windowsOptions", context.windows_options)
    if context.app_armor_profile is not None:
        app_armor(causes, f"{path}.appArmorProfile", context.app_armor_profile)
    _choice(causes, f"{path}.supplementalGroupsPolicy", context.supplemental_groups_policy, ("Merge", "Strict"))
    # MountOption takes a feature that is off by default in 1.36 (SELinuxMount).
    _choice(causes, f"{path}.seLinuxChangePolicy", context.se_linux_change_policy, ("Recursive",))


def _choice(causes: Causes, path: str, value: str | None, supported: tuple[str, ...]) -> None:
    if value is not None and value not in supported:
        causes.append(not_supported(path, value, supported))


def container(causes: Causes, path: str, context: core_v1.SecurityContext, *, host_users: bool) -> None:
    user_id(causes, f"{path}.runAsUser", context.run_as_user)
    user_id(causes, f"{path}.runAsGroup", context.run_as_group)
    if context.proc_mount is not None:
        _choice(causes, f"{path}.procMount", context.proc_mount, ("Default", "Unmasked"))
        if context.proc_mount == "Unmasked" and host_users:
            causes.append(invalid(f"{path}.procMount", context.proc_mount, "`hostUsers` must be false to use `Unmasked`"))
    if context.seccomp_profile is not None:
        seccomp(causes, f"{path}.seccompProfile", context.seccomp_profile)
    if context.allow_privilege_escalation is False:
        if context.privileged:
            causes.append(invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
        if context.capabilities is not None and "CAP_SYS_ADMIN" in context.capabilities.add:
            causes.append(invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
    if context.windows_options is not None:
        windows.options(causes, f"{path}.windowsOptions", context.windows_options)
    if context.app_armor_profile is not None:
        app_armor(causes, f"{path}.appArmorProfile", context.app_armor_profile)


def seccomp(causes: Causes, path: str, profile: core_v1.SeccompProfile) -> None:
    if not profile.type:
        causes.append(required(f"{path}.type", "type is required when seccompProfile is set"))
    elif profile.type not in _PROFILE_TYPES:
        causes.append(not_supported(f"{path}.type", profile.type, _PROFILE_TYPES))
    local = profile.localhost_profile
    if profile.type != "Localhost":
        if local is not None:
            causes.append(invalid(f"{path}.localhostProfile", profile, "can only be set when seccomp type is Localhost"))
    elif local is None:
        causes.append(required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost"))
    else:
        descending_path(causes, f"{path}.localhostProfile", local)


def app_armor(causes: Causes, path: str, profile: core_v1.AppArmorProfile) -> None:
    where = f"{path}.localhostProfile"
    local = profile.localhost_profile
    if profile.type in ("RuntimeDefault", "Unconfined"):
        if local is not None:
            causes.append(invalid(where, local, "can only be set when AppArmor type is Localhost"))
    elif not profile.type:
        causes.append(required(f"{path}.type", "type is required when appArmorProfile is set"))
    elif profile.type != "Localhost":
        causes.append(not_supported(f"{path}.type", profile.type, _PROFILE_TYPES))
    elif not local:
        causes.append(required(where, "must be set when AppArmor type is Localhost"))
    else:
        if local != local.strip():
            causes.append(invalid(where, local, "must not be padded with whitespace"))
        if len(local.encode()) > _PROFILE_PATH_BYTES_MAX:
            causes.append(too_long(where, _PROFILE_PATH_BYTES_MAX))


def _sysctls(causes: Causes, path: str, sysctls: list[core_v1.Sysctl], spec: core_v1.PodSpec) -> None:
    seen: set[str] = set()
    for index, sysctl in enumerate(sysctls):
        where = f"{path}[{index}].name"
        name = sysctl.name
        if not name:
            causes.append(required(where))
        elif len(name) > _SYSCTL_BYTES_MAX or not _SYSCTL.fullmatch(name):
            causes.append(invalid(where, name, f"must have at most {_SYSCTL_BYTES_MAX} characters and match regex ^{_SYSCTL_PATTERN}$"))
        elif name in seen:
            causes.append(duplicate(where, name))
        seen.add(name)
        namespace = _namespace_of_sysctl(name)
        if spec.host_network and namespace == "net":
            causes.append(invalid(where, name, "may not be specified when 'hostNetwork' is true"))
        elif spec.host_ipc and namespace == "ipc":
            causes.append(invalid(where, name, "may not be specified when 'hostIPC' is true"))


def _namespace_of_sysctl(name: str) -> str:
    """Source: k8s.io/component-helpers/node/util/sysctl/namespace.go"""
    first = next((character for character in name if character in "./"), ".")
    dotted = name if first == "." else name.translate(str.maketrans("./", "/."))
    if dotted.startswith("net."):
        return "net"
    return "ipc" if dotted == "kernel.sem" or dotted.startswith(("kernel.shm", "kernel.msg", "fs.mqueue.")) else ""


def host_users(causes: Causes, path: str, spec: core_v1.PodSpec) -> None:
    """A user namespace of its own does not go with the host's other namespaces, nor with raw devices."""
    for value, wire in ((spec.host_network, "hostNetwork"), (spec.host_pid, "HostPID"), (spec.host_ipc, "HostIPC")):
        if value:
            causes.append(forbidden(f"{path}.{wire}", _WHEN_OWN_USERS))
    causes += [forbidden(f"{where}.volumeDevices", _WHEN_OWN_USERS)
               for where, item in windows.every_container(path, spec) if item.volume_devices]
