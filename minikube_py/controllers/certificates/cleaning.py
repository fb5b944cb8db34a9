"""Cleaning: requests that have had their time are deleted, each at its deadline.

Source: pkg/controller/certificates/cleaner/cleaner.go,
kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#request-signing-process
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509

from minikube_py.apis.certificates_v1 import CertificateSigningRequest
from minikube_py.core.clock import parse_rfc3339
from minikube_py.core.errors import NotFoundError

from ..base import Context, Controller
from .conditions import APPROVED, DENIED, FAILED

DECIDED = timedelta(hours=1)
PENDING = timedelta(hours=24)
_NEVER = datetime.max.replace(tzinfo=UTC)


class CertificateCleaning(Controller):
    """Deletes old requests."""

    name = "csrcleaner"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.requests = self.informer(CertificateSigningRequest)
        self.requests.add_handler(self.enqueue_changed)

    async def reconcile(self, key: str) -> float | None:
        request = self.requests.get_key(key)
        end = _NEVER if request is None else deadline(request)
        if request is None or end == _NEVER:
            return None
        left_s = (end - self.clock.now()).total_seconds()
        if left_s >= 0:
            # What is exactly as old as allowed stays a moment.
            return left_s + 1.0
        meta = request.metadata
        try:
            await self.client.delete(CertificateSigningRequest, meta.name, uid=meta.uid)
        except NotFoundError:
            return None
        return None


def deadline(request: CertificateSigningRequest) -> datetime:
    """When a request has had its time: a day undecided, an hour after it was denied, failed or issued, or the end of what was issued."""
    conditions, certificate = request.status.conditions, request.status.certificate
    ends = [] if conditions else [_after(request.metadata.creation_timestamp, PENDING)]
    for condition in conditions:
        if condition.type in (DENIED, FAILED) or (condition.type == APPROVED and certificate):
            ends.append(_after(condition.last_update_time, DECIDED))
        if condition.type == APPROVED and certificate:
            ends.append(_end_of(certificate))
    return min(ends, default=_NEVER)


def _after(moment: str | None, delay: timedelta) -> datetime:
    return parse_rfc3339(moment) + delay if moment else _NEVER


def _end_of(certificate: bytes) -> datetime:
    try:
        return x509.load_pem_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        return _NEVER  # Another signer's; the deadline of the decision holds.
