"""The keys of service account tokens: one signs, all verify, and their public halves are published.

Source: kube-apiserver --service-account-signing-key-file, --service-account-key-file; kubernetes.io/docs/tasks/configure-pod-container/
configure-service-account/#service-account-issuer-discovery
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minikube_py.core.errors import UnauthorizedError

if TYPE_CHECKING:
    from .jws import SigningKey, VerifyingKey

_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


class ServiceAccountKeys:
    """Keys read from PEM on first use, so that a start without tokens does not load them.

    The first private key of `pem` signs. All others of it, private or public, verify only: that is how a key is rotated.
    """

    def __init__(self, pem: bytes) -> None:
        self._pem = pem
        self._signing: SigningKey | None = None
        self._verifying: dict[str, VerifyingKey] = {}

    def sign(self, claims: Any) -> str:
        """A token with these claims."""
        return self._load().sign(claims)

    def verified_claims(self, token: str) -> bytes:
        """The claims, JSON, of a token that one of the keys signed.

        Raises: UnauthorizedError.
        """
        from .jws import JwsError, parse

        self._load()
        try:
            parsed = parse(token)
        except JwsError as error:
            raise UnauthorizedError(f"invalid token: {error}") from error
        named = self._verifying.get(parsed.key_id)
        candidates: Sequence[VerifyingKey] = [named] if named is not None else list(self._verifying.values())
        if not any(key.verifies(parsed) for key in candidates):
            raise UnauthorizedError("invalid signature")
        return parsed.claims

    def jwks(self) -> dict[str, Any]:
        """The public keys as /openid/v1/jwks publishes them."""
        self._load()
        return {"keys": [key.jwk() for key in self._verifying.values()]}

    def openid_configuration(self, issuer: str, jwks_uri: str) -> dict[str, Any]:
        """The document at /.well-known/openid-configuration."""
        self._load()
        algorithms = sorted({key.algorithm for key in self._verifying.values()})
        return {
            "issuer": issuer, "jwks_uri": jwks_uri, "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
        }

    def _load(self) -> SigningKey:
        if self._signing is not None:
            return self._signing
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        from .jws import SigningKey, VerifyingKey

        for block in _BLOCK.finditer(self._pem):
            key: VerifyingKey
            if b"PUBLIC KEY" in block[1]:
                public = serialization.load_pem_public_key(block[0])
                if not isinstance(public, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey)):
                    raise ValueError("service account keys are RSA or ECDSA keys")
                key = VerifyingKey(public)
            else:
                private = serialization.load_pem_private_key(block[0], None)
                if not isinstance(private, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
                    raise ValueError("service account keys are RSA or ECDSA keys")
                key = SigningKey(private)
                self._signing = self._signing or key
            self._verifying[key.key_id] = key
        if self._signing is None:
            raise ValueError("the service account key file holds no private key")
        return self._signing
