"""Acting as somebody else (`kubectl --as`).

Each part of the wanted identity is a permission of its own: the verb "impersonate" on users, groups, serviceaccounts, uids and userextras.
Source: kubernetes.io/docs/reference/access-authn-authz/user-impersonation/,
staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote

from minikube_py.core.errors import BadRequestError

from .service_account import account_groups
from .user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo, split_service_account

GROUP = "authentication.k8s.io"
_PREFIX = "impersonate-"
_EXTRA_PREFIX = "impersonate-extra-"

# Raises ForbiddenError unless the user may impersonate: API group, resource, subresource, namespace, name.
Check = Callable[[str, str, str, str, str], None]


def is_impersonation(headers: Mapping[str, str]) -> bool:
    """Whether a request wants to act as somebody else."""
    return any(name[:12].lower() == _PREFIX for name in headers)


def impersonated(headers: Mapping[str, str], check: Check) -> UserInfo:
    """The identity that a request wants to act as.

    Args:
        headers: of the request; repeated names come repeatedly out of `items()`.
        check: refuses what the caller may not impersonate.
    Raises: ForbiddenError, BadRequestError (groups, uid or extra without a user).
    """
    name, uid, groups, extra = _wanted(headers)
    if not name:
        raise BadRequestError("requested impersonation of groups, a uid or extra without impersonating a user")
    account = split_service_account(name)
    if account is not None:
        check("", "serviceaccounts", "", *account)
    else:
        check("", "users", "", "", name)
    for group in groups:
        check("", "groups", "", "", group)
    if account is not None and not groups:
        groups = [*account_groups(account[0])]
    if uid:
        check(GROUP, "uids", "", "", uid)
    for key, values in extra.items():
        for value in values:
            check(GROUP, "userextras", key, "", value)
    if name == ANONYMOUS.name:
        groups = groups if UNAUTHENTICATED in groups else [*groups, UNAUTHENTICATED]
    elif AUTHENTICATED not in groups and UNAUTHENTICATED not in groups:
        groups = [*groups, AUTHENTICATED]
    return UserInfo(name, uid, tuple(groups), {key: tuple(values) for key, values in extra.items()})


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
            yield lowered, value
