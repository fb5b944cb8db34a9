"""The node lifecycle controller: notices that a kubelet fell silent, and taints nodes by their state.

A kubelet lives as long as its Lease is renewed or its status is posted. The moment at which a change is *seen* here counts, so the clocks
of nodes do not matter. Each node has one timer, set to the end of its grace period; a renewal only notes the time.

While every node of the cluster is not ready, the fault is more likely here than there: no pod is evicted then. With more than 55 % (and at
least three) not ready, eviction stops too, as in a small cluster upstream.
Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go.
"""

from __future__ import annotations

import asyncio

from minikube_py.apis.coordination_v1 import Lease
from minikube_py.apis.core_v1 import Node, NodeCondition, Pod
from minikube_py.apis.scheme import deep_copy
from minikube_py.core.clock import rfc3339

from ..base import Context, Controller
from ..status import condition_of, is_true
from . import taints

# Seconds of silence until a node is unknown. Source: --node-monitor-grace-period.
GRACE_S = 40.0
# The same for a node that never posted a status. Source: --node-startup-grace-period.
STARTUP_GRACE_S = 60.0
# Seconds between two nodes that begin to lose their pods. Source: --node-eviction-rate 0.1.
EVICTION_INTERVAL_S = 10.0
# Share of nodes that are not ready from which on nothing is evicted. Source: --unhealthy-zone-threshold.
UNHEALTHY_SHARE = 0.55
LEASE_NAMESPACE = "kube-node-lease"
BY_NODE = "node"
_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


def index_by_node(pods: object) -> None:
    """Index pods by the node that they are bound to."""
    pods.add_index(BY_NODE, lambda pod: [pod.spec.node_name] if pod.spec.node_name else [])  # type: ignore[attr-defined]


class NodeLifecycleController(Controller):
    """Health and taints of nodes."""

    name = "node_lifecycle_controller"
    component = "node-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.nodes = self.informer(Node)
        self.leases = self.informer(Lease)
        self.pods = self.informer(Pod)
        index_by_node(self.pods)
        self._seen: dict[str, float] = {}
        self._readiness: dict[str, str] = {}
        self._next_eviction_s = 0.0
        self.nodes.add_handler(self._node_changed)
        self.leases.add_handler(self._lease_changed)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if new is None:
            self._removed(old)
            return
        name = new.metadata.name
        if old is None:
            self.events.event(new, "Normal", "RegisteredNode", f"Node {name} event: Registered Node {name} in Controller")
        if old is None or _heartbeats(old) != _heartbeats(new):
            self._seen[name] = asyncio.get_running_loop().time()
        self.enqueue(new)
        if old is None or (taints.readiness(old) == "True") != (taints.readiness(new) == "True"):
            self._enqueue_all()

    def _removed(self, node: Node | None) -> None:
        if node is None:
            return
        name = node.metadata.name
        self._seen.pop(name, None)
        self._readiness.pop(name, None)
        self.events.event(node, "Normal", "RemovingNode", f"Node {name} event: Removing Node {name} from Controller")
        self._enqueue_all()

    def _enqueue_all(self) -> None:
        """Whether pods are evicted from one node depends on all the others."""
        for node in self.nodes.list():
            self.enqueue(node)

    def _lease_changed(self, old: Lease | None, new: Lease | None) -> None:
        if new is None or new.metadata.namespace != LEASE_NAMESPACE:
            return
        if old is None or old.spec.renew_time != new.spec.renew_time:
            self._seen[new.metadata.name] = asyncio.get_running_loop().time()

    async def reconcile(self, key: str) -> float | None:
        node = self.nodes.get(key)
        if node is None:
            return None
        grace_s = GRACE_S if taints.readiness(node) else STARTUP_GRACE_S
        left_s = self._seen.setdefault(key, asyncio.get_running_loop().time()) + grace_s - asyncio.get_running_loop().time()
        if left_s <= 0 and taints.readiness(node) != "Unknown":
            node = await self._mark_unknown(node)
        await self._note_readiness(node)
        wait_s = await self._taint(node)
        waits = [wait for wait in (left_s, wait_s) if wait > 0]
        return min(waits, default=None)

    async def _mark_unknown(self, node: Node) -> Node:
        copy, now = deep_copy(node), rfc3339(self.clock.now())
        for kind in _CONDITIONS:
            row = condition_of(copy.status.conditions, kind)
            if row is None:
                copy.status.conditions = [*copy.status.conditions, NodeCondition(
                    type=kind, status="Unknown", reason="NodeStatusNeverUpdated", message="Kubelet never posted node status.",
                    last_heartbeat_time=copy.metadata.creation_timestamp, last_transition_time=now,
                )]
            elif row.status != "Unknown":
                row.status, row.reason, row.message = "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."
                row.last_transition_time = now
        return await self.client.update(copy, subresource="status")

    async def _note_readiness(self, node: Node) -> None:
        """Once a node ceases to be ready, its pods are not ready either."""
        name, now = node.metadata.name, taints.readiness(node)
        before = self._readiness.get(name)
        if (before == "True" and now in ("False", "Unknown")) or (before != "Unknown" and now == "Unknown"):
            if before == "True":
                self.events.event(node, "Normal", "NodeNotReady", f"Node {name} status is now: NodeNotReady")
            await asyncio.gather(*(self._mark_pod(pod) for pod in self.pods.by_index(BY_NODE, name)))
        self._readiness[name] = now

    async def _mark_pod(self, pod: Pod) -> None:
        if not is_true(pod.status.conditions, "Ready"):
            return
        copy = deep_copy(pod)
        for row in copy.status.conditions:
            if row.type == "Ready":
                row.status, row.last_transition_time = "False", rfc3339(self.clock.now())
        self.events.event(pod, "Warning", "NodeNotReady", "Node is not ready")
        await self.client.update(copy, subresource="status")

    async def _taint(self, node: Node) -> float:
        """Bring the node's taints up to date; returns seconds until eviction from it may begin, 0 if it need not wait."""
        loop_s = asyncio.get_running_loop().time()
        unready = taints.readiness(node) in ("False", "Unknown")
        evict = unready and not self._is_disrupted()
        begins = evict and not any(taint.key in (taints.NOT_READY, taints.UNREACHABLE) for taint in taints.no_execute(node))
        wait_s = self._next_eviction_s - loop_s if begins else 0.0
        wanted = taints.wanted_taints(node, evict=evict and wait_s <= 0, now=rfc3339(self.clock.now()))
        if wanted != node.spec.taints:
            copy = deep_copy(node)
            copy.spec.taints = wanted
            await self.client.update(copy)
            if begins and wait_s <= 0:
                self._next_eviction_s = loop_s + EVICTION_INTERVAL_S
        return wait_s

    def _is_disrupted(self) -> bool:
        nodes = self.nodes.list()
        unready = sum(taints.readiness(node) != "True" for node in nodes)
        return unready == len(nodes) or (unready > 2 and unready / len(nodes) >= UNHEALTHY_SHARE)


def _heartbeats(node: Node) -> list[str | None]:
    return [row.last_heartbeat_time for row in node.status.conditions]
