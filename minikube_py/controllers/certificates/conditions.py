"""What the conditions of a signing request say.

Source: pkg/controller/certificates/certificate_controller_utils.go
"""

from __future__ import annotations

from minikube_py.apis.certificates_v1 import CertificateSigningRequest, CertificateSigningRequestCondition

APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"


def has(request: CertificateSigningRequest, kind: str) -> bool:
    return any(condition.type == kind for condition in request.status.conditions)


def is_approved(request: CertificateSigningRequest) -> bool:
    return has(request, APPROVED) and not has(request, DENIED)


def is_undecided(request: CertificateSigningRequest) -> bool:
    """Whether nobody has said yes or no, and nothing was issued."""
    return not request.status.certificate and not has(request, APPROVED) and not has(request, DENIED)


def true_condition(kind: str, reason: str, message: str, last_update_time: str | None = None) -> CertificateSigningRequestCondition:
    return CertificateSigningRequestCondition(
        type=kind, status="True", reason=reason, message=message, last_update_time=last_update_time
    )
