"""NamespaceLifecycle: nothing is created in a namespace that is not there or is going, and some namespaces stay."""

from __future__ import annotations

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import decoder
from minikube_py.core.errors import Cause, ForbiddenError, not_found, resource_details
from minikube_py.store.interface import Store

from . import Operation, Plugin

# Source: plugin/pkg/admission/namespace/lifecycle (immortal namespaces)
IMMORTAL = frozenset({"default", "kube-system", "kube-public"})


class NamespaceLifecycle(Plugin):
    """Source: k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go"""

    name = "NamespaceLifecycle"

    def __init__(self, store: Store) -> None:
        self._store = store

    def mutate(self, operation: Operation) -> None:
        """Runs before all else, so that a missing namespace is the first thing that a client is told."""
        self.validate(operation)

    def validate(self, operation: Operation) -> None:
        resource = operation.storage.resource
        if operation.verb == "DELETE":
            if resource.plural == "namespaces" and not resource.group and operation.name in IMMORTAL:
                raise ForbiddenError(
                    f'namespaces "{operation.name}" is forbidden: this namespace may not be deleted',
                    details=resource_details("", "namespaces", operation.name),
                )
            return
        if operation.verb != "CREATE" or not resource.namespaced:
            return
        entry = self._store.get("namespaces", operation.namespace)
        if entry is None:
            raise not_found("", "namespaces", operation.namespace)
        if entry.obj is None:
            entry.obj = decoder(core_v1.Namespace).decode(entry.data)
        if entry.obj.metadata.deletion_timestamp:
            why = f"unable to create new content in namespace {operation.namespace} because it is being terminated"
            name = operation.name or operation.obj.metadata.generate_name
            raise ForbiddenError(
                f'{resource.group_resource} "{name}" is forbidden: {why}',
                details=resource_details(resource.group, resource.plural, name),
                causes=[Cause("NamespaceTerminating", f"namespace {operation.namespace} is being terminated", "metadata.namespace")],
            )
