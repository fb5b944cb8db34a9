"""How to reach one API server: its address, what proves it to us, and what proves us to it.

Owns the TLS context. Keys that come as data never touch the disk: OpenSSL reads them from an anonymous memory file.
Source: kubernetes.io/docs/reference/access-authn-authz/authentication/, client-go rest/transport.go
"""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass, replace
from typing import Any

# A peer that answers nothing for so long is dead. Source: client-go's HTTP/2 ping (idle 30 s, answer within 15 s).
KEEPALIVE_IDLE_S = 30
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_PROBES = 3
USER_TIMEOUT_MS = 45_000


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the server is and who we are.

    Attributes:
        server: base URL ("https://127.0.0.1:6443"), without a slash at its end.
        ca: PEM bundle that the server's certificate must chain to; empty means the system's.
        certificate, key: PEM of our client certificate and its key; empty means none.
        token: bearer token; empty means none.
        token_file: file with the token; read again when it has changed. It wins over `token`.
        namespace: where commands without a namespace work.
        as_user, as_groups: whom to act as, if not oneself.
        tls_server_name: the name that the server's certificate is checked against, if not that of the URL.
    """

    server: str
    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    token_file: str = ""
    username: str = ""
    password: str = ""
    namespace: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    as_user: str = ""
    as_groups: tuple[str, ...] = ()

    def with_credentials(self, certificate: bytes, key: bytes, ca: bytes = b"") -> Connection:
        return replace(self, certificate=certificate, key=key, ca=ca or self.ca)

    def ssl_context(self) -> ssl.SSLContext:
        """A context for this server.

        Raises: ssl.SSLError if the certificates or the key cannot be used.
        """
        context = ssl.create_default_context(cadata=self.ca.decode() if self.ca else None)
        if self.insecure_skip_tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            load_client_certificate(context, self.certificate, self.key)
        return context


def load_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Give a context a client certificate; handshakes from now on use it.

    Raises: ssl.SSLError if they do not belong together or are not PEM.
    """
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(certificate.rstrip() + b"\n" + key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def keepalive_socket(address: Any) -> socket.socket:
    """A TCP socket on which a dead peer is noticed within a minute, also while only reading."""
    family, kind, protocol = address[:3]
    made = socket.socket(family, kind, protocol)
    if family in (socket.AF_INET, socket.AF_INET6):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    return made
