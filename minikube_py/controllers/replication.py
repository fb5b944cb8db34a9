"""Keeping a number of equal pods: the engine of ReplicaSets and ReplicationControllers.

Owns counting, creating and deleting pods and the status that tells of it. Both kinds differ in types only, which `Replicated` names.
A set whose cache lags behind its own work (expectations) is counted but not changed.
Source: pkg/controller/replicaset/replica_set.go and replica_set_utils.go.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from minikube_py.apis.core_v1 import Pod, PodTemplateSpec
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import deep_copy
from minikube_py.core.clock import rfc3339
from minikube_py.core.errors import StatusError

from . import pods as pod_rules
from .base import Context, Controller
from .expectations import Expectations
from .pod_control import PodControl, first_failure, namespace_is_terminating, pod_from_template, slow_start
from .refs import Claims, Matcher, controlled_and_orphans, controller_of, index_by_controller, meta_of
from .status import condition_of, with_condition, without_condition

# Pods that one pass creates or deletes at most. Source: replica_set.go, BurstReplicas.
BURST = 500


@dataclass(slots=True)
class _Outcome:
    """What one pass of creating or deleting came to."""

    error: StatusError | None = None
    reason: str = ""


class ReplicationBase(Controller):
    """The engine; a subclass names the kind and reads its fields."""

    kind: ClassVar[type[Any]]
    condition_type: ClassVar[type[Any]]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.sets = self.informer(self.kind)
        self.pods = self.informer(Pod)
        index_by_controller(self.pods)
        self.expectations = Expectations(self.pods)
        self.pod_control = PodControl(self.client, self.events, self.expectations)
        self.sets.add_handler(self.enqueue_changed)
        self.pods.add_handler(self._pod_changed)

    @abstractmethod
    def matcher(self, owner: Any) -> Matcher:
        """Tells whether the selector of a set matches labels."""

    @abstractmethod
    def template(self, owner: Any) -> PodTemplateSpec:
        """The template of a set's pods."""

    def related_pods(self, owner: Any) -> Sequence[Pod]:
        """Pods that should spread over nodes together with those of `owner`."""
        return self.pods.by_index("controller", meta_of(owner).uid)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        owner_uids = {ref.uid: ref for pod in (old, new) if pod is not None and (ref := controller_of(pod)) is not None}
        namespace = (new or old or Pod()).metadata.namespace
        for uid, ref in owner_uids.items():
            owner = self.sets.get(ref.name, namespace)
            if owner is not None and meta_of(owner).uid == uid:
                self.enqueue(owner)
        if new is None or new.metadata.deletion_timestamp or controller_of(new) is not None:
            return
        if old is not None and old.metadata.labels == new.metadata.labels and controller_of(old) is None:
            return
        for owner in self.sets.list(namespace):
            if self.matcher(owner)(new.metadata.labels):
                self.enqueue(owner)

    async def reconcile(self, key: str) -> float | None:
        owner: Any = self.sets.get_key(key)
        if owner is None:
            self.expectations.forget(key)
            return None
        manage = self.expectations.satisfied(key)
        candidates = [pod for pod in controlled_and_orphans(self.pods, owner) if not pod_rules.is_terminal(pod)]
        claims = Claims(self.client, Pod, owner, self.matcher(owner))
        active = await claims.claim([pod for pod in candidates if pod_rules.is_active(pod)])
        outcome = _Outcome()
        if manage and not owner.metadata.deletion_timestamp:
            outcome = await self._scale(key, owner, active)
        terminating = [
            pod for pod in candidates if pod.metadata.deletion_timestamp and (ref := controller_of(pod)) and ref.uid == owner.metadata.uid
        ]
        await self._write_status(owner, active, len(terminating), outcome)
        if outcome.error is not None:
            raise outcome.error
        if not manage:
            return self.expectations.remaining_s(key)
        return pod_rules.next_available_s(active, owner.spec.min_ready_seconds, self.clock.now())

    async def _scale(self, key: str, owner: Any, active: list[Pod]) -> _Outcome:
        difference = len(active) - _replicas(owner)
        if difference < 0:
            count = min(-difference, BURST)
            template = self.template(owner)
            _, error = await slow_start(
                count, lambda _: self.pod_control.create(key, owner, pod_from_template(template, owner))
            )
            if error is not None and namespace_is_terminating(error):
                return _Outcome()
            return _Outcome(error, "FailedCreate" if error else "")
        if difference > 0:
            doomed = self._choose(owner, active, min(difference, BURST))
            results = await asyncio.gather(*(self.pod_control.delete(key, owner, pod) for pod in doomed), return_exceptions=True)
            error = first_failure(results)
            return _Outcome(error, "FailedDelete" if error else "")
        return _Outcome()

    def _choose(self, owner: Any, active: list[Pod], count: int) -> list[Pod]:
        """The pods to delete: those whose loss costs least, of crowded nodes first."""
        if count >= len(active):
            return active
        on_node: dict[str, int] = {}
        for pod in self.related_pods(owner):
            if pod_rules.is_active(pod):
                on_node[pod.spec.node_name] = on_node.get(pod.spec.node_name, 0) + 1
        ranked = [pod_rules.Ranked(pod, on_node.get(pod.spec.node_name, 0)) for pod in active]
        return pod_rules.order_for_deletion(ranked, self.clock.now())[:count]

    def fill_status(self, owner: Any, status: Any, active: Sequence[Pod], terminating: int) -> None:
        """Write the counts into `status`."""
        now = self.clock.now()
        min_ready_s = owner.spec.min_ready_seconds
        labels = self.template(owner).metadata.labels
        waits = [pod_rules.available_in_s(pod, min_ready_s, now) for pod in active]
        status.replicas = len(active)
        status.fully_labeled_replicas = sum(labels.items() <= pod.metadata.labels.items() for pod in active)
        status.ready_replicas = len(waits) - waits.count(None)
        status.available_replicas = waits.count(0.0)
        status.observed_generation = owner.metadata.generation

    async def _write_status(self, owner: Any, active: list[Pod], terminating: int, outcome: _Outcome) -> None:
        status = deep_copy(owner.status)
        self.fill_status(owner, status, active, terminating)
        failure = condition_of(status.conditions, "ReplicaFailure")
        if outcome.error is not None and failure is None:
            row = self.condition_type(
                type="ReplicaFailure", status="True", reason=outcome.reason, message=str(outcome.error),
                last_transition_time=rfc3339(self.clock.now()),
            )
            status.conditions = with_condition(status.conditions, row)
        elif outcome.error is None and failure is not None:
            status.conditions = without_condition(status.conditions, "ReplicaFailure")
        if status == owner.status:
            return
        copy: Any = deep_copy(owner)
        copy.status = status
        await self.client.update(copy, subresource="status")


def _replicas(owner: Object) -> int:
    replicas: int | None = owner.spec.replicas  # type: ignore[attr-defined]
    return 1 if replicas is None else replicas
