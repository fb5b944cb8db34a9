"""Which versions and ciphers of TLS a server takes, by the names that Kubernetes has for them.

Source: k8s.io/component-base/cli/flag/ciphersuites_flag.go, crypto/tls/cipher_suites.go, openssl-ciphers(1)
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Final

# OpenSSL takes nothing below 1.2 at its default level of security, whatever is asked for.
VERSIONS: Final = {
    "VersionTLS10": ssl.TLSVersion.TLSv1_2, "VersionTLS11": ssl.TLSVersion.TLSv1_2, "VersionTLS12": ssl.TLSVersion.TLSv1_2,
    "VersionTLS13": ssl.TLSVersion.TLSv1_3,
}
# Those of TLS 1.3 are always taken.
ALWAYS: Final = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
# Go's name -> OpenSSL's.
SUITES: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA": "ECDHE-ECDSA-RC4-SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA": "ECDHE-RSA-DES-CBC3-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA": "ECDHE-RSA-RC4-SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA": "DES-CBC3-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_RC4_128_SHA": "RC4-SHA",
}


def read_version(name: str) -> str:
    """The name of a version; "" is 1.2. Raises: ValueError."""
    if name and name not in VERSIONS:
        raise ValueError(f'unknown tls version "{name}"')
    return name


def read_suites(text: str) -> tuple[str, ...]:
    """Names of cipher suites, separated by commas. Raises: ValueError."""
    names = tuple(text.split(",")) if text else ()
    for name in names:
        if name not in SUITES and name not in ALWAYS:
            raise ValueError(f"Cipher suite {name} not supported or doesn't exist")
    return names


def restrict(context: ssl.SSLContext, version: str = "", suites: Sequence[str] = ()) -> None:
    """Let a context take these versions and suites only, as they were read; without suites it takes its own.

    Raises: ValueError if this machine's OpenSSL has none of the suites.
    """
    context.minimum_version = VERSIONS[version or "VersionTLS12"]
    names = [SUITES[name] for name in suites if name in SUITES]
    if names:
        try:
            context.set_ciphers(":".join(names))
        except ssl.SSLError as error:
            raise ValueError(f"none of the cipher suites is there: {', '.join(suites)}") from error
    elif suites:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
