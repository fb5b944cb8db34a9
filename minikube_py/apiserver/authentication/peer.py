"""What the client certificate of a TLS connection says: a user, a front proxy, or nothing.

The handshake has verified the certificate against all authorities together; whose it is, the authority decides that its verified chain
leads to. Those of clients make users: the common name is the user, the organizations are the groups. Those of front proxies make front
proxies, which may name somebody else in headers and are nobody themselves. Neither can become the other.

That is found out once a connection; requests on it find the answer by the connection's SSL object.

The handshake does not look at dates: as upstream, a certificate that has ended is answered with 401, and the time is that of a SeenClock.
A certificate of the future is good up to the newest time ever seen: after a start without the time, the clock is behind, not the client.

Source: kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates,
k8s.io/apiserver/pkg/authentication/request/x509/x509.go
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from minikube_py.core.seen_clock import SeenClock

from .user import CREDENTIAL_ID, UserInfo

log = logging.getLogger(__name__)

# The attribute of a subject that holds the user's uid. Source: feature AllowParsingUserUIDFromCertAuth, x509.go
UID_ATTRIBUTE = "1.3.6.1.4.1.57683.2"
# A resumed TLS 1.2 session tells the certificate and not what it was verified by: so many certificates are remembered for that.
RESUMABLE_MAX = 4096
# Clocks of other machines may be ahead by this; certificates of this cluster's signers are backdated by as much.
SKEW_S = 300.0
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who has shown a certificate.

    Attributes:
        user: whom it names, if an authority of clients has verified it.
        proxy: its common name, if an authority of front proxies has verified it; else None.
        not_after: when the first of the certificate and its authorities ends, seconds since the epoch.
    """

    user: UserInfo | None = None
    proxy: str | None = None
    not_after: float = 0.0


UNKNOWN = Peer()


class PeerCertificates:
    """Who is at the other end of the connections that are open.

    Args:
        client_authorities, proxy_authorities: PEM certificates.
        clock: tells when a certificate has ended; the machine's if None.
    """

    def __init__(self, client_authorities: bytes = b"", proxy_authorities: bytes = b"", clock: SeenClock | None = None) -> None:
        self._clock = clock or SeenClock()
        self._known: WeakKeyDictionary[ssl.SSLObject, Peer | None] = WeakKeyDictionary()
        self._resumable: dict[bytes, tuple[bytes, ...]] = {}
        self.trust(client_authorities, proxy_authorities)

    def trust(self, client_authorities: bytes, proxy_authorities: bytes) -> None:
        """Go by these authorities from now on, for open connections too."""
        self._clients = frozenset(certificates(client_authorities))
        self._proxies = frozenset(certificates(proxy_authorities))
        self._known.clear()

    def peer_of(self, transport: asyncio.BaseTransport | None) -> Peer | None:
        """Who is at the other end; None without TLS or without a certificate, UNKNOWN once the certificate has expired."""
        if transport is None:
            return None
        ssl_object = transport.get_extra_info("ssl_object")
        if ssl_object is None:
            return None
        try:
            peer = self._known[ssl_object]
        except KeyError:
            peer = self._known[ssl_object] = self._read(ssl_object)
        return UNKNOWN if peer is not None and self._clock.timestamp() > peer.not_after else peer

    def _read(self, ssl_object: ssl.SSLObject) -> Peer | None:
        der = ssl_object.getpeercert(binary_form=True)
        certificate = ssl_object.getpeercert()
        if not der or not certificate:
            return None
        if ssl.cert_time_to_seconds(str(certificate["notBefore"])) > self._clock.latest().timestamp() + SKEW_S:
            return UNKNOWN
        issuers = self._issuers(ssl_object, der)
        attributes = _subject(dict(certificate))
        names = attributes.get("commonName", [""])
        return Peer(
            user_of_subject(attributes, der) if not self._clients.isdisjoint(issuers) else None,
            names[-1] if not self._proxies.isdisjoint(issuers) else None,
            min((ssl.cert_time_to_seconds(str(certificate["notAfter"])), *map(_end_of, issuers))),
        )

    def _issuers(self, ssl_object: ssl.SSLObject, der: bytes) -> tuple[bytes, ...]:
        """The certificates, DER, that the peer's own was verified by."""
        chain = _verified_chain(ssl_object)
        if not chain:
            return self._resumable.get(der, ())
        issuers = tuple(chain[1:])
        if ssl_object.version() == "TLSv1.2":
            if len(self._resumable) >= RESUMABLE_MAX:
                del self._resumable[next(iter(self._resumable))]
            self._resumable[der] = issuers
        return issuers


@lru_cache(64)
def _end_of(der: bytes) -> float:
    """When an authority ends, in seconds since the epoch."""
    from cryptography import x509

    return x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp()


def certificates(pem: bytes) -> list[bytes]:
    """The certificates of a PEM bundle, DER; what stands between them, and what is not base64, is passed over."""
    found = []
    for block in _CERTIFICATE.finditer(pem.decode("ascii", "replace")):
        try:
            found.append(ssl.PEM_cert_to_DER_cert(block[0]))
        except ValueError:
            log.warning("a bundle of certificates holds one that is malformed")
    return found


def user_of_subject(attributes: dict[str, list[str]], der: bytes) -> UserInfo | None:
    """Whom a certificate names; None if it has no common name, or more than one uid.

    Args:
        attributes: of its subject, by their OpenSSL names.
        der: the certificate.
    """
    name, uids = attributes.get("commonName", [""])[-1], attributes.get(UID_ATTRIBUTE, [""])
    if not name or len(uids) != 1:
        return None
    extra = {CREDENTIAL_ID: (f"X509SHA256={hashlib.sha256(der).hexdigest()}",)}
    return UserInfo(name, uids[0], tuple(attributes.get("organizationName", ())), extra).authenticated()


def _subject(certificate: dict[str, object]) -> dict[str, list[str]]:
    attributes: dict[str, list[str]] = {}
    subject = certificate.get("subject", ())
    for relative_name in subject if isinstance(subject, tuple) else ():
        for attribute, value in relative_name:
            attributes.setdefault(attribute, []).append(value)
    return attributes


def _verified_chain(ssl_object: Any) -> list[bytes]:
    """The peer's certificate and those that it was verified by, DER; empty for a resumed session.

    Python 3.13 gives this a public name.
    """
    if hasattr(ssl_object, "get_verified_chain"):
        return list(ssl_object.get_verified_chain())
    chain = ssl_object._sslobj.get_verified_chain()
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain or ()]
