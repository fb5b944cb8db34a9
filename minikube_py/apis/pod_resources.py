"""What the containers of a pod need together.

Source: k8s.io/component-helpers/resource/helpers.go (AggregateContainerRequests, AggregateContainerLimits, PodRequests, PodLimits),
pkg/apis/core/helper/qos/qos.go
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from .core_v1 import Container, ContainerStatus, Pod, PodSpec
from .object import Quantity
from .quantity import add, milli_value, nano_value, total

Side = Literal["requests", "limits"]

_QOS = ("cpu", "memory")
_HUGE_PAGES = "hugepages-"


def is_pod_level(name: str) -> bool:
    """Whether a pod can ask for a resource as a whole."""
    return name in _QOS or name.startswith(_HUGE_PAGES)


def has_pod_level(spec: PodSpec) -> bool:
    """Whether a pod asks for something as a whole."""
    whole = spec.resources
    return whole is not None and any(is_pod_level(name) for name in (*whole.requests, *whole.limits))


def pod_amounts(pod: Pod, side: Side) -> dict[str, Quantity]:
    """What a pod counts for: its containers, or what it says as a whole, and its overhead. While containers are resized, what they have
    and what they ask for count, whichever is more.
    """
    spec = pod.spec
    sidecars = {container.name for container in spec.init_containers if container.restart_policy == "Always"}
    running = [*pod.status.container_statuses, *(s for s in pod.status.init_container_statuses if s.name in sidecars)]
    if statuses := {status.name: status for status in running if status.resources is not None}:
        infeasible = any(c.type == "PodResizePending" and c.reason == "Infeasible" for c in pod.status.conditions)
        needed = aggregate(spec, side, lambda container: _in_use(container, statuses, side, infeasible))
    else:
        needed = aggregate(spec, side)
    if spec.resources is not None:
        whole: dict[str, Quantity] = getattr(spec.resources, side)
        needed |= {name: quantity for name, quantity in whole.items() if is_pod_level(name)}
    for name, quantity in spec.overhead.items():
        if side == "requests" or nano_value(needed.get(name, 0)):
            needed[name] = add(needed.get(name, 0), quantity)
    return needed


def _in_use(container: Container, statuses: dict[str, ContainerStatus], side: Side, infeasible: bool) -> dict[str, Quantity]:
    asked: dict[str, Quantity] = getattr(container.resources, side)
    status = statuses.get(container.name)
    if status is None or status.resources is None:
        return asked
    sources: list[dict[str, Quantity]] = [{} if infeasible else asked, getattr(status.resources, side)]
    if side == "requests":
        sources.append(status.allocated_resources)
    return {
        name: max((source[name] for source in sources if name in source), key=nano_value)
        for name in dict.fromkeys(name for source in sources for name in source)
    }


def aggregate(spec: PodSpec, side: Side, of: Callable[[Container], dict[str, Quantity]] | None = None) -> dict[str, Quantity]:
    """The sum of what containers that run side by side need, or the most that one init container needs, whichever is more.

    Args:
        of: what a container needs; what it asks for, unless given.
    """
    def amounts(container: Container) -> dict[str, Quantity]:
        if of is not None:
            return of(container)
        found: dict[str, Quantity] = getattr(container.resources, side)
        return found

    if len(spec.containers) == 1 and not spec.init_containers:
        return dict(amounts(spec.containers[0]))
    names = dict.fromkeys(name for c in (*spec.containers, *spec.init_containers) for name in amounts(c))
    needed: dict[str, Quantity] = {}
    for name in names:
        main = [amounts(c)[name] for c in spec.containers if name in amounts(c)]
        sidecars: list[Quantity] = []
        peak: Quantity = "0"
        for container in spec.init_containers:
            own = amounts(container).get(name)
            if own is None:
                continue
            if container.restart_policy == "Always":
                sidecars.append(own)
            else:
                peak = max(peak, total([*sidecars, own]), key=nano_value)
        needed[name] = max(peak, total([*main, *sidecars]), key=nano_value)
    return needed


def qos_class(spec: PodSpec) -> str:
    """Guaranteed, Burstable or BestEffort."""
    if spec.resources is not None and (spec.resources.requests or spec.resources.limits):
        return _qos_of([(_compute(spec.resources.requests), _compute(spec.resources.limits))])
    containers = (*spec.containers, *spec.init_containers)
    return _qos_of([(_compute(c.resources.requests), _compute(c.resources.limits)) for c in containers])


def _qos_of(amounts: list[tuple[dict[str, Quantity], dict[str, Quantity]]]) -> str:
    if not any(requests or limits for requests, limits in amounts):
        return "BestEffort"
    for requests, limits in amounts:
        if len(limits) != len(_QOS):
            return "Burstable"
        if requests != limits and any(milli_value(requests[name]) != milli_value(limits[name]) for name in requests):
            return "Burstable"
    return "Guaranteed"


def _compute(quantities: dict[str, Quantity]) -> dict[str, Quantity]:
    return {name: value for name, value in quantities.items() if name in _QOS and value not in ("0", 0)}
