"""The options of writes: who is named in managedFields, dry runs, force, and how objects are deleted.

Source: k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go (ValidateCreateOptions, ValidatePatchOptions, ...),
k8s.io/apiserver/pkg/endpoints/handlers/delete.go
"""

from __future__ import annotations

from minikube_py.apis import meta_v1
from minikube_py.apis.validation.causes import forbidden, not_supported, required
from minikube_py.apis.validation.metadata import validate_field_manager
from minikube_py.core.errors import BadRequestError, Cause
from minikube_py.core.errors import invalid as invalid_error

from ..decoding import FIELD_VALIDATION, decode_document, object_from_document
from ..deletion import dry_run_causes
from .query import Query


def check_write_options(query: Query, options: str, *, apply: bool = False) -> None:
    """Raises: InvalidError.

    Args:
        options: the kind of the request's options: CreateOptions, UpdateOptions, PatchOptions.
    """
    if not (query.all or apply):
        return
    causes: list[Cause] = []
    manager = query.text("fieldManager")
    if apply and not manager:
        causes.append(required("fieldManager", "is required for apply patch"))
    if options == "PatchOptions" and not apply and query.has("force"):
        causes.append(forbidden("force", "may not be specified for non-apply patch"))
    causes += validate_field_manager(manager, "fieldManager")
    causes += dry_run_causes(query.values("dryRun"))
    if query.text("fieldValidation") not in FIELD_VALIDATION:
        causes.append(not_supported("fieldValidation", query.text("fieldValidation"), FIELD_VALIDATION))
    if causes:
        raise invalid_error("meta.k8s.io", options, "", causes)


def read_delete_options(query: Query, body: bytes, content_type: str) -> meta_v1.DeleteOptions:
    """How to delete: what the body says, or, if there is none, the query.

    Raises: BadRequestError, UnsupportedMediaTypeError.
    """
    if body:
        document = decode_document(body, content_type)
        options: meta_v1.DeleteOptions
        options, _ = object_from_document(meta_v1.DeleteOptions, "v1", "DeleteOptions", document, "Ignore")
        if options.kind not in ("", "DeleteOptions"):
            raise BadRequestError("decoded object cannot be converted to DeleteOptions")
        return options
    options = meta_v1.DeleteOptions()
    if query.all:
        options.dry_run = query.values("dryRun")
        options.grace_period_seconds = query.number("gracePeriodSeconds")
        if query.has("propagationPolicy"):
            options.propagation_policy = query.text("propagationPolicy")
        if query.has("orphanDependents"):
            options.orphan_dependents = query.flag("orphanDependents")
        if query.text("uid"):
            options.preconditions = meta_v1.Preconditions(uid=query.text("uid"))
    return options
