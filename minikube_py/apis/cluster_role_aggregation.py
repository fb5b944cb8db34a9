"""ClusterRoles made of other ClusterRoles.

Source: kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles, pkg/controller/clusterroleaggregation
"""

from __future__ import annotations

from collections.abc import Mapping

from .labels import from_label_selector
from .rbac_v1 import ClusterRole, PolicyRule


def aggregated_rules(role: ClusterRole, roles: Mapping[str, ClusterRole]) -> list[PolicyRule]:
    """The rules that an aggregated role has: those of every role that one of its selectors matches, by name, each rule once.

    A role that is aggregated itself counts with its members' rules, so what has been written into it does not matter.
    """
    rules: list[PolicyRule] = []
    _collect(role, roles, rules, {role.metadata.name})
    return rules


def _collect(role: ClusterRole, roles: Mapping[str, ClusterRole], rules: list[PolicyRule], seen: set[str]) -> None:
    if role.aggregation_rule is None:
        rules += [rule for rule in role.rules or () if rule not in rules]
        return
    selectors = [from_label_selector(selector) for selector in role.aggregation_rule.cluster_role_selectors]
    for name in sorted(roles):
        member = roles[name]
        if name not in seen and any(selector.matches(member.metadata.labels) for selector in selectors):
            seen.add(name)
            _collect(member, roles, rules, seen)
