"""The headers by which a request says as whom it acts (`kubectl --as`).

Source: kubernetes.io/docs/reference/access-authn-authz/user-impersonation/,
k8s.io/apiserver/pkg/endpoints/filters/impersonation/constrained_impersonation.go (processImpersonationHeaders)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from minikube_py.apis.json_text import whole
from minikube_py.apis.syntax import quote
from minikube_py.core.errors import BadRequestError

from ..authentication.user import UserInfo, extra_key

_PREFIX = "impersonate-"
_EXTRA_PREFIX = "impersonate-extra-"


def is_impersonation(headers: Mapping[str, str]) -> bool:
    """Whether a request may want to act as somebody else."""
    return _PREFIX in "\n".join(headers).lower()


def wanted_user(headers: Mapping[str, str]) -> UserInfo | None:
    """Whom a request wants to act as, as the headers say it; None if nobody.

    Args:
        headers: of the request; repeated names come repeatedly out of `items()`.
    Raises: BadRequestError for groups, a uid or extra without a user.
    """
    single: dict[str, str] = {}
    groups: list[str] = []
    extra: dict[str, list[str]] = {}
    for name, value in headers.items():
        header = name.lower()
        if not header.startswith(_PREFIX):
            continue
        # aiohttp keeps bytes that are not UTF-8 as half surrogates, which no answer could carry.
        value = whole(value)
        if header == "impersonate-group":
            groups.append(value)
        elif header.startswith(_EXTRA_PREFIX):
            extra.setdefault(extra_key(header.removeprefix(_EXTRA_PREFIX)), []).append(value)
        else:
            single.setdefault(header, value)
    user = UserInfo(
        single.get("impersonate-user", ""), single.get("impersonate-uid", ""), tuple(groups),
        {key: tuple(values) for key, values in extra.items()},
    )
    if user.name:
        return user
    if user.uid or user.groups or user.extra:
        raise BadRequestError(f"requested {_go_user(user)} without impersonating a user name")
    return None


def _go_user(user: UserInfo) -> str:
    """A user as Go's %#v shows it."""
    groups = _go_texts(user.groups) if user.groups else "[]string(nil)"
    entries = ", ".join(f"{quote(key)}:{_go_texts(values)}" for key, values in sorted(user.extra.items()))
    extra = f"map[string][]string{{{entries}}}" if user.extra else "map[string][]string(nil)"
    return f"&user.DefaultInfo{{Name:{quote(user.name)}, UID:{quote(user.uid)}, Groups:{groups}, Extra:{extra}}}"


def _go_texts(texts: Iterable[str]) -> str:
    return f"[]string{{{', '.join(map(quote, texts))}}}"
