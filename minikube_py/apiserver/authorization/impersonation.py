"""Acting as somebody else (`kubectl --as`).

Each part of the wanted identity is a permission of its own: the verb "impersonate" on users, groups, serviceaccounts, uids and userextras.
Source: kubernetes.io/docs/reference/access-authn-authz/user-impersonation/,
staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from minikube_py.apiserver.authentication.service_account import account_groups
from minikube_py.apiserver.authentication.user import ANONYMOUS, UNAUTHENTICATED, UserInfo, split_service_account
from minikube_py.core.errors import BadRequestError

from ..json_text import whole
from .attributes import Attributes, Authorizer, forbidden

GROUP = "authentication.k8s.io"
_PREFIX = "impersonate-"
_EXTRA_PREFIX = "impersonate-extra-"


def is_impersonation(headers: Mapping[str, str]) -> bool:
    """Whether a request wants to act as somebody else."""
    return any(name[:12].lower() == _PREFIX for name in headers)


async def impersonated(headers: Mapping[str, str], user: UserInfo, authorizer: Authorizer) -> UserInfo:
    """The identity that a request wants to act as.

    Args:
        headers: of the request; repeated names come repeatedly out of `items()`.
        user: who sends it.
    Raises: ForbiddenError if he may not act as that one; BadRequestError for groups, a uid or extra without a user.
    """
    name, uid, groups, extra = _wanted(headers)
    if not name:
        raise BadRequestError("requested impersonation of groups, a uid or extra without impersonating a user")
    account = split_service_account(name)
    wanted = [Attributes(user, "impersonate", "", "v1", "users", "", "", name)]
    if account is not None:
        wanted = [Attributes(user, "impersonate", "", "v1", "serviceaccounts", "", *account)]
    wanted += [Attributes(user, "impersonate", "", "v1", "groups", "", "", group) for group in groups]
    if uid:
        wanted.append(Attributes(user, "impersonate", GROUP, "v1", "uids", "", "", uid))
    wanted += [
        Attributes(user, "impersonate", GROUP, "v1", "userextras", key, "", value) for key, values in extra.items() for value in values
    ]
    for attributes in wanted:
        decision = await authorizer.authorize(attributes)
        if not decision.allowed:
            raise forbidden(attributes, decision.reason)
    if account is not None and not groups:
        groups = [*account_groups(account[0])]
    acting = UserInfo(name, uid, tuple(groups), {key: tuple(values) for key, values in extra.items()})
    if name == ANONYMOUS.name:
        return acting if UNAUTHENTICATED in groups else UserInfo(name, uid, (*groups, UNAUTHENTICATED), acting.extra)
    return acting.authenticated()


def _wanted(headers: Mapping[str, str]) -> tuple[str, str, list[str], dict[str, list[str]]]:
    name, uid = "", ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}
    for header, value in _impersonation_headers(headers):
        if header == "impersonate-user":
            name = value
        elif header == "impersonate-uid":
            uid = value
        elif header == "impersonate-group":
            groups.append(value)
        elif header.startswith(_EXTRA_PREFIX):
            extra.setdefault(unquote(header.removeprefix(_EXTRA_PREFIX)), []).append(value)
    return name, uid, groups, extra


def _impersonation_headers(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        lowered = name.lower()
        if lowered.startswith(_PREFIX):
            # aiohttp keeps bytes that are not UTF-8 as half surrogates, which no answer could carry.
            yield lowered, whole(value)
