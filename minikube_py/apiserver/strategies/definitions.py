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
from minikube_py.apis.definition_status import with_condition
from minikube_py.apis.scheme import encode_sorted
from minikube_py.core.clock import SYSTEM_CLOCK, Clock

from ..context import Context
from ..strategy import Strategy

CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


class CustomResourceDefinitionStrategy(Strategy):
    """A definition remembers in which versions its objects were stored, and does not go before them.

    An update of its status changes metadata, too: upstream resets it to what was sent.
    """

    generation = True
    unconditional_update = False
    marks_deletion = True

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

    def desired(self, obj: CustomResourceDefinition) -> bytes:
        return encode_sorted(obj.spec)  # In the values of schemas 1 and true are not the same.

    def warnings_on_create(self, obj: CustomResourceDefinition, context: Context) -> list[str]:
        from minikube_py.apis.validation.definition_warnings import definition_warnings

        return definition_warnings(obj, None)

    def warnings_on_update(
        self, new: CustomResourceDefinition, old: CustomResourceDefinition, subresource: str, context: Context
    ) -> list[str]:
        from minikube_py.apis.validation.definition_warnings import definition_warnings

        return [] if subresource else definition_warnings(new, old)

    def begin_deletion(self, obj: CustomResourceDefinition, policy: str | None) -> None:
        if CLEANUP_FINALIZER not in obj.metadata.finalizers:
            obj.metadata.finalizers = [*obj.metadata.finalizers, CLEANUP_FINALIZER]
        pending = CustomResourceDefinitionCondition(
            type="Terminating", status="True", reason="InstanceDeletionPending",
            message="CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        )
        obj.status.conditions = with_condition(obj.status.conditions, pending, self._clock.now())


def storage_versions(spec: CustomResourceDefinitionSpec) -> list[str]:
    """The names of the versions that are stored: one in a valid definition."""
    return [version.name for version in spec.versions if version.storage]
