"""What a user may do at a node: each path is a subresource of the Node, and the API server says who may use it.

Source: pkg/kubelet/server/auth.go (GetRequestAttributes, with KubeletFineGrainedAuthz, which is always on in 1.36),
k8s.io/apiserver/plugin/pkg/authorizer/webhook/webhook.go
"""

from __future__ import annotations

import msgspec

from minikube_py.apis.authentication_v1 import UserInfo
from minikube_py.apis.authorization_v1 import ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from minikube_py.client.interface import Client
from minikube_py.core.errors import StatusError
from minikube_py.core.remembered import Remembered, TooManyQuestionsError

from .options import AuthOptions

VERBS = {"POST": "create", "GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# Paths with a subresource that stands beside "proxy", and those with one that stands alone.
FINE = (("/pods", "pods"), ("/healthz", "healthz"), ("/configz", "configz"), ("/statusz", "statusz"), ("/runningpods", "pods"))
OWN = (("/stats", "stats"), ("/metrics", "metrics"), ("/logs", "log"), ("/checkpoint", "checkpoint"))
ANSWERS_MAX = 4096
QUESTIONS_MAX = 64


class ReviewError(Exception):
    """The API server could not be asked."""


class DeniedError(Exception):
    """The user may not do that."""


class Authorization:
    """Asks the API server who may use a node's API, and remembers its answers."""

    def __init__(self, client: Client, node_name: str, options: AuthOptions) -> None:
        self._client = client
        self._node_name = node_name
        self._always = options.authorization_mode == "AlwaysAllow"
        self._decisions: Remembered[bytes, bool] = Remembered(
            self._review,
            lambda allowed: options.authorization_webhook_cache_authorized_ttl if allowed
            else options.authorization_webhook_cache_unauthorized_ttl,
            answers_max=ANSWERS_MAX, questions_max=QUESTIONS_MAX,
        )

    async def close(self) -> None:
        await self._decisions.close()

    async def authorize(self, user: UserInfo, method: str, path: str) -> None:
        """Raises: DeniedError, ReviewError."""
        if self._always:
            return
        verb, names = VERBS.get(method, ""), subresources(path)
        for name in names:
            attributes = ResourceAttributes(verb=verb, version="v1", resource="nodes", subresource=name, name=self._node_name)
            spec = SubjectAccessReviewSpec(
                user=user.username, uid=user.uid, groups=user.groups, extra=user.extra, resource_attributes=attributes
            )
            told = f"user={user.username}, verb={verb}, resource=nodes, subresource"
            try:
                if await self._decisions.get(msgspec.json.encode(spec)):
                    return
            except (StatusError, TooManyQuestionsError, OSError) as error:
                raise ReviewError(f"Authorization error ({told}={name})") from error
        raise DeniedError(f"Forbidden ({told}(s)=[{' '.join(names)}])")

    async def _review(self, spec: bytes) -> bool:
        review = await self._client.create(SubjectAccessReview(spec=msgspec.json.decode(spec, type=SubjectAccessReviewSpec)))
        return review.status.allowed and not review.status.denied


def subresources(path: str) -> tuple[str, ...]:
    """The subresources of the Node of which one is needed for a path."""
    fine = next((name for prefix, name in FINE if _below(path, prefix)), None)
    own = next((name for prefix, name in OWN if _below(path, prefix)), "proxy")
    return (own,) if fine is None else (fine, own)


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")
