"""The keys of service account tokens: one signs, all verify, and their public halves are published.

Source: kube-apiserver --service-account-signing-key-file, --service-account-key-file; pkg/serviceaccount/jwt.go,
k8s.io/client-go/util/keyutil
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from minikube_py.core.errors import UnauthorizedError

if TYPE_CHECKING:
    from .jws import SigningKey, VerifyingKey

_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


class ServiceAccountKeys:
    """Keys read from PEM on first use, so that a start without tokens does not load them.

    The first private key of `signing` signs. It, the other keys of `signing`, and all keys of `verifying`, private or public or in
    certificates, verify: so a key is rotated while tokens of the one before go on.
    """

    def __init__(self, signing: bytes, verifying: bytes = b"") -> None:
        self._signing_pem = signing
        self._verifying_pem = verifying
        self._signing: SigningKey | None = None
        self._verifying: dict[str, VerifyingKey] = {}

    def sign(self, claims: Any) -> str:
        """A token with these claims."""
        return self.load().sign(claims)

    def verified_claims(self, token: str) -> bytes:
        """The claims, JSON, of a token that one of the keys signed.

        Raises: UnauthorizedError.
        """
        from .jws import JwsError, parse

        self.load()
        try:
            parsed = parse(token)
        except JwsError as error:
            raise UnauthorizedError(f"invalid token: {error}") from error
        keys: Sequence[VerifyingKey] = [*self._verifying.values()]
        if parsed.key_id:
            keys = [key for key in keys if key.key_id == parsed.key_id]
        if not keys:
            raise UnauthorizedError("invalid signature, no keys found")
        if not any(key.verifies(parsed) for key in keys):
            raise UnauthorizedError("invalid signature")
        return parsed.claims

    def jwks(self) -> dict[str, Any]:
        """The public keys as /openid/v1/jwks publishes them."""
        self.load()
        return {"keys": [key.jwk() for key in self._verifying.values()]}

    def openid_configuration(self, issuer: str, jwks_uri: str) -> dict[str, Any]:
        """The document at /.well-known/openid-configuration."""
        self.load()
        algorithms = sorted({key.algorithm for key in self._verifying.values()})
        return {
            "issuer": issuer, "jwks_uri": jwks_uri, "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
        }

    def load(self) -> SigningKey:
        """Read the keys now; returns the one that signs.

        Raises: ValueError if there is none, or one is neither RSA nor on a curve that can sign tokens.
        """
        from .jws import SigningKey

        if self._signing is not None:
            return self._signing
        own = [*_keys(self._signing_pem)]
        signing = next((key for key in own if isinstance(key, SigningKey)), None)
        if signing is None:
            raise ValueError("the service account signing key file holds no private key")
        self._verifying = {key.key_id: key for key in (*_keys(self._verifying_pem), *own)}
        self._signing = signing
        return signing


def _keys(pem: bytes) -> Iterator[VerifyingKey]:
    """The keys of a PEM file; blocks that hold none, such as curves' parameters, are passed over."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    from .jws import SigningKey, VerifyingKey

    for block in _BLOCK.finditer(pem):
        what = block[1]
        key: object = None
        if what.endswith(b"PRIVATE KEY"):
            key = serialization.load_pem_private_key(block[0], None)
        elif what.endswith(b"PUBLIC KEY"):
            key = serialization.load_pem_public_key(block[0])
        elif what == b"CERTIFICATE":
            key = x509.load_pem_x509_certificate(block[0]).public_key()
        else:
            continue
        if isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
            yield SigningKey(key)
        elif isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey)):
            yield VerifyingKey(key)
        else:
            raise ValueError("service account keys are RSA or ECDSA keys")
