"""Role-based access control: decisions from Roles, ClusterRoles and their bindings.

The four kinds are kept in tables that change callbacks feed; bindings are indexed by subject. What a user (a name and groups) may do is
compiled once, per namespace, and kept until any of the four kinds changes, so that a decision is two or three dictionary look-ups.

An aggregated ClusterRole counts with the rules of the roles that its selectors match, whether or not a controller has written
them into it yet.

Source: kubernetes.io/docs/reference/access-authn-authz/rbac/, pkg/registry/rbac/validation/rule.go
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from minikube_py.apis.cluster_role_aggregation import aggregated_rules
from minikube_py.apis.rbac_v1 import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject
from minikube_py.apiserver.authentication.user import UserInfo, service_account_user
from minikube_py.core.errors import aggregate_texts

from .attributes import NO_OPINION, Attributes, Decision, SubjectRules
from .rules import RuleIndex

_NOTHING: tuple[RuleIndex, list[str]] = RuleIndex(()), []
# Users whose compiled rules are kept; beyond it all are compiled anew.
_USERS_MAX = 4096

Binding = ClusterRoleBinding | RoleBinding
_SubjectKey = tuple[str, str]
_BindingKey = tuple[str, str]


class RuleResolver(Protocol):
    """Says which rules apply to a user."""

    def rules_for(self, user: UserInfo, namespace: str) -> tuple[list[PolicyRule], list[RoleRef]]:
        """The rules that apply to a user in a namespace ("" is cluster-wide), and the roles that are bound and not there."""

    def rules_of(self, reference: RoleRef, namespace: str) -> list[PolicyRule] | None:
        """The rules of a role that a binding in `namespace` refers to; None if there is no such role."""


@dataclass(slots=True)
class _Grants:
    """What one user may do: per namespace ("" is cluster-wide) the index and the resolution errors."""

    indexes: dict[str, tuple[RuleIndex, list[str]]] = field(default_factory=dict)


class RbacAuthorizer:
    """Decides by RBAC. Feed it with the `*_changed(old, new)` methods; old is None for a new object, new for a deleted one."""

    def __init__(self) -> None:
        self._cluster_roles: dict[str, ClusterRole] = {}
        self._roles: dict[tuple[str, str], Role] = {}
        self._bindings: dict[_BindingKey, Binding] = {}
        # (scope, subject) -> the bindings of the scope that name the subject.
        self._by_subject: dict[tuple[str, _SubjectKey], dict[_BindingKey, Binding]] = {}
        self._users: dict[tuple[str, tuple[str, ...]], _Grants] = {}
        self._allowed: dict[str, Decision] = {}

    def cluster_role_changed(self, old: ClusterRole | None, new: ClusterRole | None) -> None:
        if old is not None:
            self._cluster_roles.pop(old.metadata.name, None)
        if new is not None:
            self._cluster_roles[new.metadata.name] = new
        self._forget()

    def role_changed(self, old: Role | None, new: Role | None) -> None:
        if old is not None:
            self._roles.pop((old.metadata.namespace, old.metadata.name), None)
        if new is not None:
            self._roles[(new.metadata.namespace, new.metadata.name)] = new
        self._forget()

    def cluster_role_binding_changed(self, old: ClusterRoleBinding | None, new: ClusterRoleBinding | None) -> None:
        self._binding_changed(old, new)

    def role_binding_changed(self, old: RoleBinding | None, new: RoleBinding | None) -> None:
        self._binding_changed(old, new)

    async def authorize(self, attributes: Attributes) -> Decision:
        return self.decide(attributes)

    def decide(self, attributes: Attributes) -> Decision:
        """Decide at once."""
        user = attributes.user
        grants = self._users.get((user.name, user.groups))
        if grants is None:
            grants = self._grants(user)
        index, errors = grants.indexes.get("") or self._compile(grants, user, "")
        reason = index.allows(attributes)
        if reason is not None:
            return self._allow(reason)
        namespace = attributes.namespace
        if namespace:
            index, own_errors = grants.indexes.get(namespace) or self._compile(grants, user, namespace)
            reason = index.allows(attributes)
            if reason is not None:
                return self._allow(reason)
            errors = errors + own_errors
        return Decision(False, f"RBAC: {aggregate_texts(errors)}") if errors else NO_OPINION

    def rules_for(self, user: UserInfo, namespace: str) -> tuple[list[PolicyRule], list[RoleRef]]:
        rules: list[PolicyRule] = []
        missing: list[RoleRef] = []
        for scope in ("", namespace) if namespace else ("",):
            for binding, _ in self._applying(user, scope):
                reference = binding.role_ref
                found = self.rules_of(reference, scope)
                if found is None:
                    missing.append(reference)
                else:
                    rules += found
        return rules, missing

    def subject_rules(self, user: UserInfo, namespace: str) -> SubjectRules:
        rules, missing = self.rules_for(user, namespace)
        return SubjectRules(rules, errors=[_not_found(reference) for reference in missing])

    def rules_of(self, reference: RoleRef, namespace: str) -> list[PolicyRule] | None:
        if reference.kind == "ClusterRole":
            role = self._cluster_roles.get(reference.name)
            return None if role is None else self._rules_of_cluster_role(role)
        found = self._roles.get((namespace, reference.name))
        return None if found is None else found.rules

    def _allow(self, reason: str) -> Decision:
        decision = self._allowed.get(reason)
        if decision is None:
            decision = self._allowed[reason] = Decision(True, reason)
        return decision

    def _grants(self, user: UserInfo) -> _Grants:
        if len(self._users) >= _USERS_MAX:
            self._users.clear()
        grants = self._users[(user.name, user.groups)] = _Grants()
        return grants

    def _compile(self, grants: _Grants, user: UserInfo, scope: str) -> tuple[RuleIndex, list[str]]:
        """Index the rules of one scope: cluster-wide for "", else the role bindings of a namespace."""
        rules: list[tuple[PolicyRule, str]] = []
        errors: list[str] = []
        for binding, subject in self._applying(user, scope):
            reference = binding.role_ref
            found = self.rules_of(reference, scope)
            if found is None:
                errors.append(_not_found(reference))
                continue
            reason = f"RBAC: allowed by {_describe(binding, subject)}"
            rules += [(rule, reason) for rule in found]
        if scope and not rules and not errors:
            return _NOTHING  # Not kept: anybody can ask about any number of namespaces.
        compiled = grants.indexes[scope] = RuleIndex(rules), errors
        return compiled

    def _applying(self, user: UserInfo, scope: str) -> Iterator[tuple[Binding, Subject]]:
        """The bindings of one scope that name the user, by name, each with its first subject that does."""
        found: dict[_BindingKey, Binding] = {}
        keys = [("User", user.name), *(("Group", group) for group in user.groups)]
        for key in keys:
            bindings = self._by_subject.get((scope, key))
            if bindings is not None:
                found |= bindings
        wanted = set(keys)
        for _, binding in sorted(found.items()):
            yield binding, next(subject for subject in binding.subjects if _subject_key(subject, scope) in wanted)

    def _rules_of_cluster_role(self, role: ClusterRole) -> list[PolicyRule]:
        return role.rules or [] if role.aggregation_rule is None else aggregated_rules(role, self._cluster_roles)

    def _binding_changed(self, old: Binding | None, new: Binding | None) -> None:
        if old is not None:
            key = (old.metadata.namespace, old.metadata.name)
            known = self._bindings.pop(key, None)
            for subject in known.subjects if known is not None else ():
                place = key[0], _subject_key(subject, key[0])
                bucket = self._by_subject.get(place)
                if bucket is not None:
                    bucket.pop(key, None)
                    if not bucket:
                        del self._by_subject[place]
        if new is not None:
            key = (new.metadata.namespace, new.metadata.name)
            self._bindings[key] = new
            for subject in new.subjects:
                self._by_subject.setdefault((key[0], _subject_key(subject, key[0])), {})[key] = new
        self._forget()

    def _forget(self) -> None:
        self._users.clear()
        self._allowed.clear()


def _subject_key(subject: Subject, binding_namespace: str) -> _SubjectKey:
    """Under which key of a user a subject is found. A service account is the user that it authenticates as."""
    if subject.kind == "ServiceAccount":
        namespace = subject.namespace or binding_namespace
        return ("User", service_account_user(namespace, subject.name)) if namespace else ("", "")
    return (subject.kind, subject.name)


def _not_found(reference: RoleRef) -> str:
    return f'{reference.kind.lower()}.rbac.authorization.k8s.io "{reference.name}" not found'


def _describe(binding: Binding, subject: Subject) -> str:
    reference = binding.role_ref
    namespace = binding.metadata.namespace
    name, kind = (f"{binding.metadata.name}/{namespace}", "RoleBinding") if namespace else (binding.metadata.name, "ClusterRoleBinding")
    who = f"{subject.name}/{subject.namespace or namespace}" if subject.kind == "ServiceAccount" else subject.name
    return f'{kind} "{name}" of {reference.kind} "{reference.name}" to {subject.kind} "{who}"'
