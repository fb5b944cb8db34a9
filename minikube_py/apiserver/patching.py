"""From a patch to a new object: what the Registry's update applies to the newest version.

Source: k8s.io/apiserver/pkg/endpoints/handlers/patch.go
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minikube_py.apis.scheme import deep_copy, to_document
from minikube_py.core.errors import BadRequestError, UnsupportedMediaTypeError, not_found

from .decoding import check_kind
from .patch import json_patch, merge_patch, strategic_merge_patch
from .storage import Storage

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH)
CUSTOM_PATCH_TYPES = (JSON_PATCH, MERGE_PATCH)


def patch_transform(
    storage: Storage, patch_type: str, patch: Any, *, field_validation: str = "", warnings: list[str] | None = None
) -> Callable[[Any], Any]:
    """The transform that a patch document stands for, for `Registry.update`.

    Args:
        patch: the decoded patch: a list of operations for JSON patch, an object for the others.
        warnings: filled with what the patched object has too much.
    Raises: UnsupportedMediaTypeError; BadRequestError for a patch that is no patch.
    """
    known = PATCH_TYPES if storage.strategic else CUSTOM_PATCH_TYPES
    if patch_type not in known:
        raise UnsupportedMediaTypeError(
            f"the body of the request was in an unknown format - accepted media types include: {', '.join(known)}"
        )
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
        new, unknown = storage.from_document(document, field_validation)
        check_kind(new, resource.group_version, resource.kind)
        if warnings is not None:
            warnings.extend(unknown)
        return new

    return transform


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
