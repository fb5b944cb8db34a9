"""Whether rules that somebody has cover rules that he wants to give.

Wanted rules are broken down to single permissions (one verb on one resource of one group, perhaps of one name, or one verb on one path),
and each must be within one rule that is held.

Source: staging/src/k8s.io/component-helpers/auth/rbac/validation/policy_comparator.go, pkg/registry/rbac/validation/policy_compact.go,
pkg/apis/rbac/v1/helpers.go
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minikube_py.apis.rbac_v1 import PolicyRule
from minikube_py.apis.syntax import quote

from .rules import ALL


def missing_permissions(held: Sequence[PolicyRule], wanted: Sequence[PolicyRule]) -> list[PolicyRule]:
    """The single permissions of `wanted` that no rule of `held` covers."""
    return [single for rule in wanted for single in _break_down(rule) if not any(_covers(own, single) for own in held)]


def compact(rules: Sequence[PolicyRule]) -> list[PolicyRule]:
    """The same permissions in fewer rules: those that differ in nothing but the verb become one."""
    merged: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    result: list[PolicyRule] = []
    for rule in rules:
        if len(rule.api_groups) != 1 or len(rule.resources) != 1 or rule.non_resource_urls or len(rule.resource_names) > 1:
            result.append(rule)
            continue
        verbs = merged.setdefault((rule.api_groups[0], rule.resources[0], tuple(rule.resource_names)), [])
        verbs += [verb for verb in rule.verbs if verb not in verbs]
    result += [
        PolicyRule(api_groups=[group], resources=[resource], resource_names=list(names), verbs=verbs)
        for (group, resource, names), verbs in merged.items()
    ]
    return result


def describe(rule: PolicyRule) -> str:
    """A rule on one line, as messages about missing permissions show it."""
    fields = (
        ("APIGroups", rule.api_groups), ("Resources", rule.resources), ("NonResourceURLs", rule.non_resource_urls),
        ("ResourceNames", rule.resource_names), ("Verbs", rule.verbs),
    )
    shown = [f"{name}:[{' '.join(map(quote, values))}]" for name, values in fields if values]
    return "{" + ", ".join(shown) + "}"


def _break_down(rule: PolicyRule) -> Iterator[PolicyRule]:
    for group in rule.api_groups:
        for resource in rule.resources:
            for verb in rule.verbs:
                for names in [[name] for name in rule.resource_names] or [[]]:
                    yield PolicyRule(api_groups=[group], resources=[resource], verbs=[verb], resource_names=names)
    for url in rule.non_resource_urls:
        for verb in rule.verbs:
            yield PolicyRule(non_resource_urls=[url], verbs=[verb])


def _covers(held: PolicyRule, single: PolicyRule) -> bool:
    if not _within(held.verbs, single.verbs[0]):
        return False
    if single.non_resource_urls:
        return any(_url_covers(own, single.non_resource_urls[0]) for own in held.non_resource_urls)
    if not _within(held.api_groups, single.api_groups[0]) or not _resource_covers(held.resources, single.resources[0]):
        return False
    if not held.resource_names:
        return True
    return bool(single.resource_names) and single.resource_names[0] in held.resource_names


def _within(held: Sequence[str], wanted: str) -> bool:
    return ALL in held or wanted in held


def _resource_covers(held: Sequence[str], wanted: str) -> bool:
    """ "*" covers everything; "*/scale" covers every scale subresource."""
    if ALL in held or wanted in held:
        return True
    _, slash, subresource = wanted.partition("/")
    return bool(slash) and f"*/{subresource}" in held


def _url_covers(held: str, wanted: str) -> bool:
    if held in (ALL, wanted):
        return True
    return held.endswith(ALL) and wanted.startswith(held.rstrip(ALL))
