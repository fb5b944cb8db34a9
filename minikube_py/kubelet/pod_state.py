"""What the agent keeps of one pod between syncs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from minikube_py.apis import core_v1

from .qos import qos_class
from .resize import InProgress, Pending, asks_for_more, with_allocation


@dataclass(slots=True)
class PodState:
    """One pod.

    Attributes:
        pod: the newest spec, with the resources that the node has given it.
        desired: the newest spec as the API has it.
        reasons: container -> (reason, message) of its waiting state.
        failure: (reason, message) once the node has failed the pod.
        terminal: all containers have ended for good.
        allocation: container -> what the node has given it; empty until the pod is taken.
        actual: container -> what it runs with.
        pending, progress: how a resize stands.
    """

    pod: core_v1.Pod
    start_time: str
    desired: core_v1.Pod = field(init=False)
    reasons: dict[str, tuple[str, str]] = field(default_factory=dict)
    failure: tuple[str, str] | None = None
    admitted: bool = False
    terminal: bool = False
    cleaned: bool = False
    status: core_v1.PodStatus | None = None
    allocation: Mapping[str, core_v1.ResourceRequirements] = field(default_factory=dict)
    actual: dict[str, core_v1.ResourceRequirements] = field(default_factory=dict)
    pending: Pending | None = None
    progress: InProgress | None = None

    def __post_init__(self) -> None:
        self.desired = self.pod

    def take(self, pod: core_v1.Pod) -> None:
        """Take a newer version of the pod."""
        self.desired = pod
        self.pod = with_allocation(pod, self.allocation)

    def allocate(self, allocation: Mapping[str, core_v1.ResourceRequirements]) -> None:
        """Give the pod other resources."""
        self.allocation = allocation
        self.pod = with_allocation(self.desired, allocation)

    @property
    def uid(self) -> str:
        return self.pod.metadata.uid


def urgency(state: PodState) -> tuple[bool, int, bool, float]:
    """In which order waiting resizes are granted, the smallest first: those that need no room, then by priority, class and age.

    Source: kubernetes pkg/kubelet/allocation/allocation_manager.go (sortPendingResizes)
    """
    pod = state.desired
    since_s = state.pending.since_s if state.pending is not None else 0.0
    return asks_for_more(pod, state.pod), -(pod.spec.priority or 0), qos_class(pod) != "Guaranteed", since_s
