"""Who may approve and sign certificates, and which subject nobody gets: CertificateApproval, -Signing and -SubjectRestriction.

To approve or sign, one needs the verb on the signer (or on all signers of its domain) beside the right to write the subresource.
Source: plugin/pkg/admission/certificates/, kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#authorization
"""

from __future__ import annotations

from minikube_py.apis import signing_requests
from minikube_py.apis.syntax import quote

from ..authentication.user import MASTERS, UserInfo
from ..authorization.attributes import Attributes, Authorizer
from . import Operation, Plugin, WaitingPlugin, forbidden

RESOURCES = frozenset({"certificatesigningrequests.certificates.k8s.io"})


class CertificateApproval(WaitingPlugin):
    """Approving and denying needs the verb "approve" on the signer."""

    name = "CertificateApproval"
    resources = RESOURCES

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def validate_waiting(self, operation: Operation) -> None:
        if operation.subresource == "approval":
            await _check(self._authorizer, operation, "approve")


class CertificateSigning(WaitingPlugin):
    """Setting a certificate or conditions needs the verb "sign" on the signer."""

    name = "CertificateSigning"
    resources = RESOURCES

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def validate_waiting(self, operation: Operation) -> None:
        if operation.subresource != "status":
            return
        old, new = operation.old.status, operation.obj.status
        if old.certificate != new.certificate or old.conditions != new.conditions:
            await _check(self._authorizer, operation, "sign")


class CertificateSubjectRestriction(Plugin):
    """Nobody becomes a member of system:masters by the signer of ordinary clients."""

    name = "CertificateSubjectRestriction"
    resources = RESOURCES

    def validate(self, operation: Operation) -> None:
        signer = signing_requests.KUBE_APISERVER_CLIENT
        if operation.verb != "CREATE" or operation.obj.spec.signer_name != signer:
            return
        try:
            request = signing_requests.parse(operation.obj.spec.request or b"")
        except signing_requests.RequestError as error:
            raise forbidden(operation, f"failed to parse CSR: {error}") from error
        if MASTERS in request.organizations:
            raise forbidden(operation, f"use of {signer} signer with {MASTERS} group is not allowed")


async def _check(authorizer: Authorizer, operation: Operation, verb: str) -> None:
    signer = operation.old.spec.signer_name
    if not await may(authorizer, operation.context.user, verb, signer):
        raise forbidden(operation, f"user not permitted to {verb} requests with signerName {quote(signer)}")


async def may(authorizer: Authorizer, user: UserInfo, verb: str, signer: str) -> bool:
    """Whether somebody may do something as a signer, by its name or by its domain."""
    for name in (signer, signer.partition("/")[0] + "/*"):
        attributes = Attributes(user, verb, "certificates.k8s.io", "*", "signers", name=name)
        if (await authorizer.authorize(attributes)).allowed:
            return True
    return False
