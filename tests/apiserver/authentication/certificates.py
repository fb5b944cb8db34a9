"""Authorities and client certificates of other owners than the cluster, for tests."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from minikube_py.apiserver.pki import signing


class TestAuthority:
    """A root that signs for whoever asks."""

    __test__ = False

    def __init__(self, name: str = "somebody") -> None:
        self._key = signing.new_key()
        self.pem = signing.self_sign(name, self._key, datetime.now(UTC))
        self.authority = signing.load_authority(self.pem, self._key)

    def sign(self, common_name: str, organizations: tuple[str, ...] = (), *, usage: signing.Usage = "client", names: tuple[str, ...] = (),
             lifetime: timedelta = timedelta(days=1)) -> tuple[bytes, bytes]:
        """Certificate and key, PEM."""
        key = signing.new_key()
        profile = signing.Profile(common_name, usage, organizations, (), names)
        return signing.sign(self.authority, signing.public_key_of(key), profile, datetime.now(UTC), lifetime), key

    def client(self, trusted: bytes, common_name: str, organizations: tuple[str, ...] = ()) -> ssl.SSLContext:
        """TLS of a client with a certificate of this authority, towards servers of `trusted` (PEM)."""
        return client_context(trusted, *self.sign(common_name, organizations))

    def server(self) -> ssl.SSLContext:
        """TLS of a server on 127.0.0.1 with a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _load(context, *self.sign("server", usage="server", names=("127.0.0.1",)))
        return context


def client_context(trusted: bytes, certificate: bytes, key: bytes) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=trusted.decode())
    _load(context, certificate, key)
    return context


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "pair.pem"
        path.write_bytes(key + certificate)
        context.load_cert_chain(path)
