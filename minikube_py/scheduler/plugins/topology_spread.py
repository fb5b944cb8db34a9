"""Pods that belong together are spread over nodes, zones and other domains.

Hard constraints (DoNotSchedule) filter, soft ones (ScheduleAnyway) score. A pod without constraints of its own that belongs to a
service, ReplicaSet, StatefulSet or ReplicationController is spread softly over nodes (skew 3) and zones (skew 5).

Source: kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/, pkg/scheduler/framework/plugins/podtopologyspread
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from minikube_py.apis import core_v1
from minikube_py.apis.labels import Requirement, Selector, from_label_selector

from ..cache import Cache, NodeInfo
from ..framework import NODE_EVENTS, SCORE_MAX, ClusterEvent, Code, CycleState, Hint, Status
from ..matching import matches_node, untolerated_taint
from ..pod_counts import PodCounts
from ..pod_info import PodInfo

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
_DEFAULTS = ((HOSTNAME, 3), (ZONE, 5))
_IGNORED = -1


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint, with the selector that matchLabelKeys make of it."""

    topology_key: str
    max_skew: int
    selector: Selector
    min_domains: int = 1
    honor_affinity: bool = True
    honor_taints: bool = False

    def counts_node(self, pod: PodInfo, node: NodeInfo) -> bool:
        """Whether pods on this node count."""
        if self.honor_affinity and (node.node is None or not matches_node(pod.pod.spec, node.node)):
            return False
        return not self.honor_taints or untolerated_taint(pod.pod.spec.tolerations, node.taints) is None


@dataclass(slots=True)
class _Hard:
    """A hard constraint with the numbers of matching pods: per domain, and in the emptiest domain."""

    constraint: Constraint
    by_domain: dict[str, int]
    least: int
    self_match: int


@dataclass(slots=True)
class _Soft:
    constraint: Constraint
    by_node: Mapping[str, int]
    by_domain: dict[str, int]
    weight: float


