"""Signing requests, as openssl and kubelets make them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from minikube_py.apis import certificates_v1, meta_v1

CLIENT_USAGES = ["digital signature", "client auth"]
SERVING_USAGES = ["digital signature", "server auth"]


def request_pem(
    common_name: str, organizations: Sequence[str] = (), *, dns: Sequence[str] = (), ips: Sequence[str] = (),
    names: Sequence[x509.GeneralName] = (), key: Any = None, more: Sequence[x509.ExtensionType] = (),
) -> bytes:
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organizations]
    subject += [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder(x509.Name(subject))
    all_names = [*names, *(x509.DNSName(name) for name in dns), *(x509.IPAddress(ipaddress.ip_address(ip)) for ip in ips)]
    if all_names:
        builder = builder.add_extension(x509.SubjectAlternativeName(all_names), critical=False)
    for extension in more:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)


def signing_request(
    name: str, signer: str, pem: bytes, usages: Sequence[str], expiration_seconds: int | None = None
) -> certificates_v1.CertificateSigningRequest:
    spec = certificates_v1.CertificateSigningRequestSpec(
        request=pem, signer_name=signer, usages=[*usages], expiration_seconds=expiration_seconds
    )
    return certificates_v1.CertificateSigningRequest(metadata=meta_v1.ObjectMeta(name=name), spec=spec)
