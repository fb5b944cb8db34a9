"""A node's certificates, keys and authorities as files under DATA/agent, with k3s's names.

A certificate and its key are replaced together: the new pair lies in a file of its own until both have their places, and a reader that
finds it completes the exchange. So a node that loses power at any moment has the old pair or the new one.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from minikube_py.core.files import write_atomic

from .join_protocol import ClusterSettings, JoinResponse, pinned

log = logging.getLogger(__name__)

RECORD = "credentials.json"
_SEPARATOR = b"-----BEGIN CERTIFICATE-----"


class _Record(msgspec.Struct):
    """What the stored files are good for."""

    server: str
    node_name: str
    addresses: list[str]
    cluster: ClusterSettings


@dataclass(frozen=True)
class PairFiles:
    """A certificate file and its key file."""

    certificate: Path
    key: Path

    @property
    def _pending(self) -> Path:
        return self.certificate.with_suffix(".pending")

    def replace(self, certificate: bytes, key: bytes) -> None:
        """Let a new pair (PEM) take the place of the old one. Blocks."""
        write_atomic(self._pending, key.rstrip() + b"\n" + certificate)
        self.complete()

    def complete(self) -> None:
        """Finish an exchange that was begun; nothing without one."""
        try:
            pair = self._pending.read_bytes()
        except FileNotFoundError:
            return
        key, separator, rest = pair.partition(_SEPARATOR)
        write_atomic(self.key, key)
        write_atomic(self.certificate, separator + rest)
        self._pending.unlink()

    def read(self) -> tuple[bytes, bytes]:
        """Certificate and key, PEM."""
        return self.certificate.read_bytes(), self.key.read_bytes()


@dataclass(frozen=True)
class NodeCredentials:
    """A node's identity as files, and its cluster's settings.

    Attributes:
        client: the kubelet's identity towards the API server; serving: what the kubelet serves with.
        server_ca: signs what serves; client_ca: signs who may call.
    """

    server: str
    node_name: str
    directory: Path
    cluster: ClusterSettings

    @property
    def client(self) -> PairFiles:
        return PairFiles(self.directory / "client-kubelet.crt", self.directory / "client-kubelet.key")

    @property
    def serving(self) -> PairFiles:
        return PairFiles(self.directory / "serving-kubelet.crt", self.directory / "serving-kubelet.key")

    @property
    def server_ca(self) -> Path:
        return self.directory / "server-ca.crt"

    @property
    def client_ca(self) -> Path:
        return self.directory / "client-ca.crt"

    def client_ssl_context(self) -> ssl.SSLContext:
        """TLS towards the API server, as the node."""
        context = ssl.create_default_context(cafile=str(self.server_ca))
        context.load_cert_chain(self.client.certificate, self.client.key)
        return context

    def serving_ssl_context(self, client_ca: Path | None = None) -> ssl.SSLContext:
        """TLS of the kubelet's own server: takes client certificates of the client CA, or of another one, and works without one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_OPTIONAL
        self.renew_serving(context, client_ca)
        return context

    def renew_serving(self, context: ssl.SSLContext, client_ca: Path | None = None) -> None:
        """Let a context of `serving_ssl_context` present what the files hold now, and trust whom they name, on new connections."""
        context.load_cert_chain(self.serving.certificate, self.serving.key)
        context.load_verify_locations(cafile=client_ca or self.client_ca)

    def time_left(self, now: datetime) -> timedelta:
        """How long the first of the two certificates is still good."""
        from cryptography import x509

        pairs = (self.client, self.serving)
        return min(x509.load_pem_x509_certificate(pair.certificate.read_bytes()).not_valid_after_utc for pair in pairs) - now


def load(directory: Path, server: str, node_name: str, addresses: list[str], pin: str) -> NodeCredentials | None:
    """The stored credentials, if they are for this node and cluster and complete. Blocks."""
    try:
        record = msgspec.json.decode((directory / RECORD).read_bytes(), type=_Record)
        credentials = NodeCredentials(server, node_name, directory, record.cluster)
        if record.node_name != node_name or record.addresses != addresses:
            return None
        if pin and pinned(credentials.server_ca.read_bytes(), pin) is None:
            return None
        for pair in (credentials.client, credentials.serving):
            pair.complete()
        credentials.client_ssl_context()
        credentials.serving_ssl_context()
    except (OSError, msgspec.MsgspecError) as error:  # ssl.SSLError is an OSError.
        if directory.exists():
            log.info("no usable stored credentials directory=%s reason=%s", directory, error)
        return None
    return credentials


def store(directory: Path, server: str, node_name: str, addresses: list[str], response: JoinResponse) -> NodeCredentials:
    """Keep what a server has answered; the keys are there already. Blocks."""
    credentials = NodeCredentials(server, node_name, directory, response.cluster)
    for path, text in (
        (credentials.server_ca, response.server_ca), (credentials.client_ca, response.client_ca),
        (credentials.client.certificate, response.client_certificate), (credentials.serving.certificate, response.serving_certificate),
    ):
        write_atomic(path, text.encode())
    record = _Record(server, node_name, addresses, response.cluster)
    write_atomic(directory / RECORD, msgspec.json.encode(record))
    return credentials
