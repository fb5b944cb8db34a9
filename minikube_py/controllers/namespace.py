"""The namespace controller: empties a namespace that is being deleted, then lets it go.

Owns the finalizer `kubernetes` of namespaces and the conditions that tell what is left. Pods go first, as others may still be needed
for their end; then everything else. What has finalizers of its own stays until somebody removes them; the deletion of the last object
is noticed by its informer, so nothing is polled.
Source: pkg/controller/namespace/deletion/namespaced_resources_deleter.go, status_condition_utils.go.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition
from minikube_py.apis.core_v1 import Namespace, NamespaceCondition, Pod
from minikube_py.apis.object import Object
from minikube_py.apis.resources import RESOURCES
from minikube_py.apis.scheme import deep_copy, resource_of, type_of
from minikube_py.core.clock import rfc3339
from minikube_py.core.errors import ConflictError, NotFoundError, StatusError

from .base import Context, Controller
from .custom_kinds import CustomKinds
from .pod_control import first_failure
from .refs import meta_of
from .status import with_condition

FINALIZER = "kubernetes"
# Requests in flight while one namespace is emptied.
_DELETIONS_MAX = 64


@dataclass(slots=True)
class _Remains:
    """What is left in a namespace: counts by resource and by finalizer, and what could not be deleted."""

    resources: Counter[str] = field(default_factory=Counter)
    finalizers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def deletable_kinds() -> list[type[Object]]:
    """The namespaced built-in kinds that can be listed and deleted, each stored form once, pods first."""
    kinds = [
        type_of(*row.gvk) for row in RESOURCES
        if row.namespaced and {"list", "delete", "watch"} <= set(row.verbs) and row.gvr not in _SECOND_DOORS
    ]
    return sorted(kinds, key=lambda kind: kind is not Pod)


# Resources that show the objects of another resource.
_SECOND_DOORS = {("events.k8s.io", "v1", "events"), ("autoscaling", "v1", "horizontalpodautoscalers")}


class NamespaceController(Controller):
    """The end of namespaces."""

    name = "namespace"
    component = "namespace-controller"
    workers = 10

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.namespaces = self.informer(Namespace)
        self._contents = {kind: self.informer(kind) for kind in deletable_kinds()}
        self._terminating: set[str] = set()
        self.namespaces.add_handler(self._namespace_changed)
        for informer in self._contents.values():
            informer.add_handler(self._content_changed)
        self._custom = CustomKinds(self.informer(CustomResourceDefinition))
        self._custom.follow(self._custom_kind_changed)

    def _custom_kind_changed(self, kind: type[Object], came: bool) -> None:
        if not came:
            self._contents.pop(kind, None)
            self.drop_informer(kind)
        elif resource_of(kind).namespaced:
            self._contents[kind] = self.informer(kind)
            self._contents[kind].add_handler(self._content_changed)

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if new is None:
            if old is not None:
                self._terminating.discard(old.metadata.name)
        elif new.metadata.deletion_timestamp:
            self._terminating.add(new.metadata.name)
            self.enqueue(new)

    def _content_changed(self, old: Any, new: Any) -> None:
        """Any change in a dying namespace may be the end of the last object, or of a finalizer."""
        namespace = meta_of(new if new is not None else old).namespace
        if namespace in self._terminating:
            self.queue.add(namespace)

    async def reconcile(self, key: str) -> float | None:
        namespace = self.namespaces.get(key)
        if namespace is None or not namespace.metadata.deletion_timestamp:
            return None
        if FINALIZER not in namespace.spec.finalizers:
            return None
        if namespace.status.phase != "Terminating":
            await self._write(namespace, "Terminating", namespace.status.conditions)
            return None
        remains = await self._empty(key)
        conditions = self._conditions(namespace, remains)
        if conditions != namespace.status.conditions and (remains.resources or remains.failures):
            await self._write(namespace, "Terminating", conditions)
        if remains.failures:
            raise StatusError("; ".join(remains.failures))
        if not remains.resources:
            await self._finalize(namespace)
        return None

    async def _empty(self, name: str) -> _Remains:
        """Ask for the deletion of all that is there: pods, and once none is left the rest."""
        remains = _Remains()
        stages: tuple[list[type[Object]], ...] = ([Pod], [kind for kind in self._contents if kind is not Pod])
        for stage in stages:
            for kind in stage:
                objects: Sequence[Any] = await self.client.list(kind, name)
                await self._delete_all(kind, objects, remains)
            if remains.resources or remains.failures:
                await self._recount(name, stage, remains)
            if remains.resources and stage == [Pod]:
                break
        return remains

    async def _delete_all(self, kind: type[Object], objects: Sequence[Any], remains: _Remains) -> None:
        room = asyncio.Semaphore(_DELETIONS_MAX)

        async def delete(meta: Any) -> None:
            async with room:
                try:
                    await self.client.delete(kind, meta.name, meta.namespace, uid=meta.uid, propagation_policy="Background")
                except (NotFoundError, ConflictError):
                    return

        fresh = [meta_of(obj) for obj in objects if not meta_of(obj).deletion_timestamp]
        failure = first_failure(await asyncio.gather(*(delete(meta) for meta in fresh), return_exceptions=True))
        if failure is not None:
            remains.failures.append(str(failure))
        if objects:
            remains.resources[resource_of(kind).plural] += len(objects)

    async def _recount(self, name: str, stage: list[type[Object]], remains: _Remains) -> None:
        """Count what the deletions of one stage left behind. What nobody asked to delete yet does not remain."""
        remains.resources.clear()
        for kind in stage:
            resource = resource_of(kind)
            for obj in await self.client.list(kind, name):
                remains.resources[f"{resource.plural}.{resource.group}"] += 1
                remains.finalizers.update(meta_of(obj).finalizers)

    def _conditions(self, namespace: Namespace, remains: _Remains) -> list[NamespaceCondition]:
        failed = bool(remains.failures)
        left, held = dict(sorted(remains.resources.items())), dict(sorted(remains.finalizers.items()))
        rows = [
            ("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"),
            ("NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
            ("NamespaceDeletionContentFailure", "True", "ContentDeletionFailed",
             "Failed to delete all resource types, 1 remaining: " + "; ".join(remains.failures)) if failed else
            ("NamespaceDeletionContentFailure", "False", "ContentDeleted",
             "All content successfully deleted, may be waiting on finalization"),
            ("NamespaceContentRemaining", "True", "SomeResourcesRemain", "Some resources are remaining: " + ", ".join(
                f"{name} has {count} resource instances" for name, count in left.items())) if left else
            ("NamespaceContentRemaining", "False", "ContentRemoved", "All content successfully removed"),
            ("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", "Some content in the namespace has finalizers remaining: " +
             ", ".join(f"{name} in {count} resource instances" for name, count in held.items())) if held else
            ("NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        ]
        conditions, now = namespace.status.conditions, rfc3339(self.clock.now())
        for condition_type, status, reason, message in rows:
            row = NamespaceCondition(type=condition_type, status=status, reason=reason, message=message, last_transition_time=now)
            conditions = _with_message(conditions, row)
        return conditions

    async def _write(self, namespace: Namespace, phase: str, conditions: list[NamespaceCondition]) -> None:
        copy = deep_copy(namespace)
        copy.status.phase, copy.status.conditions = phase, conditions
        await self.client.update(copy, subresource="status")

    async def _finalize(self, namespace: Namespace) -> None:
        copy = deep_copy(namespace)
        copy.spec.finalizers = [name for name in copy.spec.finalizers if name != FINALIZER]
        await self.client.update(copy, subresource="finalize")


def _with_message(conditions: list[NamespaceCondition], row: NamespaceCondition) -> list[NamespaceCondition]:
    """Put a condition in its place; a new message alone keeps the transition time."""
    for index, current in enumerate(conditions):
        if current.type == row.type:
            if current.status == row.status:
                row.last_transition_time = current.last_transition_time
            return [*conditions[:index], row, *conditions[index + 1 :]]
    return with_condition(conditions, row)
