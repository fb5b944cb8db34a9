"""Bootstrap tokens: short-lived secrets by which a machine introduces itself.

A token `id.secret` is the Secret `bootstrap-token-<id>` in kube-system; deleting the Secret revokes it.
Source: kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import string
from collections.abc import Sequence
from datetime import datetime, timedelta

from minikube_py.apis import core_v1, meta_v1
from minikube_py.core.clock import SYSTEM_CLOCK, Clock, parse_rfc3339, rfc3339
from minikube_py.core.errors import UnauthorizedError

from .service_account import GetObject
from .tokens import TokenIdentity
from .user import UserInfo

log = logging.getLogger(__name__)

NAMESPACE = "kube-system"
SECRET_TYPE = "bootstrap.kubernetes.io/token"
SECRET_PREFIX = "bootstrap-token-"
GROUP = "system:bootstrappers"
# The group of tokens that may join nodes, as k3s names it.
NODE_GROUP = "system:bootstrappers:minikube-py:default-node-token"
# All groups that do; the other is kubeadm's.
NODE_GROUPS = frozenset({NODE_GROUP, "system:bootstrappers:kubeadm:default-node-token"})
# Source: k8s.io/cluster-bootstrap/token/api (BootstrapGroupPattern)
GROUP_PATTERN = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")
USAGES = ("signing", "authentication")
TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_ALPHABET = string.ascii_lowercase + string.digits


class BootstrapTokens:
    """Authenticates bootstrap tokens against their Secrets."""

    def __init__(self, get_object: GetObject, clock: Clock = SYSTEM_CLOCK) -> None:
        self._get_object = get_object
        self._clock = clock

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        """See TokenAuthenticator. Whatever is wrong with a token, clients of the API are told only that it is none."""
        try:
            return self.identify(token)
        except UnauthorizedError as error:
            log.info("bootstrap token refused token_id=%s reason=%s", token.partition(".")[0], error.message)
            return None

    def identify(self, token: str) -> TokenIdentity | None:
        """Whom a token stands for; None if it does not have the form of these tokens.

        Raises: UnauthorizedError if it is not good, with the reason.
        """
        match = TOKEN.fullmatch(token)
        if match is None:
            return None
        token_id, token_secret = match.groups()
        secret = self._get_object("Secret", NAMESPACE, SECRET_PREFIX + token_id)
        if secret is None or secret.type != SECRET_TYPE or secret.metadata.deletion_timestamp:
            raise UnauthorizedError("invalid bearer token")
        data: dict[str, bytes] = secret.data
        if not hmac.compare_digest(data.get("token-secret", b""), token_secret.encode()) or data.get("token-id") != token_id.encode():
            raise UnauthorizedError("invalid bearer token")
        expires = expiration(data)
        if expires is not None and expires <= self._clock.now():
            raise UnauthorizedError("the bootstrap token has expired")
        if data.get("usage-bootstrap-authentication") != b"true":
            raise UnauthorizedError("the bootstrap token is not meant for authentication")
        extra_groups = [group for group in data.get("auth-extra-groups", b"").decode(errors="replace").split(",") if group]
        for group in extra_groups:
            if not GROUP_PATTERN.fullmatch(group):
                raise UnauthorizedError(f'the bootstrap token has a group that cannot be: "{group}"')
        user = UserInfo(f"system:bootstrap:{token_id}", "", (GROUP, *sorted({*extra_groups} - {GROUP})))
        return TokenIdentity(user, expires_at=float("inf") if expires is None else expires.timestamp())


def expiration(data: dict[str, bytes]) -> datetime | None:
    """When a token ends; None if it does not.

    Raises: UnauthorizedError if the date cannot be read: such a token is not good.
    """
    text = data.get("expiration", b"")
    if not text:
        return None
    try:
        return parse_rfc3339(text.decode())
    except ValueError as error:
        raise UnauthorizedError("the bootstrap token has a malformed expiration") from error


def new_token() -> str:
    """A fresh `id.secret`."""
    token_id, secret = ("".join(secrets.choice(_ALPHABET) for _ in range(length)) for length in (6, 16))
    return f"{token_id}.{secret}"


def token_secret(
    token: str, *, ttl: timedelta | None, description: str = "", groups: tuple[str, ...] = (NODE_GROUP,),
    usages: tuple[str, ...] = ("signing", "authentication"), clock: Clock = SYSTEM_CLOCK,
) -> core_v1.Secret:
    """The Secret that makes a token valid.

    Args:
        ttl: life from now; None for ever.
        groups: extra groups of whoever presents the token; each begins with "system:bootstrappers:".
    Raises: ValueError if the token or a group is malformed.
    """
    match = TOKEN.fullmatch(token)
    if match is None:
        raise ValueError(f'the bootstrap token "{token}" was not of the form "{TOKEN.pattern}"')
    for group in groups:
        if not GROUP_PATTERN.fullmatch(group):
            raise ValueError(f'bootstrap group "{group}" is invalid (must match \\A{GROUP_PATTERN.pattern}\\z)')
    for usage in usages:
        if usage not in USAGES:
            raise ValueError(f'invalid bootstrap token usage "{usage}": it is none of {", ".join(USAGES)}')
    token_id, secret = match.groups()
    data = {"token-id": token_id, "token-secret": secret} | {f"usage-bootstrap-{usage}": "true" for usage in usages}
    if ttl is not None:
        data["expiration"] = rfc3339(clock.now() + ttl)
    if description:
        data["description"] = description
    if groups:
        data["auth-extra-groups"] = ",".join(groups)
    return core_v1.Secret(
        kind="Secret", api_version="v1", metadata=meta_v1.ObjectMeta(name=SECRET_PREFIX + token_id, namespace=NAMESPACE), type=SECRET_TYPE,
        data={key: value.encode() for key, value in data.items()},
    )
