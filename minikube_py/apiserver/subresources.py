"""Subresources that are more than a part of their object: binding, scale, tokens, and the way to evictions.

Owns their semantics; streams (log, exec, proxy) are in `http/`.
Source: pkg/registry/core/pod/storage/storage.go, pkg/registry/apps/deployment/storage/storage.go,
pkg/registry/core/serviceaccount/storage/token.go
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minikube_py.apis import authentication_v1, autoscaling_v1, core_v1, meta_v1, policy_v1
from minikube_py.apis.object import Object
from minikube_py.apis.resources import ResourceType
from minikube_py.apis.validation import validate_create
from minikube_py.core.clock import rfc3339
from minikube_py.core.errors import (
    Cause,
    conflict,
    invalid,
    unknown_method,
    unknown_path,
)
from minikube_py.store.interface import Entry

from .context import Context
from .eviction import Evictions
from .managed_fields.scale_handler import to_parent, to_scale
from .patching import change_transform
from .registry import Registry
from .scale import ScaleChange
from .storage import Storage

# Issues the token that a TokenRequest asks for: (namespace, service account, request, how to warn) -> the request with its status.
IssueToken = Callable[[str, str, authentication_v1.TokenRequest, Callable[[str], None]], authentication_v1.TokenRequest]


class Subresources:
    """The POST subresources, and `scale`."""

    def __init__(self, registry: Registry, issue_token: IssueToken) -> None:
        self._registry = registry
        self._issue_token = issue_token
        self._evictions = Evictions(registry)

    async def create(self, resource: ResourceType, namespace: str, name: str, subresource: str, body: Any, context: Context) -> Object:
        """POST to a subresource.

        Raises: MethodNotAllowedError where the resource has no such; else what admission and the subresource raise.
        """
        parent = self._registry.storage(resource.group, resource.version, resource.plural)
        if parent is not None:
            await self._registry.admit(parent, namespace, name, subresource, body, context)
        match resource.group_resource, subresource, body:
            case "pods", "binding", core_v1.Binding():
                return await self._bind(namespace, name, body, context)
            case "pods", "eviction", policy_v1.Eviction():
                return await self._evictions.evict(namespace, name, body, context)
            case "serviceaccounts", "token", authentication_v1.TokenRequest():
                return self._issue_token(namespace, name, body, context.warn)
        raise unknown_method()

    def _storage(self, group: str, version: str, plural: str) -> Storage:
        storage = self._registry.storage(group, version, plural)
        if storage is None:
            raise unknown_path()
        return storage

    async def _bind(self, namespace: str, name: str, binding: core_v1.Binding, context: Context) -> Object:
        """Give a pod its node."""
        target = binding.target
        if target is None or not target.name:
            raise invalid("", "Binding", name, [Cause("FieldValueRequired", "Required value", "target.name")])
        if target.kind not in ("", "Node"):
            raise invalid("", "Binding", name, [
                Cause("FieldValueNotSupported", f'Unsupported value: "{target.kind}": supported values: "Node", ""', "target.kind")])
        node, now = target.name, rfc3339(self._registry.clock.now())

        def bind(pod: core_v1.Pod) -> None:
            if binding.metadata.uid and binding.metadata.uid != pod.metadata.uid:
                raise conflict("", "pods", name, f"Precondition failed: UID in precondition: {binding.metadata.uid}, "
                                                 f"UID in object meta: {pod.metadata.uid}")
            if pod.metadata.deletion_timestamp:
                raise conflict("", "pods/binding", name, f"pod {name} is being deleted, cannot be assigned to a host")
            if pod.spec.node_name:
                raise conflict("", "pods/binding", name, f'pod {name} is already assigned to node "{pod.spec.node_name}"')
            if pod.spec.scheduling_gates:
                raise conflict("", "pods/binding", name, f"pod {name} has non-empty .spec.schedulingGates")
            pod.spec.node_name = node
            pod.metadata.annotations |= binding.metadata.annotations
            conditions = [c for c in pod.status.conditions if c.type != "PodScheduled"]
            pod.status.conditions = [*conditions, core_v1.PodCondition(type="PodScheduled", status="True", last_transition_time=now)]

        await self._registry.update(
            self._storage("", "v1", "pods"), namespace, name, change_transform(bind), context, subresource="binding",
            tracked=True,  # As upstream, nobody is said to have set what a binding sets.
        )
        return meta_v1.Status(kind="Status", api_version="v1", status="Success", code=201)

    # Scale: replicas of a workload, whatever its kind.

    def scale(self, storage: Storage, entry: Entry) -> autoscaling_v1.Scale:
        """The Scale of a stored workload."""
        return storage.scale_of(storage.served(entry))

    async def set_scale(
        self, storage: Storage, namespace: str, name: str, change_scale: ScaleChange, context: Context
    ) -> autoscaling_v1.Scale:
        """Change the replicas to those of the Scale that `change_scale` makes of the present one."""
        paths = self._registry.field_managers.replicas_paths(storage)

        def change(obj: Any) -> None:
            present = storage.scale_of(obj)
            present.metadata.managed_fields = to_scale(obj.metadata.managed_fields, paths)
            scale = change_scale(present)
            causes = validate_create(scale)
            if causes:
                raise invalid("autoscaling", "Scale", name, causes)
            uid = scale.metadata.uid
            if uid and uid != obj.metadata.uid:
                raise conflict(storage.resource.group, storage.resource.plural, name,
                               f"Precondition failed: UID in precondition: {uid}, UID in object meta: {obj.metadata.uid}")
            version = scale.metadata.resource_version
            if version and version != obj.metadata.resource_version:
                raise conflict(storage.resource.group, storage.resource.plural, name,
                               "the object has been modified; please apply your changes to the latest version and try again")
            storage.set_replicas(obj, scale.spec.replicas or 0)
            obj.metadata.managed_fields = to_parent(
                obj.metadata.managed_fields, scale.metadata.managed_fields, storage.resource.group_version, paths
            )

        entry, _ = await self._registry.update(
            storage, namespace, name, change_transform(change), context, subresource="scale", tracked=True
        )
        return self.scale(storage, entry)
