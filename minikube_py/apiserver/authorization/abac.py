"""Attribute-based access control: policies in a file, one JSON object a line.

A line without a kind is of the form that was before there were versions: it says nothing of groups of the API, and means all paths too
where it names no resource and no namespace.

Source: kubernetes.io/docs/reference/access-authn-authz/abac/, pkg/auth/authorizer/abac/abac.go, pkg/apis/abac/v0/conversion.go,
pkg/apis/abac/v1beta1/conversion.go
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from minikube_py.apis.rbac_v1 import PolicyRule
from minikube_py.apiserver.authentication.user import AUTHENTICATED, UserInfo

from .attributes import Attributes, Decision, SubjectRules
from .rules import ALL, url_matches

_READ_VERBS = ["get", "list", "watch"]
_API_VERSION = "abac.authorization.kubernetes.io/v1beta1"


class Policy(msgspec.Struct, rename="camel"):
    """What one user or group may do; "*" is everything, "" nothing."""

    user: str = ""
    group: str = ""
    readonly: bool = False
    api_group: str = msgspec.field(default="", name="apiGroup")
    resource: str = ""
    namespace: str = ""
    non_resource_path: str = ""

    def names(self, user: UserInfo) -> bool:
        """Whether the policy is about a user."""
        if not self.user and not self.group:
            return False
        return self.user in ("", ALL, user.name) and (self.group in ("", ALL) or self.group in user.groups)

    def allows(self, attributes: Attributes) -> bool:
        """Whether the policy allows a request of one of those that it is about."""
        if self.readonly and attributes.verb not in _READ_VERBS:
            return False
        if not attributes.is_resource:
            return bool(self.non_resource_path) and url_matches([self.non_resource_path], attributes.path)
        return (
            self.namespace in (ALL, attributes.namespace) and self.resource in (ALL, attributes.resource)
            and self.api_group in (ALL, attributes.api_group)
        )


class _Versioned(msgspec.Struct, rename="camel"):
    kind: str = ""
    api_version: str = ""
    spec: Policy = msgspec.field(default_factory=Policy)


class PolicyFile:
    """The policies of a file; one that applies is enough."""

    _ALLOWED = Decision(True)
    _NO_POLICY = Decision(False, "No policy matched.")

    def __init__(self, path: Path) -> None:
        """Raises: ValueError if the file does not read."""
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise ValueError(f"open {path}: {(error.strerror or '').lower()}") from error
        self._policies = list(_read(path, lines))

    async def authorize(self, attributes: Attributes) -> Decision:
        allowed = any(policy.names(attributes.user) and policy.allows(attributes) for policy in self._policies)
        return self._ALLOWED if allowed else self._NO_POLICY

    def subject_rules(self, user: UserInfo, namespace: str) -> SubjectRules:
        found = SubjectRules()
        for policy in self._policies:
            if not policy.names(user) or policy.namespace not in (ALL, namespace):
                continue
            verbs = _READ_VERBS if policy.readonly else [ALL]
            if policy.resource:
                found.rules.append(PolicyRule(verbs=verbs, api_groups=[policy.api_group], resources=[policy.resource]))
            if policy.non_resource_path:
                found.rules.append(PolicyRule(verbs=verbs, non_resource_urls=[policy.non_resource_path]))
        return found


def _read(path: Path, lines: list[bytes]) -> Iterator[Policy]:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith(b"#"):
            continue
        try:
            document = msgspec.json.decode(text, type=_Versioned)
            if not document.kind and not document.api_version:
                yield _of_old(msgspec.json.decode(text, type=Policy))
            elif (document.kind, document.api_version) == ("Policy", _API_VERSION):
                yield _with_authenticated(document.spec)
            else:
                raise ValueError(f'no kind "{document.kind}" is registered for version "{document.api_version}"')
        except ValueError as error:
            shown = text.decode(errors="replace")
            raise ValueError(f"error reading policy file {path}, line {number}: {shown}: {error}") from error


def _of_old(old: Policy) -> Policy:
    """A policy of before there were versions: what it does not restrict is everything."""
    everybody = not old.user and not old.group
    policy = Policy(
        user=ALL if everybody else old.user, group=old.group, readonly=old.readonly, api_group=ALL, resource=old.resource or ALL,
        namespace=old.namespace or ALL,
    )
    if not old.resource and not old.namespace:
        policy.non_resource_path = ALL
    return _with_authenticated(policy)


def _with_authenticated(policy: Policy) -> Policy:
    """Everybody in policies is everybody who has authenticated."""
    if ALL in (policy.user, policy.group):
        policy.user, policy.group = "", AUTHENTICATED
    return policy
