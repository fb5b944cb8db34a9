"""The hash that names a pod template: label `pod-template-hash`, the end of a ReplicaSet's or ControllerRevision's name.

Equal templates with equal collision counts have equal hashes. The alphabet has no vowels and no look-alikes, so that no word appears.
Source: pkg/controller/controller_utils.go (ComputeHash), apimachinery util/rand (SafeEncodeString).
"""

from __future__ import annotations

from minikube_py.apis.object import Object
from minikube_py.apis.scheme import encode
from minikube_py.core.names import SUFFIX_ALPHABET as ALPHABET

_FNV_OFFSET = 0x811C9DC5
_FNV_PRIME = 0x01000193


def safe_encode(text: str) -> str:
    """Each character as one of the safe alphabet."""
    return "".join(ALPHABET[ord(char) % len(ALPHABET)] for char in text)


def fnv1a_32(data: bytes) -> int:
    value = _FNV_OFFSET
    for byte in data:
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return value


def template_hash(template: Object, collision_count: int | None) -> str:
    """The hash of a template (or of any object that is versioned by its contents)."""
    salt = b"" if collision_count is None else collision_count.to_bytes(8, "little")
    return safe_encode(str(fnv1a_32(encode(template) + salt)))
