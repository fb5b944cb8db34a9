"""Subresources that are more than a part of their object: scale, and the way to bindings, evictions and tokens.

Streams (log, exec, proxy) are in `http/`.
Source: pkg/registry/apps/deployment/storage/storage.go
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minikube_py.apis import authentication_v1, autoscaling_v1, core_v1, policy_v1
from minikube_py.apis.defaults import set_defaults
from minikube_py.apis.object import Object
from minikube_py.apis.resources import BY_GVR, ResourceType
from minikube_py.apis.validation import validate_create
from minikube_py.core.errors import NotFoundError, conflict, invalid, not_found, unknown_method
from minikube_py.store.interface import Entry

from .binding import Bindings
from .context import Context
from .eviction import Evictions
from .managed_fields.scale_handler import to_parent, to_scale
from .patching import change_transform
from .registry import Registry
from .request_names import check_name, set_namespace
from .scale import ScaleChange
from .storage import Storage
from .strategy import Strategy

# The groups that upstream names in what it says of the Scale of a workload that is not there; of others it says the workload's own name.
SCALE_GROUPS = {"deployments.apps": "apps", "replicasets.apps": "apps", "replicationcontrollers": "autoscaling"}
# Issues the token that a TokenRequest asks for: (namespace, service account, request, context) -> the request with its status.
IssueToken = Callable[[str, str, authentication_v1.TokenRequest, Context], authentication_v1.TokenRequest]


class Subresources:
    """The POST subresources, and `scale`."""

    def __init__(self, registry: Registry, issue_token: IssueToken) -> None:
        self._registry = registry
        self._issue_token = issue_token
        self._bindings = Bindings(registry)
        # Bindings are not stored; this is what admission is told of the resource.
        self._binding_storage = Storage(BY_GVR["", "v1", "bindings"], core_v1.Binding, Strategy(), "bindings")
        self._evictions = Evictions(registry)

    async def create(self, resource: ResourceType, namespace: str, name: str, subresource: str, body: Any, context: Context) -> Object:
        """POST to a subresource.

        Raises: MethodNotAllowedError where the resource has no such; else what admission and the subresource raise.
        """
        set_namespace(body.metadata, namespace)
        if (posted := resource.subresource(subresource)) is not None:
            set_defaults(body)
            self.track(body, posted.group_version, posted.kind, subresource, context)
        parent = self._registry.storage(resource.group, resource.version, resource.plural)
        if parent is not None:
            await self._registry.admit(parent, namespace, name, subresource, body, context)
        match resource.group_resource, subresource, body:
            case "pods", "binding", core_v1.Binding():
                return await self._bindings.bind(namespace, name, body, context)
            case "pods", "eviction", policy_v1.Eviction():
                return await self._evictions.evict(namespace, name, body, context)
            case "serviceaccounts", "token", authentication_v1.TokenRequest():
                return self._issue_token(namespace, name, body, context)
        raise unknown_method()

    async def bind(self, namespace: str, binding: core_v1.Binding, context: Context) -> Object:
        """POST to the collection of bindings: what is bound has the binding's name, and its uid means nothing.

        Raises: see `create`.
        """
        meta = binding.metadata
        set_namespace(meta, namespace)
        meta.uid = ""
        self.track(binding, "v1", "Binding", "", context)
        await self._registry.admit(self._binding_storage, namespace, meta.name, "", binding, context)
        return await self._bindings.bind(namespace, meta.name, binding, context)

    def track(self, body: Any, group_version: str, kind: str, subresource: str, context: Context) -> None:
        """Say in the managedFields of what is posted and not stored who set what: admission and who posted it get to see it."""
        fields = self._registry.field_managers.of_posted(type(body), group_version, kind, subresource)
        body.metadata.managed_fields = fields.update(None, body, context.field_manager, self._registry.now())

    # Scale: replicas of a workload, whatever its kind.

    def scale(self, storage: Storage, namespace: str, name: str) -> autoscaling_v1.Scale:
        """The Scale of a stored workload.

        Raises: NotFoundError.
        """
        try:
            return self._scale_of(storage, self._registry.get(storage, namespace, name))
        except NotFoundError as error:
            group = SCALE_GROUPS.get(storage.resource.group_resource)
            if group is None:
                raise
            raise not_found(group, f"{storage.resource.plural}/scale", name) from error

    def _scale_of(self, storage: Storage, entry: Entry) -> autoscaling_v1.Scale:
        return storage.scale_of(storage.served(entry))

    async def set_scale(
        self, storage: Storage, namespace: str, name: str, change_scale: ScaleChange, context: Context, *, uid: str = ""
    ) -> autoscaling_v1.Scale:
        """Change the replicas to those of the Scale that `change_scale` makes of the present one.

        Args:
            uid: of the workload that is meant; "" for whichever has the name.
        Raises: NotFoundError, ConflictError, BadRequestError, InvalidError.
        """
        resource = storage.resource
        paths = self._registry.field_managers.replicas_paths(storage)

        def change(obj: Any) -> None:
            present = storage.scale_of(obj)
            present.metadata.managed_fields = to_scale(obj.metadata.managed_fields, paths)
            scale = change_scale(present)
            check_name(scale.metadata, name, namespace if resource.namespaced else "")
            causes = validate_create(scale)
            if causes:
                raise invalid("autoscaling", "Scale", name, causes)
            if scale.metadata.uid not in ("", obj.metadata.uid):
                raise conflict(resource.group, f"{resource.plural}/scale", name,
                               f"Precondition failed: UID in precondition: {scale.metadata.uid}, UID in object meta: {obj.metadata.uid}")
            storage.set_replicas(obj, scale.spec.replicas or 0)
            # Whether it is the present version is for the update to say.
            obj.metadata.resource_version = scale.metadata.resource_version
            obj.metadata.managed_fields = to_parent(
                obj.metadata.managed_fields, scale.metadata.managed_fields, resource.group_version, paths
            )

        entry, _ = await self._registry.update(
            storage, namespace, name, change_transform(change), context, subresource="scale", tracked=True, uid=uid
        )
        return self._scale_of(storage, entry)
