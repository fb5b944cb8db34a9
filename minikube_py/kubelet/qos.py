"""Quality-of-service classes and what follows from them for the kernel's out-of-memory choice.

Source: kubernetes pkg/apis/core/v1/helper/qos/qos.go, pkg/kubelet/qos/policy.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from minikube_py.apis import core_v1
from minikube_py.apis.quantity import nano_value, value
from minikube_py.apis.system_priority import SYSTEM_CRITICAL

QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]

# Highest OOM score adjustments: first to be killed is who asked for nothing.
GUARANTEED_OOM_SCORE_ADJ = -997
BEST_EFFORT_OOM_SCORE_ADJ = 1000


def all_containers(pod: core_v1.Pod) -> Iterator[core_v1.Container]:
    """Init and app containers."""
    yield from pod.spec.init_containers
    yield from pod.spec.containers


def every_container(pod: core_v1.Pod) -> Iterator[core_v1.Container | core_v1.EphemeralContainer]:
    """Init, app and ephemeral containers."""
    yield from pod.spec.init_containers
    yield from pod.spec.containers
    yield from pod.spec.ephemeral_containers


def is_sidecar(container: core_v1.Container) -> bool:
    """Whether an init container keeps running beside the app containers."""
    return container.restart_policy == "Always"


_CLASSES: tuple[QosClass, ...] = ("Guaranteed", "Burstable", "BestEffort")


def qos_class(pod: core_v1.Pod) -> QosClass:
    """The class of a pod: a set one is kept, since it never changes."""
    for known in _CLASSES:
        if pod.status.qos_class == known:
            return known
    if pod.spec.resources is not None and (pod.spec.resources.requests or pod.spec.resources.limits):
        every = [pod.spec.resources]
    else:
        every = [container.resources for container in all_containers(pod)]
    names = ("cpu", "memory")
    if not any(nano_value(given.get(name, 0)) > 0 for r in every for given in (r.requests, r.limits) for name in names):
        return "BestEffort"
    for resources in every:
        for name in names:
            limit = nano_value(resources.limits.get(name, 0))
            if limit == 0 or nano_value(resources.requests.get(name, resources.limits.get(name, 0))) != limit:
                return "Burstable"
    return "Guaranteed"


def oom_score_adj(pod: core_v1.Pod, container: core_v1.Container, memory_capacity_bytes: int) -> int:
    """The adjustment of a container's processes: the less it asks of the node's memory, the sooner it is killed."""
    if (pod.spec.priority or 0) >= SYSTEM_CRITICAL:
        return GUARANTEED_OOM_SCORE_ADJ
    quality = qos_class(pod)
    if quality == "Guaranteed":
        return GUARANTEED_OOM_SCORE_ADJ
    if quality == "BestEffort":
        return BEST_EFFORT_OOM_SCORE_ADJ
    requested = _memory_request(pod, container)
    adjust = 1000 - (1000 * requested) // max(memory_capacity_bytes, 1)
    if adjust < 1000 + GUARANTEED_OOM_SCORE_ADJ:
        adjust = 1000 + GUARANTEED_OOM_SCORE_ADJ
    return adjust - 1 if adjust == BEST_EFFORT_OOM_SCORE_ADJ else adjust


def _memory_request(pod: core_v1.Pod, container: core_v1.Container) -> int:
    """A container's memory request in bytes; a sidecar is no more likely to be killed than the app container that asks least."""
    def own(of: core_v1.Container) -> int:
        return value(of.resources.requests.get("memory", 0))

    if is_sidecar(container) and pod.spec.containers and any(item.name == container.name for item in pod.spec.init_containers):
        return max(own(container), min(own(app) for app in pod.spec.containers))
    return own(container)
