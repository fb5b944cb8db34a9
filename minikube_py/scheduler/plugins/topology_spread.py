"""Pods that belong together are spread over nodes, zones and other domains.

Hard constraints (DoNotSchedule) filter, soft ones (ScheduleAnyway) score. A pod without constraints of its own that belongs to a
service, ReplicaSet, StatefulSet or ReplicationController is spread softly over nodes (skew 3) and zones (skew 5).

Source: kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/, pkg/scheduler/framework/plugins/podtopologyspread
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from minikube_py.apis import core_v1
from minikube_py.apis.labels import Requirement, Selector, from_label_selector
from minikube_py.apis.node_affinity import matches_node, required_node_selector
from minikube_py.apis.tolerations import untolerated_taint

from ..cache import Cache, NodeInfo
from ..framework import NODE_EVENTS, SCORE_MAX, ClusterEvent, Code, CycleState, Hint, Status
from ..pod_counts import PodCounts
from ..pod_info import PodInfo

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
_DEFAULTS = ((HOSTNAME, 3), (ZONE, 5))


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


    def counts_every_node(self, pod: PodInfo) -> bool:
        spec = pod.pod.spec
        return not self.honor_taints and (not self.honor_affinity or (not spec.node_selector and required_node_selector(spec) is None))


@dataclass(slots=True)
class _Hard:
    """A hard constraint with the numbers of matching pods: per domain, and in the emptiest domain."""

    constraint: Constraint
    by_domain: dict[str, int]
    least: int
    self_match: int


class PodTopologySpread:
    name: ClassVar = "PodTopologySpread"
    node_local: ClassVar = False
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

    def score_all(self, state: CycleState, pod: PodInfo, nodes: Collection[NodeInfo]) -> list[int] | None:
        own = bool(pod.pod.spec.topology_spread_constraints)
        constraints = _constraints(pod.pod, "ScheduleAnyway") if own else self._default_constraints(pod.pod)
        if not constraints:
            return None
        keys = [constraint.topology_key for constraint in constraints]
        ignored = {node.name for node in nodes if not all(key in node.labels for key in keys)} if own else set()
        totals = [0.0] * len(nodes)
        for constraint in constraints:
            more = self._crowding(constraint, pod, nodes, ignored)
            totals = [total + number for total, number in zip(totals, more, strict=True)]
        rounded = [math.floor(total + 0.5) for total in totals]
        if not ignored:
            return _emptier_is_better(rounded)
        counted = [index for index, node in enumerate(nodes) if node.name not in ignored]
        scores = [0] * len(nodes)
        for index, score in zip(counted, _emptier_is_better([rounded[index] for index in counted]), strict=True):
            scores[index] = score
        return scores

    def _default_constraints(self, pod: core_v1.Pod) -> list[Constraint]:
        selector = self._owners_selector(pod)
        if selector is None:
            return []
        return [Constraint(key, skew, selector) for key, skew in _DEFAULTS]

    def _crowding(self, constraint: Constraint, pod: PodInfo, nodes: Collection[NodeInfo], ignored: set[str]) -> list[float]:
        """For each node how many matching pods are in its domain, weighted by the number of domains.

        A domain is counted over all nodes, those that are not in question included.
        """
        key, base = constraint.topology_key, constraint.max_skew - 1
        if key == HOSTNAME:
            by_node = self._counts.by_node(pod.namespace, constraint.selector)
            weight = math.log(len(nodes) - len(ignored) + 2)
            return [by_node.get(node.name, 0) * weight + base if key in node.labels else 0.0 for node in nodes]
        weight = math.log(len({node.labels.get(key, "") for node in nodes if node.name not in ignored}) + 2)
        by_domain = self._by_domain(constraint, pod)
        crowding = {domain: number * weight + base for domain, number in by_domain.items()}
        return [crowding.get(node.labels[key], base) if key in node.labels else 0.0 for node in nodes]


    def _by_domain(self, constraint: Constraint, pod: PodInfo) -> dict[str, int]:
        key, selector = constraint.topology_key, constraint.selector
        if constraint.counts_every_node(pod):
            return self._counts.by_domain(pod.namespace, selector, key)
        by_domain: dict[str, int] = {}
        for name, number in self._counts.by_node(pod.namespace, selector).items():
            node = self._cache.nodes.get(name)
            if node is not None and key in node.labels and constraint.counts_node(pod, node):
                by_domain[node.labels[key]] = by_domain.get(node.labels[key], 0) + number
        return by_domain


def _emptier_is_better(scores: list[int]) -> list[int]:
    low, high = min(scores, default=0), max(scores, default=0)
    if high == 0:
        return [SCORE_MAX] * len(scores)
    return [SCORE_MAX * (high + low - score) // high for score in scores]


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
