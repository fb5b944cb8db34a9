"""From a patch to a new object: what the Registry's update applies to the newest version.

Source: k8s.io/apiserver/pkg/endpoints/handlers/patch.go
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from minikube_py.apis import meta_v1
from minikube_py.apis.custom import CustomObject
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import deep_copy, to_document
from minikube_py.core.errors import BadRequestError, not_found

from .decoding import UndecodableError, check_kind, encode_sorted, object_from_document, unsupported
from .patch import json_patch, merge_patch, strategic_merge_patch
from .patch_document import JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, go_map, invalid_patch, strict_patch_error
from .storage import Storage

APPLY_PATCH = "application/apply-patch+yaml"
PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH)
CUSTOM_PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)


def patch_transform(
    storage: Storage, patch_type: str, patch: Any, *, field_validation: str = "", warnings: list[str] | None = None,
    errors: Sequence[str] = (),
) -> Callable[[Any], Any]:
    """The transform that a patch document stands for, for `Registry.update`; applies are in `applying`.

    Args:
        patch: the decoded patch: a list of operations for JSON patch, an object for the others.
        warnings: filled with what the patched object has too much.
        errors: what strict decoding says of the patch.
    Raises: UnsupportedMediaTypeError; BadRequestError for a patch that is no patch.
    """
    check_patch_type(storage, patch_type)
    if patch_type == JSON_PATCH and not isinstance(patch, list):
        raise BadRequestError("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if patch_type != JSON_PATCH and not isinstance(patch, dict):
        raise BadRequestError("error decoding patch: the patch must be a JSON object")
    resource = storage.resource
    whole = _touches_managed_fields(patch)

    def transform(old: Any) -> Any:
        if old is None:
            raise not_found(resource.group, resource.plural, "")
        document = patched(to_document(old) if whole else plain_document(old), patch_type, patch, storage.struct)
        resets = whole and resets_managed_fields(document)
        new, found = _checked(
            lambda: _decode(storage, document, patch_type, field_validation), lambda: _shown(storage, old, patch_type, patch), errors,
            field_validation,
        )
        check_kind(new, resource.group_version, resource.kind)
        if warnings is not None:
            warnings.extend(found)
        if resets:
            new.metadata.managed_fields = [meta_v1.ManagedFieldsEntry()]
        elif not whole:
            new.metadata.managed_fields = old.metadata.managed_fields
        return new

    return transform


def struct_patch(
    struct: type[Object], group_version: str, kind: str, patch_type: str, patch: Any, *, field_validation: str, warnings: list[str],
    errors: Sequence[str],
) -> Callable[[Any], Any]:
    """The object that a patch makes of a document, for what is shown as an object without being stored as one.

    Args:
        warnings, errors: as for `patch_transform`.
    """
    strategic, validation = patch_type == STRATEGIC_MERGE_PATCH, "Ignore" if field_validation == "Ignore" else "Warn"

    def change(old: Any) -> Any:
        document = patched(old, patch_type, patch, struct)
        new, found = _checked(
            lambda: object_from_document(struct, group_version, kind, document, validation, strategic=strategic),
            lambda: go_map(patch) if strategic else encode_sorted(document).decode(), errors, field_validation,
        )
        check_kind(new, group_version, kind)
        warnings.extend(found)
        return new

    return change


def _checked(
    decode: Callable[[], tuple[Any, list[str]]], shown: Callable[[], str], errors: Sequence[str], field_validation: str
) -> tuple[Any, list[str]]:
    """The patched object, and warnings about patch and object.

    Args:
        shown: what upstream shows of a patch that is wrong.
        errors: what strict decoding says of the patch.
    Raises: InvalidError for wrong types; with Strict, for unknown and duplicate fields.
    """
    try:
        new, found = decode()
    except UndecodableError as error:
        raise invalid_patch(shown(), error.problem) from error
    found = [*errors, *found]
    if found and field_validation == "Strict":
        raise strict_patch_error(shown(), found)
    return new, found


def patched(document: Any, patch_type: str, patch: Any, struct: type[Any]) -> Any:
    """A document with a patch of one of the three types that know no owners."""
    if patch_type == JSON_PATCH:
        return json_patch(document, patch)
    if patch_type == MERGE_PATCH:
        return merge_patch(document, patch)
    return strategic_merge_patch(document, patch, struct)


def plain_document(obj: Any) -> Any:
    """The document of an object without managedFields, which are long and seldom of interest."""
    metadata = obj.metadata
    if not metadata.managed_fields:
        return to_document(obj)
    without = msgspec.structs.replace(metadata, managed_fields=[])
    if isinstance(obj, CustomObject):
        return to_document(type(obj)(obj.kind, obj.api_version, without, obj.content))
    return to_document(msgspec.structs.replace(obj, metadata=without))


def _touches_managed_fields(patch: Any) -> bool:
    """Whether a patch may read or write managedFields."""
    if not isinstance(patch, list):
        metadata = patch.get("metadata")
        return "managedFields" in metadata if isinstance(metadata, dict) else "metadata" in patch or "$patch" in patch
    paths = [operation.get(name) for operation in patch if isinstance(operation, dict) for name in ("path", "from")]
    return any(path in ("", "/metadata") or "managedFields" in path for path in paths if isinstance(path, str))


def resets_managed_fields(document: Any) -> bool:
    """Whether a document says by an empty list that nobody owns anything."""
    metadata = document.get("metadata") if isinstance(document, dict) else None
    return isinstance(metadata, dict) and metadata.get("managedFields") == []


def check_patch_type(storage: Storage, patch_type: str) -> None:
    """Raises: UnsupportedMediaTypeError."""
    known = PATCH_TYPES if storage.strategic else CUSTOM_PATCH_TYPES
    if patch_type not in known:
        raise unsupported(known)


def _decode(storage: Storage, document: Any, patch_type: str, field_validation: str) -> tuple[Any, list[str]]:
    """The patched object, and strict decoding's errors about it.

    Raises: UndecodableError for wrong types.
    """
    resource = storage.resource
    validation = "Ignore" if field_validation == "Ignore" else "Warn"
    if patch_type == STRATEGIC_MERGE_PATCH:
        return object_from_document(storage.struct, resource.group_version, resource.kind, document, validation, strategic=True)
    return storage.from_document(document, validation)


def _shown(storage: Storage, old: Any, patch_type: str, patch: Any) -> str:
    """What upstream shows of a patch that is wrong: its outcome, or for a strategic one itself."""
    if patch_type == STRATEGIC_MERGE_PATCH:
        return go_map(patch)
    return encode_sorted(patched(to_document(old), patch_type, patch, storage.struct)).decode()


def replace_transform(obj: Any) -> Callable[[Any], Any]:
    """The transform of a PUT."""
    return lambda old: obj


def change_transform(change: Callable[[Any], None]) -> Callable[[Any], Any]:
    """The transform that changes a copy of the present object in place."""

    def transform(old: Any) -> Any:
        new = deep_copy(old)
        new.metadata.managed_fields = old.metadata.managed_fields
        change(new)
        return new

    return transform
