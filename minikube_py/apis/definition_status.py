"""What the status of a CustomResourceDefinition should say: which names it may have, and its conditions. Pure.

Not owned: `Terminating`, which tells how far the removal of its objects is.
Source: k8s.io/apiextensions-apiserver/pkg/controller/status/naming_controller.go, establish/establishing_controller.go,
apiapproval/apiapproval_controller.go, pkg/apihelpers/helpers.go
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from ..core.clock import rfc3339
from .apiextensions_v1 import (
    CustomResourceDefinition,
    CustomResourceDefinitionCondition,
    CustomResourceDefinitionNames,
    CustomResourceDefinitionStatus,
)

APPROVAL = "api-approved.kubernetes.io"
_SEE = "see https://github.com/kubernetes/enhancements/pull/1111"


def definition_status(
    definition: CustomResourceDefinition, all_definitions: Iterable[CustomResourceDefinition], now: datetime
) -> CustomResourceDefinitionStatus:
    """The status that a definition should have; equal to the present one if nothing is to be changed. Nothing given is changed.

    Args:
        all_definitions: every definition, this one too.
    """
    names, accepted = _accept_names(definition, all_definitions)
    wanted = [accepted, _established(definition, accepted)]
    approval = _approval(definition)
    if approval is not None:
        wanted.append(approval)
    conditions = definition.status.conditions
    for condition in wanted:
        conditions = with_condition(conditions, condition, now)
    return msgspec.structs.replace(definition.status, accepted_names=names, conditions=conditions)


def with_condition(
    conditions: list[CustomResourceDefinitionCondition], new: CustomResourceDefinitionCondition, now: datetime
) -> list[CustomResourceDefinitionCondition]:
    """The conditions with one set, in its place; its time changes only with its status."""
    for index, known in enumerate(conditions):
        if known.type == new.type:
            time = known.last_transition_time if known.status == new.status else rfc3339(now)
            return [*conditions[:index], msgspec.structs.replace(new, last_transition_time=time), *conditions[index + 1 :]]
    return [*conditions, msgspec.structs.replace(new, last_transition_time=rfc3339(now))]


def find_condition(definition: CustomResourceDefinition, type_: str) -> CustomResourceDefinitionCondition | None:
    return next((condition for condition in definition.status.conditions if condition.type == type_), None)


def _accept_names(
    definition: CustomResourceDefinition, all_definitions: Iterable[CustomResourceDefinition]
) -> tuple[CustomResourceDefinitionNames, CustomResourceDefinitionCondition]:
    """The names that a definition gets: those it asks for as far as nobody else in its group has them, else those it had."""
    wanted = definition.spec.names or CustomResourceDefinitionNames()
    had = definition.status.accepted_names or CustomResourceDefinitionNames()
    resources, kinds = set(), set()
    for other in all_definitions:
        taken = other.status.accepted_names
        if other.spec.group == definition.spec.group and taken is not None:
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
            reason, message = conflict, contested[0] if len(contested) == 1 else f"[{', '.join(contested)}]"
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
    if accepted.status == "True":
        return CustomResourceDefinitionCondition(
            type="Established", status="True", reason="InitialNamesAccepted", message="the initial names have been accepted")
    return CustomResourceDefinitionCondition(
        type="Established", status="False", reason="NotAccepted", message="not all names are accepted")


def _approval(definition: CustomResourceDefinition) -> CustomResourceDefinitionCondition | None:
    """Whether a definition in a group of the Kubernetes community says that it was approved there."""
    group = definition.spec.group
    if not any(group == owned or group.endswith(f".{owned}") for owned in ("k8s.io", "kubernetes.io")):
        return None
    value = definition.metadata.annotations.get(APPROVAL, "")
    status = "False"
    if not value:
        reason, message = "MissingAnnotation", f'protected groups must have approval annotation "{APPROVAL}", {_SEE}'
    elif value.startswith("unapproved"):
        reason, message = "UnapprovedAnnotation", f'not approved: "{value}"'
    elif _is_url(value):
        status, reason, message = "True", "ApprovedAnnotation", f"approved in {value}"
    else:
        reason = "InvalidAnnotation"
        message = (f'protected groups must have approval annotation "{APPROVAL}" with either a URL or a reason starting with "unapproved", '
                   f"{_SEE}")
    return CustomResourceDefinitionCondition(
        type="KubernetesAPIApprovalPolicyConformant", status=status, reason=reason, message=message)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)
