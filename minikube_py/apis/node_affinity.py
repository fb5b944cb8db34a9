"""Does a node suit a pod's node selector and node affinity.

Source: k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .core_v1 import Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec

# What Go's strconv.ParseInt takes.
_INTEGER = re.compile(r"[+-]?[0-9]+").fullmatch


def matches_requirement(requirement: NodeSelectorRequirement, values: Mapping[str, str]) -> bool:
    """Whether one condition holds for labels or fields; one that makes no sense never does."""
    have = values.get(requirement.key)
    operator, wanted = requirement.operator, requirement.values
    if operator == "In":
        return have in wanted
    if operator == "NotIn":
        return have not in wanted
    if operator == "Exists":
        return have is not None
    if operator == "DoesNotExist":
        return have is None
    if operator not in ("Gt", "Lt") or have is None or len(wanted) != 1 or not (_INTEGER(have) and _INTEGER(wanted[0])):
        return False
    return int(have) > int(wanted[0]) if operator == "Gt" else int(have) < int(wanted[0])


def matches_term(term: NodeSelectorTerm, node: Node) -> bool:
    """Whether all conditions of a term hold; a term without conditions selects nothing."""
    if not term.match_expressions and not term.match_fields:
        return False
    labels, fields = node.metadata.labels, {"metadata.name": node.metadata.name}
    return all(matches_requirement(r, labels) for r in term.match_expressions) and all(
        matches_requirement(r, fields) for r in term.match_fields
    )


def required_node_selector(spec: PodSpec) -> NodeSelector | None:
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    return affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None


def matches_node(spec: PodSpec, node: Node) -> bool:
    """Whether a node has the labels of the pod's nodeSelector and one of the terms of its required node affinity."""
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in spec.node_selector.items()):
        return False
    required = required_node_selector(spec)
    return required is None or any(matches_term(term, node) for term in required.node_selector_terms)
