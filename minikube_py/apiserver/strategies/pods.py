"""Strategy of pods.

Source: pkg/registry/core/pod/strategy.go, pkg/registry/core/pod/storage/storage.go
"""

from __future__ import annotations

from typing import Any

import msgspec

from minikube_py.apis.core_v1 import Container, Pod, PodCondition, PodStatus
from minikube_py.apis.disabled import drop_disabled_fields
from minikube_py.apis.pod_resources import qos_class
from minikube_py.apis.validation import validate_new_metadata
from minikube_py.apis.warnings.pods import pod_name
from minikube_py.core.errors import Cause

from ..context import Context
from ..strategy import Strategy
from .judged_specs import JudgedSpecs
from .pod_fields import merge_label_keys, take_app_armor_from_annotations


class PodStrategy(Strategy):
    """Parts of a pod are written apart: its status, its ephemeral containers, what its containers may use, and its node."""

    generation = True
    graceful = True

    def __init__(self) -> None:
        self._judged = JudgedSpecs()

    def causes_of_create(self, obj: Pod, context: Context) -> list[Cause]:
        """See Strategy. Of a spec that was found good before, nothing is asked again."""
        key, warnings = self._judged.key(obj), context.warnings
        if key is not None and self._judged.good(key, warns=warnings is not None):
            causes = validate_new_metadata(obj)
            if not causes and warnings is not None:
                warnings.extend(pod_name(obj.metadata.name))
            return causes
        told = len(warnings or ())
        causes = super().causes_of_create(obj, context)
        if key is not None and not causes and len(warnings or ()) == told:
            self._judged.remember(key, warned=warnings is not None)
        return causes

    def prepare_create(self, obj: Pod, context: Context) -> None:
        obj.metadata.generation = 1
        obj.status = PodStatus(phase="Pending", qos_class=qos_class(obj.spec))
        drop_disabled_fields(obj)
        if obj.spec.scheduling_gates:
            obj.status.conditions = [PodCondition(
                type="PodScheduled", status="False", reason="SchedulingGated",
                message="Scheduling is blocked due to non-empty scheduling gates"
            )]
        merge_label_keys(obj)
        take_app_armor_from_annotations(obj, context)

    def prepare_status_update(self, new: Pod, old: Pod, context: Context) -> None:
        super().prepare_status_update(new, old, context)
        new.metadata.owner_references = old.metadata.owner_references
        new.metadata.deletion_timestamp = old.metadata.deletion_timestamp
        new.status.qos_class = new.status.qos_class or old.status.qos_class
        _keep_observed_generations(new.status, old.status)
        drop_disabled_fields(new, old)

    def prepare_binding(self, new: Pod, old: Pod, context: Context) -> None:
        """The binding subresource has made `new`. A binding is no change of what is wanted: the generation stays."""
        new.metadata.generation = old.metadata.generation

    def prepare_ephemeralcontainers(self, new: Pod, old: Pod, context: Context) -> None:
        added = new.spec.ephemeral_containers
        new.metadata = msgspec.structs.replace(old.metadata, managed_fields=new.metadata.managed_fields)
        new.spec = msgspec.structs.replace(old.spec, ephemeral_containers=added)
        new.status = old.status
        drop_disabled_fields(new, old)
        self.count_generation(new, old)

    def prepare_resize(self, new: Pod, old: Pod, context: Context) -> None:
        """Only what the pod and its containers may use, and how they are resized, change.

        Containers that came, went or changed places are left for validation to refuse.
        """
        own, was = new.spec, old.spec
        if len(own.containers) == len(was.containers) and len(own.init_containers) == len(was.init_containers):
            new.metadata = msgspec.structs.replace(old.metadata, managed_fields=new.metadata.managed_fields)
            new.spec = msgspec.structs.replace(
                was, containers=_resized(own.containers, was.containers),
                init_containers=_resized(own.init_containers, was.init_containers), resources=own.resources)
            new.status = old.status
        self.count_generation(new, old)

    def grace_period(self, obj: Any, asked: int | None) -> int:
        """What the request says, else the pod; none at all where there is nothing to end."""
        if not obj.spec.node_name or obj.status.phase in ("Succeeded", "Failed"):
            return 0
        seconds = asked if asked is not None else obj.spec.termination_grace_period_seconds or 0
        return 1 if seconds < 0 else int(seconds)


def _resized(new: list[Container], old: list[Container]) -> list[Container]:
    if any(item.name != known.name for item, known in zip(new, old, strict=True)):
        return new
    return [msgspec.structs.replace(known, resources=item.resources, resize_policy=item.resize_policy)
            for item, known in zip(new, old, strict=True)]


def _keep_observed_generations(new: PodStatus, old: PodStatus) -> None:
    """A client that knows nothing of generations does not clear them; conditions of one type are told apart by their order."""
    new.observed_generation = new.observed_generation or old.observed_generation
    known: dict[str, list[int | None]] = {}
    for condition in old.conditions:
        known.setdefault(condition.type, []).append(condition.observed_generation)
    kept = [(condition, generations.pop(0) if (generations := known.get(condition.type)) else None) for condition in new.conditions]
    if any(generation and not condition.observed_generation for condition, generation in kept):
        new.conditions = [msgspec.structs.replace(condition, observed_generation=condition.observed_generation or generation)
                          for condition, generation in kept]
