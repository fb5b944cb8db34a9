"""Signed JSON Web Tokens in compact form, as far as service account tokens and OpenID tokens need them.

Who verifies decides the algorithm, not the token: one whose header names another is refused, so neither "none" nor a confusion of key kinds
can pass. Own code because it is one signature over two base64 parts; the JWT libraries cost three times the import of all of this.

Source: RFC 7515, RFC 7518 (ES, RS and PS with SHA-2), RFC 7517 (JWK); key id as pkg/serviceaccount/jwt.go.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: dict[str, tuple[str, str, hashes.HashAlgorithm]] = {
    "secp256r1": ("ES256", "P-256", hashes.SHA256()),
    "secp384r1": ("ES384", "P-384", hashes.SHA384()),
    "secp521r1": ("ES512", "P-521", hashes.SHA512()),
}


class JwsError(ValueError):
    """A token is malformed or its signature is not good."""


@dataclass(frozen=True)
class Token:
    """A token in parts. Nothing in it may be believed before a key has verified it."""

    algorithm: str
    key_id: str
    claims: bytes
    signed: bytes
    signature: bytes


class VerifyingKey:
    """A public key, its id and its algorithm."""

    def __init__(self, key: PublicKey) -> None:
        self.key = key
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key_id = encode(hashlib.sha256(der).digest())
        self.algorithm = _algorithm(key)

    def verifies(self, token: Token) -> bool:
        """Whether the token was signed by this key, with this key's algorithm."""
        return is_signed(token, self.key, (self.algorithm,))

    def jwk(self) -> dict[str, str]:
        """The key as RFC 7517 publishes it."""
        kid, alg = self.key_id, self.algorithm
        if isinstance(self.key, rsa.RSAPublicKey):
            numbers = self.key.public_numbers()
            return {"use": "sig", "kty": "RSA", "kid": kid, "alg": alg, "n": _encode_int(numbers.n), "e": _encode_int(numbers.e)}
        size, point = _coordinate_bytes(self.key), self.key.public_numbers()
        x, y = encode(point.x.to_bytes(size)), encode(point.y.to_bytes(size))
        return {"use": "sig", "kty": "EC", "kid": kid, "crv": _CURVES[self.key.curve.name][1], "alg": alg, "x": x, "y": y}


class SigningKey(VerifyingKey):
    """A private key."""

    def __init__(self, key: PrivateKey) -> None:
        super().__init__(key.public_key())
        self._private = key

    def sign(self, claims: Any) -> str:
        """A token with these claims (anything msgspec encodes to a JSON object)."""
        header = msgspec.json.encode({"alg": self.algorithm, "kid": self.key_id})
        signed = f"{encode(header)}.{encode(msgspec.json.encode(claims))}".encode()
        if isinstance(self._private, rsa.RSAPrivateKey):
            signature = self._private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            der = self._private.sign(signed, ec.ECDSA(_CURVES[self._private.curve.name][2]))
            size = _coordinate_bytes(self.key)
            signature = b"".join(number.to_bytes(size) for number in decode_dss_signature(der))
        return f"{signed.decode()}.{encode(signature)}"


def is_signed(token: Token, key: PublicKey, algorithms: Collection[str]) -> bool:
    """Whether a key signed a token, by the token's algorithm, which must be one of these and one that the key can be used with."""
    family, digest = token.algorithm[:2], _HASHES.get(token.algorithm[2:])
    if token.algorithm not in algorithms or digest is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            match family:
                case "RS":
                    key.verify(token.signature, token.signed, padding.PKCS1v15(), digest)
                case "PS":
                    key.verify(token.signature, token.signed, padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH), digest)
                case _:
                    return False
        else:
            size = _coordinate_bytes(key)
            if _CURVES.get(key.curve.name, ("",))[0] != token.algorithm or len(token.signature) != 2 * size:
                return False
            numbers = (int.from_bytes(token.signature[:size]), int.from_bytes(token.signature[size:]))
            key.verify(encode_dss_signature(*numbers), token.signed, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def key_of_jwk(jwk: Mapping[str, Any]) -> PublicKey | None:
    """The public key of a JWK; None for kinds of keys that sign no tokens here.

    Raises: JwsError if it is malformed.
    """
    kind = jwk.get("kty")
    if kind not in ("RSA", "EC"):
        return None
    try:
        if kind == "RSA":
            return rsa.RSAPublicNumbers(_decode_int(jwk["e"]), _decode_int(jwk["n"])).public_key()
        curves: dict[object, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
        curve = curves.get(jwk.get("crv"))
        return None if curve is None else ec.EllipticCurvePublicNumbers(_decode_int(jwk["x"]), _decode_int(jwk["y"]), curve).public_key()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise JwsError(f"malformed key: {error}") from error


def parse(text: str) -> Token:
    """A token in parts. Raises: JwsError if it is not a token."""
    parts = text.split(".")
    if len(parts) != 3:
        raise JwsError("not a token of three parts")
    header_bytes, claims, signature = (decode(part) for part in parts)
    try:
        header = msgspec.json.decode(header_bytes, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise JwsError("the header is not a JSON object") from error
    algorithm, key_id = header.get("alg"), header.get("kid", "")
    if not isinstance(algorithm, str) or not isinstance(key_id, str) or "crit" in header:
        raise JwsError("the header is not supported")
    return Token(algorithm, key_id, claims, f"{parts[0]}.{parts[1]}".encode(), signature)


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Raises: JwsError if `text` is not unpadded base64url."""
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise JwsError("not base64url") from error


def _algorithm(key: PublicKey) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return "RS256"
    if key.curve.name not in _CURVES:
        raise JwsError(f"keys on the curve {key.curve.name} cannot sign tokens")
    return _CURVES[key.curve.name][0]


def _coordinate_bytes(key: PublicKey) -> int:
    return (key.key_size + 7) // 8


def _decode_int(text: str) -> int:
    return int.from_bytes(decode(text))


def _encode_int(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8))
