"""PodTopologyLabels: a pod gets the zone and region of its node as labels, so that it can read them.

Source: plugin/pkg/admission/podtopologylabels/admission.go
"""

from __future__ import annotations

from minikube_py.apis.core_v1 import Binding, Node, Pod
from minikube_py.apis.scheme import decoder
from minikube_py.store.interface import Store

from . import Operation, Plugin

LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


class PodTopologyLabels(Plugin):
    """Labels bindings, whose labels become the pod's, and pods that are created with a node."""

    name = "PodTopologyLabels"
    resources = frozenset({"pods"})

    def __init__(self, store: Store) -> None:
        self._store = store

    def mutate(self, operation: Operation) -> None:
        if operation.verb != "CREATE":
            return
        obj, node = operation.obj, ""
        if operation.subresource == "" and isinstance(obj, Pod):
            node = obj.spec.node_name
        elif operation.subresource == "binding" and isinstance(obj, Binding) and obj.target.kind == "Node":
            node = obj.target.name
        if node:
            obj.metadata.labels |= self._labels_of(node)

    def _labels_of(self, name: str) -> dict[str, str]:
        """None of a node that is not there."""
        entry = self._store.get("nodes", name)
        if entry is None:
            return {}
        if entry.obj is None:
            entry.obj = decoder(Node).decode(entry.data)
        labels = entry.obj.metadata.labels
        return {key: labels[key] for key in LABELS if key in labels}
