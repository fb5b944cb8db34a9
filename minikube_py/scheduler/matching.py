"""Does a node suit a selector, does a toleration cover a taint.

Source: component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go,
kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from minikube_py.apis import core_v1

UNSCHEDULABLE_TAINT = core_v1.Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


def tolerates(toleration: core_v1.Toleration, taint: core_v1.Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.value == taint.value


def tolerated(tolerations: Iterable[core_v1.Toleration], taint: core_v1.Taint) -> bool:
    return any(tolerates(toleration, taint) for toleration in tolerations)


def untolerated_taint(
    tolerations: Sequence[core_v1.Toleration], taints: Iterable[core_v1.Taint], effects: tuple[str, ...] = ("NoSchedule", "NoExecute")
) -> core_v1.Taint | None:
    """The first taint with one of these effects that no toleration covers."""
    return next((taint for taint in taints if taint.effect in effects and not tolerated(tolerations, taint)), None)


def matches_requirement(requirement: core_v1.NodeSelectorRequirement, values: Mapping[str, str]) -> bool:
    have = values.get(requirement.key)
    operator = requirement.operator
    if operator == "In":
        return have in requirement.values
    if operator == "NotIn":
        return have not in requirement.values
    if operator == "Exists":
        return have is not None
    if operator == "DoesNotExist":
        return have is None
    if operator in ("Gt", "Lt") and have is not None:
        try:
            number, bound = int(have), int(requirement.values[0])
        except (ValueError, IndexError):
            return False
        return number > bound if operator == "Gt" else number < bound
    return False


def matches_term(term: core_v1.NodeSelectorTerm, node: core_v1.Node) -> bool:
    """Whether all conditions of a term hold; a term without conditions selects nothing."""
    if not term.match_expressions and not term.match_fields:
        return False
    labels, fields = node.metadata.labels, {"metadata.name": node.metadata.name}
    return all(matches_requirement(r, labels) for r in term.match_expressions) and all(
        matches_requirement(r, fields) for r in term.match_fields
    )


def required_node_selector(spec: core_v1.PodSpec) -> core_v1.NodeSelector | None:
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    return affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None


def matches_node(spec: core_v1.PodSpec, node: core_v1.Node) -> bool:
    """Whether a node has the labels of the pod's nodeSelector and one of the terms of its required node affinity."""
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in spec.node_selector.items()):
        return False
    required = required_node_selector(spec)
    return required is None or any(matches_term(term, node) for term in required.node_selector_terms)
