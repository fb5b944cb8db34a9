"""Certificates for CertificateSigningRequests: what the request says, with exactly the usages that were asked for.

Subject, key and alternative names are the request's, its other extensions are dropped. NotBefore is five minutes ago, for clocks that are
a little behind; certificates of less than eight hours still get their whole time.

Source: pkg/controller/certificates/authority/policies.go, signer/signer.go, Go's crypto/x509 (CreateCertificate)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from .signing import Authority, CertificateError, digest

BACKDATE = timedelta(minutes=5)
SHORT = timedelta(hours=8)
# What is asked for less gets this.
LIFETIME_MIN = timedelta(minutes=10)

_KEY_USAGES = {
    "signing": "digital_signature", "digital signature": "digital_signature", "content commitment": "content_commitment",
    "key encipherment": "key_encipherment", "key agreement": "key_agreement", "data encipherment": "data_encipherment",
    "cert sign": "key_cert_sign", "crl sign": "crl_sign", "encipher only": "encipher_only", "decipher only": "decipher_only",
}
# In the order in which Go writes them.
_EXTENDED_KEY_USAGES: dict[str, ObjectIdentifier] = {
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH, "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION, "s/mime": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec end system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"), "ipsec tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"), "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING, "microsoft sgc": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape sgc": ObjectIdentifier("2.16.840.1.113730.4.1"),
}


def lifetime(longest: timedelta, expiration_seconds: int | None) -> timedelta:
    """How long a certificate lives: what was asked for, within bounds.

    Args:
        longest: --cluster-signing-duration.
    """
    if expiration_seconds is None:
        return longest
    asked = timedelta(seconds=expiration_seconds)
    return longest if asked > longest else max(asked, LIFETIME_MIN)


def sign_request(authority: Authority, request_pem: bytes, usages: Sequence[str], now: datetime, wanted: timedelta) -> bytes:
    """The certificate that a request asks for, PEM; it ends no later than its CA.

    Raises: CertificateError if the request is malformed or not signed by its key, a usage is unknown, or the CA has ended.
    """
    try:
        request = x509.load_pem_x509_csr(request_pem)
        key, signed = request.public_key(), request.is_signature_valid
    except (ValueError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise CertificateError(f"unable to parse certificate request: {error}") from error
    if not signed:
        raise CertificateError("unable to verify certificate request signature: x509: signature verification failure")
    ca = authority.certificate
    if now >= ca.not_valid_after_utc:
        raise CertificateError(f"refusing to sign a certificate that expired in the past: NotAfter={ca.not_valid_after_utc}")
    until = min(now + (wanted if wanted < SHORT else wanted - BACKDATE), ca.not_valid_after_utc)
    builder = x509.CertificateBuilder(ca.subject, request.subject, key, x509.random_serial_number(), now - BACKDATE, until)
    for extension, critical in _extensions(authority, request, usages):
        builder = builder.add_extension(extension, critical)
    return builder.sign(authority.key, digest(authority.key)).public_bytes(Encoding.PEM)


def _extensions(
    authority: Authority, request: x509.CertificateSigningRequest, usages: Sequence[str]
) -> Iterable[tuple[x509.ExtensionType, bool]]:
    unknown = [usage for usage in usages if usage not in _KEY_USAGES and usage not in _EXTENDED_KEY_USAGES]
    if unknown:
        raise CertificateError(f"unrecognized usage values: {unknown}")
    bits = {_KEY_USAGES[usage] for usage in usages if usage in _KEY_USAGES}
    if bits:
        # The two "only" bits say how a key agrees: without key agreement they mean nothing and cannot be written.
        agreeing = bits if "key_agreement" in bits else bits - {"encipher_only", "decipher_only"}
        yield x509.KeyUsage(**{name: name in agreeing for name in _ALL_BITS}), True
    extended = [oid for usage, oid in _EXTENDED_KEY_USAGES.items() if usage in usages]
    if extended:
        yield x509.ExtendedKeyUsage(dict.fromkeys(extended)), False
    yield x509.BasicConstraints(ca=False, path_length=None), True
    try:
        identifier = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        yield x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False
    except x509.ExtensionNotFound:
        pass  # Then there is nothing to refer to, as in Go.
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        yield names, not list(request.subject)
    except x509.ExtensionNotFound:
        return
    except (ValueError, x509.DuplicateExtension) as error:
        raise CertificateError(f"unable to parse certificate request: {error}") from error


_ALL_BITS = dict.fromkeys(_KEY_USAGES.values())
