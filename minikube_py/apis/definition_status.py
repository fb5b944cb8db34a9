"""What the status of a CustomResourceDefinition should say: which names it may have, and its conditions. Pure.

Not owned: `Terminating`, which tells how far the removal of its objects is.
Source: k8s.io/apiextensions-apiserver/pkg/controller/status/naming_controller.go, establish/establishing_controller.go,
apiapproval/apiapproval_controller.go, nonstructuralschema/nonstructuralschema_controller.go, pkg/apihelpers/helpers.go
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from ..core.clock import rfc3339
from . import approval
from .apiextensions_v1 import (
    CustomResourceDefinition,
    CustomResourceDefinitionCondition,
    CustomResourceDefinitionNames,
    CustomResourceDefinitionStatus,
)
from .validation.conversions import bundle_problem

_NON_STRUCTURAL = "NonStructuralSchema"
_APPROVALS = {
    approval.INVALID: "InvalidAnnotation", approval.MISSING: "MissingAnnotation", approval.APPROVED: "ApprovedAnnotation",
    approval.BYPASSED: "UnapprovedAnnotation",
}


def definition_status(
    definition: CustomResourceDefinition, all_definitions: Iterable[CustomResourceDefinition], now: datetime
) -> CustomResourceDefinitionStatus:
    """The status that a definition should have; equal to the present one if nothing is to be changed. Nothing given is changed.

    Args:
        all_definitions: every definition, this one too.
    """
    names, accepted = _accept_names(definition, all_definitions)
    wanted = [accepted, _established(definition, accepted)]
    structure = _structure(definition)
    conditions = definition.status.conditions or []
    if structure is None:
        conditions = [condition for condition in conditions if condition.type != _NON_STRUCTURAL]
    for condition in (*wanted, _approval(definition), structure):
        if condition is not None:
            conditions = with_condition(conditions, condition, now)
    return msgspec.structs.replace(definition.status, accepted_names=names, conditions=conditions)


def with_condition(
    conditions: list[CustomResourceDefinitionCondition] | None, new: CustomResourceDefinitionCondition, now: datetime
) -> list[CustomResourceDefinitionCondition]:
    """The conditions with one set, in its place; its time changes only with its status."""
    conditions = conditions or []
    for index, known in enumerate(conditions):
        if known.type == new.type:
            time = known.last_transition_time if known.status == new.status else rfc3339(now)
            return [*conditions[:index], msgspec.structs.replace(new, last_transition_time=time), *conditions[index + 1 :]]
    return [*conditions, msgspec.structs.replace(new, last_transition_time=rfc3339(now))]


def find_condition(definition: CustomResourceDefinition, type_: str) -> CustomResourceDefinitionCondition | None:
    return next((condition for condition in definition.status.conditions or () if condition.type == type_), None)


def _accept_names(
    definition: CustomResourceDefinition, all_definitions: Iterable[CustomResourceDefinition]
) -> tuple[CustomResourceDefinitionNames, CustomResourceDefinitionCondition]:
    """The names that a definition gets: those it asks for as far as nobody else in its group has them, else those it had."""
    wanted = definition.spec.names
    had = definition.status.accepted_names
    resources, kinds = set(), set()
    for other in all_definitions:
        taken = other.status.accepted_names
        if other.spec.group == definition.spec.group:
            resources |= {taken.plural, taken.singular, *taken.short_names}
            kinds |= {taken.kind, taken.list_kind}
    names = msgspec.structs.replace(had, categories=wanted.categories)
    reason = message = ""
    for field, used, conflict in (
        ("plural", resources, "PluralConflict"), ("singular", resources, "SingularConflict"),
        ("short_names", resources, "ShortNamesConflict"), ("kind", kinds, "KindConflict"), ("list_kind", kinds, "ListKindConflict"),
    ):
        asked, present = getattr(wanted, field), getattr(had, field)
        many = isinstance(asked, list)
        contested = [f'"{name}" is already in use' for name in (asked if many else [asked])
                     if name and name in used and name not in (present if many else [present])]
        if contested:
            reason, message = conflict, _together(contested)
        else:
            setattr(names, field, asked)
    if reason:
        return names, CustomResourceDefinitionCondition(type="NamesAccepted", status="False", reason=reason, message=message)
    return names, CustomResourceDefinitionCondition(
        type="NamesAccepted", status="True", reason="NoConflicts", message="no conflicts found")


def _established(
    definition: CustomResourceDefinition, accepted: CustomResourceDefinitionCondition
) -> CustomResourceDefinitionCondition:
    """Once established, a definition stays so."""
    present = find_condition(definition, "Established")
    if present is not None and (present.status == "True" or accepted.status != "True"):
        return present
    if accepted.status == "True" and _has_wrong_bundle(definition):
        return CustomResourceDefinitionCondition(
            type="Established", status="False", reason="InvalidCABundle", message="The conversion webhook CABundle is invalid")
    if accepted.status == "True":
        return CustomResourceDefinitionCondition(
            type="Established", status="True", reason="InitialNamesAccepted", message="the initial names have been accepted")
    return CustomResourceDefinitionCondition(
        type="Established", status="False", reason="NotAccepted", message="not all names are accepted")


def _has_wrong_bundle(definition: CustomResourceDefinition) -> bool:
    webhook = definition.spec.conversion.webhook if definition.spec.conversion is not None else None
    bundle = webhook.client_config.ca_bundle if webhook is not None and webhook.client_config is not None else None
    return bool(bundle and bundle_problem(bundle))


def _approval(definition: CustomResourceDefinition) -> CustomResourceDefinitionCondition | None:
    """Whether a definition in a group of the Kubernetes community says that it was approved there."""
    if not approval.is_protected(definition.spec.group):
        return None
    state, message = approval.approval(definition.metadata.annotations)
    return CustomResourceDefinitionCondition(
        type="KubernetesAPIApprovalPolicyConformant", status="True" if state == approval.APPROVED else "False",
        reason=_APPROVALS[state], message=message)


def _structure(definition: CustomResourceDefinition) -> CustomResourceDefinitionCondition | None:
    """Why a definition is not structural. Only definitions that preserve unknown fields can be, since updates of others are refused."""
    from .structural.rules import check_structural, conversion_problem  # Large; only clusters with definitions need it.

    if not definition.spec.preserve_unknown_fields:
        return None
    violations = ["spec.preserveUnknownFields: Invalid value: true: must be false"]
    for index, version in enumerate(definition.spec.versions):
        schema = version.schema.open_apiv3_schema if version.schema is not None else None
        if schema is None:
            continue
        document = msgspec.to_builtins(schema)
        if problem := conversion_problem(document):
            return CustomResourceDefinitionCondition(
                type=_NON_STRUCTURAL, status="Unknown", reason="StructuralError",
                message=f"failed to check validation schema for version {version.name}: {problem}")
        causes = check_structural(document, f"spec.versions[{index}].schema.openAPIV3Schema")
        violations += [f"{cause.field}: {cause.message}" for cause in causes]
    return CustomResourceDefinitionCondition(
        type=_NON_STRUCTURAL, status="True", reason="Violations", message=_together(list(dict.fromkeys(violations))))


def _together(messages: list[str]) -> str:
    """Several errors in one message."""
    return messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"
