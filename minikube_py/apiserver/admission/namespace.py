"""NamespaceLifecycle: nothing is written in a namespace that is not there, or created in one that goes; some stay.

NamespaceAutoProvision, where it runs, makes the namespace that is not there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import decoder
from minikube_py.core.errors import AlreadyExistsError, Cause, StatusError, not_found
from minikube_py.store.interface import Store

from . import Operation, Plugin, forbidden

# Source: plugin/pkg/admission/namespace/lifecycle (immortal namespaces)
IMMORTAL = frozenset({"default", "kube-system", "kube-public"})

# Makes the namespace of a name.
MakeNamespace = Callable[[str], Awaitable[object]]


def find_namespace(store: Store, name: str) -> core_v1.Namespace | None:
    """The namespace of a name, read-only."""
    entry = store.get("namespaces", name)
    if entry is None:
        return None
    if entry.obj is None:
        entry.obj = decoder(core_v1.Namespace).decode(entry.data)
    namespace: core_v1.Namespace = entry.obj
    return namespace


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
            if operation.name in IMMORTAL and resource.group_resource == "namespaces":
                raise forbidden(operation, "this namespace may not be deleted")
            return
        if not resource.namespaced:
            return
        namespace = find_namespace(self._store, operation.namespace)
        if namespace is None:
            raise not_found("", "namespaces", operation.namespace)
        if operation.verb != "CREATE":
            return
        if namespace.metadata.deletion_timestamp:
            cause = Cause("NamespaceTerminating", f"namespace {operation.namespace} is being terminated", "metadata.namespace")
            why = f"unable to create new content in namespace {operation.namespace} because it is being terminated"
            raise forbidden(operation, why, [cause])

    def recheck(self, operation: Operation) -> None:
        self.validate(operation)


class NamespaceAutoProvision(Plugin):
    """Who makes something in a namespace that is not there makes the namespace.

    Source: plugin/pkg/admission/namespace/autoprovision/admission.go
    """

    name = "NamespaceAutoProvision"

    def __init__(self, store: Store, make: MakeNamespace) -> None:
        self._store = store
        self._make = make

    async def settle(self, operation: Operation) -> None:
        name = operation.namespace
        if not operation.storage.resource.namespaced or operation.context.dry_run or self._store.get("namespaces", name) is not None:
            return
        try:
            await self._make(name)
        except AlreadyExistsError:
            return
        except StatusError as error:
            raise forbidden(operation, error.message) from error
