"""Policy rules: an index over many of them, which answers from tables and remembers its answers.

Source: kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources, pkg/apis/rbac/v1/evaluation_helpers.go
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minikube_py.apis.rbac_v1 import PolicyRule

from .attributes import Attributes

ALL = "*"
# Answers that one index remembers; beyond it the memory starts anew.
_MEMO_ENTRIES_MAX = 4096


def url_matches(urls: Sequence[str], path: str) -> bool:
    """Whether a rule's URLs ("*", "/healthz", "/healthz/*") name a path."""
    return any(url in (ALL, path) or (url.endswith(ALL) and path.startswith(url.rstrip(ALL))) for url in urls)


class RuleIndex:
    """Rules, each with the reason that an allowed request is told, in order of precedence."""

    def __init__(self, rules: Iterable[tuple[PolicyRule, str]]) -> None:
        # (verb, group, resource) as the rules write them -> (position, names (empty is all), reason)
        self._resources: dict[tuple[str, str, str], list[tuple[int, frozenset[str], str]]] = {}
        self._urls: list[tuple[frozenset[str], Sequence[str], str]] = []
        self._memo: dict[tuple[str, str, str, str], tuple[str | None, dict[str, str]]] = {}
        for position, (rule, reason) in enumerate(rules):
            names = frozenset(rule.resource_names)
            if rule.non_resource_urls:
                self._urls.append((frozenset(rule.verbs), rule.non_resource_urls, reason))
            for verb in rule.verbs:
                for group in rule.api_groups:
                    for resource in rule.resources:
                        self._resources.setdefault((verb, group, resource), []).append((position, names, reason))

    def allows(self, attributes: Attributes) -> str | None:
        """The reason why a request is allowed; None if it is not."""
        if not attributes.is_resource:
            return self._allows_url(attributes)
        key = (attributes.verb, attributes.api_group, attributes.resource, attributes.subresource)
        answer = self._memo.get(key)
        if answer is None:
            answer = self._find(*key)
            if len(self._memo) >= _MEMO_ENTRIES_MAX:
                self._memo.clear()
            self._memo[key] = answer
        whole, named = answer
        return whole if whole is not None else named.get(attributes.name)

    def _find(self, verb: str, group: str, resource: str, subresource: str) -> tuple[str | None, dict[str, str]]:
        """The reason for objects of every name, and the reasons for those of certain names."""
        resources = (f"{resource}/{subresource}", f"*/{subresource}", ALL) if subresource else (resource, ALL)
        found = [
            entry for v in (verb, ALL) for g in (group, ALL) for r in resources for entry in self._resources.get((v, g, r), ())
        ]
        named: dict[str, str] = {}
        for _, names, reason in sorted(found, key=lambda entry: entry[0]):
            if not names:
                return reason, {}
            for name in names:
                named.setdefault(name, reason)
        return None, named

    def _allows_url(self, attributes: Attributes) -> str | None:
        for verbs, urls, reason in self._urls:
            if (attributes.verb in verbs or ALL in verbs) and url_matches(urls, attributes.path):
                return reason
        return None
