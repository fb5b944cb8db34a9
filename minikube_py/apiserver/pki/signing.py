"""Keys and certificates: what they contain and how they are signed and checked.

Owns the profile of every certificate of the cluster. Pure: bytes in, bytes out; files are `tree.py`'s. Keys are ECDSA P-256, made in
well under a millisecond. NotBefore is the epoch, so a machine without a battery-backed clock, which boots in 1970, still trusts its
cluster; who signs brings the time from which lifetimes count.

Source: RFC 5280; kubernetes.io/docs/setup/best-practices/certificates/
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Usage = Literal["client", "server"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

NOT_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)
CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=365)
RSA_BITS_MIN = 2048
_EKU = {"client": ExtendedKeyUsageOID.CLIENT_AUTH, "server": ExtendedKeyUsageOID.SERVER_AUTH}


class CertificateError(ValueError):
    """A key, certificate or signing request cannot be used; the text says why."""


@dataclass(frozen=True)
class Profile:
    """What a leaf certificate says.

    Attributes:
        organizations: groups of a client certificate, in order.
        dns_names, ip_addresses: subject alternative names of a serving certificate.
    """

    common_name: str
    usage: Usage
    organizations: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Authority:
    """A CA ready to sign. `chain_pem` is its file: the signing certificate first, then what leads to the root."""

    certificate: x509.Certificate
    key: PrivateKey
    chain_pem: bytes


def new_key() -> bytes:
    """A fresh P-256 private key, PKCS #8 PEM."""
    return key_pem(ec.generate_private_key(ec.SECP256R1()))


def key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def load_key(pem: bytes) -> PrivateKey:
    """Raises: CertificateError if `pem` is no usable private key."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"not a PEM private key: {error}") from error
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey)):
        raise CertificateError(f"keys of type {type(key).__name__} are not supported")
    return key


def load_certificate(pem: bytes) -> x509.Certificate:
    """The first certificate of a file. Raises: CertificateError."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CertificateError(f"not a PEM certificate: {error}") from error


def load_authority(certificate_pem: bytes, private_key_pem: bytes) -> Authority:
    """A CA from its two files. Raises: CertificateError if the key is not the certificate's, or the certificate is no CA's."""
    certificate, key = load_certificate(certificate_pem), load_key(private_key_pem)
    if not _same_key(certificate, key):
        raise CertificateError("the private key does not belong to the certificate")
    try:
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise CertificateError("the certificate is not a CA's")
    except x509.ExtensionNotFound as error:
        raise CertificateError("the certificate is not a CA's") from error
    return Authority(certificate, key, certificate_pem)


def self_sign(common_name: str, private_key_pem: bytes, now: datetime) -> bytes:
    """A root CA's certificate, PEM."""
    key = load_key(private_key_pem)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    issuer = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return _authority_certificate(name, key.public_key(), name, issuer, key, now + CA_LIFETIME)


def sign_authority(authority: Authority, root_pem: bytes, now: datetime) -> bytes:
    """The certificate by which one authority vouches for the subject and key of another, PEM; it ends no later than the voucher's."""
    root, ca = load_certificate(root_pem), authority.certificate
    issuer = x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key())
    until = min(now + CA_LIFETIME, ca.not_valid_after_utc)
    return _authority_certificate(root.subject, root.public_key(), ca.subject, issuer, authority.key, until)  # type: ignore[arg-type]


def _authority_certificate(
    name: x509.Name, public: PublicKey, issuer_name: x509.Name, issuer: x509.SubjectKeyIdentifier, key: PrivateKey, until: datetime
) -> bytes:
    builder = (
        x509.CertificateBuilder(issuer_name, name, public, x509.random_serial_number(), NOT_BEFORE, until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
    )
    return builder.sign(key, digest(key)).public_bytes(serialization.Encoding.PEM)


def sign(authority: Authority, public_key: PublicKey, profile: Profile, now: datetime, lifetime: timedelta = LEAF_LIFETIME) -> bytes:
    """A leaf certificate followed by the CA's intermediates, if any, PEM. It ends no later than its CA."""
    ca = authority.certificate
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in profile.organizations]
    subject.append(x509.NameAttribute(NameOID.COMMON_NAME, profile.common_name))
    until = min(now + lifetime, ca.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder(ca.subject, x509.Name(subject), public_key, x509.random_serial_number(), NOT_BEFORE, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False, rsa_key=isinstance(public_key, rsa.RSAPublicKey)), critical=True)
        .add_extension(x509.ExtendedKeyUsage([_EKU[profile.usage]]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key()), critical=False)  # type: ignore[arg-type]
    )
    names = _alternative_names(profile)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    leaf = builder.sign(authority.key, digest(authority.key)).public_bytes(serialization.Encoding.PEM)
    return leaf + b"".join(_pem(c) for c in x509.load_pem_x509_certificates(authority.chain_pem) if c.subject != c.issuer)


def public_key_of(private_key_pem: bytes) -> PublicKey:
    return load_key(private_key_pem).public_key()


def requested_key(csr_pem: bytes) -> PublicKey:
    """The public key of a signing request whose sender has shown that he holds the private key.

    The names in the request are not looked at: what a certificate says is the signer's decision.
    Raises: CertificateError if the request is malformed, not signed by its key, or the key is too weak.
    """
    try:
        request = x509.load_pem_x509_csr(csr_pem)
        signed = request.is_signature_valid
        key = request.public_key()
    except (ValueError, InvalidSignature) as error:
        raise CertificateError(f"not a certificate signing request: {error}") from error
    if not signed:
        raise CertificateError("the certificate signing request is not signed by its key")
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < RSA_BITS_MIN:
            raise CertificateError(f"the RSA key has {key.key_size} bits, at least {RSA_BITS_MIN} are needed")
    elif not isinstance(key, (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)):
        raise CertificateError(f"keys of type {type(key).__name__} are not supported")
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < 256:
        raise CertificateError(f"the curve {key.curve.name} is too small, at least P-256 is needed")
    return key


def check(certificate_pem: bytes, private_key_pem: bytes, authority: Authority, profile: Profile) -> datetime:
    """Whether a certificate is what `sign` would make now, but for its dates.

    Returns: its NotAfter.
    Raises: CertificateError saying what differs.
    """
    certificate = load_certificate(certificate_pem)
    if not _same_key(certificate, load_key(private_key_pem)):
        raise CertificateError("the private key is another one")
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CertificateError("the certificate was issued by another CA") from error
    subject = certificate.subject
    if [a.value for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] != [profile.common_name]:
        raise CertificateError("the common name differs")
    if tuple(a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)) != profile.organizations:
        raise CertificateError("the organizations differ")
    try:
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = []
    if set(names) != set(_alternative_names(profile)):
        raise CertificateError("the subject alternative names differ")
    return certificate.not_valid_after_utc


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def digest(key: PrivateKey) -> hashes.SHA256 | None:
    """The hash with which a key signs; Ed25519 has its own."""
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _same_key(certificate: x509.Certificate, key: PrivateKey) -> bool:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return certificate.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)


def _key_usage(*, authority: bool, rsa_key: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=rsa_key, data_encipherment=False, key_agreement=False,
        key_cert_sign=authority, crl_sign=authority, encipher_only=False, decipher_only=False,
    )


def _alternative_names(profile: Profile) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in profile.dns_names]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in profile.ip_addresses]
    return names
