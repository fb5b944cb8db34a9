"""ClusterRoles made of other ClusterRoles.

Source: kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles, pkg/controller/clusterroleaggregation
"""

from __future__ import annotations

from collections.abc import Mapping

from minikube_py.apis.meta_v1 import LabelSelector
from minikube_py.apis.rbac_v1 import ClusterRole, PolicyRule


def aggregated_rules(role: ClusterRole, roles: Mapping[str, ClusterRole]) -> list[PolicyRule]:
    """The rules that an aggregated role has: those of every role that one of its selectors matches, by name, each rule once.

    A role that is aggregated itself counts with its members' rules, so what has been written into it does not matter.
    """
    rules: list[PolicyRule] = []
    _collect(role, roles, rules, {role.metadata.name})
    return rules


def _collect(role: ClusterRole, roles: Mapping[str, ClusterRole], rules: list[PolicyRule], seen: set[str]) -> None:
    if role.aggregation_rule is None:
        rules += [rule for rule in role.rules if rule not in rules]
        return
    selectors = role.aggregation_rule.cluster_role_selectors
    for name in sorted(roles):
        member = roles[name]
        if name not in seen and any(selector_matches(selector, member.metadata.labels) for selector in selectors):
            seen.add(name)
            _collect(member, roles, rules, seen)


def selector_matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches labels; an empty one matches everything."""
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    for requirement in selector.match_expressions:
        value = labels.get(requirement.key)
        holds = {
            "In": value in requirement.values,
            "NotIn": value not in requirement.values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }.get(requirement.operator, False)
        if not holds:
            return False
    return True
