"""Rules of what depends on the operating system of a pod.

Source: pkg/apis/core/validation/validation.go (validateOS, validateLinux, validateWindows, validateWindowsSecurityContextOptions,
validateWindowsHostProcessPod)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .. import core_v1, syntax
from ..core_v1 import Container, EphemeralContainer, PodSpec
from .causes import Causes, forbidden, invalid, not_supported, required

_SYSTEMS = ("linux", "windows")
_CREDENTIAL_KIB_MAX = 64
_DOMAIN_MAX, _USER_MAX = 256, 104
_NOT_ON_WINDOWS = "cannot be set for a windows pod"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NET_BIOS = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}')
_DNS_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS = re.compile(rf"{_DNS_PART}(?:\.{_DNS_PART})*")
_BAD_USER = re.compile(r'["/\\:;|=,+*?<>@\[\]]')
_POD_FIELDS = (  # attribute of the context (or of the spec), its path
    ("app_armor_profile", "securityContext.appArmorProfile"), ("se_linux_options", "securityContext.seLinuxOptions"),
    ("host_users", "hostUsers"),
    ("host_pid", "hostPID"), ("host_ipc", "hostIPC"), ("seccomp_profile", "securityContext.seccompProfile"),
    ("fs_group", "securityContext.fsGroup"), ("fs_group_change_policy", "securityContext.fsGroupChangePolicy"),
    ("sysctls", "securityContext.sysctls"), ("share_process_namespace", "shareProcessNamespace"),
    ("run_as_user", "securityContext.runAsUser"),
    ("run_as_group", "securityContext.runAsGroup"), ("supplemental_groups", "securityContext.supplementalGroups"),
    ("supplemental_groups_policy", "securityContext.supplementalGroupsPolicy"),
    ("se_linux_change_policy", "securityContext.seLinuxChangePolicy"),
)
_CONTAINER_FIELDS = (
    ("app_armor_profile", "appArmorProfile"), ("se_linux_options", "seLinuxOptions"), ("seccomp_profile", "seccompProfile"),
    ("capabilities", "capabilities"), ("read_only_root_filesystem", "readOnlyRootFilesystem"), ("privileged", "privileged"),
    ("allow_privilege_escalation", "allowPrivilegeEscalation"), ("proc_mount", "procMount"), ("run_as_user", "runAsUser"),
    ("run_as_group", "runAsGroup"),
)


def every_container(path: str, spec: PodSpec) -> Iterator[tuple[str, Container | EphemeralContainer]]:
    """All containers with their paths, in upstream's order."""
    kinds: tuple[tuple[Sequence[Container | EphemeralContainer], str], ...] = (
        (spec.init_containers, "initContainers"), (spec.containers, "containers"), (spec.ephemeral_containers, "ephemeralContainers"),
    )
    for items, wire in kinds:
        for index, item in enumerate(items):
            yield f"{path}.{wire}[{index}]", item


def operating_system(causes: Causes, path: str, spec: PodSpec) -> None:
    """A pod that names its system uses nothing of the other."""
    name = spec.os.name if spec.os is not None else ""
    if not name:
        causes.append(required(f"{path}.os.name"))
    elif name not in _SYSTEMS:
        causes.append(not_supported(f"{path}.os", name, _SYSTEMS))
    elif name == "linux":
        _linux(causes, path, spec)
    else:
        _windows(causes, path, spec)


def _linux(causes: Causes, path: str, spec: PodSpec) -> None:
    detail = "windows options cannot be set for a linux pod"
    if spec.security_context is not None and spec.security_context.windows_options is not None:
        causes.append(forbidden(f"{path}.securityContext.windowsOptions", detail))
    causes += [forbidden(f"{where}.securityContext.windowsOptions", detail) for where, item in every_container(path, spec)
               if item.security_context is not None and item.security_context.windows_options is not None]


def _windows(causes: Causes, path: str, spec: PodSpec) -> None:
    for name, wire in _POD_FIELDS:
        value = getattr(spec if not wire.startswith("securityContext") else spec.security_context, name, None)
        flag = name in ("host_pid", "host_ipc", "sysctls", "supplemental_groups")
        if value if flag else value is not None:
            causes.append(forbidden(f"{path}.{wire}", _NOT_ON_WINDOWS))
    for where, item in every_container(path, spec):
        if item.security_context is not None:
            causes += [forbidden(f"{where}.securityContext.{wire}", _NOT_ON_WINDOWS) for name, wire in _CONTAINER_FIELDS
                       if getattr(item.security_context, name) is not None]


def options(causes: Causes, path: str, context: core_v1.WindowsSecurityContextOptions) -> None:
    name, spec = context.gmsa_credential_spec_name, context.gmsa_credential_spec
    if name is not None:
        causes += [invalid(f"{path}.gmsaCredentialSpecName", name, complaint) for complaint in syntax.dns_subdomain(name)]
    if spec == "":
        causes.append(invalid(f"{path}.gmsaCredentialSpec", spec, "gmsaCredentialSpec cannot be an empty string"))
    elif spec is not None and len(spec.encode()) > _CREDENTIAL_KIB_MAX * 1024:
        causes.append(invalid(f"{path}.gmsaCredentialSpec", spec, f"gmsaCredentialSpec size must be under {_CREDENTIAL_KIB_MAX} KiB"))
    if context.run_as_user_name is not None:
        causes += [invalid(f"{path}.runAsUserName", context.run_as_user_name, complaint)
                   for complaint in _user_name(context.run_as_user_name)]


def _user_name(text: str) -> Iterator[str]:
    """What is wrong with "user" or "domain\\user"."""
    if not text:
        yield "runAsUserName cannot be an empty string"
        return
    if _CONTROL.search(text):
        yield "runAsUserName cannot contain control characters"
        return
    if text.count("\\") > 1:
        yield "runAsUserName cannot contain more than one backslash"
        return
    domain, slash, user = text.rpartition("\\")
    if len(domain) >= _DOMAIN_MAX:
        yield f"runAsUserName's Domain length must be under {_DOMAIN_MAX} characters"
    if slash and not _NET_BIOS.fullmatch(domain) and not _DNS.fullmatch(domain):
        yield "runAsUserName's Domain doesn't match the NetBios nor the DNS format"
    if not user:
        yield "runAsUserName's User cannot be empty"
    elif len(user) > _USER_MAX:
        yield f"runAsUserName's User length must not be longer than {_USER_MAX} characters"
    if user and not user.strip(". "):
        yield "runAsUserName's User cannot contain only periods or spaces"
    if _BAD_USER.search(user):
        yield "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"


def host_process(causes: Causes, path: str, spec: PodSpec) -> None:
    """Either all containers run as processes of the host, or none does."""
    context = spec.security_context
    of_pod = context.windows_options.host_process if context is not None and context.windows_options is not None else None
    total = on_host = 0
    for where, item in every_container(path, spec):
        total += 1
        own = item.security_context
        of_container = own.windows_options.host_process if own is not None and own.windows_options is not None else None
        if of_pod is not None and of_container is not None and of_pod != of_container:
            causes.append(invalid(f"{where}.securityContext.windowsOptions.hostProcess", of_container,
                                  f"pod hostProcess value must be identical if both are specified, was {'true' if of_pod else 'false'}"))
        on_host += bool(of_container if of_container is not None else of_pod)
    if not on_host:
        return
    if on_host != total:
        causes.append(invalid(path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers"))
    if not spec.host_network:
        causes.append(invalid(f"{path}.hostNetwork", False, "hostNetwork must be true if pod contains any hostProcess containers"))
