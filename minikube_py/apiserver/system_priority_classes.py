"""Makes the system's priority classes in a cluster that has them not.

Source: pkg/registry/scheduling/rest/storage_scheduling.go (the hook scheduling/bootstrap-system-priority-classes)
"""

from __future__ import annotations

from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.scheduling_v1 import PriorityClass
from minikube_py.apis.system_priority import SYSTEM_CLASSES
from minikube_py.client.interface import Client
from minikube_py.core.errors import AlreadyExistsError

DESCRIPTIONS = {
    "system-node-critical": "Used for system critical pods that must not be moved from their current node.",
    "system-cluster-critical":
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
}


async def ensure(client: Client) -> None:
    """Raises: StatusError if the API refuses a write."""
    present = {found.metadata.name for found in await client.list(PriorityClass)}
    for name, value in SYSTEM_CLASSES.items():
        if name not in present:
            wanted = PriorityClass(
                kind="PriorityClass", api_version="scheduling.k8s.io/v1", metadata=ObjectMeta(name=name), value=value,
                description=DESCRIPTIONS[name],
            )
            try:
                await client.create(wanted)
            except AlreadyExistsError:
                continue
