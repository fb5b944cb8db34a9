"""From requests and limits to the kernel's numbers.

Owns the arithmetic only; `cgroups.py` writes it for pods, the runtime for containers.
Source: kubernetes pkg/kubelet/cm/helpers_linux.go, pkg/api/v1/resource/helpers.go (PodRequests, PodLimits).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from minikube_py.apis import core_v1
from minikube_py.apis.object import Quantity
from minikube_py.apis.quantity import MILLI, NANO, nano_value
from minikube_py.apis.quantity import value as whole_value

from .qos import is_sidecar

SHARES_PER_CPU = 1024
SHARES_MIN = 2
SHARES_MAX = 262144
QUOTA_PERIOD_US = 100_000
QUOTA_MIN_US = 1000


def cpu_shares(milli_cpu: int) -> int:
    """cgroup v1 cpu.shares of a request in thousandths of a processor."""
    return min(max(milli_cpu * SHARES_PER_CPU // 1000, SHARES_MIN), SHARES_MAX)


def cpu_weight(shares: int) -> int:
    """cgroup v2 cpu.weight (1 to 10000) for v1 shares (2 to 262144), as runc maps them."""
    return 1 + ((shares - 2) * 9999) // 262142


def cpu_quota_us(milli_cpu: int) -> int:
    """Microseconds a period of QUOTA_PERIOD_US for a limit in thousandths; 0 is no limit."""
    if milli_cpu == 0:
        return 0
    return max(milli_cpu * QUOTA_PERIOD_US // 1000, QUOTA_MIN_US)


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """What a pod's cgroup is given. None is unlimited, or for shares untouched.

    Attributes:
        cpu_quota_us: microseconds per QUOTA_PERIOD_US.
    """

    cpu_shares: int | None = None
    cpu_quota_us: int | None = None
    memory_bytes: int | None = None
    pids: int | None = None


Pick = Callable[[core_v1.ResourceRequirements], Mapping[str, Quantity]]


def requests_of(resources: core_v1.ResourceRequirements) -> Mapping[str, Quantity]:
    """Requests; a resource that has only a limit requests it."""
    return {**resources.limits, **resources.requests}


def limits_of(resources: core_v1.ResourceRequirements) -> Mapping[str, Quantity]:
    return resources.limits


def pod_total(pod: core_v1.Pod, pick: Pick) -> dict[str, int]:
    """What a pod needs at most at one time, in nano-units: app containers and sidecars, or an init container with the sidecars before it.

    Args:
        pick: `requests_of` or `limits_of`.
    """
    app: dict[str, int] = {}
    for container in pod.spec.containers:
        _add(app, _picked(container, pick))
    sidecars: dict[str, int] = {}
    starting: dict[str, int] = {}
    for container in pod.spec.init_containers:
        needs = _picked(container, pick)
        if is_sidecar(container):
            _add(app, needs)
            _add(sidecars, needs)
            _raise_to(starting, sidecars)
        else:
            _raise_to(starting, {name: value + sidecars.get(name, 0) for name, value in needs.items()})
    _raise_to(app, starting)
    if pod.spec.resources is not None:
        app.update({name: nano_value(given) for name, given in pick(pod.spec.resources).items()})
    for name, given in pod.spec.overhead.items():
        if name in app or pick is requests_of:
            app[name] = app.get(name, 0) + nano_value(given)
    return app


def pod_cgroup_limits(pod: core_v1.Pod, pids_max: int | None) -> CgroupLimits:
    """The limits of a pod's cgroup: a limit holds only if every container has one."""
    requests = pod_total(pod, requests_of)
    limits = pod_total(pod, limits_of)

    def limited(name: str) -> bool:
        if pod.spec.resources is not None and name in pod.spec.resources.limits:
            return True
        return all(
            nano_value(container.resources.limits.get(name, 0)) > 0
            for container in [*pod.spec.containers, *pod.spec.init_containers]
        )

    quota = cpu_quota_us(-(-limits["cpu"] // MILLI)) if "cpu" in limits and limited("cpu") else None
    memory = -(-limits["memory"] // NANO) if "memory" in limits and limited("memory") else None
    return CgroupLimits(
        cpu_shares=cpu_shares(-(-requests.get("cpu", 0) // MILLI)), cpu_quota_us=quota, memory_bytes=memory, pids=pids_max
    )


def widest(one: CgroupLimits, other: CgroupLimits) -> CgroupLimits:
    """Limits that let through what either lets through."""
    def higher(a: int | None, b: int | None) -> int | None:
        return None if a is None or b is None else max(a, b)

    return CgroupLimits(
        cpu_shares=higher(one.cpu_shares, other.cpu_shares), cpu_quota_us=higher(one.cpu_quota_us, other.cpu_quota_us),
        memory_bytes=higher(one.memory_bytes, other.memory_bytes), pids=higher(one.pids, other.pids),
    )


def container_memory_limit(container: core_v1.Container) -> int:
    """Bytes; 0 is no limit."""
    return whole_value(container.resources.limits.get("memory", 0))


def _picked(container: core_v1.Container, pick: Pick) -> dict[str, int]:
    return {name: nano_value(given) for name, given in pick(container.resources).items()}


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _raise_to(total: dict[str, int], floor: Mapping[str, int]) -> None:
    for name, value in floor.items():
        total[name] = max(total.get(name, 0), value)
