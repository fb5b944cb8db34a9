"""The ReplicaSet controller: `replication` for apps/v1 ReplicaSets.

Source: pkg/controller/replicaset/replica_set.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minikube_py.apis.apps_v1 import ReplicaSet, ReplicaSetCondition, ReplicaSetStatus
from minikube_py.apis.core_v1 import Pod, PodTemplateSpec

from .base import Context
from .refs import INDEX, Matcher, controller_of, index_by_controller
from .replication import ReplicationBase
from .selectors import matcher


class ReplicaSetController(ReplicationBase):
    """Pods of ReplicaSets."""

    name = "replicaset"
    component = "replicaset-controller"
    kind = ReplicaSet
    condition_type = ReplicaSetCondition

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        index_by_controller(self.sets)

    def matcher(self, owner: ReplicaSet) -> Matcher:
        return matcher(owner.spec.selector)

    def template(self, owner: ReplicaSet) -> PodTemplateSpec:
        return owner.spec.template

    def related_pods(self, owner: ReplicaSet) -> Sequence[Pod]:
        """The pods of all ReplicaSets of the same Deployment."""
        ref = controller_of(owner)
        siblings: Sequence[ReplicaSet] = [owner] if ref is None else self.sets.by_index(INDEX, ref.uid)
        return [pod for sibling in siblings for pod in self.pods.by_index(INDEX, sibling.metadata.uid)]

    def fill_status(self, owner: Any, status: ReplicaSetStatus, active: Sequence[Pod], terminating: int) -> None:
        super().fill_status(owner, status, active, terminating)
        status.terminating_replicas = terminating
