"""Strategy of pods. Source: pkg/registry/core/pod/strategy.go, pkg/registry/core/pod/storage/storage.go"""

from __future__ import annotations

from typing import Any

import msgspec

from minikube_py.apis import core_v1
from minikube_py.apis.quantity import milli_value
from minikube_py.apis.scheme import deep_copy
from minikube_py.core.errors import Cause, invalid

from ..context import Context
from ..strategy import Strategy


class PodStrategy(Strategy):
    generation = True
    graceful = True

    def prepare_create(self, obj: Any, context: Context) -> None:
        obj.metadata.generation = 1
        obj.status = core_v1.PodStatus(phase="Pending", qos_class=qos_class(obj.spec))
        if obj.spec.scheduling_gates:
            obj.status.conditions = [core_v1.PodCondition(
                type="PodScheduled", status="False", reason="SchedulingGated",
                message="Scheduling is blocked due to non-empty scheduling gates"
            )]

    def prepare_status_update(self, new: Any, old: Any, context: Context) -> None:
        super().prepare_status_update(new, old, context)
        new.metadata.owner_references = old.metadata.owner_references
        new.status.qos_class = old.status.qos_class

    def prepare_binding(self, new: Any, old: Any, context: Context) -> None:
        """The binding subresource has made `new`. A binding is no change of what is wanted: the generation stays."""
        new.metadata.generation = old.metadata.generation

    def prepare_ephemeralcontainers(self, new: Any, old: Any, context: Context) -> None:
        added = new.spec.ephemeral_containers
        new.metadata = msgspec.structs.replace(old.metadata, managed_fields=new.metadata.managed_fields)
        new.spec = msgspec.structs.replace(old.spec, ephemeral_containers=added)
        new.status = old.status
        self.count_generation(new, old)

    def prepare_resize(self, new: Any, old: Any, context: Context) -> None:
        """Only the resources of containers, and how they are resized, change."""
        spec = deep_copy(old.spec)
        for kept, wanted in zip(spec.containers, new.spec.containers, strict=False):
            if kept.name == wanted.name:
                kept.resources, kept.resize_policy = wanted.resources, wanted.resize_policy
        qos = qos_class(spec)
        if qos != qos_class(old.spec):
            why = f'Invalid value: "{qos}": Pod QOS Class may not change as a result of resizing'
            raise invalid("", "Pod", old.metadata.name, [Cause("FieldValueInvalid", why, "spec")])
        new.metadata = msgspec.structs.replace(old.metadata, managed_fields=new.metadata.managed_fields)
        new.spec = spec
        new.status = old.status
        self.count_generation(new, old)

    def grace_period(self, obj: Any, asked: int | None) -> int:
        """What the request says, else the pod; none at all where there is nothing to end."""
        if not obj.spec.node_name or obj.status.phase in ("Succeeded", "Failed"):
            return 0
        seconds = asked if asked is not None else obj.spec.termination_grace_period_seconds or 0
        return 1 if seconds < 0 else int(seconds)


def qos_class(spec: core_v1.PodSpec) -> str:
    """Guaranteed, Burstable or BestEffort. Source: pkg/apis/core/v1/helper/qos/qos.go"""
    any_set = False
    guaranteed = True
    for container in (*spec.containers, *spec.init_containers):
        resources = container.resources
        requests = _compute(resources.requests) if resources else {}
        bounds = _compute(resources.limits) if resources else {}
        any_set = any_set or bool(requests) or bool(bounds)
        guaranteed = guaranteed and len(bounds) == 2 and (not requests or requests == bounds or all(
            milli_value(requests[name]) == milli_value(bounds[name]) for name in requests))
    if not any_set:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _compute(quantities: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in quantities.items() if name in ("cpu", "memory") and value not in ("0", 0)}
