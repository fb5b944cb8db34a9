"""Labels of nodes that have new names.

Source: pkg/api/node/util.go
"""

from __future__ import annotations

from collections.abc import Iterable

from ..core_v1 import NodeSelectorTerm
from ..meta_v1 import LabelSelector
from ..syntax import label_value

DEPRECATED = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}


def of_keys(path: str, keys: Iterable[str]) -> list[str]:
    """What is said of a map by labels of nodes."""
    return [f"{path}: {DEPRECATED[key]}" for key in sorted(keys) if key in DEPRECATED]


def of_selector(path: str, selector: LabelSelector | None) -> list[str]:
    """What is said of a selector of nodes."""
    if selector is None:
        return []
    texts = [f"{path}.matchExpressions[{index}].key: {expression.key} is {DEPRECATED[expression.key]}"
             for index, expression in enumerate(selector.match_expressions) if expression.key in DEPRECATED]
    return texts + [f"{path}.matchLabels.{key}: {DEPRECATED[key]}" for key in sorted(selector.match_labels) if key in DEPRECATED]


def of_term(path: str, term: NodeSelectorTerm, *, check_values: bool = False) -> list[str]:
    """What is said of a term by which nodes are selected.

    Args:
        check_values: whether values are remarked on that no label can have.
    """
    texts = []
    for index, expression in enumerate(term.match_expressions):
        where = f"{path}.matchExpressions[{index}]"
        if expression.key in DEPRECATED:
            texts.append(f"{where}.key: {expression.key} is {DEPRECATED[expression.key]}")
        if check_values:
            texts += [f"{where}.values[{number}]: {value} is invalid, {complaint}"
                      for number, value in enumerate(expression.values) for complaint in label_value(value)]
    return texts
