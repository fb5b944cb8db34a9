"""Whether a node meets a pod's node selector and required node affinity.

Source: staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go.
"""

from __future__ import annotations

from minikube_py.apis.core_v1 import Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec
from minikube_py.apis.labels import Requirement

from ..selectors import matches_labels

_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}


def fits(spec: PodSpec, node: Node) -> bool:
    """Whether the selector matches, and one of the required terms, if there are any."""
    if not matches_labels(spec.node_selector, node.metadata.labels):
        return False
    affinity = spec.affinity.node_affinity if spec.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    return required is None or any(_meets(term, node) for term in required.node_selector_terms)


def _meets(term: NodeSelectorTerm, node: Node) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": node.metadata.name}
    return all(_matches(row, node.metadata.labels) for row in term.match_expressions) and all(
        _matches(row, fields) for row in term.match_fields
    )


def _matches(row: NodeSelectorRequirement, values: dict[str, str]) -> bool:
    operator = _OPERATORS.get(row.operator)
    return operator is not None and Requirement(row.key, operator, tuple(row.values)).matches(values)
