"""Rules of certificate signing requests and their subresources.

Source: pkg/apis/certificates/validation/validation.go, pkg/apis/certificates/helpers.go, pkg/apis/core/validation/names.go
(ValidateSignerName)
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from .. import syntax
from ..certificates_v1 import CertificateSigningRequest, CertificateSigningRequestCondition
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required
from .differences import difference
from .names import signer_name
from .rules import Rules, SubresourceRules, cluster

LEGACY_SIGNER = "kubernetes.io/legacy-unknown"
_SECONDS_MIN = 600
_APPROVED, _DENIED, _FAILED = "Approved", "Denied", "Failed"
_TRUE_ONLY = frozenset((_APPROVED, _DENIED, _FAILED))
_STATUSES = ("False", "True", "Unknown")
_PEM = re.compile(rb"-----BEGIN ([^\n]*?)-----[ \t\r]*\n(.*?)-----END \1-----", re.DOTALL)
_USAGES = (
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only",
    "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement",
    "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping",
)


class _Wrong(ValueError):
    """Data that is not what it should be; the sentence says why."""


def _blocks(pem: bytes) -> Iterator[tuple[str, bool, bytes]]:
    """Type, whether there are headers, and content of each PEM block."""
    for match in _PEM.finditer(pem):
        headers, _, body = match[2].rpartition(b"\n\n") if b":" in match[2] else (b"", b"", match[2])
        try:
            yield match[1].decode(), bool(headers), binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
        except (binascii.Error, UnicodeDecodeError):
            continue  # as Go does: what is no block is text between blocks


def _check_request(pem: bytes) -> None:
    """Raises: _Wrong if this is no signing request, or one that its key did not sign."""
    kind, _, der = next(_blocks(pem), ("", False, b""))
    if kind != "CERTIFICATE REQUEST":
        raise _Wrong("PEM block type must be CERTIFICATE REQUEST")
    try:
        request = x509.load_der_x509_csr(der)
        right = request.is_signature_valid
    except (ValueError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise _Wrong(str(error)) from error
    if not right:
        raise _Wrong("x509: signature verification failure")


def _check_certificate(pem: bytes) -> None:
    """Raises: _Wrong if this is not empty and no list of certificates."""
    count = 0
    for kind, has_headers, der in _blocks(pem):
        if kind != "CERTIFICATE":
            raise _Wrong(f"only CERTIFICATE PEM blocks are allowed, found {syntax.quote(kind)}")
        if has_headers:
            raise _Wrong("no PEM block headers are permitted")
        count += 1
        if not der:
            raise _Wrong("found CERTIFICATE PEM block containing 0 certificates")
        try:
            x509.load_der_x509_certificate(der)
        except ValueError as error:
            raise _Wrong(str(error)) from error
    if pem and not count:
        raise _Wrong("must contain at least one CERTIFICATE PEM block")


def _complaint(pem: bytes | None) -> str:
    try:
        _check_certificate(pem or b"")
    except _Wrong as error:
        return str(error)
    return ""


def signing_request(causes: Causes, obj: CertificateSigningRequest) -> None:
    _request(causes, obj, None)


def _request(causes: Causes, obj: CertificateSigningRequest, old: CertificateSigningRequest | None) -> None:
    """What was wrong before may stay wrong."""
    spec = obj.spec
    try:
        _check_request(spec.request or b"")
    except _Wrong as error:
        causes.append(invalid("spec.request", spec.request, str(error)))
    if not spec.usages:
        causes.append(required("spec.usages"))
    if old is None or all(usage in _USAGES for usage in old.spec.usages):
        causes += [not_supported(f"spec.usages[{index}]", usage, _USAGES) for index, usage in enumerate(spec.usages)
                   if usage not in _USAGES]
    if old is None or len(set(old.spec.usages)) == len(old.spec.usages):
        causes += [duplicate(f"spec.usages[{index}]", usage) for index, usage in enumerate(spec.usages) if usage in spec.usages[:index]]
    if spec.signer_name == LEGACY_SIGNER and (old is None or old.spec.signer_name != LEGACY_SIGNER):
        causes.append(invalid("spec.signerName", spec.signer_name, "the legacy signerName is not allowed via this API version"))
    else:
        signer_name(causes, "spec.signerName", spec.signer_name)
    if spec.expiration_seconds is not None and spec.expiration_seconds < _SECONDS_MIN:
        causes.append(invalid("spec.expirationSeconds", spec.expiration_seconds,
                              "may not specify a duration less than 600 seconds (10 minutes)"))
    _conditions(causes, obj.status.conditions, old.status.conditions if old is not None else [])
    certificate = obj.status.certificate
    if (old is None or (certificate != old.status.certificate and not _complaint(old.status.certificate))) and (
            complaint := _complaint(certificate)):
        causes.append(invalid("status.certificate", "<certificate data>", complaint))


Conditions = list[CertificateSigningRequestCondition]


def _types(items: Conditions) -> list[str]:
    return [item.type for item in items]


def _conditions(causes: Causes, items: Conditions, old: Conditions) -> None:
    path, before = "status.conditions", _types(old)
    both_before = _APPROVED in before and _DENIED in before
    twice_before = len(set(before)) < len(before)
    seen: set[str] = set()
    for index, item in enumerate(items):
        if not item.type and "" not in before:
            causes.append(required(f"{path}[{index}].type"))
        allowed = ("True",) if item.type in _TRUE_ONLY else _STATUSES
        if item.status not in allowed:
            where = f"{path}[{index}].status"
            causes.append(not_supported(where, item.status, allowed) if item.status else required(where))
        if not both_before and (item.type, True) in ((_APPROVED, _DENIED in seen), (_DENIED, _APPROVED in seen)):
            causes.append(invalid(path, item.type, "Approved and Denied conditions are mutually exclusive"))
        if item.type in seen and not twice_before:
            causes.append(duplicate(f"{path}[{index}].type", item.type))
        seen.add(item.type)


def _update(
    causes: Causes, new: CertificateSigningRequest, old: CertificateSigningRequest, *, approval: bool, certificate: bool
) -> None:
    """An update; `approval` and `certificate` say what it may set."""
    _request(causes, new, old)
    path = "status.conditions"
    for kind in (_APPROVED, _DENIED, _FAILED):
        if _types(new.status.conditions).count(kind) < _types(old.status.conditions).count(kind):
            causes.append(forbidden(path, f'updates may not remove a condition of type "{kind}"'))
    for kind in () if approval else (_APPROVED, _DENIED):
        now = [item for item in new.status.conditions if item.type == kind]
        was = [item for item in old.status.conditions if item.type == kind]
        if len(now) > len(was):
            causes.append(forbidden(path, f'updates may not add a condition of type "{kind}"'))
        elif len(now) == len(was) and now != was:
            causes.append(forbidden(path, f'updates may not modify a condition of type "{kind}"\n{difference(was, now)}'))
    if (new.status.certificate or b"") != (old.status.certificate or b""):
        if not certificate:
            causes.append(forbidden("status.certificate", "updates may not set certificate content"))
        elif old.status.certificate:
            causes.append(forbidden("status.certificate", "updates may not modify existing certificate content"))


def update_signing_request(causes: Causes, new: CertificateSigningRequest, old: CertificateSigningRequest) -> None:
    _update(causes, new, old, approval=False, certificate=False)


def update_status(causes: Causes, new: CertificateSigningRequest, old: CertificateSigningRequest) -> None:
    _update(causes, new, old, approval=False, certificate=True)


def update_approval(causes: Causes, new: CertificateSigningRequest, old: CertificateSigningRequest) -> None:
    _update(causes, new, old, approval=True, certificate=False)


RULES: Rules = {
    CertificateSigningRequest: cluster(signing_request, update_signing_request, name=syntax.path_segment),
}
SUBRESOURCES: SubresourceRules = {
    (CertificateSigningRequest, "status"): update_status, (CertificateSigningRequest, "approval"): update_approval,
}
