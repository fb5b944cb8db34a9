"""What a node must be: its name, its labels, its taints, whether it takes pods at all.

Source: pkg/scheduler/framework/plugins/{nodename,nodeunschedulable,nodeaffinity,tainttoleration}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from minikube_py.apis import core_v1
from minikube_py.apis.node_affinity import matches_node, matches_term, required_node_selector
from minikube_py.apis.tolerations import (
    UNSCHEDULABLE_TAINT,
    tolerated,
    tolerates,
    untolerated_taint,
)

from ..cache import Cache, NodeInfo
from ..framework import ClusterEvent, Code, CycleState, Hint, Status, normalize_to_max
from ..pod_info import PodInfo


class NodeName:
    name: ClassVar = "NodeName"
    node_local: ClassVar = True
    _REFUSAL = Status(name, Code.UNRESOLVABLE, ("node(s) didn't match the requested node name",))

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {ClusterEvent.NODE_ADD: None}

    def sign(self, pod: PodInfo) -> Any:
        return pod.pod.spec.node_name

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        wanted = pod.pod.spec.node_name
        return self._REFUSAL if wanted and wanted != node.name else None


class NodeUnschedulable:
    name: ClassVar = "NodeUnschedulable"
    node_local: ClassVar = True
    _REFUSAL = Status(name, Code.UNRESOLVABLE, ("node(s) were unschedulable",))

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {ClusterEvent.NODE_ADD: self._hint, ClusterEvent.NODE_TAINT: self._hint, ClusterEvent.POD_SELF: None}

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        closed = node.node is not None and node.node.spec.unschedulable
        if closed and not tolerated(pod.pod.spec.tolerations, UNSCHEDULABLE_TAINT):
            return self._REFUSAL
        return None

    def _hint(self, pod: PodInfo, event: ClusterEvent, node: core_v1.Node) -> bool:
        return not node.spec.unschedulable


class TaintToleration:
    name: ClassVar = "TaintToleration"
    node_local: ClassVar = True
    normalized: ClassVar = True
    _REFUSAL = Status(name, Code.UNRESOLVABLE, ("node(s) had untolerated taint(s)",))

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {ClusterEvent.NODE_ADD: self._hint, ClusterEvent.NODE_TAINT: self._hint, ClusterEvent.POD_SELF: None}

    def sign(self, pod: PodInfo) -> Any:
        return pod.pod.spec.tolerations

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        taints = node.taints
        if taints and untolerated_taint(pod.pod.spec.tolerations, taints) is not None:
            return self._REFUSAL
        return None

    def pre_score(self, state: CycleState, pod: PodInfo) -> bool:
        return True

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        """How many soft taints are not tolerated."""
        soft = [taint for taint in node.taints if taint.effect == "PreferNoSchedule"]
        if not soft:
            return 0
        tolerations = [t for t in pod.pod.spec.tolerations if t.effect in ("", "PreferNoSchedule")]
        return sum(not any(tolerates(toleration, taint) for toleration in tolerations) for taint in soft)

    def normalize(self, scores: list[int]) -> list[int]:
        return normalize_to_max(scores, reverse=True)

    def _hint(self, pod: PodInfo, event: ClusterEvent, node: core_v1.Node) -> bool:
        return untolerated_taint(pod.pod.spec.tolerations, node.spec.taints) is None


class NodeAffinity:
    name: ClassVar = "NodeAffinity"
    node_local: ClassVar = True
    normalized: ClassVar = True
    _REFUSAL = Status(name, Code.UNRESOLVABLE, ("node(s) didn't match Pod's node affinity/selector",))
    _CONFLICT = Status(name, Code.UNRESOLVABLE, ("pod affinity terms conflict",))

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {ClusterEvent.NODE_ADD: self._hint, ClusterEvent.NODE_LABEL: self._hint, ClusterEvent.POD_SELF: None}

    def sign(self, pod: PodInfo) -> Any:
        spec = pod.pod.spec
        return spec.node_selector, spec.affinity.node_affinity if spec.affinity is not None else None

    def pre_filter(self, state: CycleState, pod: PodInfo, cache: Cache) -> Status | set[str] | None:
        """The only nodes that a pod of a DaemonSet comes into question for: those that each of its terms names."""
        spec = pod.pod.spec
        required = required_node_selector(spec)
        if required is None:
            if not spec.node_selector:
                state.skipped.add(self.name)
            return None
        names: set[str] = set()
        for term in required.node_selector_terms:
            named = _named_nodes(term)
            if named is None:
                return None
            names |= named
        return names or self._CONFLICT

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        return None if node.node is not None and matches_node(pod.pod.spec, node.node) else self._REFUSAL

    def pre_score(self, state: CycleState, pod: PodInfo) -> bool:
        return bool(_preferred(pod))

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        """The sum of the weights of the preferred terms that the node matches."""
        total = 0
        for term in _preferred(pod):
            if node.node is not None and matches_term(term.preference, node.node):
                total += term.weight
        return total

    def normalize(self, scores: list[int]) -> list[int]:
        return normalize_to_max(scores)

    def _hint(self, pod: PodInfo, event: ClusterEvent, node: core_v1.Node) -> bool:
        return matches_node(pod.pod.spec, node)


def _preferred(pod: PodInfo) -> list[core_v1.PreferredSchedulingTerm]:
    affinity = pod.pod.spec.affinity
    if affinity is None or affinity.node_affinity is None:
        return []
    return affinity.node_affinity.preferred_during_scheduling_ignored_during_execution


def _named_nodes(term: core_v1.NodeSelectorTerm) -> set[str] | None:
    """The nodes that a term names by metadata.name, or None if it names none in particular."""
    named: set[str] | None = None
    for field in term.match_fields:
        if field.key == "metadata.name" and field.operator == "In":
            named = set(field.values) if named is None else named & set(field.values)
    return named
