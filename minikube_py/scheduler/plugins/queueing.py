"""Which pod is next, which pods wait for leave, and how a pod is bound.

Source: pkg/scheduler/framework/plugins/{queuesort,schedulinggates,defaultbinder}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from minikube_py.apis import core_v1, meta_v1
from minikube_py.client.interface import Client

from ..framework import ClusterEvent, Code, CycleState, Hint, Status
from ..pod_info import PodInfo


class PrioritySort:
    """Pods of higher priority first, then those that wait longest."""

    name: ClassVar = "PrioritySort"

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {}

    def sort_key(self, pod: PodInfo, added_at: float) -> tuple[Any, ...]:
        return -pod.priority, added_at


class SchedulingGates:
    """Pods with gates are not tried."""

    name: ClassVar = "SchedulingGates"

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {ClusterEvent.POD_SELF: None}

    def pre_enqueue(self, pod: PodInfo) -> Status | None:
        gates = [gate.name for gate in pod.pod.spec.scheduling_gates]
        if not gates:
            return None
        return Status(self.name, Code.UNRESOLVABLE, (f"waiting for scheduling gates: [{' '.join(gates)}]",))


class DefaultBinder:
    """Binds through the pod's binding subresource."""

    name: ClassVar = "DefaultBinder"

    def __init__(self, client: Client) -> None:
        self._client = client

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {}

    async def bind(self, state: CycleState, pod: PodInfo, node_name: str) -> bool:
        binding = core_v1.Binding(
            kind="Binding", api_version="v1",
            metadata=meta_v1.ObjectMeta(name=pod.name, namespace=pod.namespace, uid=pod.uid),
            target=core_v1.ObjectReference(kind="Node", name=node_name),
        )
        await self._client.call(core_v1.Pod, pod.name, pod.namespace, "binding", binding)
        return True
