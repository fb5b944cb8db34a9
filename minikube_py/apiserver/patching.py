"""From a patch to a new object: what the Registry's update applies to the newest version.

Source: k8s.io/apiserver/pkg/endpoints/handlers/patch.go
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minikube_py.apis.scheme import deep_copy, to_document
from minikube_py.core.errors import BadRequestError, not_found

from .decoding import UndecodableError, check_kind, encode_sorted, object_from_document, unsupported
from .patch import json_patch, merge_patch, strategic_merge_patch
from .patch_document import JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, go_map, invalid_patch, strict_patch_error
from .storage import Storage

PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH)
CUSTOM_PATCH_TYPES = (JSON_PATCH, MERGE_PATCH)


def patch_transform(
    storage: Storage, patch_type: str, patch: Any, *, field_validation: str = "", warnings: list[str] | None = None,
    errors: Sequence[str] = (),
) -> Callable[[Any], Any]:
    """The transform that a patch document stands for, for `Registry.update`.

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

    def transform(old: Any) -> Any:
        if old is None:
            raise not_found(resource.group, resource.plural, "")
        document = to_document(old)
        if patch_type == JSON_PATCH:
            document = json_patch(document, patch)
        elif patch_type == MERGE_PATCH:
            document = merge_patch(document, patch)
        else:
            document = strategic_merge_patch(document, patch, storage.struct)
        new, found = _decode(storage, document, patch_type, patch, field_validation)
        found = [*errors, *found]
        if found and field_validation == "Strict":
            raise strict_patch_error(_shown(document, patch_type, patch), found)
        check_kind(new, resource.group_version, resource.kind)
        if warnings is not None:
            warnings.extend(found)
        return new

    return transform


def check_patch_type(storage: Storage, patch_type: str) -> None:
    """Raises: UnsupportedMediaTypeError."""
    known = PATCH_TYPES if storage.strategic else CUSTOM_PATCH_TYPES
    if patch_type not in known:
        raise unsupported(known)


def _decode(storage: Storage, document: Any, patch_type: str, patch: Any, field_validation: str) -> tuple[Any, list[str]]:
    """The patched object, and strict decoding's errors about it.

    Raises: InvalidError for wrong types.
    """
    resource = storage.resource
    validation = "Ignore" if field_validation == "Ignore" else "Warn"
    try:
        if patch_type == STRATEGIC_MERGE_PATCH:
            return object_from_document(
                storage.struct, resource.group_version, resource.kind, document, validation, strategic=True
            )
        return storage.from_document(document, validation)
    except UndecodableError as error:
        raise invalid_patch(_shown(document, patch_type, patch), error.problem) from error


def _shown(document: Any, patch_type: str, patch: Any) -> str:
    """What upstream shows of a patch that is wrong: its outcome, or for a strategic one itself."""
    return go_map(patch) if patch_type == STRATEGIC_MERGE_PATCH else encode_sorted(document).decode()


def replace_transform(obj: Any) -> Callable[[Any], Any]:
    """The transform of a PUT."""
    return lambda old: obj


def change_transform(change: Callable[[Any], None]) -> Callable[[Any], Any]:
    """The transform that changes a copy of the present object in place."""

    def transform(old: Any) -> Any:
        new = deep_copy(old)
        change(new)
        return new

    return transform
