"""OwnerReferencesPermissionEnforcement: who makes others own an object must be able to delete it, and who lets it hold up their deletion,
to write their finalizers.

Source: plugin/pkg/admission/gc/gc_admission.go
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minikube_py.apis.meta_v1 import ObjectMeta, OwnerReference
from minikube_py.apis.resources import ResourceType

from ..authorization.attributes import Attributes, Authorizer, Decision
from . import Operation, WaitingPlugin, forbidden

# The resources of a kind: (group, version, kind) -> those that are served.
ResourcesOf = Callable[[str, str, str], Sequence[ResourceType]]


class OwnerReferencesPermissionEnforcement(WaitingPlugin):
    """Asks the authorizer about changes of owners."""

    name = "OwnerReferencesPermissionEnforcement"

    def __init__(self, authorizer: Authorizer, resources_of: ResourcesOf) -> None:
        self._authorizer = authorizer
        self._resources_of = resources_of

    async def validate_waiting(self, operation: Operation) -> None:
        if operation.verb not in ("CREATE", "UPDATE"):
            return
        resource = operation.storage.resource
        # Old kubelets spoil owners there; the strategy keeps them.
        if (resource.group_resource, operation.subresource) == ("pods", "status"):
            return
        new, old = _references(operation.obj), _references(operation.old)
        if new == old or (operation.verb == "CREATE" and not new):
            return
        decision = await self._may(operation, "delete", resource.group, resource.version, resource.plural, operation.subresource,
                                   operation.namespace, operation.name)
        if not decision.allowed:
            raise forbidden(operation, f"cannot set an ownerRef on a resource you can't delete: {_why(decision)}")
        for reference in _newly_blocking(new, old):
            await self._check_owner(operation, reference)

    async def _check_owner(self, operation: Operation, reference: OwnerReference) -> None:
        group, _, version = reference.api_version.rpartition("/")
        resources = self._resources_of(group, version, reference.kind)
        if not resources:
            kind, of_version = reference.kind, reference.api_version
            raise forbidden(operation, "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion "
                                       f'{of_version} Kind {kind}: no matches for kind "{kind}" in version "{of_version}"')
        for resource in resources:
            namespace = operation.namespace if resource.namespaced else ""
            decision = await self._may(operation, "update", group, version, resource.plural, "finalizers", namespace, reference.name)
            if not decision.allowed:
                raise forbidden(operation, "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set "
                                           f"finalizers on: {_why(decision)}")

    async def _may(
        self, operation: Operation, verb: str, group: str, version: str, plural: str, subresource: str, namespace: str, name: str
    ) -> Decision:
        return await self._authorizer.authorize(
            Attributes(operation.context.user, verb, group, version, plural, subresource, namespace, name))


def _why(decision: Decision) -> str:
    return f"{decision.reason}, {decision.error or '<nil>'}"


def _references(obj: object) -> list[OwnerReference]:
    metadata = getattr(obj, "metadata", None)
    return metadata.owner_references if isinstance(metadata, ObjectMeta) else []


def _newly_blocking(new: Sequence[OwnerReference], old: Sequence[OwnerReference]) -> list[OwnerReference]:
    """References that hold up the deletion of their owner, and did not before."""
    before = {reference.uid for reference in old if reference.block_owner_deletion}
    return [reference for reference in new if reference.block_owner_deletion and reference.uid not in before]
