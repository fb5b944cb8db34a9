"""Signing: approved requests to the cluster's four signers get their certificate, or the condition Failed.

Requests to other signers, undecided and denied ones are left alone. Keys are not held here: `sign` is the composition root's.
Source: pkg/controller/certificates/signer/signer.go
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec

from minikube_py.apis import signing_requests
from minikube_py.apis.certificates_v1 import CertificateSigningRequest
from minikube_py.core.clock import rfc3339
from minikube_py.core.errors import NotFoundError

from ..base import Context
from .conditions import FAILED, has, is_approved, true_condition
from .requests import RequestController

# (signer name, request, usages, expirationSeconds, --cluster-signing-duration) -> certificate, PEM.
Sign = Callable[[str, bytes, Sequence[str], int | None, timedelta], bytes]
VALIDATION_FAILURE = "SignerValidationFailure"


class CertificateSigning(RequestController):
    """Signs approved requests."""

    name = "csrsigning"

    def __init__(self, context: Context, sign: Sign, longest: timedelta) -> None:
        super().__init__(context)
        self._sign = sign
        self._longest = longest

    @staticmethod
    def is_due(request: CertificateSigningRequest) -> bool:
        signed = request.status.certificate or has(request, FAILED)
        return not signed and is_approved(request) and request.spec.signer_name in signing_requests.SIGNERS

    async def decide(self, request: CertificateSigningRequest) -> float | None:
        spec, status = request.spec, request.status
        pem = spec.request or b""
        try:
            signing_requests.SIGNERS[spec.signer_name](signing_requests.parse(pem), spec.usages)
        except signing_requests.RequestError as error:
            failed = true_condition(FAILED, VALIDATION_FAILURE, str(error), rfc3339(self.clock.now()))
            status = msgspec.structs.replace(status, conditions=[*status.conditions, failed])
        else:
            certificate = self._sign(spec.signer_name, pem, spec.usages, spec.expiration_seconds, self._longest)
            status = msgspec.structs.replace(status, certificate=certificate)
        try:
            await self.client.update(msgspec.structs.replace(request, status=status), "status")
        except NotFoundError:
            return None
        return None
