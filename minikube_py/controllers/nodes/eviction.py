"""Eviction by taint: pods leave a node with a NoExecute taint as soon as their tolerations allow.

The time of a toleration runs from the moment when the pod is first seen under the taint, whatever the taint says of its own age.

Source: pkg/controller/tainteviction/taint_eviction.go.
"""

from __future__ import annotations

from datetime import datetime

from minikube_py.apis.core_v1 import Node, Pod, PodCondition
from minikube_py.apis.scheme import deep_copy
from minikube_py.core.clock import rfc3339
from minikube_py.core.errors import NotFoundError

from ..base import Context, Controller
from ..pods import is_terminal
from ..status import condition_of, with_condition
from . import taints
from .lifecycle import BY_NODE, index_by_node


class TaintEvictionController(Controller):
    """Deletes pods from tainted nodes. Keys are pods."""

    name = "taint-eviction-controller"
    workers = 8

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.nodes = self.informer(Node)
        self.pods = self.informer(Pod)
        index_by_node(self.pods)
        # uid of a pod that is to leave -> since when its tolerations run.
        self._scheduled: dict[str, datetime] = {}
        self.nodes.add_handler(self._node_changed)
        self.pods.add_handler(self._pod_changed)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if new is None or (old is not None and taints.no_execute(old) == taints.no_execute(new)):
            return
        if old is None and not taints.no_execute(new):
            return
        for pod in self.pods.by_index(BY_NODE, new.metadata.name):
            self.enqueue(pod)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._scheduled.pop(old.metadata.uid, None)
        if new is None or not new.spec.node_name:
            return
        if old is not None and old.spec.node_name == new.spec.node_name and old.spec.tolerations == new.spec.tolerations:
            return
        node = self.nodes.get(new.spec.node_name)
        if node is not None and taints.no_execute(node):
            self.enqueue(new)

    async def reconcile(self, key: str) -> float | None:
        pod = self.pods.get_key(key)
        node = self.nodes.get(pod.spec.node_name) if pod is not None and pod.spec.node_name else None
        if pod is None:
            return None
        uid = pod.metadata.uid
        if node is None or pod.metadata.deletion_timestamp or is_terminal(pod):
            self._scheduled.pop(uid, None)
            return None
        rows = taints.no_execute(node)
        stays_s = taints.tolerated_s(pod.spec.tolerations, rows) if rows else None
        if stays_s is None:
            if self._scheduled.pop(uid, None) is not None:
                self.events.event(pod, "Normal", "TaintManagerEviction", f"Cancelling deletion of Pod {key}")
            return None
        now = self.clock.now()
        since = self._scheduled.get(uid, now)
        left_s = stays_s - (now - since).total_seconds()
        if left_s > 0:
            self._scheduled[uid] = since
            return left_s
        await self._evict(key, pod)
        self._scheduled.pop(uid, None)
        return None

    async def _evict(self, key: str, pod: Pod) -> None:
        self.events.event(pod, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {key}")
        meta = pod.metadata
        try:
            await mark_disrupted(
                self, pod, PodCondition(
                    type="DisruptionTarget", status="True", reason="DeletionByTaintManager",
                    message="Taint manager: deleting due to NoExecute taint",
                )
            )
            await self.client.delete(Pod, meta.name, meta.namespace, uid=meta.uid)
        except NotFoundError:
            return


async def mark_disrupted(controller: Controller, pod: Pod, condition: PodCondition, *, phase: str = "") -> None:
    """Put a DisruptionTarget condition (and a phase) into the status of a pod that is about to be deleted.

    Raises: NotFoundError, ConflictError.
    """
    current = condition_of(pod.status.conditions, condition.type)
    if current is not None and current.status == condition.status and not phase:
        return
    copy = deep_copy(pod)
    condition.last_transition_time = rfc3339(controller.clock.now())
    condition.observed_generation = pod.metadata.generation
    copy.status.conditions = with_condition(copy.status.conditions, condition)
    copy.status.phase = phase or copy.status.phase
    await controller.client.update(copy, subresource="status")
