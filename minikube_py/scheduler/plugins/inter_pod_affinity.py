"""Pods that must or would rather be near to other pods, or far from them; other pods' wishes about this one count too.

Source: kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity,
pkg/scheduler/framework/plugins/interpodaffinity
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from minikube_py.apis import core_v1
from minikube_py.apis.labels import Requirement, Selector, from_label_selector

from ..cache import Cache, NodeInfo
from ..framework import NODE_EVENTS, SCORE_MAX, ClusterEvent, Code, CycleState, Hint, Status
from ..pod_info import PodInfo

# What a required affinity of a placed pod towards this one counts for. Source: InterPodAffinityArgs.hardPodAffinityWeight
HARD_WEIGHT = 1
NamespaceLabels = Callable[[str], Mapping[str, str]]
Domain = tuple[str, str]


class Term:
    """One affinity term of one pod, ready to match others."""

    __slots__ = ("namespace_selector", "namespaces", "selector", "topology_key")

    def __init__(self, owner: core_v1.Pod, term: core_v1.PodAffinityTerm) -> None:
        selector = from_label_selector(term.label_selector)
        labels = owner.metadata.labels
        more = [Requirement(key, "in", (labels[key],)) for key in term.match_label_keys if key in labels]
        more += [Requirement(key, "notin", (labels[key],)) for key in term.mismatch_label_keys if key in labels]
        self.selector = Selector([*selector.requirements, *more]) if more and not selector.nothing else selector
        self.topology_key = term.topology_key
        self.namespaces = set(term.namespaces)
        self.namespace_selector = from_label_selector(term.namespace_selector)
        if not self.namespaces and term.namespace_selector is None:
            self.namespaces = {owner.metadata.namespace}

    def matches(self, pod: core_v1.Pod, namespace_labels: NamespaceLabels) -> bool:
        namespace = pod.metadata.namespace
        if not self.selector.matches(pod.metadata.labels):
            return False
        return namespace in self.namespaces or self.namespace_selector.matches(namespace_labels(namespace))


@dataclass(frozen=True, slots=True)
class _Terms:
    """All terms of one pod: required nearness and distance, and wishes with their weights (negative for distance)."""

    near: tuple[Term, ...]
    far: tuple[Term, ...]
    wishes: tuple[tuple[int, Term], ...]


def _terms(info: PodInfo) -> _Terms:
    """The terms of a pod, read once."""
    found: _Terms | None = info.affinity_terms
    if found is None:
        pod, affinity = info.pod, info.pod.spec.affinity
        near = affinity.pod_affinity if affinity is not None else None
        far = affinity.pod_anti_affinity if affinity is not None else None
        found = info.affinity_terms = _Terms(
            tuple(Term(pod, t) for t in near.required_during_scheduling_ignored_during_execution) if near is not None else (),
            tuple(Term(pod, t) for t in far.required_during_scheduling_ignored_during_execution) if far is not None else (),
            tuple(_wishes(pod, affinity)) if affinity is not None else (),
        )
    return found


class _Required:
    """The required terms of the pod to be placed, and the numbers of pods that they meet in each domain."""

    def __init__(self, terms: _Terms) -> None:
        self.near, self.far = terms.near, terms.far
        self.near_counts: Counter[Domain] = Counter()
        self.far_counts: Counter[Domain] = Counter()
        self.kept_away: set[Domain] = set()
        self.alone_welcome = False


class InterPodAffinity:
    name: ClassVar = "InterPodAffinity"
    node_local: ClassVar = False
    _NOT_NEAR = Status(name, Code.UNRESOLVABLE, ("node(s) didn't match pod affinity rules",))
    _NOT_FAR = Status(name, Code.RESOLVABLE, ("node(s) didn't match pod anti-affinity rules",))
    _KEPT_AWAY = Status(name, Code.RESOLVABLE, ("node(s) didn't satisfy existing pods anti-affinity rules",))

    def __init__(self, cache: Cache, namespace_labels: NamespaceLabels) -> None:
        self._cache = cache
        self._namespace_labels = namespace_labels

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {NODE_EVENTS: None, ClusterEvent.POD_ASSIGNED | ClusterEvent.POD_FREED | ClusterEvent.POD_LABEL: None,
                ClusterEvent.POD_SELF: None, ClusterEvent.NAMESPACE: None}

    def sign(self, pod: PodInfo) -> Any:
        affinity = pod.pod.spec.affinity
        return (affinity.pod_affinity, affinity.pod_anti_affinity) if affinity is not None else None

    def pre_filter(self, state: CycleState, pod: PodInfo, cache: Cache) -> Status | set[str] | None:
        required = _Required(_terms(pod))
        if not required.near and not required.far and not cache.anti_affinity_pods:
            state.skipped.add(self.name)
            return None
        labels = self._namespace_labels
        for node in cache.nodes.values():
            node_labels = node.labels
            for other in node.anti_affinity_pods.values():
                for term in _terms(other).far:
                    if term.topology_key in node_labels and term.matches(pod.pod, labels):
                        required.kept_away.add((term.topology_key, node_labels[term.topology_key]))
            if required.near or required.far:
                self._count(required, node, node_labels)
        required.alone_welcome = not required.near_counts and all(term.matches(pod.pod, labels) for term in required.near)
        state["pod-affinity"] = required
        return None

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        required: _Required = state["pod-affinity"]
        labels = node.labels
        if required.near:
            if any(term.topology_key not in labels for term in required.near):
                return self._NOT_NEAR
            near = all(required.near_counts[term.topology_key, labels[term.topology_key]] > 0 for term in required.near)
            if not near and not required.alone_welcome:
                return self._NOT_NEAR
        for term in required.far:
            domain = labels.get(term.topology_key)
            if domain is not None and required.far_counts[term.topology_key, domain] > 0:
                return self._NOT_FAR
        if any(labels.get(key) == value for key, value in required.kept_away):
            return self._KEPT_AWAY
        return None

    def score_all(self, state: CycleState, pod: PodInfo, nodes: Collection[NodeInfo]) -> list[int] | None:
        wishes = _terms(pod).wishes
        if not wishes and not self._cache.affinity_pods:
            return None
        domains = self._wished(pod, wishes)
        if not domains:
            return None
        scores = [sum(score for (key, value), score in domains.items() if node.labels.get(key) == value) for node in nodes]
        low, high = min(scores, default=0), max(scores, default=0)
        return [SCORE_MAX * (score - low) // (high - low) if high > low else 0 for score in scores]

    def _wished(self, pod: PodInfo, wishes: Sequence[tuple[int, Term]]) -> Counter[Domain]:
        """How much each domain is wished for, by the pod and by those that are placed."""
        scores: Counter[Domain] = Counter()
        labels = self._namespace_labels
        for node in self._cache.nodes.values():
            node_labels = node.labels
            for other in node.pods.values():
                for weight, term in wishes:
                    if term.topology_key in node_labels and term.matches(other.pod, labels):
                        scores[term.topology_key, node_labels[term.topology_key]] += weight
                if other.has_affinity:
                    for weight, term in _wishes_of_placed(other):
                        if term.topology_key in node_labels and term.matches(pod.pod, labels):
                            scores[term.topology_key, node_labels[term.topology_key]] += weight
        return scores

    def _count(self, required: _Required, node: NodeInfo, node_labels: Mapping[str, str]) -> None:
        labels = self._namespace_labels
        for other in node.pods.values():
            if required.near and all(term.matches(other.pod, labels) for term in required.near):
                for term in required.near:
                    if term.topology_key in node_labels:
                        required.near_counts[term.topology_key, node_labels[term.topology_key]] += 1
            for term in required.far:
                if term.topology_key in node_labels and term.matches(other.pod, labels):
                    required.far_counts[term.topology_key, node_labels[term.topology_key]] += 1


def _wishes(pod: core_v1.Pod, affinity: core_v1.Affinity) -> Iterable[tuple[int, Term]]:
    for sign, part in ((1, affinity.pod_affinity), (-1, affinity.pod_anti_affinity)):
        if part is not None:
            for wish in part.preferred_during_scheduling_ignored_during_execution:
                yield sign * wish.weight, Term(pod, wish.pod_affinity_term)


def _wishes_of_placed(info: PodInfo) -> Iterable[tuple[int, Term]]:
    """What a placed pod wishes about others, required nearness included."""
    terms = _terms(info)
    yield from terms.wishes
    for term in terms.near:
        yield HARD_WEIGHT, term