class PodTopologySpread:
    name: ClassVar = "PodTopologySpread"
    node_local: ClassVar = False
    normalized: ClassVar = True
    _NO_LABEL = Status(name, Code.UNRESOLVABLE, ("node(s) didn't match pod topology spread constraints (missing required label)",))
    _SKEWED = Status(name, Code.RESOLVABLE, ("node(s) didn't match pod topology spread constraints",))

    def __init__(self, cache: Cache, counts: PodCounts, owners_selector: Callable[[core_v1.Pod], Selector | None]) -> None:
        """
        Args:
            owners_selector: what the services and the controller of a pod select, joined; None if it has none.
        """
        self._cache = cache
        self._counts = counts
        self._owners_selector = owners_selector

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {NODE_EVENTS: None, ClusterEvent.POD_ASSIGNED | ClusterEvent.POD_FREED | ClusterEvent.POD_LABEL: None,
                ClusterEvent.POD_SELF: None}

    def sign(self, pod: PodInfo) -> Any:
        owners = [owner.uid for owner in pod.pod.metadata.owner_references]
        return pod.namespace, pod.pod.metadata.labels, pod.pod.spec.topology_spread_constraints, owners

    def pre_filter(self, state: CycleState, pod: PodInfo, cache: Cache) -> Status | set[str] | None:
        constraints = _constraints(pod.pod, "DoNotSchedule")
        if not constraints:
            state.skipped.add(self.name)
            return None
        keys = [constraint.topology_key for constraint in constraints]
        found = []
        for constraint in constraints:
            counts = self._counts.by_node(pod.namespace, constraint.selector)
            by_domain: dict[str, int] = {}
            for node in cache.nodes.values():
                labels = node.labels
                if all(key in labels for key in keys) and constraint.counts_node(pod, node):
                    domain = labels[constraint.topology_key]
                    by_domain[domain] = by_domain.get(domain, 0) + counts.get(node.name, 0)
            least = min(by_domain.values(), default=0) if len(by_domain) >= constraint.min_domains else 0
            found.append(_Hard(constraint, by_domain, least, int(constraint.selector.matches(pod.pod.metadata.labels))))
        state["hard-spread"] = found
        return None

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        labels = node.labels
        hard: list[_Hard] = state["hard-spread"]
        for one in hard:
            domain = labels.get(one.constraint.topology_key)
            if domain is None:
                return self._NO_LABEL
            if one.by_domain.get(domain, 0) + one.self_match - one.least > one.constraint.max_skew:
                return self._SKEWED
        return None

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> bool:
        own = bool(pod.pod.spec.topology_spread_constraints)
        constraints = _constraints(pod.pod, "ScheduleAnyway") if own else self._default_constraints(pod.pod)
        if not constraints:
            return False
        keys = [constraint.topology_key for constraint in constraints]
        ignored = {node.name for node in nodes if own and not all(key in node.labels for key in keys)}
        state["soft-spread"] = [self._soft(constraint, pod, nodes, ignored) for constraint in constraints]
        state["ignored"] = ignored
        return True

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        if node.name in state["ignored"]:
            return _IGNORED
        total, labels = 0.0, node.labels
        soft: list[_Soft] = state["soft-spread"]
        for one in soft:
            domain = labels.get(one.constraint.topology_key)
            if domain is None:
                continue
            hostname = one.constraint.topology_key == HOSTNAME
            number = one.by_node.get(node.name, 0) if hostname else one.by_domain.get(domain, 0)
            total += number * one.weight + one.constraint.max_skew - 1
        return math.floor(total + 0.5)

    def normalize(self, state: CycleState, scores: list[int]) -> list[int]:
        counted = [score for score in scores if score != _IGNORED]
        low, high = min(counted, default=0), max(counted, default=0)
        if high == 0:
            return [0 if score == _IGNORED else SCORE_MAX for score in scores]
        return [0 if score == _IGNORED else SCORE_MAX * (high + low - score) // high for score in scores]

    def _default_constraints(self, pod: core_v1.Pod) -> list[Constraint]:
        selector = self._owners_selector(pod)
        if selector is None:
            return []
        return [Constraint(key, skew, selector) for key, skew in _DEFAULTS]

    def _soft(self, constraint: Constraint, pod: PodInfo, nodes: Sequence[NodeInfo], ignored: set[str]) -> _Soft:
        """Counts per domain (over all nodes) for the domains of the nodes in question; per node only for the hostname."""
        by_node = self._counts.by_node(pod.namespace, constraint.selector)
        by_domain: dict[str, int] = {}
        if constraint.topology_key == HOSTNAME:
            return _Soft(constraint, by_node, by_domain, math.log(len(nodes) - len(ignored) + 2))
        domains = {node.labels.get(constraint.topology_key, "") for node in nodes if node.name not in ignored}
        for name, number in by_node.items():
            node = self._cache.nodes.get(name)
            if node is not None and constraint.counts_node(pod, node):
                domain = node.labels.get(constraint.topology_key, "")
                by_domain[domain] = by_domain.get(domain, 0) + number
        return _Soft(constraint, by_node, by_domain, math.log(len(domains) + 2))


def _constraints(pod: core_v1.Pod, when: str) -> list[Constraint]:
    found = []
    for constraint in pod.spec.topology_spread_constraints:
        if constraint.when_unsatisfiable != when:
            continue
        selector = from_label_selector(constraint.label_selector)
        labels = pod.metadata.labels
        more = [Requirement(key, "=", (labels[key],)) for key in constraint.match_label_keys if key in labels]
        if more and not selector.nothing:
            selector = Selector([*selector.requirements, *more])
        found.append(Constraint(
            constraint.topology_key, constraint.max_skew or 1, selector, constraint.min_domains or 1,
            constraint.node_affinity_policy != "Ignore", constraint.node_taints_policy == "Honor",
        ))
    return found
