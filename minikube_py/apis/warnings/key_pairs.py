"""Why a certificate and a private key are no pair, in the words of Go's TLS library.

Imported with the first TLS secret. What is wrong inside of a certificate is told in one sentence where Go has several.

Source: go.dev/src/crypto/tls/tls.go (X509KeyPair)
"""

from __future__ import annotations

import base64
import binascii
import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

_BLOCK = re.compile(rb"^-----BEGIN ([^\r\n]*?)-----[ \t\r]*\n(.*?)^-----END \1-----[ \t\r]*$", re.MULTILINE | re.DOTALL)
_HEADER = re.compile(rb"^[^\n:]+:[^\n]*\n", re.MULTILINE)
_KEYS = (
    (rsa.RSAPublicKey, rsa.RSAPrivateKey), (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey),
    (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey),
)
Block = tuple[str, bytes]
"""The type of a PEM block and what is in it."""


def mismatch(certificates: bytes, key: bytes) -> str:
    """Why the first certificate and the first key are no pair; "" if they are."""
    found = _blocks(certificates)
    certificate = next((data for kind, data in found if kind == "CERTIFICATE"), None)
    if certificate is None:
        return _no_certificate([kind for kind, _ in found])
    kinds = _blocks(key)
    private = next((data for kind, data in kinds if kind == "PRIVATE KEY" or kind.endswith(" PRIVATE KEY")), None)
    if private is None:
        return _no_key([kind for kind, _ in kinds])
    return _no_pair(certificate, private)


def _blocks(text: bytes) -> list[Block]:
    blocks = []
    for match in _BLOCK.finditer(text):
        try:
            data = base64.b64decode(b"".join(_HEADER.sub(b"", match[2]).split()), validate=True)
        except binascii.Error:
            continue
        blocks.append((match[1].decode(errors="replace"), data))
    return blocks


def _no_certificate(kinds: list[str]) -> str:
    if not kinds:
        return "tls: failed to find any PEM data in certificate input"
    if len(kinds) == 1 and kinds[0].endswith("PRIVATE KEY"):
        return ("tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been "
                "switched")
    return ('tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: '
            f"[{' '.join(kinds)}]")


def _no_key(kinds: list[str]) -> str:
    if not kinds:
        return "tls: failed to find any PEM data in key input"
    if kinds == ["CERTIFICATE"]:
        return "tls: found a certificate rather than a key in the PEM for the private key"
    return ('tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following '
            f"types: [{' '.join(kinds)}]")


def _no_pair(certificate: bytes, key: bytes) -> str:
    try:
        public = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "x509: malformed certificate"
    try:
        private = load_der_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "tls: failed to parse private key"
    for public_type, private_type in _KEYS:
        if isinstance(public, public_type):
            if not isinstance(private, private_type):
                return "tls: private key type does not match public key type"
            return "" if private.public_key() == public else "tls: private key does not match public key"
    return "tls: unknown public key algorithm"
