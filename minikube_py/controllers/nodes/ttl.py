"""How long kubelets may go on with Secrets and ConfigMaps that they have read: said on each node, longer the more nodes there are.

Source: pkg/controller/ttl/ttl_controller.go
"""

from __future__ import annotations

import math

from minikube_py.apis.core_v1 import Node

from ..base import Context, Controller

ANNOTATION = "node.alpha.kubernetes.io/ttl"
# Sizes of clusters, which overlap so that a node that comes and goes changes nothing: (fewest nodes, most nodes, seconds).
_STEPS = ((0, 100, 0), (90, 500, 15), (450, 1000, 30), (900, 2000, 60), (1800, math.inf, 300))


class NodeTtlController(Controller):
    """Keeps the annotation. Nodes that have another value when the step changes get the new one at their own next change."""

    name = "ttlcontroller"
    component = "ttl-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._step = self._count = 0
        self.nodes = self.informer(Node)
        self.nodes.add_handler(self._node_changed)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if old is None or new is None:
            self._count += 1 if new is not None else -1
            fewest, most, _ = _STEPS[self._step]
            self._step += (self._count > most) - (self._count < fewest)
        if new is not None and new.metadata.annotations.get(ANNOTATION) != self._wanted():
            self.enqueue(new)

    def _wanted(self) -> str:
        return str(_STEPS[self._step][2])

    async def reconcile(self, key: str) -> float | None:
        node = self.nodes.get(key)
        if node is not None and node.metadata.annotations.get(ANNOTATION) != self._wanted():
            patch = {"metadata": {"annotations": {ANNOTATION: self._wanted()}}}
            await self.client.patch(Node, key, "", patch, patch_type="application/strategic-merge-patch+json")
        return None
