"""Rules of ObjectMeta.

Owns names, labels, annotations, finalizers and owner references, on creation and on update. Which syntax the name of a kind has is in the
table of the package.

Source: staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go
"""

from __future__ import annotations

from .. import meta_v1, syntax
from .causes import Causes, forbidden, invalid, required, too_long
from .common import Syntax, immutable, labels, matches, non_negative

ANNOTATIONS_BYTES_MAX = 256 * 1024
MANAGER_BYTES_MAX = 128
SUBRESOURCE_BYTES_MAX = 256
_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"
STANDARD_FINALIZERS = frozenset(("kubernetes", _ORPHAN, _FOREGROUND))


def validate_metadata(
    meta: meta_v1.ObjectMeta, *, namespaced: bool | None, name: Syntax = syntax.dns_subdomain, path: str = "metadata"
) -> Causes:
    """What is wrong with the metadata of an object that is created.

    Args:
        namespaced: whether the kind lives in namespaces; None leaves the namespace unchecked, as in templates.
        name: the syntax of names of the kind.
    """
    causes: Causes = []
    if meta.generate_name:
        for complaint in name(as_prefix(meta.generate_name)):
            causes.append(invalid(f"{path}.generateName", meta.generate_name, complaint))
    if not meta.name:
        causes.append(required(f"{path}.name", "name or generateName is required"))
    elif complaints := name(meta.name):
        causes += [invalid(f"{path}.name", meta.name, complaint) for complaint in complaints]
    if namespaced:
        if not meta.namespace:
            causes.append(required(f"{path}.namespace"))
        elif complaints := syntax.dns_label(meta.namespace):
            causes += [invalid(f"{path}.namespace", meta.namespace, complaint) for complaint in complaints]
    elif namespaced is False and meta.namespace:
        causes.append(forbidden(f"{path}.namespace", "not allowed on this type"))
    non_negative(causes, f"{path}.generation", meta.generation)
    _common(causes, path, meta, finalizers=True)
    return causes


def standard_finalizers(causes: Causes, path: str, finalizers: list[str]) -> None:
    """A finalizer without a domain is one of Kubernetes' own."""
    for index, finalizer in enumerate(finalizers):
        if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
            causes.append(invalid(f"{path}[{index}]", finalizer, "name is neither a standard finalizer name nor is it fully qualified"))


def as_prefix(text: str) -> str:
    """A prefix may end in a dash, which what is appended hides."""
    return f"{text[:-1]}a" if len(text) > 1 and text.endswith("-") else text


def _common(causes: Causes, path: str, meta: meta_v1.ObjectMeta, *, finalizers: bool) -> None:
    if meta.labels:
        labels(causes, f"{path}.labels", meta.labels)
    if meta.annotations:
        check_annotations(causes, f"{path}.annotations", meta.annotations)
    if meta.owner_references:
        _owners(causes, f"{path}.ownerReferences", meta.owner_references)
    if finalizers and meta.finalizers:
        _finalizers(causes, f"{path}.finalizers", meta.finalizers)
    for index, entry in enumerate(meta.managed_fields):
        _managed_fields(causes, f"{path}.managedFields[{index}]", entry)


def check_annotations(causes: Causes, path: str, values: dict[str, str]) -> None:
    size = 0
    for key, value in values.items():
        for complaint in syntax.label_key(key.lower()):
            causes.append(invalid(path, key, complaint))
        size += len(key) + len(value)
    if size > ANNOTATIONS_BYTES_MAX // 4 and sum(len(k.encode()) + len(v.encode()) for k, v in values.items()) > ANNOTATIONS_BYTES_MAX:
        causes.append(too_long(path, ANNOTATIONS_BYTES_MAX))


def _owners(causes: Causes, path: str, owners: list[meta_v1.OwnerReference]) -> None:
    controller = ""
    for owner in owners:
        if not owner.api_version.rpartition("/")[2]:
            causes.append(invalid(f"{path}.apiVersion", owner.api_version, "version must not be empty"))
        for name in ("kind", "name", "uid"):
            if not getattr(owner, name):
                causes.append(invalid(f"{path}.{name}", "", "must not be empty"))
        if owner.kind == "Event" and owner.api_version == "v1":
            causes.append(invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner"))
        if owner.controller:
            current = f"{owner.kind}/{owner.name}"
            if controller:
                causes.append(invalid(path, owners, f'Only one reference can have Controller set to true. Found "true" in references for '
                                                    f"{controller} and {current}"))
            controller = controller or current


def _finalizers(causes: Causes, path: str, finalizers: list[str]) -> None:
    for finalizer in finalizers:
        matches(causes, path, finalizer, syntax.label_key)
    if _ORPHAN in finalizers and _FOREGROUND in finalizers:
        causes.append(invalid(path, finalizers, f"finalizer {_ORPHAN} and {_FOREGROUND} cannot be both set"))


def _managed_fields(causes: Causes, path: str, entry: meta_v1.ManagedFieldsEntry) -> None:
    if entry.operation not in ("Apply", "Update"):
        causes.append(invalid(f"{path}.operation", entry.operation, "must be `Apply` or `Update`"))
    if entry.fields_type not in ("", "FieldsV1"):
        causes.append(invalid(f"{path}.fieldsType", entry.fields_type, "must be `FieldsV1`"))
    causes += validate_field_manager(entry.manager, f"{path}.manager")
    if len(entry.subresource.encode()) > SUBRESOURCE_BYTES_MAX:
        causes.append(too_long(f"{path}.subresource", SUBRESOURCE_BYTES_MAX))


def validate_field_manager(manager: str, path: str) -> Causes:
    """What is wrong with the name of who writes. Source: k8s.io/apimachinery/pkg/apis/meta/v1/validation (ValidateFieldManager)"""
    if manager.isprintable() and len(manager.encode()) <= MANAGER_BYTES_MAX:
        return []
    causes: Causes = []
    if len(manager.encode()) > MANAGER_BYTES_MAX:
        causes.append(too_long(path, MANAGER_BYTES_MAX))
    position = 0
    for character in manager:
        if not character.isprintable():
            causes.append(invalid(path, manager, f"invalid character U+{ord(character):04X} (at position {position})"))
        position += len(character.encode())
    return causes


def validate_metadata_update(new: meta_v1.ObjectMeta, old: meta_v1.ObjectMeta, path: str = "metadata") -> Causes:
    """What is wrong with the metadata of an object that is updated."""
    causes: Causes = []
    if old.deletion_timestamp:
        added = sorted(set(new.finalizers) - set(old.finalizers))
        if added:
            names = ", ".join(syntax.quote(name) for name in added)
            causes.append(forbidden(f"{path}.finalizers", "no new finalizers can be added if the object is being deleted, "
                                                          f"found new finalizers []string{{{names}}}"))
    if new.generation < old.generation:
        causes.append(invalid(f"{path}.generation", new.generation, "must not be decremented"))
    immutable(causes, f"{path}.name", new.name, old.name)
    immutable(causes, f"{path}.namespace", new.namespace, old.namespace)
    immutable(causes, f"{path}.uid", new.uid, old.uid)
    immutable(causes, f"{path}.creationTimestamp", new.creation_timestamp, old.creation_timestamp)
    immutable(causes, f"{path}.deletionTimestamp", new.deletion_timestamp or None, old.deletion_timestamp or None)
    immutable(causes, f"{path}.deletionGracePeriodSeconds", new.deletion_grace_period_seconds, old.deletion_grace_period_seconds)
    _common(causes, path, new, finalizers=False)
    return causes
