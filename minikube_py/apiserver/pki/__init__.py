"""The cluster's certificate authorities, certificates and signing keys."""

from .tree import KeyPair, Pki, PkiError, trust

__all__ = ["KeyPair", "Pki", "PkiError", "trust"]
