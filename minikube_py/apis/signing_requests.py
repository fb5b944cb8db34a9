"""What a PKCS #10 signing request asks for, and which ones the signers of Kubernetes take.

Pure. The order of the checks is upstream's, since only the first complaint is told.
Source: pkg/apis/certificates/helpers.go, pkg/controller/certificates/signer/signer.go,
kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

KUBE_APISERVER_CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
LEGACY_UNKNOWN = "kubernetes.io/legacy-unknown"

NODE_USER_PREFIX = "system:node:"
NODES = "system:nodes"
_ENCIPHERMENT = "key encipherment"
_CLIENT_USAGES = frozenset({"client auth", "digital signature", _ENCIPHERMENT})
_SERVING_USAGES = frozenset({"digital signature", _ENCIPHERMENT, "server auth"})


class RequestError(ValueError):
    """A request that cannot be read, or that a signer does not take; the text is upstream's."""


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """Whom and what a certificate is wanted for.

    Attributes:
        ip_addresses: in their shortest form.
    """

    common_name: str
    organizations: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()


def parse(pem: bytes) -> SigningRequest:
    """Raises: RequestError if this is no signing request."""
    try:
        request = x509.load_pem_x509_csr(pem)
        subject, names = request.subject, _alternative_names(request)
        return SigningRequest(
            ["", *_texts(subject, NameOID.COMMON_NAME)][-1], tuple(_texts(subject, NameOID.ORGANIZATION_NAME)),
            tuple(names.get_values_for_type(x509.DNSName)), tuple(str(ip) for ip in names.get_values_for_type(x509.IPAddress)),
            tuple(names.get_values_for_type(x509.RFC822Name)), tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
        )
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise RequestError(str(error)) from error


def _texts(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]


def _alternative_names(request: x509.CertificateSigningRequest) -> x509.SubjectAlternativeName:
    try:
        return request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])


def check_kubelet_client(request: SigningRequest, usages: Sequence[str]) -> None:
    """Raises: RequestError unless this may become a kubelet's client certificate."""
    _check_organization(request)
    for found, what in (
        (request.dns_names, "DNS"), (request.emails, "Email"), (request.ip_addresses, "IP"), (request.uris, "URI"),
    ):
        if found:
            raise RequestError(f"{what} subjectAltNames are not allowed")
    _check_node_name(request)
    _check_usages(usages, _CLIENT_USAGES)


def check_kubelet_serving(request: SigningRequest, usages: Sequence[str]) -> None:
    """Raises: RequestError unless this may become a kubelet's serving certificate."""
    _check_organization(request)
    if not request.dns_names and not request.ip_addresses:
        raise RequestError("DNS or IP subjectAltName is required")
    for found, what in ((request.emails, "Email"), (request.uris, "URI")):
        if found:
            raise RequestError(f"{what} subjectAltNames are not allowed")
    _check_usages(usages, _SERVING_USAGES)
    _check_node_name(request)


def check_client(request: SigningRequest, usages: Sequence[str]) -> None:
    """Raises: RequestError unless this may become a client certificate."""
    for usage in usages:
        if usage not in _CLIENT_USAGES:
            raise RequestError(f"invalid usage for client certificate: {usage}")
    if "client auth" not in usages:
        raise RequestError("missing required usage for client certificate: client auth")


def _check_anything(request: SigningRequest, usages: Sequence[str]) -> None:
    """The legacy signer takes all."""


Check = Callable[[SigningRequest, Sequence[str]], None]

# What each signer of a cluster takes.
SIGNERS: dict[str, Check] = {
    KUBE_APISERVER_CLIENT: check_client, KUBELET_CLIENT: check_kubelet_client, KUBELET_SERVING: check_kubelet_serving,
    LEGACY_UNKNOWN: _check_anything,
}


def _check_organization(request: SigningRequest) -> None:
    if request.organizations != (NODES,):
        raise RequestError("subject organization is not system:nodes")


def _check_node_name(request: SigningRequest) -> None:
    if not request.common_name.startswith(NODE_USER_PREFIX):
        raise RequestError("subject common name does not begin with system:node:")


def _check_usages(usages: Sequence[str], wanted: frozenset[str]) -> None:
    """The wanted ones; encipherment, which only RSA keys can do, may be left out."""
    if frozenset(usages) | {_ENCIPHERMENT} != wanted:
        raise RequestError(f"usages did not match [{' '.join(sorted(wanted))}]")
