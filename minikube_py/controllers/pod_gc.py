"""Pod garbage: pods of nodes that are gone, terminating pods that no node will ever end, and ended pods beyond a number.

Source: pkg/controller/podgc/gc_controller.go.
"""

from __future__ import annotations

from minikube_py.apis.core_v1 import Node, Pod, PodCondition
from minikube_py.core.errors import NotFoundError

from .base import Context, Controller
from .nodes import taints
from .nodes.eviction import mark_disrupted
from .nodes.lifecycle import BY_NODE, index_by_node
from .pods import is_terminal

# Seconds that a node may be missing before its pods go. Source: gc_controller.go, quarantineTime.
QUARANTINE_S = 40.0
# Ended pods that are kept. Source: --terminated-pod-gc-threshold.
TERMINATED_MAX = 12500
_TERMINATED = "terminated"
_TERMINATED_KEY = "/terminated"


class PodGcController(Controller):
    """Deletes pods that nobody else deletes. Keys are pods, or the one key of all ended pods."""

    name = "pod-garbage-collector"

    def __init__(self, context: Context, terminated_max: int = TERMINATED_MAX) -> None:
        super().__init__(context)
        self._terminated_max = terminated_max
        self.nodes = self.informer(Node)
        self.pods = self.informer(Pod)
        index_by_node(self.pods)
        self.pods.add_index(_TERMINATED, lambda pod: ["yes"] if is_terminal(pod) else [])
        self.nodes.add_handler(self._node_changed)
        self.pods.add_handler(self._pod_changed)

    async def background(self) -> None:
        for pod in self.pods.list():
            self._look_at(pod)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if new is None and old is not None:
            for pod in self.pods.by_index(BY_NODE, old.metadata.name):
                self.queue.add_after(f"{pod.metadata.namespace}/{pod.metadata.name}", QUARANTINE_S)
        elif new is not None and _is_out_of_service(new) and (old is None or not _is_out_of_service(old)):
            for pod in self.pods.by_index(BY_NODE, new.metadata.name):
                self.enqueue(pod)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is not None and self.ready.is_set():
            self._look_at(new)
            if is_terminal(new) and len(self.pods.by_index(_TERMINATED, "yes")) > self._terminated_max:
                self.queue.add(_TERMINATED_KEY)

    def _look_at(self, pod: Pod) -> None:
        if not pod.spec.node_name:
            if pod.metadata.deletion_timestamp:
                self.enqueue(pod)
            return
        node = self.nodes.get(pod.spec.node_name)
        if node is None:
            self.queue.add_after(f"{pod.metadata.namespace}/{pod.metadata.name}", QUARANTINE_S)
        elif pod.metadata.deletion_timestamp and _is_out_of_service(node):
            self.enqueue(pod)

    async def reconcile(self, key: str) -> float | None:
        if key == _TERMINATED_KEY:
            await self._trim()
            return None
        pod = self.pods.get_key(key)
        if pod is None:
            return None
        if not pod.spec.node_name:
            if pod.metadata.deletion_timestamp:
                await self._remove(pod)
            return None
        node = self.nodes.get(pod.spec.node_name)
        if node is None:
            if await self._node_is_gone(pod.spec.node_name):
                await self._remove(pod, "PodGC: node no longer exists")
        elif pod.metadata.deletion_timestamp and _is_out_of_service(node) and taints.readiness(node) != "True":
            await self._remove(pod)
        return None

    async def _node_is_gone(self, name: str) -> bool:
        try:
            await self.client.get(Node, name)
        except NotFoundError:
            return True
        return False

    async def _remove(self, pod: Pod, disruption: str = "") -> None:
        """End a pod that no kubelet will end: mark it as failed and delete it without grace."""
        meta = pod.metadata
        try:
            if not is_terminal(pod) and disruption:
                condition = PodCondition(type="DisruptionTarget", status="True", reason="DeletionByPodGC", message=disruption)
                await mark_disrupted(self, pod, condition, phase="Failed")
            await self.client.delete(Pod, meta.name, meta.namespace, uid=meta.uid, grace_period_seconds=0)
        except NotFoundError:
            return

    async def _trim(self) -> None:
        """Delete the oldest ended pods beyond the number that is kept; evicted ones first."""
        ended = [*self.pods.by_index(_TERMINATED, "yes")]
        ended.sort(key=lambda pod: (pod.status.reason != "Evicted", pod.metadata.creation_timestamp, pod.metadata.name))
        for pod in ended[: max(0, len(ended) - self._terminated_max)]:
            await self._remove(pod)


def _is_out_of_service(node: Node) -> bool:
    return any(taint.key == taints.OUT_OF_SERVICE for taint in node.spec.taints)
