"""Strategy of CustomResourceDefinitions.

Source: k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition/strategy.go and etcd.go
"""

from __future__ import annotations

from typing import Any

import msgspec

from minikube_py.apis.apiextensions_v1 import (
    CustomResourceDefinition,
    CustomResourceDefinitionCondition,
    CustomResourceDefinitionSpec,
    CustomResourceDefinitionStatus,
)
from minikube_py.core.clock import SYSTEM_CLOCK, Clock, rfc3339

from ..context import Context
from ..strategy import Strategy

CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


class CustomResourceDefinitionStrategy(Strategy):
    """A definition remembers in which versions its objects were stored, and does not go before them."""

    generation = True

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock

    def prepare_create(self, obj: CustomResourceDefinition, context: Context) -> None:
        obj.metadata.generation = 1
        obj.status = CustomResourceDefinitionStatus(stored_versions=storage_versions(obj.spec))

    def prepare_update(self, new: Any, old: Any, context: Context) -> None:
        super().prepare_update(new, old, context)
        more = [name for name in storage_versions(new.spec) if name not in old.status.stored_versions]
        if more:
            new.status = msgspec.structs.replace(old.status, stored_versions=[*old.status.stored_versions, *more])

    def begin_deletion(self, obj: CustomResourceDefinition) -> None:
        if CLEANUP_FINALIZER not in obj.metadata.finalizers:
            obj.metadata.finalizers = [*obj.metadata.finalizers, CLEANUP_FINALIZER]
        set_condition(obj, CustomResourceDefinitionCondition(
            type="Terminating", status="True", reason="InstanceDeletionPending",
            message="CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
            last_transition_time=rfc3339(self._clock.now()),
        ))


def storage_versions(spec: CustomResourceDefinitionSpec) -> list[str]:
    """The names of the versions that are stored: one in a valid definition."""
    return [version.name for version in spec.versions if version.storage]


def condition(definition: CustomResourceDefinition, type_: str) -> CustomResourceDefinitionCondition | None:
    return next((known for known in definition.status.conditions if known.type == type_), None)


def is_true(definition: CustomResourceDefinition, type_: str) -> bool:
    known = condition(definition, type_)
    return known is not None and known.status == "True"


def set_condition(definition: CustomResourceDefinition, new: CustomResourceDefinitionCondition) -> None:
    """Put a condition into the status, in its place; its time is kept while its status is the same."""
    known = condition(definition, new.type)
    if known is not None and known.status == new.status:
        new.last_transition_time = known.last_transition_time
    others = definition.status.conditions
    definition.status.conditions = [new if c.type == new.type else c for c in others] if known is not None else [*others, new]
