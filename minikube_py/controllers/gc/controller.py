"""The garbage collector: deletes what no owner holds any more, in the three ways of propagation.

Background: the dependents of an owner that is gone are deleted. Foreground: an owner with the finalizer foregroundDeletion stays until its
blocking dependents are gone. Orphan: an owner with the finalizer orphan stays until its dependents have lost their reference to it.

Invariants: the graph proposes, the API decides. Before an object is deleted, the object and each of its owners were read from the API,
and the deletion names the uid and the resourceVersion that were read.
Source: pkg/controller/garbagecollector/garbagecollector.go; kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from minikube_py.apis import core_v1, events_v1
from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition
from minikube_py.apis.meta_v1 import ObjectMeta, OwnerReference
from minikube_py.apis.object import Object
from minikube_py.apis.resources import RESOURCES
from minikube_py.apis.scheme import deep_copy, gvk_of, resource_of, type_of
from minikube_py.core.errors import NotFoundError
from minikube_py.core.workqueue import WorkQueue

from ..base import Context, Controller
from ..custom_kinds import CustomKinds
from ..pod_control import first_failure
from ..refs import meta_of
from .graph import FOREGROUND, ORPHAN, UNCHANGED, Changed, Graph, GraphNode, Identity

# Owners remembered as absent. Source: garbagecollector.go, NewReferenceCache(500).
_ABSENT_MAX = 4096
# Kinds without owners, and second names of stored forms. Source: pkg/controller/garbagecollector/config (ignored resources).
_IGNORED = {core_v1.Event, events_v1.Event}
_SECOND_DOORS = {("autoscaling", "v1", "horizontalpodautoscalers")}


def collected_kinds() -> list[type[Object]]:
    """The built-in kinds whose objects may own or be owned."""
    verbs = {"list", "watch", "delete"}
    kinds = [type_of(*row.gvk) for row in RESOURCES if verbs <= set(row.verbs) and row.gvr not in _SECOND_DOORS]
    return [kind for kind in kinds if kind not in _IGNORED]


class GarbageCollector(Controller):
    """Deletion by ownership. Keys are uids."""

    name = "garbage_collector_attempt_to_delete"
    component = "garbage-collector-controller"
    workers = 20

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.graph = Graph()
        self._orphaning: WorkQueue[str] = WorkQueue("garbage_collector_attempt_to_orphan")
        self._absent: OrderedDict[Identity, None] = OrderedDict()
        for kind in collected_kinds():
            self._follow(kind)
        self._custom = CustomKinds(self.informer(CustomResourceDefinition))
        self._custom.follow(self._custom_kind_changed)

    def _custom_kind_changed(self, kind: type[Object], came: bool) -> None:
        if came:
            self._absent.clear()  # Owners of that kind may have been looked for before it was there.
            self._follow(kind)
        else:
            self.drop_informer(kind)

    def _type_of(self, api_version: str, kind: str) -> type[Object]:
        """The class of a kind, built in or custom.

        Raises: KeyError for a kind that is not served.
        """
        group, _, version = api_version.rpartition("/")
        custom = self._custom.find(group, version, kind)
        return custom if custom is not None else type_of(group, version, kind)

    def _follow(self, kind: type[Object]) -> None:
        group, version, name = gvk_of(kind)
        api_version = f"{group}/{version}" if group else version

        def changed(old: Any, new: Any) -> None:
            before, after = (None if obj is None else meta_of(obj) for obj in (old, new))
            if before is not None and (after is None or after.uid != before.uid):
                self._queue_up(self.graph.remove(before.uid))
            if after is None or (before is not None and before.uid == after.uid and _same(before, after)):
                return
            identity = Identity(api_version, name, after.namespace, after.name, after.uid)
            follows = self.graph.put(identity, after)
            if follows is not UNCHANGED:
                self._queue_up(follows)

        self.informer(kind).add_handler(changed)

    def _queue_up(self, changed: Changed) -> None:
        for uid in changed.delete:
            self.queue.add(uid)
        for uid in changed.orphan:
            self._orphaning.add(uid)

    async def background(self) -> None:
        """Orphan dependents beside deleting others."""
        try:
            await self._orphaning.work(self._orphan, self.workers)
        finally:
            self._orphaning.close()

    async def reconcile(self, key: str) -> float | None:
        node = self.graph.nodes.get(key)
        if node is None or node.virtual or (node.deleting and not node.deletes_dependents):
            return None
        live = await self._read(node.identity)
        if live is None:
            return None
        if node.deletes_dependents:
            await self._wait_for_dependents(node, live)
            return None
        owners = meta_of(live).owner_references
        if owners:
            await self._judge(node, live, owners)
        return None

    async def _read(self, identity: Identity) -> Any:
        """The object as the API has it; None if it is gone or another has its name.

        Raises: KeyError for a kind that this collector does not know.
        """
        kind = self._type_of(identity.api_version, identity.kind)
        namespace = identity.namespace if resource_of(kind).namespaced else ""
        try:
            live = await self.client.get(kind, identity.name, namespace)
        except NotFoundError:
            return None
        return live if meta_of(live).uid == identity.uid else None

    async def _judge(self, node: GraphNode, live: Any, refs: list[OwnerReference]) -> None:
        """Keep an object that has an owner, without references to others; delete one that has none."""
        states = {ref.uid: await self._state_of(ref, node.identity.namespace) for ref in refs}
        solid = [ref for ref in refs if states[ref.uid] == "solid"]
        waiting = [ref for ref in refs if states[ref.uid] == "waiting"]
        if solid:
            await self._write_owners(live, solid)
            return
        dependents = self.graph.dependents_of(node.identity.uid)
        if waiting and dependents:
            if any(dependent.deletes_dependents for dependent in dependents):
                # A circle of owners that all wait for each other: this one stops blocking.
                live = await self._unblock(live)
            await self._delete(live, "Foreground")
            return
        finalizers = meta_of(live).finalizers
        policy = "Orphan" if ORPHAN in finalizers else "Foreground" if FOREGROUND in finalizers else "Background"
        await self._delete(live, policy)

    async def _state_of(self, ref: OwnerReference, namespace: str) -> str:
        """Whether an owner is there ("solid"), is being deleted in the foreground ("waiting") or is gone ("dangling")."""
        try:
            kind = self._type_of(ref.api_version, ref.kind)
        except KeyError:
            # A kind that is not served: nothing is known of it, so nothing is deleted for it.
            return "solid"
        if resource_of(kind).namespaced and not namespace:
            return "solid"
        identity = Identity(ref.api_version, ref.kind, namespace if resource_of(kind).namespaced else "", ref.name, ref.uid)
        if identity in self._absent:
            self._absent.move_to_end(identity)
            return "dangling"
        owner = await self._read(identity)
        if owner is None:
            self._absent[identity] = None
            if len(self._absent) > _ABSENT_MAX:
                self._absent.popitem(last=False)
            return "dangling"
        meta = meta_of(owner)
        return "waiting" if meta.deletion_timestamp and FOREGROUND in meta.finalizers else "solid"

    async def _wait_for_dependents(self, node: GraphNode, live: Any) -> None:
        blocking = self.graph.blocking(node.identity.uid)
        if not blocking:
            await self._drop_finalizer(live, FOREGROUND)
            return
        for dependent in blocking:
            if not dependent.deletes_dependents:
                self.queue.add(dependent.identity.uid)

    async def _orphan(self, uid: str) -> float | None:
        node = self.graph.nodes.get(uid)
        if node is None or not node.orphans:
            return None
        live = await self._read(node.identity)
        if live is None:
            return None
        dependents = self.graph.dependents_of(uid)
        results = await asyncio.gather(*(self._release(dependent, uid) for dependent in dependents), return_exceptions=True)
        failure = first_failure(results)
        if failure is not None:
            raise failure
        await self._drop_finalizer(live, ORPHAN)
        return None

    async def _release(self, dependent: GraphNode, owner_uid: str) -> None:
        live = await self._read(dependent.identity)
        if live is not None:
            await self._write_owners(live, [ref for ref in meta_of(live).owner_references if ref.uid != owner_uid])

    async def _unblock(self, live: Any) -> Any:
        copy = deep_copy(live)
        for ref in meta_of(copy).owner_references:
            ref.block_owner_deletion = False if ref.block_owner_deletion else ref.block_owner_deletion
        return await self.client.update(copy)

    async def _write_owners(self, live: Any, refs: list[OwnerReference]) -> None:
        if refs == meta_of(live).owner_references:
            return
        copy = deep_copy(live)
        copy.metadata.owner_references = refs
        await self.client.update(copy)

    async def _drop_finalizer(self, live: Any, finalizer: str) -> None:
        if finalizer not in meta_of(live).finalizers:
            return
        copy = deep_copy(live)
        copy.metadata.finalizers = [name for name in copy.metadata.finalizers if name != finalizer]
        await self.client.update(copy)

    async def _delete(self, live: Any, policy: str) -> None:
        meta = meta_of(live)
        try:
            await self.client.delete(
                type(live), meta.name, meta.namespace, uid=meta.uid, resource_version=meta.resource_version, propagation_policy=policy
            )
        except NotFoundError:
            return


def _same(before: ObjectMeta, after: ObjectMeta) -> bool:
    """Whether a change is of no concern to ownership: most are not."""
    return (
        before.owner_references == after.owner_references
        and before.deletion_timestamp == after.deletion_timestamp
        and before.finalizers == after.finalizers
    )
