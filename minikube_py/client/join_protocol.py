"""What an agent and a server say to each other when a node joins: the join token and two messages.

A token `K10<pin>::<user>:<secret>` or `K10<pin>::<id>.<secret>` carries the pin of the cluster's CA, so that a machine that knows nothing
else can tell the right server from any other. The pin is the SHA-256 of the CA file; of a file with several certificates it is that of
the root, DER, so that the CA can be renewed under one root.

Source: docs.k3s.io/cli/token
"""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from dataclasses import dataclass

import msgspec

PREFIX = "K10"
PIN_LENGTH = 64
BOOTSTRAP = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")
CA_PATH = "/cacerts"
JOIN_PATH = "/v1-minikube-py/join"
TOKEN_PATH = "/v1-minikube-py/token"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class TokenFormatError(ValueError):
    """A join token is not of any form that there is."""


@dataclass(frozen=True)
class JoinToken:
    """A join token in parts.

    Attributes:
        pin: of the CA, hexadecimal; "" if the token does not carry one.
        user: "server" or "node"; "" for a bootstrap token.
        secret: the password, or the whole bootstrap token `id.secret`.
    """

    pin: str
    user: str
    secret: str

    def authorization(self) -> str:
        """The Authorization header that presents this token."""
        if not self.user:
            return f"Bearer {self.secret}"
        return "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()

    def __str__(self) -> str:
        credentials = f"{self.user}:{self.secret}" if self.user else self.secret
        return f"{PREFIX}{self.pin}::{credentials}" if self.pin else credentials


class ClusterSettings(msgspec.Struct, frozen=True, rename="camel"):
    """What a node must know of its cluster."""

    cluster_cidr: str = "10.42.0.0/16"
    service_cidr: str = "10.43.0.0/16"
    cluster_dns: str = "10.43.0.10"
    cluster_domain: str = "cluster.local"


class JoinRequest(msgspec.Struct, frozen=True, rename="camel"):
    """A machine wants to be a node.

    Attributes:
        node_password: random text that the machine keeps: it proves later that the machine is the same.
        client_csr, serving_csr: signing requests, PEM, for the kubelet's client and serving certificates.
        addresses: of the node, put into its serving certificate.
    """

    node_name: str
    node_password: str
    client_csr: str
    serving_csr: str
    addresses: list[str] = []


class JoinResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The node's certificates, the CAs (all PEM) and the cluster's settings."""

    client_certificate: str
    serving_certificate: str
    server_ca: str
    client_ca: str
    cluster: ClusterSettings = ClusterSettings()


class TokenRotation(msgspec.Struct, frozen=True, rename="camel"):
    """The holder of the server's token wants it to be another one; "" is one of the server's choice."""

    new_token: str = ""


class TokenRotationResult(msgspec.Struct, frozen=True, rename="camel"):
    """The token, whole, that is good from now on."""

    token: str


def parse_token(text: str) -> JoinToken:
    """Read a token in any of its forms: whole, a bootstrap token alone, or a password alone.

    Raises: TokenFormatError.
    Source: k3s pkg/clientaccess/token.go
    """
    text = text.strip()
    if not text:
        raise TokenFormatError("token must not be empty")
    if not text.startswith(PREFIX):
        return JoinToken("", "" if BOOTSTRAP.fullmatch(text) else "server", text)
    pin, found, credentials = text.removeprefix(PREFIX).partition("::")
    if not found:
        pin, credentials = "", pin
    if pin and not re.fullmatch(f"[0-9a-f]{{{PIN_LENGTH}}}", pin):
        raise TokenFormatError("invalid token CA hash length")
    if BOOTSTRAP.fullmatch(credentials):
        return JoinToken(pin, "", credentials)
    user, colon, secret = credentials.partition(":")
    if not colon or not secret:
        raise TokenFormatError("invalid token format")
    return JoinToken(pin, user or "server", secret)


def pinned(bundle: bytes, pin: str) -> bytes | None:
    """What of a CA file a pin vouches for, PEM; None if nothing.

    It vouches for the file that it was made of. Of a file that holds more by now only the certificate that it names may be trusted, as
    anybody can put that one beside others. A server whose CA was exchanged proves itself by a chain that leads there.
    """
    certificates = _CERTIFICATE.findall(bundle.decode("ascii", errors="replace"))
    if len(certificates) < 2:
        return bundle if hashlib.sha256(bundle).hexdigest() == pin else None
    for text in certificates:
        block = f"{text}\n".encode()
        try:
            der = ssl.PEM_cert_to_DER_cert(text)
        except ValueError:
            continue
        if pin in (hashlib.sha256(block).hexdigest(), hashlib.sha256(der).hexdigest()):
            return block
    return None


def ca_pin(bundle: bytes) -> str:
    """The pin of a CA file, PEM."""
    certificates = _CERTIFICATE.findall(bundle.decode("ascii", errors="replace"))
    if len(certificates) < 2:
        return hashlib.sha256(bundle).hexdigest()
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    parsed = [x509.load_der_x509_certificate(ssl.PEM_cert_to_DER_cert(pem)) for pem in certificates]
    root = next((c for c in parsed[1:] if c.issuer == c.subject), parsed[0])
    return hashlib.sha256(root.public_bytes(Encoding.DER)).hexdigest()
