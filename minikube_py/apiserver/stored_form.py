"""The bytes of an object that is written: how many there may be, and when a write would change nothing."""

from __future__ import annotations

from typing import Any

from minikube_py.apis.scheme import encode_sorted
from minikube_py.core import limits
from minikube_py.core.errors import StatusError, StorageError
from minikube_py.store.interface import Entry

from .managed_fields.entries import differ_in_time
from .storage import Storage, encode_versioned


def encode_checked(obj: Any, revision: int) -> bytes:
    """`encode_versioned` for objects that a client sent: they have a largest size."""
    data = encode_versioned(obj, revision)
    if len(data) > limits.OBJECT_BYTES_MAX:
        raise _too_large(len(data))
    return data


def encode_fitting(obj: Any, revision: int) -> bytes:
    """`encode_checked`, but an object that is too large with managedFields has none.

    Source: k8s.io/apiserver/pkg/endpoints/handlers/create.go (isTooLargeError)
    """
    data = encode_versioned(obj, revision)
    if len(data) > limits.OBJECT_BYTES_MAX:
        obj.metadata.managed_fields = []
        return encode_checked(obj, revision)
    return data


def encode_without_mere_time(storage: Storage, stored: Any, head: Entry) -> bytes:
    """The JSON of a new version. If it differs from the old one in times of managedFields alone, it gets the old times.

    Source: k8s.io/apiserver/pkg/endpoints/handlers/fieldmanager/equality.go
    """
    meta, entries = stored.metadata, stored.metadata.managed_fields
    known = storage.object(head).metadata.managed_fields
    if not differ_in_time(entries, known):
        return encode_versioned(stored, head.revision)
    meta.managed_fields = known
    data = encode_versioned(stored, head.revision)
    if data == head.data or (len(data) == len(head.data) and same(stored, storage.object(head))):
        return data
    meta.managed_fields = entries
    return encode_versioned(stored, head.revision)


def same(one: Any, other: Any) -> bool:
    """Whether two objects differ in nothing but the order of their maps."""
    return encode_sorted(one) == encode_sorted(other)


def _too_large(size: int) -> StatusError:
    """The words of etcd, or of the client that would not even send it; the API server passes both on without a reason."""
    if size > limits.MESSAGE_BYTES_MAX:
        return StorageError("rpc error: code = ResourceExhausted desc = trying to send message larger than max "
                            f"({size} vs. {limits.MESSAGE_BYTES_MAX})")
    return StorageError("etcdserver: request is too large")
