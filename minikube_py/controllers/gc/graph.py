"""Who owns whom: the graph that the garbage collector decides by.

Each object is a node under its uid; an edge leads from an owner to each dependent. An owner that a reference names but no informer has
shown yet is a *virtual* node: it may be gone, or only not seen yet, which the API must tell.

Invariants: a node is in `dependents` of exactly the owners that its references name. A virtual node has at least one dependent. The
graph knows no client; changes return the uids that must be looked at again.
Source: pkg/controller/garbagecollector/graph.go, graph_builder.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from minikube_py.apis.meta_v1 import ObjectMeta, OwnerReference

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"


class Identity(NamedTuple):
    """Names one object of the API."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(slots=True, eq=False)
class GraphNode:
    """One object.

    Attributes:
        virtual: known only from the reference of a dependent.
        deleting: has a deletionTimestamp.
        deletes_dependents: waits, with the finalizer foregroundDeletion, for the end of its dependents.
    """

    identity: Identity
    owners: list[OwnerReference] = field(default_factory=list)
    dependents: set[str] = field(default_factory=set)
    virtual: bool = False
    deleting: bool = False
    deletes_dependents: bool = False
    orphans: bool = False

    def blocks(self, owner_uid: str) -> bool:
        """Whether this node must be gone before that owner may go."""
        return any(ref.uid == owner_uid and ref.block_owner_deletion for ref in self.owners)


@dataclass(slots=True)
class Changed:
    """Uids to look at: to delete perhaps, and owners whose dependents are to be orphaned."""

    delete: set[str] = field(default_factory=set)
    orphan: set[str] = field(default_factory=set)


# Of most objects nothing follows.
UNCHANGED = Changed()


class Graph:
    """Nodes by uid."""

    def __init__(self) -> None:
        self.nodes: dict[str, GraphNode] = {}

    def put(self, identity: Identity, meta: ObjectMeta) -> Changed:
        """Note an object as it is now."""
        node = self.nodes.get(identity.uid)
        if node is None and not meta.owner_references and not meta.deletion_timestamp:
            self.nodes[identity.uid] = GraphNode(identity, meta.owner_references)
            return UNCHANGED
        changed = Changed()
        if node is None:
            node = self.nodes[identity.uid] = GraphNode(identity)
        node.virtual = False
        if node.identity != identity:
            # A reference named the uid with wrong coordinates: dependents with such a reference must be checked again.
            node.identity = identity
            changed.delete |= node.dependents
        self._link(node, meta.owner_references, changed)
        self._note_deletion(node, meta, changed)
        return changed

    def remove(self, uid: str) -> Changed:
        """Note that an object is gone: its dependents lost an owner, and owners that wait for it may go on."""
        changed = Changed()
        node = self.nodes.pop(uid, None)
        if node is None:
            return changed
        self._link(node, [], changed)
        changed.delete |= node.dependents
        if node.dependents:
            # The references stay until the dependents are dealt with; without a node they could not be found.
            self.nodes[uid] = GraphNode(node.identity, dependents=node.dependents, virtual=True)
        return changed

    def dependents_of(self, uid: str) -> list[GraphNode]:
        node = self.nodes.get(uid)
        return [self.nodes[dependent] for dependent in node.dependents if dependent in self.nodes] if node is not None else []

    def blocking(self, uid: str) -> list[GraphNode]:
        """The dependents that must be gone before the object may go."""
        return [node for node in self.dependents_of(uid) if node.blocks(uid)]

    def _link(self, node: GraphNode, refs: list[OwnerReference], changed: Changed) -> None:
        if not refs and not node.owners:
            node.owners = refs
            return
        before = {ref.uid: ref for ref in node.owners}
        after = {ref.uid: ref for ref in refs}
        node.owners = refs
        for uid, ref in before.items():
            owner = self.nodes.get(uid)
            if owner is None:
                continue
            unblocked = ref.block_owner_deletion and not (uid in after and after[uid].block_owner_deletion)
            if unblocked and owner.deletes_dependents:
                changed.delete.add(uid)
            if uid not in after:
                owner.dependents.discard(node.identity.uid)
                if owner.virtual and not owner.dependents:
                    del self.nodes[uid]
        for uid, ref in after.items():
            if uid not in before:
                self._own(node, ref, changed)

    def _own(self, node: GraphNode, ref: OwnerReference, changed: Changed) -> None:
        owner = self.nodes.get(ref.uid)
        if owner is None:
            identity = Identity(ref.api_version, ref.kind, node.identity.namespace, ref.name, ref.uid)
            owner = self.nodes[ref.uid] = GraphNode(identity, virtual=True)
        if owner.virtual or (owner.identity.kind, owner.identity.name) != (ref.kind, ref.name):
            changed.delete.add(node.identity.uid)
        if owner.deletes_dependents:
            changed.delete.add(node.identity.uid)
        owner.dependents.add(node.identity.uid)

    def _note_deletion(self, node: GraphNode, meta: ObjectMeta, changed: Changed) -> None:
        node.deleting = bool(meta.deletion_timestamp)
        if not node.deleting:
            return
        uid = node.identity.uid
        node.orphans = ORPHAN in meta.finalizers
        if node.orphans:
            changed.orphan.add(uid)
        node.deletes_dependents = FOREGROUND in meta.finalizers
        if node.deletes_dependents:
            changed.delete |= {uid, *node.dependents}
