"""What a request wants to do, what was decided, and the answer to a request that is refused.

Source: staging/src/k8s.io/apiserver/pkg/authorization/authorizer/interfaces.go, pkg/endpoints/handlers/responsewriters/errors.go
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from minikube_py.apis.rbac_v1 import PolicyRule
from minikube_py.apis.syntax import quote
from minikube_py.apiserver.authentication.user import MASTERS, UserInfo
from minikube_py.core.errors import ForbiddenError, aggregate_texts, qualified, resource_details

from .selectors import Selectors


@dataclass(slots=True)
class Attributes:
    """One request as authorization sees it. Not changed after it is made; not frozen because that would triple the cost of making one.

    Attributes:
        verb: "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", or a special one; for paths
            the HTTP method in lower case.
        is_resource: whether `resource` and its companions say what is wanted, or `path`.
        selectors: what a list, watch or deletion of a collection is restricted to; None for everything.
    """

    user: UserInfo
    verb: str
    api_group: str = ""
    api_version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    is_resource: bool = True
    selectors: Selectors | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What an authorizer says: allowed, or no opinion and why.

    Attributes:
        denied: whether the authorizer forbids what others may allow.
        error: what went wrong while it was decided. A request that is not allowed then has not been decided about.
    """

    allowed: bool
    reason: str = ""
    denied: bool = False
    error: str = ""

    @property
    def explanation(self) -> str:
        """Why not, where what went wrong is told as one reason more."""
        return ": ".join(text for text in (self.error, self.reason) if text)


NO_OPINION = Decision(False)


class Authorizer(Protocol):
    """Decides about requests."""

    async def authorize(self, attributes: Attributes) -> Decision:
        """Whether a request is allowed. Never raises: what goes wrong is in the decision. May wait for another server (webhooks)."""


@dataclass(slots=True)
class SubjectRules:
    """What somebody may do, as far as it can be listed.

    Attributes:
        incomplete: whether there may be more.
        errors: what could not be found out.
    """

    rules: list[PolicyRule] = field(default_factory=list)
    incomplete: bool = False
    errors: list[str] = field(default_factory=list)

    @property
    def error(self) -> str:
        """All that could not be found out, on one line."""
        return aggregate_texts(self.errors)


class ListsRules(Protocol):
    """An authorizer that can say what somebody may do."""

    def subject_rules(self, user: UserInfo, namespace: str) -> SubjectRules:
        """The rules that apply to a user in a namespace, cluster-wide ones included."""


class RuleLists:
    """What several authorizers say that somebody may do."""

    def __init__(self, lists: Sequence[ListsRules] = ()) -> None:
        self._lists = lists

    def replace(self, lists: Sequence[ListsRules]) -> None:
        self._lists = lists

    def subject_rules(self, user: UserInfo, namespace: str) -> SubjectRules:
        found = SubjectRules()
        for one in self._lists:
            own = one.subject_rules(user, namespace)
            found.rules += own.rules
            found.incomplete |= own.incomplete
            if own.errors:
                found.errors.append(own.error)
        return found


class AuthorizerChain:
    """Asks authorizers in order until one allows or denies.

    Those that have a method `decide` do so at once: it is called without a coroutine, which would take longer than they do.
    """

    def __init__(self, *authorizers: Authorizer) -> None:
        self.replace(*authorizers)

    def replace(self, *authorizers: Authorizer) -> None:
        """Ask others from now on; decisions under way end with those that they began with."""
        self._steps: tuple[tuple[Callable[[Attributes], Decision] | None, Authorizer], ...] = tuple(
            (getattr(authorizer, "decide", None), authorizer) for authorizer in authorizers
        )

    async def authorize(self, attributes: Attributes) -> Decision:
        reasons, errors = [], []
        for decide, authorizer in self._steps:
            decision = decide(attributes) if decide is not None else await authorizer.authorize(attributes)
            if decision.allowed or decision.denied:
                return decision
            if decision.reason:
                reasons.append(decision.reason)
            if decision.error:
                errors.append(decision.error)
        if not reasons and not errors:
            return NO_OPINION
        return Decision(False, "\n".join(reasons), error=aggregate_texts(errors))


class PrivilegedGroup:
    """Allows members of system:masters everything, whatever else there is: nobody can lock the administrator out."""

    _ALLOWED = Decision(True)

    async def authorize(self, attributes: Attributes) -> Decision:
        return self.decide(attributes)

    def decide(self, attributes: Attributes) -> Decision:
        """Decide at once."""
        return self._ALLOWED if MASTERS in attributes.user.groups else NO_OPINION


class AlwaysAllow:
    """Allows everything (`--authorization-mode=AlwaysAllow`)."""

    _ALLOWED = Decision(True)

    async def authorize(self, attributes: Attributes) -> Decision:
        return self._ALLOWED

    def subject_rules(self, user: UserInfo, namespace: str) -> SubjectRules:
        everything = PolicyRule(verbs=["*"], api_groups=["*"], resources=["*"])
        return SubjectRules([everything, PolicyRule(verbs=["*"], non_resource_urls=["*"])])


class AlwaysDeny:
    """Allows nothing (`--authorization-mode=AlwaysDeny`)."""

    _REFUSED = Decision(False, "Everything is forbidden.")

    async def authorize(self, attributes: Attributes) -> Decision:
        return self._REFUSED

    def subject_rules(self, user: UserInfo, namespace: str) -> SubjectRules:
        return SubjectRules()


def forbidden(attributes: Attributes, reason: str = "") -> ForbiddenError:
    """The 403 of a request that was not allowed."""
    return forbidden_resource(
        attributes.api_group if attributes.is_resource else "", attributes.resource if attributes.is_resource else "",
        attributes.name if attributes.is_resource else "", sanitized(_sentence(attributes)) + (f": {reason}" if reason else ""),
    )


def forbidden_resource(group: str, resource: str, name: str, why: str) -> ForbiddenError:
    """A 403 about an object, a resource (name "") or neither (resource "")."""
    if not resource:
        return ForbiddenError(f"forbidden: {why}", details=resource_details(group, resource, name))
    what = f"{qualified(group, resource)} {quote(name)}" if name else qualified(group, resource)
    return ForbiddenError(f"{what} is forbidden: {why}", details=resource_details(group, resource, name))


def _sentence(attributes: Attributes) -> str:
    user = quote(attributes.user.name)
    if not attributes.is_resource:
        return f"User {user} cannot {attributes.verb} path {quote(attributes.path)}"
    resource = f"{attributes.resource}/{attributes.subresource}" if attributes.subresource else attributes.resource
    where = f"in the namespace {quote(attributes.namespace)}" if attributes.namespace else "at the cluster scope"
    return f"User {user} cannot {attributes.verb} resource {quote(resource)} in API group {quote(attributes.api_group)} {where}"


def sanitized(text: str) -> str:
    """A text that no browser takes for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
