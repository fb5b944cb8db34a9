"""The ConfigMap extension-apiserver-authentication in kube-system: whom aggregated API servers trust.

They read from it the authorities of client certificates and of front proxies, and how a front proxy names users. It says at least what this
server goes by: what others have added stays, what was taken away comes back, authorities that have ended go.

Source: pkg/controlplane/controller/clusterauthenticationtrust/cluster_authentication_trust_controller.go
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import msgspec

from minikube_py.core.clock import SYSTEM_CLOCK, Clock

from .authentication.peer import certificates
from .authentication.request_header import RequestHeader

CONFIG_MAP: Final = "extension-apiserver-authentication"
CONTROLLER: Final = "cluster_authentication_trust_controller"
# How long ago an authority must have ended to be left out.
EXPIRY_SLACK: Final = timedelta(minutes=5)


class Trusted(Protocol):
    """Whom this server trusts now.

    Attributes:
        client_authorities: PEM certificates.
    """

    client_authorities: bytes
    request_header: RequestHeader


class ClusterAuthenticationTrust:
    """What the ConfigMap should say."""

    def __init__(self, trusted: Trusted, clock: Clock = SYSTEM_CLOCK) -> None:
        self._trusted = trusted
        self._clock = clock

    def combined(self, data: Mapping[str, str]) -> dict[str, str]:
        """What should be there, given what is there."""
        wanted = self._trusted.request_header
        lists = {
            "requestheader-username-headers": wanted.username_headers, "requestheader-uid-headers": wanted.uid_headers,
            "requestheader-group-headers": wanted.group_headers, "requestheader-extra-headers-prefix": wanted.extra_prefixes,
            "requestheader-allowed-names": wanted.allowed_names,
        }
        bundles = {"client-ca-file": self._trusted.client_authorities, "requestheader-client-ca-file": wanted.authorities}
        combined = {key: self._bundle(data.get(key, "").encode(), more) for key, more in bundles.items()}
        if combined["requestheader-client-ca-file"]:
            combined |= {key: _union(data.get(key, ""), more) for key, more in lists.items()}
        return {key: value for key, value in combined.items() if value}

    def _bundle(self, *bundles: bytes) -> str:
        """The certificates of some PEM bundles, each once, without those that have ended."""
        from cryptography import x509

        ended = self._clock.now().astimezone(UTC) - EXPIRY_SLACK
        found: dict[bytes, datetime] = {}
        for bundle in bundles:
            for der in certificates(bundle):
                try:
                    found.setdefault(der, x509.load_der_x509_certificate(der).not_valid_after_utc)
                except ValueError:
                    # Somebody has put something else there; it helps nobody.
                    continue
        return "".join(ssl.DER_cert_to_PEM_cert(der) for der, until in found.items() if until > ended)


def _union(text: str, more: Iterable[str]) -> str:
    """A JSON list with the further items; what is no list of texts counts as none."""
    try:
        present = msgspec.json.decode(text, type=list[str]) if text else []
    except (msgspec.MsgspecError, UnicodeEncodeError):
        present = []
    return msgspec.json.encode(list(dict.fromkeys([*present, *more]))).decode()
