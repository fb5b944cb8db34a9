"""The ReplicationController controller: `replication` for core/v1.

Source: pkg/controller/replication/replication_controller.go.
"""

from __future__ import annotations

from minikube_py.apis.core_v1 import PodTemplateSpec, ReplicationController, ReplicationControllerCondition

from .refs import Matcher
from .replication import ReplicationBase
from .selectors import matches_labels


class ReplicationControllerController(ReplicationBase):
    """Pods of ReplicationControllers."""

    name = "replicationmanager"
    component = "replication-controller"
    kind = ReplicationController
    condition_type = ReplicationControllerCondition

    def matcher(self, owner: ReplicationController) -> Matcher:
        wanted = owner.spec.selector
        return lambda labels: bool(wanted) and matches_labels(wanted, labels)

    def template(self, owner: ReplicationController) -> PodTemplateSpec:
        return owner.spec.template or PodTemplateSpec()
