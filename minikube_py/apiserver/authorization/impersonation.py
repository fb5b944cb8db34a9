"""Acting as somebody else (`kubectl --as`).

There are two ways to be allowed to. By the old one each part of the wanted identity is a permission of its own: the verb "impersonate" on
users, groups, serviceaccounts, uids and userextras. By the constrained ones, one for each kind of identity, the verb is
"impersonate:MODE", and the request itself needs "impersonate-on:MODE:VERB" besides; they never lead to system:masters. All that fit are
tried, the constrained ones first, but the one that a user succeeded by last before those; the first refusal is what he is told.

Source: kubernetes.io/docs/reference/access-authn-authz/user-impersonation/, k8s.io/apiserver/pkg/endpoints/filters/impersonation/mode.go
(feature ConstrainedImpersonation, on since 1.36)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from minikube_py.apis import syntax
from minikube_py.apis.validation.causes import Causes
from minikube_py.apis.validation.names import domain_prefixed_path
from minikube_py.core.errors import ForbiddenError

from ..authentication.service_account import account_groups
from ..authentication.user import (
    ANONYMOUS_NAME,
    AUTHENTICATED,
    MASTERS,
    NODE_USER_PREFIX,
    NODES,
    UNAUTHENTICATED,
    UserInfo,
    split_service_account,
)
from .attributes import Attributes, Authorizer, forbidden
from .impersonation_headers import wanted_user

GROUP: Final = "authentication.k8s.io"
# From so many groups or values of extra on, "*" is asked for before each of them. Source: manyAuthorizationChecksInLoop
MANY: Final = 4
# Users whose last mode is remembered. Source: newModeIndexCache
REMEMBERED_MAX: Final = 10_000
_NODE_NAME: Final = "authentication.kubernetes.io/node-name"
_NODE_KEYS: Final = "authentication.kubernetes.io/associated-node-keys"


@dataclass(frozen=True, slots=True)
class Acting:
    """Somebody whom a request may act as.

    Attributes:
        constraint: the verb that allowed it; "" for the old one.
    """

    user: UserInfo
    constraint: str = ""


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to be allowed.

    Attributes:
        name: "" for the old way.
        fits: whether it is for a wanted user and who asks.
    """

    name: str
    fits: Callable[[UserInfo, UserInfo], bool]

    @property
    def verb(self) -> str:
        return f"impersonate:{self.name}" if self.name else "impersonate"

    @property
    def status(self) -> str:
        """What successes are counted as."""
        return self.name or "legacy"


