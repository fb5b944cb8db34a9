"""Requests that a webhook decides about: it is sent a SubjectAccessReview and answers with its status.

Answers are remembered, yes and no for a time of its own; failures are not. Who asks with very long words is not remembered, so that nobody
can fill the memory.

Source: kubernetes.io/docs/reference/access-authn-authz/webhook/, k8s.io/apiserver/plugin/pkg/authorizer/webhook/webhook.go
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import Any, Final, Protocol

import msgspec

from minikube_py.apis.cel.errors import CelError
from minikube_py.apiserver.authentication.user import UserInfo

from ..webhook_client import WebhookClient, WebhookError
from .attributes import NO_OPINION, Attributes, Decision, SubjectRules
from .review_document import review_spec

log = logging.getLogger(__name__)

_GROUP: Final = "authorization.k8s.io"
# Source: webhook.go (responseCache, maxControlledAttrCacheSize)
_ANSWERS_MAX: Final = 8192
_REMEMBERED_LENGTH_MAX: Final = 10_000


class _Status(msgspec.Struct, rename="camel"):
    allowed: bool = False
    denied: bool = False
    reason: str = ""


class _Review(msgspec.Struct, rename="camel"):
    kind: str = ""
    api_version: str = ""
    status: _Status = msgspec.field(default_factory=_Status)


class Conditions(Protocol):
    """Says which requests a webhook is asked about."""

    def match(self, spec: dict[str, Any]) -> bool:
        """Raises: CelError if that cannot be told."""


class WebhookAuthorizer:
    """Asks a webhook.

    Args:
        version: of SubjectAccessReview, as the webhook speaks it.
        authorized_ttl_s, unauthorized_ttl_s: how long a yes or a no is believed; 0 for not at all.
        denies_failures: whether a request is denied when the webhook gives no answer, rather than left to the next authorizer.
        conditions: restrict what it is asked about; None for everything.
    """

    def __init__(
        self, webhook: WebhookClient, version: str, *, authorized_ttl_s: float, unauthorized_ttl_s: float, denies_failures: bool = False,
        conditions: Conditions | None = None,
    ) -> None:
        self._webhook = webhook
        self._version = version
        self._ttls_s = {True: authorized_ttl_s, False: unauthorized_ttl_s}
        self._denies_failures = denies_failures
        self._conditions = conditions
        self._answers: OrderedDict[bytes, tuple[_Status, float]] = OrderedDict()

    async def authorize(self, attributes: Attributes) -> Decision:
        spec = review_spec(attributes)
        try:
            if self._conditions is not None and not self._conditions.match(spec):
                return NO_OPINION
            status = await self._status(spec, attributes)
        except (CelError, WebhookError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("authorization webhook gave no answer reason=%s", error)
            return Decision(False, denied=self._denies_failures, error=str(error))
        if status.allowed and status.denied:
            problem = "webhook subject access review returned both allow and deny response"
            return Decision(False, status.reason, denied=True, error=problem)
        return Decision(status.allowed, status.reason, denied=status.denied)

    def subject_rules(self, user: UserInfo, namespace: str) -> SubjectRules:
        return SubjectRules(incomplete=True, errors=["webhook authorizer does not support user rule resolution"])

    async def _status(self, spec: dict[str, Any], attributes: Attributes) -> _Status:
        key = msgspec.json.encode(spec)
        known = self._answers.get(key)
        if known is not None and time.monotonic() < known[1]:
            self._answers.move_to_end(key)
            return known[0]
        status = await self._ask(spec)
        ttl_s = self._ttls_s[status.allowed]
        if ttl_s > 0 and _length(attributes) < _REMEMBERED_LENGTH_MAX:
            self._answers[key] = (status, time.monotonic() + ttl_s)
            self._answers.move_to_end(key)
            if len(self._answers) > _ANSWERS_MAX:
                self._answers.popitem(last=False)
        return status

    async def _ask(self, spec: dict[str, Any]) -> _Status:
        api_version = f"{_GROUP}/{self._version}"
        if self._version == "v1beta1" and "groups" in spec:
            spec = {("group" if key == "groups" else key): value for key, value in spec.items()}
        review = {
            "kind": "SubjectAccessReview", "apiVersion": api_version, "metadata": {"creationTimestamp": None}, "spec": spec,
            "status": {"allowed": False},
        }
        answer = msgspec.json.decode(await self._webhook.post(msgspec.json.encode(review)), type=_Review)
        if (answer.kind, answer.api_version) != ("SubjectAccessReview", api_version):
            raise WebhookError(f"the webhook answered with {answer.api_version}, Kind={answer.kind}")
        return answer.status


def _length(attributes: Attributes) -> int:
    """How much of a request its sender chose freely."""
    return sum(map(len, (
        attributes.namespace, attributes.verb, attributes.api_group, attributes.api_version, attributes.resource, attributes.subresource,
        attributes.name, attributes.path, attributes.selectors.text if attributes.selectors is not None else "",
    )))
