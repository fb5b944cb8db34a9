"""Which object and which version of it a write means.

Source: k8s.io/apiserver/pkg/registry/rest/update.go (BeforeUpdate), pkg/storage/interfaces.go (Preconditions)
"""

from __future__ import annotations

from typing import Any

from minikube_py.core.errors import MODIFIED, Cause, ConflictError, conflict, invalid

from .request_names import check_name
from .resource_version import parse_version
from .storage import Storage


def check_identity(storage: Storage, obj: Any, *, uid: str, resource_version: str = "") -> None:
    """Make sure that an object is the one meant; "" means any.

    Raises: ConflictError.
    """
    meta = obj.metadata
    for what, asked, known in (("UID", uid, meta.uid), ("ResourceVersion", resource_version, meta.resource_version)):
        if asked and asked != known:
            raise other_object(storage, meta.namespace, meta.name, what, asked, known)


def other_object(storage: Storage, namespace: str, name: str, what: str, asked: str, known: str) -> ConflictError:
    """The error about an object that is another than the one meant, in the words of upstream's storage."""
    why = f"Precondition failed: {what} in precondition: {asked}, {what} in object meta: {known}"
    return conflict(
        storage.resource.group, storage.resource.plural, name,
        f"StorageError: invalid object, Code: 4, Key: {storage.path(namespace, name)}, ResourceVersion: 0, AdditionalErrorMsg: {why}",
    )


def begin_update(storage: Storage, namespace: str, name: str, new: Any, old: Any) -> None:
    """Give the new version of an object what no client changes.

    Raises: BadRequestError, ConflictError, InvalidError if it is of another object or of another version.
    """
    resource, meta, known = storage.resource, new.metadata, old.metadata
    namespace = namespace if resource.namespaced else ""
    check_name(meta, name, namespace)
    meta.namespace = namespace
    version = meta.resource_version
    if version != known.resource_version:
        number = parse_version(version) if version else 0
        if number == 0 and not storage.strategy.unconditional_update:
            why = "Invalid value: 0x0: must be specified for an update"
            raise invalid(resource.group, resource.plural, name, [Cause("FieldValueInvalid", why, "metadata.resourceVersion")])
        if number not in (0, int(known.resource_version)):
            raise conflict(resource.group, resource.plural, name, MODIFIED)
    new.kind, new.api_version = resource.kind, resource.group_version
    # What an update says of these is checked; it need not say anything.
    meta.uid = meta.uid or known.uid
    meta.creation_timestamp = known.creation_timestamp
    meta.deletion_timestamp = known.deletion_timestamp or meta.deletion_timestamp
    if meta.deletion_grace_period_seconds is None:
        meta.deletion_grace_period_seconds = known.deletion_grace_period_seconds
    meta.self_link = ""
