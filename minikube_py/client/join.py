"""Joining a cluster: from a server's address and a token to the node's certificates.

How the server is found to be the right one is `join_http.py`'s. Keys are made here and never leave the node. What was obtained is kept
under DATA/agent, and while it is good a restart needs no server: that is how a node that boots alone starts its pods.

Source: docs.k3s.io/architecture#how-agent-node-registration-works
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.errors import ForbiddenError, StatusError, UnauthorizedError
from minikube_py.core.files import private_directory, write_atomic

from .join_http import JoinError, fetch_ca, send
from .join_protocol import JOIN_PATH, ClusterSettings, JoinRequest, JoinResponse, JoinToken, ca_pin, parse_token

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

log = logging.getLogger(__name__)

# Stored certificates with less time left are renewed at the next start. Source: docs.k3s.io/cli/certificate.
RENEW_BEFORE = timedelta(days=90)

# Carries a request to a server: over HTTPS, or to the endpoint in this process.
Exchange = Callable[[JoinRequest], Awaitable[JoinResponse]]


class _Record(msgspec.Struct):
    """What the stored files are good for."""

    server: str
    node_name: str
    addresses: list[str]
    not_after: float
    cluster: ClusterSettings


@dataclass(frozen=True)
class NodeCredentials:
    """A node's identity as files, and its cluster's settings.

    Attributes:
        client_certificate, client_key: the kubelet's identity towards the API server.
        serving_certificate, serving_key: what the kubelet serves with.
        server_ca: signs what serves; client_ca: signs who may call.
        not_after: when the first of the certificates ends.
    """

    server: str
    node_name: str
    directory: Path
    cluster: ClusterSettings
    not_after: datetime

    @property
    def client_certificate(self) -> Path:
        return self.directory / "client-kubelet.crt"

    @property
    def client_key(self) -> Path:
        return self.directory / "client-kubelet.key"

    @property
    def serving_certificate(self) -> Path:
        return self.directory / "serving-kubelet.crt"

    @property
    def serving_key(self) -> Path:
        return self.directory / "serving-kubelet.key"

    @property
    def server_ca(self) -> Path:
        return self.directory / "server-ca.crt"

    @property
    def client_ca(self) -> Path:
        return self.directory / "client-ca.crt"

    def client_ssl_context(self) -> ssl.SSLContext:
        """TLS towards the API server, as the node."""
        context = ssl.create_default_context(cafile=str(self.server_ca))
        context.load_cert_chain(self.client_certificate, self.client_key)
        return context

    def serving_ssl_context(self, client_ca: Path | None = None) -> ssl.SSLContext:
        """TLS of the kubelet's own server: takes client certificates of the client CA, or of another one, and works without one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.serving_certificate, self.serving_key)
        context.load_verify_locations(cafile=client_ca or self.client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


async def join(
    server: str, token: str, node_name: str, node_ips: Sequence[str], data_dir: Path, *, clock: Clock = SYSTEM_CLOCK
) -> NodeCredentials:
    """Become, or go on being, a node of the cluster behind `server` (https://host:port).

    Credentials that are stored and good are returned without asking the server. When they end within 90 days the server is asked, and if it
    does not answer they are used as long as they last.

    Raises: JoinError (wrong pin, wrong token, name taken, no server), TokenFormatError.
    Cancellation: files may have been written; the next join goes on from them.
    """
    server = server.rstrip("/")
    parsed = parse_token(token)

    async def exchange(request: JoinRequest) -> JoinResponse:
        ca = await fetch_ca(server, parsed.pin)
        response = await _post(server, parsed, ca, request)
        if response.server_ca.encode() != ca:
            raise JoinError(f"the server {server} answered with another CA than it showed before")
        return response

    return await enroll(exchange, server, node_name, node_ips, data_dir, pin=parsed.pin, clock=clock)


async def enroll(
    exchange: Exchange, server: str, node_name: str, node_ips: Sequence[str], data_dir: Path, *, pin: str = "",
    clock: Clock = SYSTEM_CLOCK,
) -> NodeCredentials:
    """As `join`, with a way of one's own to the server: the agent within a server asks its endpoint directly.

    Args:
        pin: of the CA; stored credentials of another cluster are not used.
    """
    directory = data_dir / "agent"
    stored = await asyncio.to_thread(_stored, directory, server, node_name, list(node_ips), pin)
    left = stored.not_after - clock.now() if stored is not None else timedelta(0)
    if stored is not None and left >= RENEW_BEFORE:
        return stored
    request = await asyncio.to_thread(_request, directory, node_name, list(node_ips))
    try:
        response = await exchange(request)
    except (JoinError, OSError) as error:
        if stored is None or left <= timedelta(0):
            raise
        log.warning("certificates could not be renewed node=%s days_left=%d error=%s", node_name, left.days, error)
        return stored
    return await asyncio.to_thread(_store, directory, server, request, response)


async def _post(server: str, token: JoinToken, ca: bytes, request: JoinRequest) -> JoinResponse:
    try:
        answer = await send(server, "POST", JOIN_PATH, token, ca, msgspec.json.encode(request))
        return msgspec.json.decode(answer, type=JoinResponse)
    except UnauthorizedError as error:
        raise JoinError(
            f"{server} does not accept the token: {error.message}; compare it with server/node-token on the server, or make a new one there"
        ) from error
    except ForbiddenError as error:
        raise JoinError(f"{server} does not accept node {request.node_name}: {error.message}") from error
    except StatusError as error:
        raise JoinError(f"{server} refused the join request: {error.message}") from error
    except msgspec.MsgspecError as error:
        raise JoinError(f"{server} answered with something else than a join response: {error}") from error


def _stored(directory: Path, server: str, node_name: str, addresses: list[str], pin: str) -> NodeCredentials | None:
    """The stored credentials, if they are for this node and cluster and complete."""
    try:
        record = msgspec.json.decode((directory / "credentials.json").read_bytes(), type=_Record)
        not_after = datetime.fromtimestamp(record.not_after, UTC)
        credentials = NodeCredentials(server, node_name, directory, record.cluster, not_after)
        if record.node_name != node_name or record.addresses != addresses:
            return None
        if pin and ca_pin(credentials.server_ca.read_bytes()) != pin:
            return None
        credentials.client_ssl_context()
        credentials.serving_ssl_context()
    except (OSError, msgspec.MsgspecError) as error:  # ssl.SSLError is an OSError.
        if directory.exists():
            log.info("no usable stored credentials directory=%s reason=%s", directory, error)
        return None
    return credentials


def _request(directory: Path, node_name: str, addresses: list[str]) -> JoinRequest:
    """Make what is missing of password and keys, and ask for certificates of them."""
    private_directory(directory)
    password = directory / "node-password"
    if not password.exists():
        write_atomic(password, secrets.token_hex(32).encode())
    return JoinRequest(
        node_name=node_name, node_password=password.read_text(), addresses=addresses,
        client_csr=_signing_request(directory / "client-kubelet.key"),
        serving_csr=_signing_request(directory / "serving-kubelet.key"),
    )


def _signing_request(path: Path) -> str:
    """A signing request for a key. It names nobody: whom a certificate names is for the server to say."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(_key(path), hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def _key(path: Path) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if path.exists():
        try:
            found = serialization.load_pem_private_key(path.read_bytes(), None)
        except ValueError as error:
            log.warning("private key is made anew file=%s reason=%s", path, error)
        else:
            if isinstance(found, ec.EllipticCurvePrivateKey):
                return found
    key = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_atomic(path, key.private_bytes(*form))
    return key


def _store(directory: Path, server: str, request: JoinRequest, response: JoinResponse) -> NodeCredentials:
    from cryptography import x509

    texts = (response.client_certificate, response.serving_certificate)
    not_after = min(x509.load_pem_x509_certificate(text.encode()).not_valid_after_utc for text in texts)
    credentials = NodeCredentials(server, request.node_name, directory, response.cluster, not_after)
    for path, text in (
        (credentials.server_ca, response.server_ca), (credentials.client_ca, response.client_ca),
        (credentials.client_certificate, response.client_certificate), (credentials.serving_certificate, response.serving_certificate),
    ):
        write_atomic(path, text.encode())
    record = _Record(server, request.node_name, request.addresses, not_after.timestamp(), response.cluster)
    write_atomic(directory / "credentials.json", msgspec.json.encode(record))
    return credentials
