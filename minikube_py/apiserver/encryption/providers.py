"""The ciphers, each in upstream's form on the disk: a prefix that names provider and key, then what the cipher makes.

Authenticated ciphers are bound to the object's path where upstream's are (aesgcm), so that one object's ciphertext cannot stand in
another's place. Nonces are random: 96 bits (aesgcm) are enough for 2^32 writes with one key, 192 (secretbox) for any number.
Source: k8s.io/apiserver/pkg/storage/value/encrypt/{aes,secretbox}, NIST SP 800-38D section 8.3
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

MARK = b"k8s:enc:"
GCM_NONCE_BYTES = 12
BLOCK_BYTES = 16


class UndecipherableError(ValueError):
    """What is encrypted cannot be read: a wrong key, or other bytes than were written."""


class Cipher(Protocol):
    """One key of one provider."""

    def seal(self, data: bytes, path: bytes) -> bytes:
        """Encrypt `data`, the object at `path`."""

    def open(self, sealed: bytes, path: bytes) -> bytes:
        """Raises: UndecipherableError."""


class AesGcm:
    """AES-GCM: 12 bytes of nonce, ciphertext, 16 bytes of tag; the path is authenticated."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._aead = AESGCM(key)

    def seal(self, data: bytes, path: bytes) -> bytes:
        nonce = os.urandom(GCM_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, data, path)

    def open(self, sealed: bytes, path: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return self._aead.decrypt(sealed[:GCM_NONCE_BYTES], sealed[GCM_NONCE_BYTES:], path)
        except (InvalidTag, ValueError) as error:
            raise UndecipherableError("output array was not large enough or the message is not authentic") from error


class AesCbc:
    """AES-CBC with PKCS#7: 16 bytes of initialization vector, ciphertext. It keeps secrets, and does not notice changes."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.algorithms import AES

        self._algorithm = AES(key)

    def seal(self, data: bytes, path: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
        from cryptography.hazmat.primitives.ciphers import modes
        from cryptography.hazmat.primitives.padding import PKCS7

        vector, padder = os.urandom(BLOCK_BYTES), PKCS7(BLOCK_BYTES * 8).padder()
        encryptor = BlockCipher(self._algorithm, modes.CBC(vector)).encryptor()
        return vector + encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()

    def open(self, sealed: bytes, path: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
        from cryptography.hazmat.primitives.ciphers import modes
        from cryptography.hazmat.primitives.padding import PKCS7

        vector, unpadder = sealed[:BLOCK_BYTES], PKCS7(BLOCK_BYTES * 8).unpadder()
        try:
            decryptor = BlockCipher(self._algorithm, modes.CBC(vector)).decryptor()
            padded = decryptor.update(sealed[BLOCK_BYTES:]) + decryptor.finalize()
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError as error:
            raise UndecipherableError("invalid padding on input") from error


class Secretbox:
    """XSalsa20 and Poly1305: 24 bytes of nonce, tag, ciphertext."""

    def __init__(self, key: bytes) -> None:
        from nacl.secret import SecretBox

        self._box = SecretBox(key)

    def seal(self, data: bytes, path: bytes) -> bytes:
        return bytes(self._box.encrypt(data))

    def open(self, sealed: bytes, path: bytes) -> bytes:
        from nacl.exceptions import CryptoError

        try:
            return bytes(self._box.decrypt(sealed))
        except (CryptoError, ValueError) as error:
            raise UndecipherableError("output array was not large enough for encryption") from error


CIPHERS: dict[str, Callable[[bytes], Cipher]] = {"aesgcm": AesGcm, "aescbc": AesCbc, "secretbox": Secretbox}


def prefix_of(provider: str, key_name: str) -> bytes:
    """How what is encrypted with a key begins."""
    return MARK + f"{provider}:v1:{key_name}:".encode()
