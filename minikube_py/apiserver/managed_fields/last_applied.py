"""The annotation in which kubectl's client-side apply keeps what it applied: what it says who owned, and keeping it true.

Source: k8s.io/apimachinery/pkg/util/managedfields/internal/{lastapplied,lastappliedmanager,lastappliedupdater}.go
"""

from __future__ import annotations

from typing import Any

import msgspec

from .compare import compare
from .document_sets import fields_in
from .field_set import FieldSet, difference
from .field_types import FieldType
from .list_keys import FieldPathError
from .merge import TypedError, check
from .path_element import encode_value

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Source: k8s.io/apimachinery/pkg/api/validation/objectmeta.go (TotalAnnotationSizeLimitB)
ANNOTATIONS_BYTES_MAX = 256 * 1024


def _annotations(document: dict[str, Any]) -> dict[str, Any]:
    metadata = document.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def last_applied_of(document: dict[str, Any]) -> str:
    """What the annotation says; "" if there is none."""
    text = _annotations(document).get(LAST_APPLIED, "")
    return text if isinstance(text, str) else ""


def allowed_conflicts(type_: FieldType, group_version: str, live: dict[str, Any], text: str) -> FieldSet | None:
    """The fields that client-side apply set and that are still so; None if the annotation does not tell."""
    try:
        applied = msgspec.json.decode(text)
        if not isinstance(applied, dict) or applied.get("apiVersion") != group_version or not applied.get("kind"):
            return None
        check(type_, applied)
        changed, removed = compare(type_, applied, live)
        return difference(difference(fields_in(type_, applied), changed), removed)
    except (msgspec.DecodeError, RecursionError, TypedError, FieldPathError):
        return None


def updated_annotations(document: dict[str, Any], applied: dict[str, Any]) -> dict[str, Any] | None:
    """The annotations of a document that has the annotation, with what is applied in it; without it if they grow too large."""
    if not last_applied_of(document):
        return None
    kept = dict(applied)
    if isinstance(kept.get("metadata"), dict) and isinstance(kept["metadata"].get("annotations"), dict):
        others = {name: value for name, value in kept["metadata"]["annotations"].items() if name != LAST_APPLIED}
        kept["metadata"] = {**kept["metadata"], "annotations": others}
    annotations = {**_annotations(document), LAST_APPLIED: encode_value(kept) + "\n"}
    if sum(len(name.encode()) + len(str(value).encode()) for name, value in annotations.items()) > ANNOTATIONS_BYTES_MAX:
        del annotations[LAST_APPLIED]
    return annotations
