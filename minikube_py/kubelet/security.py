"""Security contexts in the runtime's terms.

Owns the merge of a pod's and a container's security context and the check of runAsNonRoot.
Source: kubernetes pkg/securitycontext/util.go, pkg/kubelet/kuberuntime/security_context.go;
kubernetes.io/docs/tasks/configure-pod-container/security-context/
"""

from __future__ import annotations

from pathlib import Path

from minikube_py.apis import core_v1
from minikube_py.cri.interface import runtime_v1

from .container_status import AnyContainer
from .naming import pod_reference
from .qos import every_container

# What a container may not see or change of /proc and /sys, unless its procMount is Unmasked.
MASKED_PATHS = (
    "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


class SecurityError(Exception):
    """A security context that forbids the container; the message is what its status shows."""


def sandbox_security(pod: core_v1.Pod, seccomp_dir: Path) -> runtime_v1.LinuxSandboxSecurityContext:
    """The sandbox's own security context."""
    context = pod.spec.security_context or core_v1.PodSecurityContext()
    result = runtime_v1.LinuxSandboxSecurityContext(
        namespace_options=namespaces(pod), privileged=any_privileged(pod), supplemental_groups=groups(pod),
        seccomp=runtime_v1.SecurityProfile(profile_type=runtime_v1.SecurityProfile.ProfileType.RuntimeDefault),
        supplemental_groups_policy=_groups_policy(context),
    )
    if context.run_as_user is not None:
        result.run_as_user.value = context.run_as_user
    if context.run_as_group is not None and context.run_as_user is not None:
        result.run_as_group.value = context.run_as_group
    if context.se_linux_options is not None:
        result.selinux_options.CopyFrom(_selinux(context.se_linux_options))
    return result


def namespaces(pod: core_v1.Pod, target_id: str = "") -> runtime_v1.NamespaceOption:
    """Which namespaces are the node's, the pod's or the container's own.

    Args:
        target_id: container whose process namespace an ephemeral container joins.
    """
    modes = runtime_v1.NamespaceMode
    pid = modes.NODE if pod.spec.host_pid else modes.POD if pod.spec.share_process_namespace else modes.CONTAINER
    result = runtime_v1.NamespaceOption(
        network=modes.NODE if pod.spec.host_network else modes.POD, ipc=modes.NODE if pod.spec.host_ipc else modes.POD, pid=pid
    )
    if target_id and pid == modes.CONTAINER:
        result.pid = modes.TARGET
        result.target_id = target_id
    return result


def groups(pod: core_v1.Pod) -> list[int]:
    """The supplementary groups of a pod's processes, with the group of its volumes."""
    context = pod.spec.security_context or core_v1.PodSecurityContext()
    found = list(context.supplemental_groups)
    if context.fs_group is not None and context.fs_group not in found:
        found.append(context.fs_group)
    return found


def any_privileged(pod: core_v1.Pod) -> bool:
    """Whether a container of the pod is privileged; its sandbox must then be so too."""
    return any(bool(item.security_context and item.security_context.privileged) for item in every_container(pod))


def effective_user(pod: core_v1.Pod, container: AnyContainer) -> tuple[int | None, int | None, bool]:
    """User, group and whether root is forbidden: the container's word before the pod's."""
    outer = pod.spec.security_context or core_v1.PodSecurityContext()
    inner = container.security_context or core_v1.SecurityContext()
    user = inner.run_as_user if inner.run_as_user is not None else outer.run_as_user
    group = inner.run_as_group if inner.run_as_group is not None else outer.run_as_group
    nonroot = inner.run_as_non_root if inner.run_as_non_root is not None else outer.run_as_non_root
    return user, group, bool(nonroot)


def container_security(
    pod: core_v1.Pod, container: AnyContainer, image: runtime_v1.Image, seccomp_dir: Path, target_id: str = ""
) -> runtime_v1.LinuxContainerSecurityContext:
    """A container's security context.

    Args:
        image: its user holds if none is asked for.
    Raises: SecurityError if the container would run as root although that is forbidden.
    """
    outer = pod.spec.security_context or core_v1.PodSecurityContext()
    inner = container.security_context or core_v1.SecurityContext()
    user, group, nonroot = effective_user(pod, container)
    _check_user(pod, container, user, nonroot, image)
    privileged = bool(inner.privileged)
    result = runtime_v1.LinuxContainerSecurityContext(
        namespace_options=namespaces(pod, target_id), privileged=privileged, supplemental_groups=groups(pod),
        readonly_rootfs=bool(inner.read_only_root_filesystem), no_new_privs=inner.allow_privilege_escalation is False,
        seccomp=_seccomp(inner.seccomp_profile or outer.seccomp_profile, seccomp_dir), supplemental_groups_policy=_groups_policy(outer),
    )
    if user is not None:
        result.run_as_user.value = user
    elif image.HasField("uid"):
        result.run_as_user.value = image.uid.value
    else:
        result.run_as_username = image.username
    if group is not None:
        result.run_as_group.value = group
    if inner.capabilities is not None:
        result.capabilities.add_capabilities.extend(inner.capabilities.add)
        result.capabilities.drop_capabilities.extend(inner.capabilities.drop)
    if options := inner.se_linux_options or outer.se_linux_options:
        result.selinux_options.CopyFrom(_selinux(options))
    _apparmor(result, inner.app_armor_profile or outer.app_armor_profile)
    if inner.proc_mount != "Unmasked" and not privileged:
        result.masked_paths.extend(MASKED_PATHS)
        result.readonly_paths.extend(READONLY_PATHS)
    return result


def _check_user(pod: core_v1.Pod, container: AnyContainer, user: int | None, nonroot: bool, image: runtime_v1.Image) -> None:
    if not nonroot:
        return
    where = f'(pod: "{pod_reference(pod)}", container: {container.name})'
    if user is not None:
        if user == 0:
            raise SecurityError(f"container's runAsUser breaks non-root policy {where}")
        return
    if image.HasField("uid"):
        if image.uid.value == 0:
            raise SecurityError(f"container has runAsNonRoot and image will run as root {where}")
        return
    if image.username:
        raise SecurityError(
            f"container has runAsNonRoot and image has non-numeric user ({image.username}), cannot verify user is non-root {where}"
        )
    raise SecurityError(f"container has runAsNonRoot and image will run as root {where}")


def _seccomp(profile: core_v1.SeccompProfile | None, seccomp_dir: Path) -> runtime_v1.SecurityProfile:
    kinds = runtime_v1.SecurityProfile.ProfileType
    if profile is not None and profile.type == "RuntimeDefault":
        return runtime_v1.SecurityProfile(profile_type=kinds.RuntimeDefault)
    if profile is not None and profile.type == "Localhost":
        if not profile.localhost_profile:
            raise SecurityError("localhostProfile must be set if seccompProfile type is Localhost.")
        return runtime_v1.SecurityProfile(profile_type=kinds.Localhost, localhost_ref=str(seccomp_dir / profile.localhost_profile))
    return runtime_v1.SecurityProfile(profile_type=kinds.Unconfined)


def _apparmor(result: runtime_v1.LinuxContainerSecurityContext, profile: core_v1.AppArmorProfile | None) -> None:
    kinds = runtime_v1.SecurityProfile.ProfileType
    if profile is None:
        return
    if profile.type == "Localhost":
        result.apparmor.profile_type = kinds.Localhost
        result.apparmor.localhost_ref = profile.localhost_profile or ""
        result.apparmor_profile = f"localhost/{profile.localhost_profile or ''}"
    elif profile.type == "Unconfined":
        result.apparmor.profile_type = kinds.Unconfined
        result.apparmor_profile = "unconfined"
    elif profile.type == "RuntimeDefault":
        result.apparmor.profile_type = kinds.RuntimeDefault
        result.apparmor_profile = "runtime/default"


def _selinux(options: core_v1.SELinuxOptions) -> runtime_v1.SELinuxOption:
    return runtime_v1.SELinuxOption(user=options.user, role=options.role, type=options.type, level=options.level)


def _groups_policy(context: core_v1.PodSecurityContext) -> runtime_v1.SupplementalGroupsPolicy:
    policies = runtime_v1.SupplementalGroupsPolicy
    return policies.Strict if context.supplemental_groups_policy == "Strict" else policies.Merge
