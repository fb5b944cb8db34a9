"""What the runtime is told of a pod's sandbox and of its containers.

Owns the translation of specs into the runtime's messages; reads nothing from disk or network.
Source: kubernetes pkg/kubelet/kuberuntime/kuberuntime_sandbox.go, kuberuntime_container.go, kuberuntime_container_linux.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from minikube_py.apis import core_v1
from minikube_py.apis.quantity import milli_value
from minikube_py.cri.interface import runtime_v1

from . import naming
from .container_status import AnyContainer
from .dns import ResolvConf
from .expansion import expand
from .qos import oom_score_adj
from .resources import QUOTA_PERIOD_US, container_memory_limit, cpu_quota_us, cpu_shares, pod_cgroup_limits
from .security import container_security, sandbox_security

_PROPAGATION = {
    "": runtime_v1.MountPropagation.PROPAGATION_PRIVATE,
    "None": runtime_v1.MountPropagation.PROPAGATION_PRIVATE,
    "HostToContainer": runtime_v1.MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
    "Bidirectional": runtime_v1.MountPropagation.PROPAGATION_BIDIRECTIONAL,
}


@dataclass(frozen=True, slots=True)
class BindMount:
    """One path of the host in a container."""

    container_path: str
    host_path: str
    read_only: bool = False
    propagation: str = ""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What configurations need to know of the node.

    Attributes:
        memory_bytes: the node's.
        unified_cgroups: whether containers live in cgroup v2.
    """

    memory_bytes: int
    unified_cgroups: bool
    seccomp_dir: Path


def sandbox_config(
    pod: core_v1.Pod, *, attempt: int, hostname: str, log_directory: str, dns: ResolvConf, cgroup_parent: str, seccomp_dir: Path
) -> runtime_v1.PodSandboxConfig:
    """The configuration of a pod's sandbox."""
    meta = pod.metadata
    labels = {
        **meta.labels, naming.LABEL_POD_NAME: meta.name, naming.LABEL_POD_NAMESPACE: meta.namespace, naming.LABEL_POD_UID: meta.uid,
    }
    limits = pod_cgroup_limits(pod, None)
    config = runtime_v1.PodSandboxConfig(
        metadata=runtime_v1.PodSandboxMetadata(name=meta.name, namespace=meta.namespace, uid=meta.uid, attempt=attempt),
        log_directory=log_directory, labels=labels, annotations=meta.annotations,
        dns_config=runtime_v1.DNSConfig(servers=dns.servers, searches=dns.searches, options=dns.options),
        linux=runtime_v1.LinuxPodSandboxConfig(
            cgroup_parent=cgroup_parent, security_context=sandbox_security(pod, seccomp_dir),
            sysctls={item.name: item.value for item in (pod.spec.security_context or core_v1.PodSecurityContext()).sysctls},
            resources=runtime_v1.LinuxContainerResources(
                cpu_shares=limits.cpu_shares or 0, cpu_quota=limits.cpu_quota_us or 0,
                cpu_period=QUOTA_PERIOD_US if limits.cpu_quota_us else 0, memory_limit_in_bytes=limits.memory_bytes or 0,
            ),
        ),
    )
    if not pod.spec.host_network:
        config.hostname = hostname
        config.port_mappings.extend(_port_mappings(pod))
    return config


def _port_mappings(pod: core_v1.Pod) -> list[runtime_v1.PortMapping]:
    """Host ports; the network plugin opens them."""
    return [
        runtime_v1.PortMapping(
            protocol=port.protocol or "TCP", container_port=port.container_port,
            host_port=port.host_port, host_ip=port.host_ip,
        )
        for container in [*pod.spec.init_containers, *pod.spec.containers]
        for port in container.ports
        if port.host_port
    ]


def container_config(
    pod: core_v1.Pod, container: AnyContainer, *, restart_count: int, image: runtime_v1.Image, environment: Mapping[str, str],
    mounts: Sequence[BindMount], node: NodeFacts, target_id: str = "",
) -> runtime_v1.ContainerConfig:
    """The configuration of one container.

    Args:
        image: as the runtime has it.
        target_id: container whose process namespace an ephemeral container joins.
    Raises: SecurityError.
    """
    meta = pod.metadata
    return runtime_v1.ContainerConfig(
        metadata=runtime_v1.ContainerMetadata(name=container.name, attempt=restart_count),
        image=runtime_v1.ImageSpec(image=image.id, user_specified_image=container.image),
        command=[expand(word, environment) for word in container.command],
        args=[expand(word, environment) for word in container.args],
        working_dir=container.working_dir,
        envs=[runtime_v1.KeyValue(key=key, value=value) for key, value in environment.items()],
        mounts=[
            runtime_v1.Mount(
                container_path=mount.container_path, host_path=mount.host_path, readonly=mount.read_only,
                propagation=_PROPAGATION[mount.propagation],
            )
            for mount in mounts
        ],
        labels={
            naming.LABEL_CONTAINER_NAME: container.name, naming.LABEL_POD_NAME: meta.name,
            naming.LABEL_POD_NAMESPACE: meta.namespace, naming.LABEL_POD_UID: meta.uid,
        },
        annotations=_annotations(pod, container, restart_count),
        log_path=naming.log_path(container.name, restart_count),
        stdin=bool(container.stdin), stdin_once=bool(container.stdin_once), tty=bool(container.tty),
        linux=runtime_v1.LinuxContainerConfig(
            resources=container_resources(pod, container, node),
            security_context=container_security(pod, container, image, node.seccomp_dir, target_id),
        ),
        stop_signal=_stop_signal(container),
    )


def container_resources(pod: core_v1.Pod, container: AnyContainer, node: NodeFacts) -> runtime_v1.LinuxContainerResources:
    """A container's shares, quota and limits."""
    if isinstance(container, core_v1.EphemeralContainer):
        return runtime_v1.LinuxContainerResources(cpu_shares=cpu_shares(0), oom_score_adj=1000)
    given = container.resources
    limit = milli_value(given.limits.get("cpu", 0))
    request = milli_value(given.requests.get("cpu", given.limits.get("cpu", 0)))
    quota = cpu_quota_us(limit)
    result = runtime_v1.LinuxContainerResources(
        cpu_shares=cpu_shares(request), cpu_quota=quota, cpu_period=QUOTA_PERIOD_US if quota else 0,
        memory_limit_in_bytes=container_memory_limit(container), oom_score_adj=oom_score_adj(pod, container, node.memory_bytes),
    )
    if node.unified_cgroups:
        result.unified["memory.oom.group"] = "1"
    return result


def _annotations(pod: core_v1.Pod, container: AnyContainer, restart_count: int) -> dict[str, str]:
    found = {
        naming.ANNOTATION_HASH: naming.container_hash(container),
        naming.ANNOTATION_RESTART_COUNT: str(restart_count),
        naming.ANNOTATION_TERMINATION_PATH: container.termination_message_path,
        naming.ANNOTATION_TERMINATION_POLICY: container.termination_message_policy or "File",
    }
    if pod.spec.termination_grace_period_seconds is not None:
        found[naming.ANNOTATION_POD_TERMINATION_GRACE] = str(pod.spec.termination_grace_period_seconds)
    return found


def _stop_signal(container: AnyContainer) -> str:
    """The name of the signal in the runtime's enumeration, which spells plus and minus."""
    name = container.lifecycle.stop_signal if container.lifecycle is not None else None
    return name.replace("+", "PLUS").replace("-", "MINUS") if name else "RUNTIME_DEFAULT"
