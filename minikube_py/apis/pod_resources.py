"""What the containers of a pod need together.

Source: k8s.io/component-helpers/resource/helpers.go (AggregateContainerRequests, AggregateContainerLimits), pkg/apis/core/helper/qos/qos.go
"""

from __future__ import annotations

from .core_v1 import Container, PodSpec
from .object import Quantity
from .quantity import milli_value, nano_value, total

_QOS = ("cpu", "memory")


def aggregate(spec: PodSpec, side: str) -> dict[str, Quantity]:
    """The sum of what containers that run side by side need, or the most that one init container needs, whichever is more.

    Args:
        side: "requests" or "limits".
    """
    def amounts(container: Container) -> dict[str, Quantity]:
        found: dict[str, Quantity] = getattr(container.resources, side)
        return found

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
