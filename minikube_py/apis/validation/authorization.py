"""Rules of access reviews.

Source: pkg/apis/authorization/validation/validation.go, apimachinery's pkg/apis/meta/v1/validation/validation.go
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .. import meta_v1, syntax
from ..authorization_v1 import (
    FieldSelectorAttributes,
    LabelSelectorAttributes,
    LocalSubjectAccessReview,
    NonResourceAttributes,
    ResourceAttributes,
    SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)
from .causes import Causes, forbidden, invalid, required
from .common import matches


def subject_access_review(causes: Causes, review: SubjectAccessReview) -> None:
    _spec(causes, review.spec)
    if _rest(review.metadata) != meta_v1.ObjectMeta():
        causes.append(invalid("metadata", review.metadata, "must be empty"))


def self_subject_access_review(causes: Causes, review: SelfSubjectAccessReview) -> None:
    _spec(causes, review.spec)
    if _rest(review.metadata) != meta_v1.ObjectMeta():
        causes.append(invalid("metadata", review.metadata, "must be empty"))


def local_subject_access_review(causes: Causes, review: LocalSubjectAccessReview) -> None:
    _spec(causes, review.spec)
    meta, resource, path = review.metadata, review.spec.resource_attributes, review.spec.non_resource_attributes
    if msgspec.structs.replace(_rest(meta), namespace="") != meta_v1.ObjectMeta():
        causes.append(invalid("metadata", meta, "must be empty except for namespace"))
    if resource is not None and resource.namespace != meta.namespace:
        causes.append(invalid("spec.resourceAttributes.namespace", resource.namespace, "must match metadata.namespace"))
    if path is not None:
        causes.append(invalid("spec.nonResourceAttributes", path, "disallowed on this kind of request"))


def _rest(meta: meta_v1.ObjectMeta) -> meta_v1.ObjectMeta:
    """What the server did not put there itself."""
    return msgspec.structs.replace(meta, managed_fields=[])


def _spec(causes: Causes, spec: SubjectAccessReviewSpec | SelfSubjectAccessReviewSpec) -> None:
    resource: ResourceAttributes | None = spec.resource_attributes
    path: NonResourceAttributes | None = spec.non_resource_attributes
    if resource is not None and path is not None:
        causes.append(invalid("spec.nonResourceAttributes", path, "cannot be specified in combination with resourceAttributes"))
    if resource is None and path is None:
        causes.append(invalid("spec.resourceAttributes", None,
                              "exactly one of nonResourceAttributes or resourceAttributes must be specified"))
    if isinstance(spec, SubjectAccessReviewSpec) and not spec.user and not spec.groups:
        causes.append(invalid("spec.user", "", "at least one of user or group must be specified"))
    if resource is not None:
        _selector(causes, "spec.resourceAttributes.fieldSelector", resource.field_selector)
        _selector(causes, "spec.resourceAttributes.labelSelector", resource.label_selector)


def _selector(causes: Causes, path: str, selector: FieldSelectorAttributes | LabelSelectorAttributes | None) -> None:
    if selector is None:
        return
    if selector.raw_selector and selector.requirements:
        causes.append(invalid(f"{path}.rawSelector", selector.raw_selector, "may not specified at the same time as requirements"))
    if not selector.raw_selector and not selector.requirements:
        causes.append(required(f"{path}.requirements", f"when {path} is specified, requirements or rawSelector is required"))
    requirements: Sequence[meta_v1.FieldSelectorRequirement | meta_v1.LabelSelectorRequirement] = selector.requirements
    for index, requirement in enumerate(requirements):
        _requirement(causes, f"{path}.requirements[{index}]", requirement)


def _requirement(causes: Causes, path: str, requirement: meta_v1.FieldSelectorRequirement | meta_v1.LabelSelectorRequirement) -> None:
    """Operators that this server does not know are let through: newer clients may."""
    is_field = isinstance(requirement, meta_v1.FieldSelectorRequirement)
    if is_field and not requirement.key:
        causes.append(required(f"{path}.key", "must be specified"))
    if requirement.operator in ("In", "NotIn") and not requirement.values:
        causes.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    if requirement.operator in ("Exists", "DoesNotExist") and requirement.values:
        causes.append(forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    if not is_field:
        matches(causes, f"{path}.key", requirement.key, syntax.label_key)
