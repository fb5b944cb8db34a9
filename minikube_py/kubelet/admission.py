"""Whether the node takes a pod that is bound to it: what a scheduler should have seen to, and did not if there was none.

Source: kubernetes pkg/kubelet/lifecycle/predicate.go, pkg/kubelet/sysctl/allowlist.go, safe_sysctls.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from minikube_py.apis import core_v1
from minikube_py.apis.node_affinity import matches_node
from minikube_py.apis.object import Quantity
from minikube_py.apis.quantity import MILLI, NANO, nano_value
from minikube_py.apis.tolerations import untolerated_taint

from .resources import pod_total, requests_of

OPERATING_SYSTEM = "linux"
SAFE_SYSCTLS = (
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
)


def refusal(
    pod: core_v1.Pod, others: Iterable[core_v1.Pod], node: core_v1.Node | None, allocatable: Mapping[str, Quantity],
    unsafe_sysctls: Sequence[str],
) -> tuple[str, str] | None:
    """Why a pod cannot run here, as (reason, message); None if it can.

    Args:
        others: the pods that the node has taken.
    """
    active = _active(pod, others)
    return (
        _sysctls(pod, unsafe_sysctls) or _operating_system(pod) or _groups_policy(pod, node) or _resources(pod, active, allocatable)
        or _affinity(pod, node) or _ports(pod, active) or _taints(pod, node)
    )


def resources_refusal(
    pod: core_v1.Pod, others: Iterable[core_v1.Pod], allocatable: Mapping[str, Quantity]
) -> tuple[str, str] | None:
    """Why there is no room for a pod beside the others, as (reason, message); None if there is."""
    return _resources(pod, _active(pod, others), allocatable)


def _active(pod: core_v1.Pod, others: Iterable[core_v1.Pod]) -> list[core_v1.Pod]:
    return [other for other in others if other.status.phase not in ("Succeeded", "Failed") and other.metadata.uid != pod.metadata.uid]


def _sysctls(pod: core_v1.Pod, unsafe: Sequence[str]) -> tuple[str, str] | None:
    context = pod.spec.security_context
    for sysctl in context.sysctls if context is not None else ():
        name = sysctl.name.replace("/", ".")
        allowed = name in SAFE_SYSCTLS or any(
            name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in unsafe
        )
        if not allowed:
            return "SysctlForbidden", f'forbidden sysctl: "{sysctl.name}" not allowlisted'
        if (name.startswith("net.") and pod.spec.host_network) or (name.startswith("kernel.shm") and pod.spec.host_ipc):
            kind = "network" if name.startswith("net.") else "ipc"
            return "SysctlForbidden", f'forbidden sysctl: "{sysctl.name}" not allowed with host {kind} enabled'
    return None


def _resources(pod: core_v1.Pod, others: Sequence[core_v1.Pod], allocatable: Mapping[str, Quantity]) -> tuple[str, str] | None:
    if "pods" in allocatable and len(others) + 1 > nano_value(allocatable["pods"]) // NANO:
        count = nano_value(allocatable["pods"]) // NANO
        return "OutOfpods", f"Node didn't have enough resource: pods, requested: 1, used: {len(others)}, capacity: {count}"
    wanted = {name: amount for name, amount in pod_total(pod, requests_of).items() if amount > 0}
    if not wanted:
        return None
    used: dict[str, int] = {}
    for other in others:
        for name, amount in pod_total(other, requests_of).items():
            used[name] = used.get(name, 0) + amount
    for name, amount in wanted.items():
        room = nano_value(allocatable.get(name, 0))
        if name in allocatable and used.get(name, 0) + amount > room:
            unit = MILLI if name == "cpu" else NANO
            return (
                f"OutOf{name}", f"Node didn't have enough resource: {name}, requested: {amount // unit}, "
                f"used: {used.get(name, 0) // unit}, capacity: {room // unit}",
            )
    return None


def _ports(pod: core_v1.Pod, others: Sequence[core_v1.Pod]) -> tuple[str, str] | None:
    taken = {port for other in others for port in _host_ports(other)}
    for protocol, address, number in _host_ports(pod):
        for other_protocol, other_address, other_number in taken:
            same_address = address == other_address or "0.0.0.0" in (address, other_address)
            if number == other_number and protocol == other_protocol and same_address:
                return "NodePorts", "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
    return None


def _host_ports(pod: core_v1.Pod) -> set[tuple[str, str, int]]:
    return {
        (port.protocol or "TCP", port.host_ip or "0.0.0.0", port.host_port)
        for container in pod.spec.containers for port in container.ports if port.host_port
    }


def _operating_system(pod: core_v1.Pod) -> tuple[str, str] | None:
    if pod.metadata.labels.get("kubernetes.io/os", OPERATING_SYSTEM) != OPERATING_SYSTEM:
        return "PodOSSelectorNodeLabelDoesNotMatch", "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"
    if pod.spec.os is not None and pod.spec.os.name != OPERATING_SYSTEM:
        return "PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS"
    return None


def _groups_policy(pod: core_v1.Pod, node: core_v1.Node | None) -> tuple[str, str] | None:
    context = pod.spec.security_context
    if context is None or context.supplemental_groups_policy != "Strict":
        return None
    features = node.status.features if node is not None else None
    if features is not None and features.supplemental_groups_policy:
        return None
    return "SupplementalGroupsPolicyNotSupported", "SupplementalGroupsPolicy=Strict is not supported in this node"


def _affinity(pod: core_v1.Pod, node: core_v1.Node | None) -> tuple[str, str] | None:
    if node is None or matches_node(pod.spec, node):
        return None
    return "NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"


def _taints(pod: core_v1.Pod, node: core_v1.Node | None) -> tuple[str, str] | None:
    if node is None or untolerated_taint(pod.spec.tolerations, node.spec.taints, ("NoExecute",)) is None:
        return None
    return "TaintToleration", "Predicate TaintToleration failed: node(s) had untolerated taint(s)"
