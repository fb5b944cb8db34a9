"""Asking for a certificate by a CertificateSigningRequest: a new key, a request for it, and the wait for whoever decides.

Source: k8s.io/client-go/util/certificate/csr/csr.go
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from minikube_py.apis.certificates_v1 import CertificateSigningRequest, CertificateSigningRequestSpec
from minikube_py.apis.meta_v1 import ObjectMeta

from .interface import Client, EventType

# How long one request is waited for. Source: client-go util/certificate/certificate_manager.go (certificateWaitTimeout)
WAIT_S = 900.0


class CertificateRefusedError(Exception):
    """A request was denied, has failed, or led to something else than what was asked for."""


@dataclass(frozen=True)
class Subject:
    """Whom a certificate is for.

    Attributes:
        dns_names, ip_addresses: of a serving certificate.
    """

    common_name: str
    organizations: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()

    def is_that_of(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate is good for all of this; it may have more names."""
        subject = certificate.subject
        names = [attribute.value for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        groups = {attribute.value for attribute in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)}
        try:
            known = set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            known = set()
        return names == [self.common_name] and groups.issuperset(self.organizations) and known.issuperset(self._names())

    def _names(self) -> list[x509.GeneralName]:
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in self.dns_names]
        return names + [x509.IPAddress(ipaddress.ip_address(address)) for address in self.ip_addresses]

    def request(self, key: ec.EllipticCurvePrivateKey) -> bytes:
        """A signing request, PEM."""
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in self.organizations]
        builder = x509.CertificateSigningRequestBuilder(x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, self.common_name)]))
        if names := self._names():
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


async def request_certificate(client: Client, signer_name: str, subject: Subject, usages: Sequence[str]) -> tuple[bytes, bytes]:
    """A new certificate and its key, PEM.

    Raises: CertificateRefusedError, StatusError, OSError; TimeoutError if nobody decides.
    Cancellation: the request stays, and is cleaned up by the cluster.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    spec = CertificateSigningRequestSpec(request=subject.request(key), signer_name=signer_name, usages=[*usages])
    created = await client.create(CertificateSigningRequest(metadata=ObjectMeta(generate_name="csr-"), spec=spec))
    certificate = await _wait_issued(client, created)
    try:
        fits = x509.load_pem_x509_certificate(certificate).public_key() == key.public_key()
    except ValueError as error:
        raise CertificateRefusedError(f"what was signed for {created.metadata.name} is no certificate: {error}") from error
    if not fits:
        raise CertificateRefusedError(f"what was signed for {created.metadata.name} is for another key")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate, key.private_bytes(*form)


async def _wait_issued(client: Client, request: CertificateSigningRequest) -> bytes:
    sink = _Decision(request)
    watch = asyncio.create_task(
        client.list_and_watch(CertificateSigningRequest, sink, field_selector=f"metadata.name={request.metadata.name}"),
        name="wait-certificate",
    )
    try:
        waits: set[asyncio.Future[Any]] = {watch, sink.made}
        await asyncio.wait(waits, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        if sink.made.done():
            return sink.made.result()
        if watch.done():
            watch.result()
        raise TimeoutError(f"nobody has signed {request.metadata.name}")
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


class _Decision:
    """Waits for what becomes of a request."""

    def __init__(self, request: CertificateSigningRequest) -> None:
        self._name, self._uid = request.metadata.name, request.metadata.uid
        self.made: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def replace(self, objects: Sequence[CertificateSigningRequest]) -> None:
        found = [obj for obj in objects if obj.metadata.uid == self._uid]
        if found:
            self._look(found[0])
        else:
            self._refuse("it was deleted")

    def apply(self, event: EventType, obj: CertificateSigningRequest) -> None:
        if event == "DELETED":
            self._refuse("it was deleted")
        elif obj.metadata.uid == self._uid:
            self._look(obj)

    def _look(self, request: CertificateSigningRequest) -> None:
        for condition in request.status.conditions:
            if condition.type in ("Denied", "Failed"):
                self._refuse(f"{condition.type}: {condition.reason}: {condition.message}")
        if request.status.certificate and not self.made.done():
            self.made.set_result(request.status.certificate)

    def _refuse(self, why: str) -> None:
        if not self.made.done():
            self.made.set_exception(CertificateRefusedError(f"certificate signing request {self._name} was not signed: {why}"))
