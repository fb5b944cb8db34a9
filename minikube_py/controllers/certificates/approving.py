"""Approval of kubelets' client certificates: whoever may have one by an access review gets it without a human.

A node renews its own certificate (selfnodeclient), a bootstrap token introduces a new node (nodeclient). Beyond upstream, the name of
a node that joined with a password is not given to a bootstrap token: else each token could become each node that there is.
Source: pkg/controller/certificates/approver/sarapprove.go
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import msgspec

from minikube_py.apis import signing_requests
from minikube_py.apis.authorization_v1 import ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from minikube_py.apis.certificates_v1 import CertificateSigningRequest
from minikube_py.core.errors import NotFoundError

from ..base import Context, Controller
from .conditions import APPROVED, is_undecided, true_condition
from .requests import RequestController

log = logging.getLogger(__name__)

# Whether the machine that has a node name is known by a password.
IsClaimed = Callable[[str], Awaitable[bool]]

# Seconds after which it is asked again whether somebody may by now: roles are written later than requests sometimes.
RETRY_S = 60.0
AUTO_APPROVED = "AutoApproved"
SELF_MESSAGE = "Auto approving self kubelet client certificate after SubjectAccessReview."
MESSAGE = "Auto approving kubelet client certificate after SubjectAccessReview."


class CertificateApproving(RequestController):
    """Approves requests for kubelets' client certificates."""

    name = "csrapproving"

    def __init__(self, context: Context, is_claimed: IsClaimed) -> None:
        super().__init__(context)
        self._is_claimed = is_claimed

    @staticmethod
    def is_due(request: CertificateSigningRequest) -> bool:
        return request.spec.signer_name == signing_requests.KUBELET_CLIENT and is_undecided(request)

    async def decide(self, request: CertificateSigningRequest) -> float | None:
        try:
            wanted = signing_requests.parse(request.spec.request or b"")
            signing_requests.check_kubelet_client(wanted, request.spec.usages)
        except signing_requests.RequestError:
            return None  # Not one of these: somebody else may decide.
        own = request.spec.username == wanted.common_name
        tried = [("selfnodeclient", SELF_MESSAGE)] if own else []
        if own or not await self._is_claimed(wanted.common_name.removeprefix(signing_requests.NODE_USER_PREFIX)):
            tried.append(("nodeclient", MESSAGE))
        for subresource, message in tried:
            if await self._is_allowed(request, subresource):
                await approve(self, request, message)
                return None
        log.info("request for a kubelet client certificate is left undecided name=%s user=%s", request.metadata.name, request.spec.username)
        return RETRY_S

    async def _is_allowed(self, request: CertificateSigningRequest, subresource: str) -> bool:
        spec = request.spec
        review = SubjectAccessReview(spec=SubjectAccessReviewSpec(
            user=spec.username, uid=spec.uid, groups=[*spec.groups], extra={key: [*values] for key, values in spec.extra.items()},
            resource_attributes=ResourceAttributes(
                group="certificates.k8s.io", resource="certificatesigningrequests", verb="create", subresource=subresource
            ),
        ))
        return (await self.client.create(review)).status.allowed


async def approve(controller: Controller, request: CertificateSigningRequest, message: str) -> None:
    """Add the condition Approved."""
    conditions = [*request.status.conditions, true_condition(APPROVED, AUTO_APPROVED, message)]
    status = msgspec.structs.replace(request.status, conditions=conditions)
    try:
        await controller.client.update(msgspec.structs.replace(request, status=status), "approval")
    except NotFoundError:
        return
    log.info("request approved name=%s user=%s message=%s", request.metadata.name, request.spec.username, message)
