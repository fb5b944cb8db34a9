"""Front proxies: who has authenticated a user himself says in headers who it is.

Only a connection whose certificate an authority of front proxies has verified may do so (`peer.py`), and of those only one with an
allowed common name.
Source: kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy,
k8s.io/apiserver/pkg/authentication/request/headerrequest/requestheader.go
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from minikube_py.apis.json_text import whole

from .user import UserInfo, extra_key


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """Whom a front proxy is and how it names users.

    Attributes:
        authorities: PEM certificates; nobody is a front proxy without any.
        allowed_names: common names of certificates; empty allows all.
        username_headers, uid_headers: the first that has a value counts.
        group_headers: the values of all count.
        extra_prefixes: what follows in the header's name is the key, in lower case and percent-encoded.
    """

    authorities: bytes = b""
    allowed_names: Sequence[str] = ()
    username_headers: Sequence[str] = ()
    uid_headers: Sequence[str] = ()
    group_headers: Sequence[str] = ()
    extra_prefixes: Sequence[str] = ()

    def allows(self, common_name: str) -> bool:
        """Whether a front proxy of that name is believed."""
        return not self.allowed_names or common_name in self.allowed_names

    def tells(self, header: str) -> bool:
        """Whether a header, in lower case, is one in which front proxies tell of users."""
        names = (*self.username_headers, *self.uid_headers, *self.group_headers)
        return any(header == name.lower() for name in names) or any(header.startswith(prefix.lower()) for prefix in self.extra_prefixes)

    def user_of(self, headers: Mapping[str, str]) -> UserInfo | None:
        """Whom the headers name; None if they name nobody.

        Args:
            headers: of a front proxy's request; names in any case, and repeated ones come repeatedly out of `items()`.
        """
        values: dict[str, list[str]] = {}
        for name, value in headers.items():
            values.setdefault(name.lower(), []).append(whole(value))
        user = _first(values, self.username_headers)
        if not user:
            return None
        groups = [value for name in self.group_headers for value in values.get(name.lower(), ()) if value]
        return UserInfo(user, _first(values, self.uid_headers), tuple(groups), self._extra(values)).authenticated()

    def _extra(self, values: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
        extra: dict[str, tuple[str, ...]] = {}
        for prefix in self.extra_prefixes:
            for name, found in values.items():
                if name.startswith(prefix.lower()):
                    key = extra_key(name[len(prefix):])
                    extra[key] = (*extra.get(key, ()), *found)
        return extra


def _first(values: Mapping[str, Sequence[str]], names: Sequence[str]) -> str:
    """The first value of the first header that has one."""
    for name in names:
        found = values.get(name.lower())
        if found and found[0]:
            return found[0]
    return ""
