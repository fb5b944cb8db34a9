"""Labels of nodes that have new names.

Source: pkg/api/node/util.go
"""

from __future__ import annotations

from collections.abc import Iterable

from ..meta_v1 import LabelSelector

DEPRECATED = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
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
