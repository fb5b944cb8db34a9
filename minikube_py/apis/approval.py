"""Approval of API groups that belong to Kubernetes: custom resources in them need an annotation that says who approved them.

Source: k8s.io/apiextensions-apiserver/pkg/apihelpers/helpers.go
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from .syntax import quote
from .uri import is_request_uri

ANNOTATION = "api-approved.kubernetes.io"
INVALID, APPROVED, BYPASSED, MISSING = "Invalid", "Approved", "Bypassed", "Missing"
_SEE = "see https://github.com/kubernetes/enhancements/pull/1111"


def is_protected(group: str) -> bool:
    """Whether a group belongs to the community."""
    return group in ("k8s.io", "kubernetes.io") or group.endswith((".k8s.io", ".kubernetes.io"))


def approval(annotations: Mapping[str, str]) -> tuple[str, str]:
    """The state of the approval, and the reason for it in words."""
    text = annotations.get(ANNOTATION, "")
    needed = f"protected groups must have approval annotation {quote(ANNOTATION)}"
    if not text:
        return MISSING, f"{needed}, {_SEE}"
    if text.startswith("unapproved"):
        return BYPASSED, f"not approved: {quote(text)}"
    if is_request_uri(text):
        parts = urlsplit(text)
        if parts.scheme and parts.netloc:
            return APPROVED, f"approved in {text}"
    return INVALID, f'{needed} with either a URL or a reason starting with "unapproved", {_SEE}'
