"""RuntimeClass: a pod that names one takes over its overhead and where it can run.

Source: plugin/pkg/admission/runtimeclass/admission.go
"""

from __future__ import annotations

from collections.abc import Mapping

from minikube_py.apis.core_v1 import Pod
from minikube_py.apis.node_v1 import RuntimeClass
from minikube_py.apis.object import Quantity
from minikube_py.apis.quantity import parse
from minikube_py.store.interface import Store

from . import Operation, Plugin, forbidden
from .lookup import find
from .tolerations import merged

MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
UNFOUNDED = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"


class RuntimeClassPlugin(Plugin):
    """Fills in new pods, and checks that their overhead is their class's."""

    name = "RuntimeClass"
    resources = frozenset({"pods"})

    def __init__(self, store: Store) -> None:
        self._store = store

    def mutate(self, operation: Operation) -> None:
        if operation.verb != "CREATE" or operation.subresource or operation.obj.spec.runtime_class_name is None:
            return
        spec, runtime_class = operation.obj.spec, self._class_of(operation)
        if runtime_class is None:
            return
        if runtime_class.overhead is not None:
            fixed = runtime_class.overhead.pod_fixed
            if spec.overhead and not _same(spec.overhead, fixed):
                raise forbidden(operation, MISMATCH)
            spec.overhead = dict(fixed)
        scheduling = runtime_class.scheduling
        if scheduling is not None:
            for key, value in scheduling.node_selector.items():
                own = spec.node_selector.get(key, value)
                if own != value:
                    raise forbidden(operation, f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                                               f"pod.spec.nodeSelector[{key}] = {own}")
            spec.node_selector = {**spec.node_selector, **scheduling.node_selector}
            spec.tolerations = merged(spec.tolerations, scheduling.tolerations)

    def validate(self, operation: Operation) -> None:
        if operation.verb != "CREATE" or operation.subresource:
            return
        overhead, runtime_class = operation.obj.spec.overhead, self._class_of(operation)
        if runtime_class is not None and runtime_class.overhead is not None:
            if not _same(overhead, runtime_class.overhead.pod_fixed):
                raise forbidden(operation, MISMATCH)
        elif overhead:
            raise forbidden(operation, UNFOUNDED)

    def _class_of(self, operation: Operation) -> RuntimeClass | None:
        pod: Pod = operation.obj
        name = pod.spec.runtime_class_name
        if name is None:
            return None
        found = find(self._store, RuntimeClass, "runtimeclasses.node.k8s.io", name)
        if found is None:
            raise forbidden(operation, f'pod rejected: RuntimeClass "{name}" not found')
        return found


def _same(one: Mapping[str, Quantity], other: Mapping[str, Quantity]) -> bool:
    """Whether both name the same amounts, however they are spelled."""
    return one.keys() == other.keys() and all(parse(one[key]) == parse(other[key]) for key in one)
