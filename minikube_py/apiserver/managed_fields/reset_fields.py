"""Fields that a resource or a subresource takes back from who sends them: nobody owns them by such a request.

Most resources leave the status alone, and the status subresource the spec; what differs is a table here.

Source: the GetResetFields and GetResetFieldsFilter of pkg/registry/*/strategy.go
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .compare import Changes
from .field_set import ANY_ELEMENT, FieldSet, from_paths, included, recursive_difference


class Reset(NamedTuple):
    """A filter of sets.

    Attributes:
        fields: taken out, and what is below them.
        only: the pattern of what stays; empty for everything.
    """

    fields: FieldSet
    only: FieldSet

    def filter(self, fields: FieldSet) -> FieldSet:
        if self.fields:
            fields = recursive_difference(fields, self.fields)
        return included(fields, self.only) if self.only else fields

    def changes(self, changes: Changes) -> Changes:
        return (self.filter(changes[0]), self.filter(changes[1])) if self.fields or self.only else changes


NOTHING_RESET: Final = Reset({}, {})


def _reset(*paths: str) -> Reset:
    return Reset(from_paths(tuple(f"f:{name}" for name in path.split(".")) for path in paths), {})


_STATUS, _SPEC, _METADATA_AND_SPEC = _reset("status"), _reset("spec"), _reset("metadata", "spec")
_RESIZED: FieldSet = {ANY_ELEMENT: {"f:resizePolicy": {}, "f:resources": {}}}
_OTHERS: Final[dict[tuple[str, str], Reset]] = {
    ("pods", "status"): _reset("spec", "metadata.deletionTimestamp", "metadata.ownerReferences"),
    ("pods", "ephemeralcontainers"): Reset({}, {"f:spec": {"f:ephemeralContainers": {}}}),
    ("pods", "resize"): Reset({}, {"f:spec": {"f:containers": _RESIZED, "f:initContainers": _RESIZED}}),
    ("namespaces", "finalize"): _STATUS,
    ("deployments.apps", "status"): _reset("spec", "metadata.labels"),
    ("certificatesigningrequests.certificates.k8s.io", "status"): _reset("spec", "status.conditions"),
    ("certificatesigningrequests.certificates.k8s.io", "approval"): _reset("spec", "status.certificate"),
    ("flowschemas.flowcontrol.apiserver.k8s.io", "status"): _METADATA_AND_SPEC,
    ("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", "status"): _METADATA_AND_SPEC,
    ("volumeattachments.storage.k8s.io", "status"): _METADATA_AND_SPEC,
    ("apiservices.apiregistration.k8s.io", "status"): _METADATA_AND_SPEC,
    ("customresourcedefinitions.apiextensions.k8s.io", "status"): _METADATA_AND_SPEC,
}


def reset_fields(group_resource: str, subresource: str, *, has_status: bool, custom: bool) -> Reset:
    """What a resource or subresource resets.

    Args:
        has_status: whether the resource has a status subresource.
        custom: whether it is a custom resource.
    """
    if custom and subresource == "status":
        return _METADATA_AND_SPEC
    found = _OTHERS.get((group_resource, subresource))
    if found is not None:
        return found
    if subresource == "status":
        return _SPEC
    return _STATUS if has_status and not subresource else NOTHING_RESET
