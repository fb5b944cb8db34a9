"""What the scheduler computes once from a pod: what it asks of a node.

Source: kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers,
component-helpers/resource/helpers.go (PodRequests), pkg/scheduler/util/pod_resources.go (defaults for scoring)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from minikube_py.apis import core_v1
from minikube_py.apis.object import Quantity
from minikube_py.apis.quantity import milli_value, value

# What a container without requests counts for when nodes are compared, so that such pods spread too.
DEFAULT_MILLI_CPU = 100
DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024

# Resources by name; cpu in milli-units, all others in units.
Amounts = dict[str, int]
HostPort = tuple[str, str, int]


def amounts(quantities: Mapping[str, Quantity]) -> Amounts:
    return {name: milli_value(q) if name == "cpu" else value(q) for name, q in quantities.items()}


class PodInfo:
    """A pod with its needs.

    Attributes:
        key: "namespace/name".
        requests: what is taken from the node's allocatable; zeros are left out.
        scored_cpu, scored_memory: the same for comparing nodes, with defaults for containers without requests.
        host_ports: (address, protocol, port) that must be free.
        required_anti_affinity: whether it keeps other pods away.
        signature, affinity_terms: kept here by the algorithm and by inter-pod affinity, who make them once.
    """

    __slots__ = (
        "affinity_terms",
        "has_affinity", "host_ports", "key", "name", "namespace", "pod", "priority", "requests", "required_anti_affinity", "scored_cpu",
        "scored_memory", "signature",
    )

    def __init__(self, pod: core_v1.Pod) -> None:
        spec = pod.spec
        self.pod = pod
        self.name = pod.metadata.name
        self.namespace = pod.metadata.namespace
        self.key = f"{self.namespace}/{self.name}"
        self.priority = spec.priority or 0
        self.signature: bytes = b""
        self.affinity_terms: Any = None
        self.requests = {name: amount for name, amount in pod_requests(pod).items() if amount}
        self.scored_cpu = pod_requests(pod, {"cpu": DEFAULT_MILLI_CPU}).get("cpu", 0)
        self.scored_memory = pod_requests(pod, {"memory": DEFAULT_MEMORY_BYTES}).get("memory", 0)
        self.host_ports = host_ports(spec)
        affinity = spec.affinity
        anti = affinity.pod_anti_affinity if affinity else None
        self.has_affinity = affinity is not None and (affinity.pod_affinity is not None or anti is not None)
        self.required_anti_affinity = anti is not None and bool(anti.required_during_scheduling_ignored_during_execution)

    @property
    def uid(self) -> str:
        return self.pod.metadata.uid


def pod_requests(pod: core_v1.Pod, defaults: Amounts | None = None) -> Amounts:
    """What a pod asks for: its containers and sidecars together, or what its init containers need at most, whichever is more.

    Args:
        defaults: what a container counts for that does not say; only these resources are then of interest.
    """
    spec = pod.spec
    statuses = {s.name: s for s in (*pod.status.container_statuses, *pod.status.init_container_statuses)}
    total: Amounts = {}
    for container in spec.containers:
        _add(total, _container(container, statuses, defaults))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.init_containers:
        asked = _container(container, statuses, defaults)
        if container.restart_policy == "Always":
            _add(sidecars, asked)
            asked = dict(sidecars)
        else:
            _add(asked, sidecars)
        _raise_to(peak, asked)
    _add(total, sidecars)
    _raise_to(total, peak)
    if spec.resources is not None:
        total.update(amounts(spec.resources.requests))
    _add(total, amounts(spec.overhead))
    return total


def host_ports(spec: core_v1.PodSpec) -> tuple[HostPort, ...]:
    """The ports of the node that a pod takes."""
    found = []
    containers: Iterable[core_v1.Container] = (*spec.containers, *(c for c in spec.init_containers if c.restart_policy == "Always"))
    for container in containers:
        for port in container.ports:
            taken = port.host_port or (port.container_port if spec.host_network else None)
            if taken:
                found.append((port.host_ip or "0.0.0.0", port.protocol or "TCP", taken))
    return tuple(found)


def _container(container: core_v1.Container, statuses: Mapping[str, core_v1.ContainerStatus], defaults: Amounts | None) -> Amounts:
    """The requests of one container: while it is resized, the larger of what it has and what it asks for."""
    found = amounts(container.resources.requests)
    status = statuses.get(container.name)
    if status is not None:
        _raise_to(found, amounts(status.allocated_resources))
        if status.resources is not None:
            _raise_to(found, amounts(status.resources.requests))
    for name, amount in (defaults or {}).items():
        found.setdefault(name, amount)
    return found


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _raise_to(total: Amounts, least: Amounts) -> None:
    for name, amount in least.items():
        if amount > total.get(name, 0):
            total[name] = amount
