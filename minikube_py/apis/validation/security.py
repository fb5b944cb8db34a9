"""Rules of security contexts.

Source: pkg/apis/core/validation/validation.go (validatePodSpecSecurityContext, ValidateSecurityContext)
"""

from __future__ import annotations

import re

from .. import core_v1
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required
from .common import descending_path, user_id

_PROFILE_TYPES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL_PATTERN = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL = re.compile(_SYSCTL_PATTERN)
_SYSCTL_BYTES_MAX = 253
_PROFILE_PATH_BYTES_MAX = 4095


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
    for value, wire, supported in (
        (context.fs_group_change_policy, "fsGroupChangePolicy", ("Always", "OnRootMismatch")),
        (context.supplemental_groups_policy, "supplementalGroupsPolicy", ("Merge", "Strict")),
        (context.se_linux_change_policy, "seLinuxChangePolicy", ("MountOption", "Recursive")),
    ):
        if value is not None and value not in supported:
            causes.append(not_supported(f"{path}.{wire}", value, supported))
    if context.seccomp_profile is not None:
        _profile(causes, f"{path}.seccompProfile", context.seccomp_profile, "seccomp")
    if context.app_armor_profile is not None:
        _profile(causes, f"{path}.appArmorProfile", context.app_armor_profile, "AppArmor")


def container(causes: Causes, path: str, context: core_v1.SecurityContext, *, host_users: bool) -> None:
    user_id(causes, f"{path}.runAsUser", context.run_as_user)
    user_id(causes, f"{path}.runAsGroup", context.run_as_group)
    if context.proc_mount is not None:
        if context.proc_mount not in ("Default", "Unmasked"):
            causes.append(not_supported(f"{path}.procMount", context.proc_mount, ("Default", "Unmasked")))
        elif context.proc_mount == "Unmasked" and host_users:
            causes.append(invalid(f"{path}.procMount", context.proc_mount, "`hostUsers` must be false to use `Unmasked`"))
    if context.seccomp_profile is not None:
        _profile(causes, f"{path}.seccompProfile", context.seccomp_profile, "seccomp")
    if context.app_armor_profile is not None:
        _profile(causes, f"{path}.appArmorProfile", context.app_armor_profile, "AppArmor")
    if context.allow_privilege_escalation is False:
        if context.privileged:
            causes.append(invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
        if context.capabilities is not None and "CAP_SYS_ADMIN" in context.capabilities.add:
            causes.append(invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))


def _profile(causes: Causes, path: str, profile: core_v1.SeccompProfile | core_v1.AppArmorProfile, kind: str) -> None:
    if not profile.type:
        field = "seccompProfile" if kind == "seccomp" else "appArmorProfile"
        causes.append(required(f"{path}.type", f"type is required when {field} is set"))
    elif profile.type not in _PROFILE_TYPES:
        causes.append(not_supported(f"{path}.type", profile.type, _PROFILE_TYPES))
    where = f"{path}.localhostProfile"
    local = profile.localhost_profile
    if profile.type != "Localhost":
        if local is not None:
            causes.append(invalid(where, local, f"can only be set when {kind} type is Localhost"))
    elif not local:
        causes.append(required(where, f"must be set when {kind} type is Localhost"))
    elif kind == "seccomp":
        descending_path(causes, where, local)
    elif local != local.strip():
        causes.append(invalid(where, local, "must not be padded with whitespace"))
    elif len(local.encode()) > _PROFILE_PATH_BYTES_MAX:
        causes.append(invalid(where, local, f"must be no more than {_PROFILE_PATH_BYTES_MAX} bytes"))


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
        dotted = name.replace("/", ".")
        if spec.host_network and dotted.startswith("net."):
            causes.append(invalid(where, name, "may not be specified when 'hostNetwork' is true"))
        if spec.host_ipc and dotted.startswith(("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")):
            causes.append(invalid(where, name, "may not be specified when 'hostIPC' is true"))


def host_users(causes: Causes, path: str, spec: core_v1.PodSpec) -> None:
    """A user namespace of its own does not go with the host's other namespaces."""
    if spec.host_users is not False:
        return
    for value, wire in ((spec.host_network, "hostNetwork"), (spec.host_pid, "HostPID"), (spec.host_ipc, "HostIPC")):
        if value:
            causes.append(forbidden(f"{path}.{wire}", "when `hostUsers` is false"))
