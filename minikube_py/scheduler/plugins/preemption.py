"""A pod that fits nowhere may take the place of pods of lower priority.

For each node where evictions could help, the least important pods that must go are found: all of lower priority are thought away, and
then as many as possible are let stay, the most important first and those that a PodDisruptionBudget protects before the others. The
node where this hurts least is chosen. Evictions are only weighed on single nodes: a pod that spread or affinity to other pods keeps
out is not helped.

Source: kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/, pkg/scheduler/framework/preemption/preemption.go
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from minikube_py.apis import policy_v1
from minikube_py.apis.labels import from_label_selector
from minikube_py.core.clock import parse_rfc3339

from ..algorithm import Algorithm, unavailable
from ..cache import NOMINATED, Cache, NodeInfo
from ..framework import ClusterEvent, Code, CycleState, Hint, PostFilterResult, Status
from ..pod_info import PodInfo

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
Budgets = Callable[[str], Sequence[policy_v1.PodDisruptionBudget]]


@dataclass(frozen=True, slots=True)
class _Candidate:
    node_name: str
    victims: tuple[PodInfo, ...]
    violations: int

    def cost(self) -> tuple[int, int, int, int, float]:
        """Lesser is better.

        Violated budgets, the highest priority among the victims, their sum, their number, and for how long the most important
        ones have run: what began last has the least to lose.
        """
        priorities = [victim.priority for victim in self.victims]
        highest = max(priorities)
        began = min(_began(victim) for victim in self.victims if victim.priority == highest)
        return self.violations, highest, sum(priority + 2**31 for priority in priorities), len(priorities), -began


def _began(pod: PodInfo) -> float:
    """When the pod's node took it up, seconds since the epoch; a pod that waits for this is the youngest."""
    start_time = pod.pod.status.start_time
    return parse_rfc3339(start_time).timestamp() if start_time else math.inf


class DefaultPreemption:
    name: ClassVar = "DefaultPreemption"

    def __init__(self, cache: Cache, budgets: Budgets) -> None:
        """
        Args:
            budgets: the PodDisruptionBudgets of a namespace.
        """
        self._cache = cache
        self._budgets = budgets
        self.algorithm: Algorithm | None = None

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {ClusterEvent.POD_FREED: None}

    def post_filter(self, state: CycleState, pod: PodInfo, statuses: Mapping[str, Status]) -> PostFilterResult:
        if pod.pod.spec.preemption_policy == "Never":
            return PostFilterResult("not eligible due to preemptionPolicy=Never.")
        if self._waits_for_victims(pod, statuses):
            return PostFilterResult("not eligible due to a terminating pod on the nominated node.")
        candidates, reasons = [], {}
        for name in self._cache.nodes:
            status = statuses.get(name)
            if status is None or status.code is not Code.RESOLVABLE:
                reasons[name] = Status(self.name, Code.UNRESOLVABLE, (NOT_HELPFUL,))
                continue
            found = self._victims(state, pod, self._cache.nodes[name])
            if isinstance(found, Status):
                reasons[name] = found
            else:
                candidates.append(found)
        if not candidates:
            return PostFilterResult(unavailable(len(self._cache.nodes), reasons.values()))
        best = min(candidates, key=_Candidate.cost)
        return PostFilterResult("", best.node_name, best.victims)

    def _waits_for_victims(self, pod: PodInfo, statuses: Mapping[str, Status]) -> bool:
        """Whether earlier victims are still leaving the node that the pod is nominated for."""
        name = pod.pod.status.nominated_node_name
        node = self._cache.nodes.get(name)
        if node is None or (name in statuses and statuses[name].code is Code.UNRESOLVABLE):
            return False
        return any(other.pod.metadata.deletion_timestamp and other.priority < pod.priority for other in node.pods.values())

    def _victims(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> _Candidate | Status:
        if self.algorithm is None:
            raise RuntimeError("the preemption plugin has no algorithm")
        lower = {key: p for key, p in node.pods.items() if p.priority < pod.priority and not key.startswith(NOMINATED)}
        if not lower:
            return Status(self.name, Code.RESOLVABLE, (NO_VICTIMS,))
        trial = node.copy_without(set(lower))
        refusal = self.algorithm.check(pod, state, trial)
        if refusal is not None:
            return refusal
        protected = self._protected(list(lower.values()))
        order = sorted(lower.values(), key=lambda p: (p.key not in protected, -p.priority, p.pod.status.start_time or "9"))
        victims = []
        for other in order:
            trial.add(other)
            if self.algorithm.check(pod, state, trial) is not None:
                trial.remove(other.key)
                victims.append(other)
        return _Candidate(node.name, tuple(victims), sum(victim.key in protected for victim in victims))

    def _protected(self, pods: list[PodInfo]) -> set[str]:
        """The pods whose eviction their budgets do not allow, taken one after the other."""
        allowed: dict[str, int] = {}
        protected = set()
        for pod in sorted(pods, key=lambda p: -p.priority):
            for budget in self._budgets(pod.namespace):
                selector = from_label_selector(budget.spec.selector)
                if selector.empty or not selector.matches(pod.pod.metadata.labels):
                    continue
                if pod.name in budget.status.disrupted_pods:
                    continue
                key = f"{pod.namespace}/{budget.metadata.name}"
                allowed[key] = allowed.get(key, budget.status.disruptions_allowed) - 1
                if allowed[key] < 0:
                    protected.add(pod.key)
        return protected
