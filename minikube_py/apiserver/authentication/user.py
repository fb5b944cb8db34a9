"""Who sends a request: the identity that authentication finds and everything after it uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

MASTERS = "system:masters"
NODES = "system:nodes"
NODE_USER_PREFIX = "system:node:"
ANONYMOUS_NAME = "system:anonymous"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
SERVICE_ACCOUNTS = "system:serviceaccounts"
SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class UserInfo:
    """An identity. Equal identities hash alike; `extra` takes part in equality alone.

    Attributes:
        groups: in the order in which authentication found them.
        extra: further facts for authorizers and the audit log (lower-case keys).
    """

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def authenticated(self) -> UserInfo:
        """The same identity with the group of everybody who has authenticated, unless it is nobody's."""
        if self.name == ANONYMOUS_NAME or AUTHENTICATED in self.groups or UNAUTHENTICATED in self.groups:
            return self
        return UserInfo(self.name, self.uid, (*self.groups, AUTHENTICATED), self.extra)


ANONYMOUS = UserInfo(ANONYMOUS_NAME, "", (UNAUTHENTICATED,))


def service_account_user(namespace: str, name: str) -> str:
    return f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}"


def split_service_account(user_name: str) -> tuple[str, str] | None:
    """Namespace and name of the service account that a user name stands for; None if it stands for none."""
    namespace, colon, name = user_name.removeprefix(SERVICE_ACCOUNT_PREFIX).partition(":")
    if not user_name.startswith(SERVICE_ACCOUNT_PREFIX) or not colon or not namespace or not name or ":" in name:
        return None
    return namespace, name


def extra_key(encoded: str) -> str:
    """The key of extra information that stands percent-encoded in a header's name; one that is malformed counts as it is."""
    return encoded if _BAD_ESCAPE.search(encoded) else unquote(encoded)
