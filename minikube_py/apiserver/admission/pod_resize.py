"""PodResizeValidator: a pod is not resized to more than its node could ever give.

Source: plugin/pkg/admission/podresize/admission.go
"""

from __future__ import annotations

import msgspec

from minikube_py.apis.core_v1 import Node, Pod, PodStatus
from minikube_py.apis.pod_resources import pod_amounts
from minikube_py.apis.quantity import milli_value, nano_value, value
from minikube_py.core.errors import Cause
from minikube_py.store.interface import Store

from . import Operation, Plugin, forbidden
from .lookup import find

OS_LABEL = "kubernetes.io/os"


class PodResizeValidator(Plugin):
    """Looks at resizes of pods that have a node."""

    name = "PodResizeValidator"
    resources = frozenset({"pods"})

    def __init__(self, store: Store) -> None:
        self._store = store

    def validate(self, operation: Operation) -> None:
        if operation.verb != "UPDATE" or operation.subresource != "resize":
            return
        pod: Pod = operation.obj
        if not pod.spec.node_name or pod.spec == operation.old.spec:
            return
        node = find(self._store, Node, "nodes", pod.spec.node_name)
        if node is None:
            raise forbidden(operation, f'node "{pod.spec.node_name}" not found')
        system = node.metadata.labels.get(OS_LABEL, "linux")
        if system != "linux":
            text = f'pod resize is only supported on linux nodes, node "{node.metadata.name}" is "{system}"'
            raise forbidden(operation, text, [Cause("UnsupportedPlatform", "")])
        if lacking := _lacking(pod, node):
            text = f"node didn't have enough allocatable resources: {'; '.join(lacking)}"
            raise forbidden(operation, text, [Cause("NodeCapacity", "")])


def _lacking(pod: Pod, node: Node) -> list[str]:
    """What of its spec a pod could not have on a node that it had for itself."""
    wanted, room = pod_amounts(msgspec.structs.replace(pod, status=PodStatus()), "requests"), node.status.allocatable
    return [
        f"{name}, requested: {whole(wanted[name])}, allocatable: {whole(room.get(name, 0))}"
        for name, whole in (("cpu", milli_value), ("memory", value))
        if name in wanted and nano_value(wanted[name]) > nano_value(room.get(name, 0))
    ]
