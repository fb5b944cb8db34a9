"""Identity from the client certificate of a TLS connection.

The handshake has verified the certificate against the client CA; this reads who it names: the common name is the user, the
organizations are the groups. That is done once a connection; requests on it find the answer by the connection's SSL object.

Source: kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from weakref import WeakKeyDictionary

from minikube_py.core.errors import UnauthorizedError

from .user import CREDENTIAL_ID, UserInfo

_Known = tuple[UserInfo | None, float]


def user_of_certificate(certificate: dict[str, object], der: bytes) -> UserInfo | None:
    """Who a certificate names; None if it has no common name.

    Args:
        certificate: as `ssl.SSLObject.getpeercert()` describes it.
        der: the same certificate, DER.
    """
    name, groups = "", []
    subject = certificate.get("subject", ())
    for relative_name in subject if isinstance(subject, tuple) else ():
        for attribute, value in relative_name:
            if attribute == "commonName":
                name = value
            elif attribute == "organizationName":
                groups.append(value)
    if not name:
        return None
    extra = {CREDENTIAL_ID: (f"X509SHA256={hashlib.sha256(der).hexdigest()}",)}
    return UserInfo(name, "", tuple(groups), extra).authenticated()


class PeerCertificates:
    """Identities of the connections that are open."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[ssl.SSLObject, _Known] = WeakKeyDictionary()

    def user_of(self, transport: asyncio.BaseTransport | None) -> UserInfo | None:
        """Who is at the other end; None without TLS or without a client certificate.

        Raises: UnauthorizedError if the certificate has expired since the handshake.
        """
        if transport is None:
            return None
        ssl_object = transport.get_extra_info("ssl_object")
        if ssl_object is None:
            return None
        known = self._known.get(ssl_object)
        if known is None:
            known = self._known[ssl_object] = _read(ssl_object)
        user, not_after = known
        if user is not None and time.time() > not_after:
            raise UnauthorizedError("Unauthorized")
        return user


def _read(ssl_object: ssl.SSLObject) -> _Known:
    der = ssl_object.getpeercert(binary_form=True)
    certificate = ssl_object.getpeercert()
    if not der or not certificate:
        return None, 0.0
    return user_of_certificate(dict(certificate), der), ssl.cert_time_to_seconds(str(certificate["notAfter"]))