class Impersonation:
    """Decides who may act as whom."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer
        self._last: dict[str, Mode] = {}
        self._attempts: dict[str, int] = {}

    async def acting(self, headers: Mapping[str, str], attributes: Attributes) -> Acting | None:
        """Whom a request acts as by its headers; None if it acts as nobody else.

        Args:
            attributes: what it wants to do, and who sends it.
        Raises: ForbiddenError if he may not act as that one; BadRequestError for groups, a uid or extra without a user.
        """
        wanted = wanted_user(headers)
        if wanted is None:
            return None
        name = attributes.user.name
        last = self._last.get(name)
        first: ForbiddenError | None = None
        for mode in MODES if last is None else (last, *(mode for mode in MODES if mode is not last)):
            if not mode.fits(wanted, attributes.user):
                continue
            try:
                user = await self._try(mode, wanted, attributes)
            except ForbiddenError as error:
                first = first or error
                continue
            self._count(mode.status)
            if last is not mode:
                if last is None and len(self._last) >= REMEMBERED_MAX:
                    del self._last[next(iter(self._last))]
                self._last[name] = mode
            return Acting(user, mode.verb if mode.name else "")
        self._count("failed")
        raise first or ForbiddenError("all impersonation modes failed")

    def families(self) -> Iterator[Any]:
        """Metric families. Source: k8s.io/apiserver/pkg/endpoints/filters/impersonation/metrics"""
        from prometheus_client.core import CounterMetricFamily

        attempts = CounterMetricFamily("apiserver_impersonation_attempts", "Counter of impersonation attempts.", labels=("status",))
        for status, count in self._attempts.items():
            attempts.add_metric((status,), count)
        yield attempts

    def _count(self, status: str) -> None:
        self._attempts[status] = self._attempts.get(status, 0) + 1

    async def _try(self, mode: Mode, wanted: UserInfo, attributes: Attributes) -> UserInfo:
        """Raises: ForbiddenError."""
        if mode is ASSOCIATED_NODE:
            # Which node it is has been compared already; the permission is for whichever a pod runs on.
            keys = tuple(sorted(attributes.user.extra))
            attributes = replace(attributes, user=replace(attributes.user, extra={_NODE_KEYS: keys}))
        requester = attributes.user
        if mode.name:
            await self._check(replace(attributes, verb=f"impersonate-on:{mode.name}:{attributes.verb}"))
        groups = await self._check_name(mode, wanted, requester)
        if wanted.uid:
            await self._check(Attributes(requester, mode.verb, GROUP, "v1", "uids", name=wanted.uid))
        await self._check_groups(mode, wanted, requester)
        await self._check_extra(mode, wanted, requester)
        if wanted.name == ANONYMOUS_NAME:
            groups = _with(groups, UNAUTHENTICATED)
        elif UNAUTHENTICATED not in groups:
            groups = _with(groups, AUTHENTICATED)
        return replace(wanted, groups=groups)

    async def _check_name(self, mode: Mode, wanted: UserInfo, requester: UserInfo) -> tuple[str, ...]:
        """Returns: the groups that come with the name, or those that are wanted."""
        attributes = Attributes(requester, mode.verb, GROUP if mode.name else "", "v1", "users", name=wanted.name)
        groups = wanted.groups
        node, account = _node(wanted.name), split_service_account(wanted.name)
        if mode.name and node:
            attributes.resource, attributes.name = "nodes", "*" if mode is ASSOCIATED_NODE else node
            groups = (NODES,)
        elif account is not None:
            attributes.resource, (attributes.namespace, attributes.name) = "serviceaccounts", account
            groups = groups or account_groups(account[0])
        await self._check(attributes)
        return groups

    async def _check_groups(self, mode: Mode, wanted: UserInfo, requester: UserInfo) -> None:
        attributes = Attributes(requester, mode.verb, GROUP if mode.name else "", "v1", "groups")
        if mode.name and wanted.groups:
            if "" in wanted.groups:
                raise forbidden(attributes, "impersonating the empty string group is not allowed")
            if MASTERS in wanted.groups:
                raise forbidden(replace(attributes, name=MASTERS), "impersonating the system:masters group is not allowed")
            if len(wanted.groups) >= MANY and await self._allows(replace(attributes, name="*")):
                return
        for group in wanted.groups:
            await self._check(replace(attributes, name=group))

    async def _check_extra(self, mode: Mode, wanted: UserInfo, requester: UserInfo) -> None:
        attributes = Attributes(requester, mode.verb, GROUP, "v1", "userextras")
        if mode.name and wanted.extra:
            problem = _extra_problem(wanted.extra)
            if problem:
                raise forbidden(attributes, problem)
            if (max(len(wanted.extra), sum(map(len, wanted.extra.values()))) >= MANY
                    and await self._allows(replace(attributes, subresource="*", name="*"))):
                return
        for key, values in wanted.extra.items():
            for value in values:
                await self._check(replace(attributes, subresource=key, name=value))

    async def _allows(self, attributes: Attributes) -> bool:
        return (await self._authorizer.authorize(attributes)).allowed

    async def _check(self, attributes: Attributes) -> None:
        """Raises: ForbiddenError."""
        decision = await self._authorizer.authorize(attributes)
        if not decision.allowed:
            raise forbidden(attributes, decision.explanation)


def _extra_problem(extra: Mapping[str, tuple[str, ...]]) -> str:
    """What of extra information is never taken in a constrained mode; "" if nothing is."""
    for key, values in extra.items():
        if not key:
            return "impersonating the empty string key in extra is not allowed"
        causes: Causes = []
        domain_prefixed_path(causes, "extra.key", key)
        if causes:
            return f"impersonating an invalid key in extra is not allowed: {causes[0].field}: {causes[0].message}"
        if key != key.lower():
            return f"impersonating a non-lowercase key in extra is not allowed: {syntax.quote(key)}"
        if "" in values:
            return "impersonating the empty string value in extra is not allowed"
    return ""


def _with(groups: tuple[str, ...], group: str) -> tuple[str, ...]:
    return groups if group in groups else (*groups, group)


def _node(user_name: str) -> str:
    """The node that a user name stands for; "" if it stands for none."""
    name = user_name.removeprefix(NODE_USER_PREFIX)
    return name if user_name.startswith(NODE_USER_PREFIX) and not syntax.dns_subdomain(name) else ""


def _is_name_alone(wanted: UserInfo) -> bool:
    return not (wanted.uid or wanted.groups or wanted.extra)


def _is_own_node(wanted: UserInfo, requester: UserInfo) -> bool:
    """Whether a service account's token was made for a pod on the wanted node."""
    node = _node(wanted.name)
    return (node != "" and _is_name_alone(wanted) and split_service_account(requester.name) is not None
            and requester.extra.get(_NODE_NAME) == (node,))


ASSOCIATED_NODE: Final = Mode("associated-node", _is_own_node)
MODES: Final = (
    ASSOCIATED_NODE,
    Mode("arbitrary-node", lambda wanted, requester: _is_name_alone(wanted) and _node(wanted.name) != ""),
    Mode("serviceaccount", lambda wanted, requester: _is_name_alone(wanted) and split_service_account(wanted.name) is not None),
    Mode("user-info", lambda wanted, requester: _node(wanted.name) == "" and split_service_account(wanted.name) is None),
    Mode("", lambda wanted, requester: True),
)
