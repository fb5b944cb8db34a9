"""Bearer tokens that a webhook judges: it is sent a TokenReview and answers with its status.

Source: kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication,
k8s.io/apiserver/plugin/pkg/authenticator/token/webhook/webhook.go
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from minikube_py.core.errors import UnauthorizedError

from ..webhook_client import WebhookClient, WebhookError
from .tokens import TokenIdentity
from .user import UserInfo

log = logging.getLogger(__name__)

VERSIONS: Final = ("v1", "v1beta1")
_GROUP: Final = "authentication.k8s.io"


class _User(msgspec.Struct):
    username: str = ""
    uid: str = ""
    groups: list[str] | None = None
    extra: dict[str, list[str]] | None = None


class _Status(msgspec.Struct):
    authenticated: bool = False
    user: _User = msgspec.field(default_factory=_User)
    audiences: list[str] | None = None
    error: str = ""


class _Review(msgspec.Struct, rename="camel"):
    kind: str = ""
    api_version: str = ""
    status: _Status = msgspec.field(default_factory=_Status)


class WebhookTokens:
    """Authenticates tokens by a webhook.

    Args:
        version: of TokenReview, as the webhook speaks it.
        audiences: names of this API server; a webhook that names no audiences means it.
    """

    def __init__(self, webhook: WebhookClient, version: str, audiences: Sequence[str]) -> None:
        self._webhook = webhook
        self._api_version = f"{_GROUP}/{version}"
        self._audiences = tuple(audiences)

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        wanted = tuple(audiences) or self._audiences
        spec: dict[str, object] = {"token": token} | ({"audiences": list(wanted)} if wanted else {})
        status = await self._status(spec)
        shared = tuple(name for name in wanted if name in (status.audiences or self._audiences))
        if wanted and not shared:
            return None
        if not status.authenticated:
            if status.error:
                raise UnauthorizedError(status.error)
            return None
        user = status.user
        extra = {key: tuple(values) for key, values in (user.extra or {}).items()}
        return TokenIdentity(UserInfo(user.username, user.uid, tuple(user.groups or ()), extra), shared)

    async def _status(self, spec: dict[str, object]) -> _Status:
        review = {
            "kind": "TokenReview", "apiVersion": self._api_version, "metadata": {"creationTimestamp": None}, "spec": spec,
            "status": {"user": {}},
        }
        try:
            answer = await self._webhook.post(msgspec.json.encode(review))
            reviewed = msgspec.json.decode(answer, type=_Review)
        except (WebhookError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("token webhook gave no answer reason=%s", error)
            raise UnauthorizedError(str(error)) from error
        if (reviewed.kind, reviewed.api_version) != ("TokenReview", self._api_version):
            log.warning("token webhook answered with another kind kind=%s version=%s", reviewed.kind, reviewed.api_version)
            raise UnauthorizedError(f"the webhook answered with {reviewed.api_version}, Kind={reviewed.kind}")
        return reviewed.status
