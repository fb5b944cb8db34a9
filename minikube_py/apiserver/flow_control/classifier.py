"""Which FlowSchema a request meets, and to which flow it belongs.

Source: k8s.io/apiserver/pkg/util/flowcontrol/rule.go, formatting of flows in apf_controller.go (computeFlowDistinguisher)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache

from minikube_py.apis.flowcontrol_v1 import FlowSchema, NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule, Subject
from minikube_py.apiserver.authentication.user import UserInfo, split_service_account
from minikube_py.apiserver.http.request_info import RequestInfo

ALL = "*"
Matches = Callable[[RequestInfo], bool]


class Schema:
    """A FlowSchema in force.

    Attributes:
        level: name of its priority level.
    """

    def __init__(self, flow_schema: FlowSchema) -> None:
        spec = flow_schema.spec
        self.name = flow_schema.metadata.name
        self.uid = flow_schema.metadata.uid
        self.level = spec.priority_level_configuration.name if spec.priority_level_configuration is not None else ""
        self.precedence = spec.matching_precedence
        self._method = spec.distinguisher_method.type if spec.distinguisher_method is not None else ""
        self._rules = [(_SubjectMatcher(rules.subjects), _request_matchers(rules)) for rules in spec.rules]

    def of(self, user: UserInfo) -> list[Matches]:
        """The requests of a user that meet this schema: those that one of these fits."""
        return [matches for subjects, requests in self._rules if subjects.matches(user) for matches in requests]

    def distinguisher(self, user: UserInfo, info: RequestInfo) -> str:
        """What tells the flows of this schema apart."""
        return user.name if self._method == "ByUser" else info.namespace if self._method == "ByNamespace" else ""


class Classifier:
    """Schemas in the order in which they are asked; what concerns a user is found once.

    Invariant: the last schema fits everything.
    """

    USERS_MAX = 4096

    def __init__(self, schemas: Sequence[Schema]) -> None:
        self._schemas = sorted(schemas, key=lambda schema: (schema.precedence, schema.name))
        self._by_user: dict[tuple[str, tuple[str, ...]], list[tuple[Schema, list[Matches]]]] = {}

    def classify(self, user: UserInfo, info: RequestInfo) -> Schema:
        key = (user.name, user.groups)
        candidates = self._by_user.get(key)
        if candidates is None:
            if len(self._by_user) >= self.USERS_MAX:
                del self._by_user[next(iter(self._by_user))]
            candidates = [(schema, found) for schema in self._schemas if (found := schema.of(user))]
            self._by_user[key] = candidates
        for schema, matchers in candidates:
            for matches in matchers:
                if matches(info):
                    return schema
        return self._schemas[-1]


class _SubjectMatcher:
    def __init__(self, subjects: Sequence[Subject]) -> None:
        self._users = {s.user.name for s in subjects if s.user is not None}
        self._groups = {s.group.name for s in subjects if s.group is not None}
        self._accounts = {(s.service_account.namespace, s.service_account.name) for s in subjects if s.service_account is not None}

    def matches(self, user: UserInfo) -> bool:
        if ALL in self._users or user.name in self._users:
            return True
        if ALL in self._groups or not self._groups.isdisjoint(user.groups):
            return True
        account = split_service_account(user.name) if self._accounts else None
        return account is not None and (account in self._accounts or (account[0], ALL) in self._accounts)


def _request_matchers(rules: PolicyRulesWithSubjects) -> list[Matches]:
    return [*map(_resource_matcher, rules.resource_rules), *map(_path_matcher, rules.non_resource_rules)]


def _resource_matcher(rule: ResourcePolicyRule) -> Matches:
    parts = (rule.verbs, rule.api_groups, rule.resources, rule.namespaces or ())
    verbs, groups, resources, namespaces = (frozenset(part) for part in parts)
    any_verb, any_group, any_resource, any_namespace = (ALL in part for part in (verbs, groups, resources, namespaces))
    cluster_scope = rule.cluster_scope

    def matches(info: RequestInfo) -> bool:
        if not info.is_resource or not (any_verb or info.verb in verbs) or not (any_group or info.group in groups):
            return False
        if not any_resource:
            name = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
            if name not in resources:
                return False
        return (any_namespace or info.namespace in namespaces) if info.namespace else cluster_scope

    return matches


def _path_matcher(rule: NonResourcePolicyRule) -> Matches:
    verbs, paths = frozenset(rule.verbs), frozenset(rule.non_resource_urls)
    any_verb, any_path = ALL in verbs, ALL in paths
    prefixes = tuple(path[:-1] for path in paths if path.endswith("/*"))

    def matches(info: RequestInfo) -> bool:
        if info.is_resource or not (any_verb or info.verb in verbs):
            return False
        return any_path or info.path in paths or info.path.startswith(prefixes)

    return matches


@lru_cache(maxsize=8192)
def flow_hash(schema: str, distinguisher: str) -> int:
    """64 bits that stand for a flow."""
    digest = hashlib.sha256(f"{schema}\0{distinguisher}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "little")
