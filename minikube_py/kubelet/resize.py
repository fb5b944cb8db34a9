"""Resizing pods in place: what a pod asks for, what the node has given it, and what its containers run with. Pure computation.

Three versions of cpu and memory exist of a pod: the API's spec (desired), what the node has granted (its allocation, by which everything
here goes but for a resize), and what containers have in fact. The first becomes the second if the node has room, the second the third
container by container. `pod_resizing.py` carries it out.

Source: kubernetes pkg/kubelet/allocation/allocation_manager.go, pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodResizeAction),
pkg/kubelet/events/resize.go; kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from minikube_py.apis import core_v1
from minikube_py.apis.object import Quantity
from minikube_py.apis.quantity import MILLI, NANO, nano_value
from minikube_py.apis.quantity import value as whole_value
from minikube_py.apis.scheme import to_document

from .qos import all_containers
from .resources import pod_total, requests_of
from .runtime_state import PodRuntime

RESIZABLE = ("cpu", "memory")

# Container -> its resources; those of the pod as a whole are POD's, whose name no container has.
Resources = Mapping[str, core_v1.ResourceRequirements]
POD = ""
_NONE = core_v1.ResourceRequirements()


@dataclass(frozen=True, slots=True)
class Pending:
    """A resize that the node has not granted.

    Attributes:
        reason: Infeasible can never be, Deferred may be once other pods have gone or become smaller.
        since_s: of the monotonic clock, when it was refused first.
    """

    reason: str
    message: str
    generation: int
    since_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class InProgress:
    """A resize that is granted and not yet carried out.

    Attributes:
        error: why it could not be carried out, so far.
    """

    generation: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class ResizePlan:
    """What is to be done for containers to have what they were given.

    Attributes:
        restart: running containers that must be started anew for it.
        update: running containers that are changed as they run; those that get less come first.
    """

    restart: frozenset[str] = frozenset()
    update: tuple[str, ...] = ()


NOTHING = ResizePlan()


def allocation_of(pod: core_v1.Pod) -> dict[str, core_v1.ResourceRequirements]:
    """The resources that a pod and its containers name."""
    return {POD: pod.spec.resources or _NONE} | {container.name: container.resources for container in all_containers(pod)}


def has_allocation(pod: core_v1.Pod, allocation: Resources) -> bool:
    """Whether a pod asks for what it was given."""
    return all(same(resources, allocation.get(name, resources)) for name, resources in allocation_of(pod).items())


def reported(pod: core_v1.Pod) -> dict[str, core_v1.ResourceRequirements]:
    """What the containers of a pod had by its last written status."""
    shown = [*pod.status.init_container_statuses, *pod.status.container_statuses]
    return {status.name: status.resources for status in shown if status.resources is not None and status.container_id}


def with_allocation(pod: core_v1.Pod, allocation: Resources) -> core_v1.Pod:
    """The pod with the resources that it was given; the same object if these are what it asks for."""
    if has_allocation(pod, allocation):
        return pod

    def given(containers: list[core_v1.Container]) -> list[core_v1.Container]:
        return [msgspec.structs.replace(item, resources=allocation.get(item.name, item.resources)) for item in containers]

    whole = allocation.get(POD, pod.spec.resources) if pod.spec.resources is not None else None
    spec = msgspec.structs.replace(
        pod.spec, containers=given(pod.spec.containers), init_containers=given(pod.spec.init_containers), resources=whole)
    return msgspec.structs.replace(pod, spec=spec)


def same(one: core_v1.ResourceRequirements, other: core_v1.ResourceRequirements) -> bool:
    """Whether processors and memory are the same, however they are spelled."""
    return not _changed(one, other)


def _changed(one: core_v1.ResourceRequirements, other: core_v1.ResourceRequirements) -> list[str]:
    sides = ((one.requests, other.requests), (one.limits, other.limits))
    return [name for name in RESIZABLE if any(nano_value(a.get(name, 0)) != nano_value(b.get(name, 0)) for a, b in sides)]


def infeasible(pod: core_v1.Pod, allocatable: Mapping[str, Quantity]) -> str:
    """Why the node could not give a pod what it asks for even if it were alone; "" if it could."""
    wanted = pod_total(pod, requests_of)
    for name, unit in (("memory", NANO), ("cpu", MILLI)):
        amount, room = wanted.get(name, 0), nano_value(allocatable.get(name, 0))
        if amount > room:
            return f"Node didn't have enough capacity: {name}, requested: {amount // unit}, capacity: {room // unit}"
    return ""


def asks_for_more(desired: core_v1.Pod, pod: core_v1.Pod) -> bool:
    """Whether a pod requests more than it was given.

    Args:
        pod: with its allocation.
    """
    wanted, has = pod_total(desired, requests_of), pod_total(pod, requests_of)
    return any(wanted.get(name, 0) > has.get(name, 0) for name in RESIZABLE)


def plan_resize(pod: core_v1.Pod, runtime: PodRuntime, actual: Resources) -> ResizePlan:
    """What is to be done.

    Args:
        pod: with its allocation.
        actual: what running containers have; one that is not there has what it was given.
    """
    restart, less, more = set(), [], []
    for container in all_containers(pod):
        info = runtime.newest(container.name)
        has = actual.get(container.name)
        if info is None or not info.running or has is None:
            continue
        changed = _changed(container.resources, has)
        if not changed:
            continue
        policies = {policy.resource_name: policy.restart_policy for policy in container.resize_policy}
        if any(policies.get(name) == "RestartContainer" for name in changed):
            restart.add(container.name)
        elif _grows(container.resources, has):
            more.append(container.name)
        else:
            less.append(container.name)
    return ResizePlan(frozenset(restart), (*less, *more)) if restart or less or more else NOTHING


def _grows(wanted: core_v1.ResourceRequirements, has: core_v1.ResourceRequirements) -> bool:
    """Whether a container gets more of anything."""
    return any(
        nano_value(a.get(name, 0)) > nano_value(b.get(name, 0))
        for a, b in ((wanted.requests, has.requests), (wanted.limits, has.limits)) for name in RESIZABLE
    )


def memory_limit_lowered(wanted: core_v1.ResourceRequirements, has: core_v1.ResourceRequirements) -> int | None:
    """The new limit of memory in bytes if it is lower than the one before."""
    limit = whole_value(wanted.limits.get("memory", 0))
    before = whole_value(has.limits.get("memory", 0))
    return limit if limit and (not before or limit < before) else None


def conditions(pending: Pending | None, progress: InProgress | None) -> list[core_v1.PodCondition]:
    """How a resize stands, as conditions."""
    found = []
    if pending is not None:
        found.append(core_v1.PodCondition(
            type="PodResizePending", status="True", reason=pending.reason, message=pending.message, observed_generation=pending.generation,
        ))
    if progress is not None:
        found.append(core_v1.PodCondition(
            type="PodResizeInProgress", status="True", reason="Error" if progress.error else "", message=progress.error,
            observed_generation=progress.generation,
        ))
    return found


def event_message(what: str, pod: core_v1.Pod, generation: int, error: str = "") -> str:
    """The text of an event of a resize: what became of it, and what the pod's containers have or should have."""
    summary: dict[str, Any] = {}
    for side, containers in (("initContainers", pod.spec.init_containers), ("containers", pod.spec.containers)):
        if containers:
            summary[side] = [{"name": item.name, "resources": _sorted(to_document(item.resources))} for item in containers]
    summary["generation"] = generation
    if error:
        summary["error"] = error
    return f"Pod resize {what}: {json.dumps(summary, separators=(',', ':'), ensure_ascii=False)}"


def _sorted(resources: dict[str, Any]) -> dict[str, Any]:
    return {side: dict(sorted(resources[side].items())) for side in ("limits", "requests") if resources.get(side)}
