"""The disruption controller: how many pods of each PodDisruptionBudget may be evicted now.

Owns the status of budgets, which the eviction subresource reads and counts down. Pods that an eviction has announced (`disruptedPods`)
do not count as healthy until they are gone, or for DISRUPTION_S at most.
Source: pkg/controller/disruption/disruption.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minikube_py.apis.apps_v1 import Deployment, ReplicaSet, StatefulSet
from minikube_py.apis.core_v1 import Pod, ReplicationController
from minikube_py.apis.labels import from_label_selector
from minikube_py.apis.meta_v1 import Condition
from minikube_py.apis.policy_v1 import PodDisruptionBudget
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.informer import Informer
from minikube_py.core.clock import rfc3339

from .base import Context, Controller
from .pods import is_ready
from .refs import controller_of
from .selectors import matches
from .status import age_s, condition_of, scaled, with_condition

# Source: disruption.go, DeletionTimeout.
DISRUPTION_S = 120.0


class DisruptionController(Controller):
    """Status of PodDisruptionBudgets."""

    name = "disruption"
    component = "controllermanager"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.budgets = self.informer(PodDisruptionBudget)
        self.pods = self.informer(Pod)
        self._scalable: dict[str, Informer[Any]] = {
            kind.__name__: self.informer(kind) for kind in (ReplicaSet, StatefulSet, Deployment, ReplicationController)
        }
        self.budgets.add_handler(self.enqueue_changed)
        self.pods.add_handler(self._pod_changed)
        for informer in self._scalable.values():
            informer.add_handler(self._scaled)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        seen = [pod for pod in (old, new) if pod is not None]
        if old is not None and new is not None and _sight(old) == _sight(new):
            return
        for budget in self.budgets.list(seen[0].metadata.namespace):
            if any(matches(budget.spec.selector, pod.metadata.labels) for pod in seen):
                self.enqueue(budget)

    def _scaled(self, old: Any, new: Any) -> None:
        if new is None or (old is not None and old.spec.replicas == new.spec.replicas):
            return
        for budget in self.budgets.list(new.metadata.namespace):
            self.enqueue(budget)

    async def reconcile(self, key: str) -> float | None:
        budget = self.budgets.get_key(key)
        if budget is None:
            return None
        pods = [pod for pod in self.pods.list(budget.metadata.namespace) if matches(budget.spec.selector, pod.metadata.labels)]
        if not pods:
            self.events.event(budget, "Normal", "NoPods", "No matching pods found")
        expected, desired = self._expected(budget, pods)
        disrupted, again_s = self._still_disrupted(budget, pods)
        healthy = sum(
            is_ready(pod) and not pod.metadata.deletion_timestamp and pod.metadata.name not in disrupted for pod in pods
        )
        await self._write(budget, expected, desired, healthy, disrupted)
        return again_s

    def _expected(self, budget: PodDisruptionBudget, pods: Sequence[Pod]) -> tuple[int, int]:
        """How many pods there should be, and how many of them must stay healthy."""
        spec = budget.spec
        if spec.max_unavailable is not None:
            expected = self._scale_of(budget, pods)
            return expected, max(0, expected - scaled(spec.max_unavailable, expected, round_up=True))
        if isinstance(spec.min_available, int):
            return len(pods), spec.min_available
        if spec.min_available is not None:
            expected = self._scale_of(budget, pods)
            return expected, scaled(spec.min_available, expected, round_up=True)
        return len(pods), 0

    def _scale_of(self, budget: PodDisruptionBudget, pods: Sequence[Pod]) -> int:
        """The sum of the sizes of all controllers of the pods."""
        sizes: dict[str, int] = {}
        unmanaged = []
        for pod in pods:
            size = self._size_of(pod)
            if size is None:
                unmanaged.append(pod.metadata.name)
            else:
                sizes[size[0]] = size[1]
        if unmanaged:
            self.events.event(
                budget, "Warning", "UnmanagedPods",
                f"Pods selected by this PodDisruptionBudget (selector: {from_label_selector(budget.spec.selector)}) were found to be "
                "unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. "
                'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.',
            )
        return sum(sizes.values())

    def _size_of(self, pod: Pod) -> tuple[str, int] | None:
        """Uid and size of what scales the pod: its controller, or the Deployment of its ReplicaSet."""
        found: Any = None
        ref = controller_of(pod)
        while ref is not None and ref.kind in self._scalable:
            owner = self._scalable[ref.kind].get(ref.name, pod.metadata.namespace)
            if owner is None or owner.metadata.uid != ref.uid:
                break
            found, ref = owner, controller_of(owner)
        if found is None:
            return None
        return found.metadata.uid, 1 if found.spec.replicas is None else found.spec.replicas

    def _still_disrupted(self, budget: PodDisruptionBudget, pods: Sequence[Pod]) -> tuple[dict[str, str], float | None]:
        """The announced evictions that have not happened yet, and when the next of them lapses."""
        present = {pod.metadata.name for pod in pods if not pod.metadata.deletion_timestamp}
        now = self.clock.now()
        left = {name: DISRUPTION_S - age_s(now, time) for name, time in budget.status.disrupted_pods.items() if name in present}
        for pod in pods:
            if left.get(pod.metadata.name, 1.0) <= 0:
                name = f"{budget.metadata.namespace}/{budget.metadata.name}"
                self.events.event(pod, "Warning", "NotDeleted", f"Pod was expected by PDB {name} to be deleted but it wasn't")
        waiting = {name: budget.status.disrupted_pods[name] for name, left_s in left.items() if left_s > 0}
        return waiting, min((left_s for left_s in left.values() if left_s > 0), default=None)

    async def _write(self, budget: PodDisruptionBudget, expected: int, desired: int, healthy: int, disrupted: dict[str, str]) -> None:
        copy = deep_copy(budget)
        status = copy.status
        allowed = max(0, healthy - desired) if expected > 0 else 0
        status.expected_pods, status.desired_healthy, status.current_healthy = expected, desired, healthy
        status.disruptions_allowed, status.disrupted_pods = allowed, disrupted
        status.observed_generation = budget.metadata.generation
        row = Condition(
            type="DisruptionAllowed", status="True" if allowed else "False", reason="SufficientPods" if allowed else "InsufficientPods",
            observed_generation=budget.metadata.generation, last_transition_time=rfc3339(self.clock.now()),
        )
        status.conditions = with_condition(status.conditions, row)
        current = condition_of(status.conditions, "DisruptionAllowed")
        if current is not None:
            current.observed_generation = budget.metadata.generation
        if status != budget.status:
            await self.client.update(copy, subresource="status")


def _sight(pod: Pod) -> tuple[object, ...]:
    return pod.metadata.uid, pod.metadata.labels, bool(pod.metadata.deletion_timestamp), is_ready(pod)
