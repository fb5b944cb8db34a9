"""Pods wait for their claims, and run where their volumes can be reached.

A claim is bound (then its volume says on which nodes it is), waits for nobody (then its pod waits for it), or waits for its first
consumer (then the pod's node is written on the claim before the pod is bound, and the pod waits until a volume was made for it there).

Source: kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode, pkg/scheduler/framework/plugins/volumebinding
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from minikube_py.apis import core_v1, storage_v1
from minikube_py.apis.node_affinity import matches_term
from minikube_py.client.informer import Informers
from minikube_py.client.interface import Client

from ..cache import Cache, NodeInfo
from ..framework import NODE_EVENTS, ClusterEvent, Code, CycleState, Hint, Status
from ..pod_info import PodInfo

SELECTED_NODE = "volume.kubernetes.io/selected-node"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
WAIT_FOR_CONSUMER = "WaitForFirstConsumer"
# Source: VolumeBindingArgs.bindTimeoutSeconds
BIND_TIMEOUT_S = 600.0

Claim = core_v1.PersistentVolumeClaim


@dataclass(slots=True)
class _Claims:
    """The claims of one pod: those with a volume, and those that wait for their node."""

    bound: list[Claim]
    delayed: list[Claim]


class VolumeBinding:
    name: ClassVar = "VolumeBinding"
    node_local: ClassVar = False
    _AFFINITY = Status(name, Code.UNRESOLVABLE, ("node(s) didn't match PersistentVolume's node affinity",))
    _NO_VOLUME = Status(name, Code.UNRESOLVABLE, ("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",))
    _NOTHING_TO_BIND = Status(name, Code.UNRESOLVABLE, ("node(s) didn't find available persistent volumes to bind",))

    def __init__(self, client: Client, informers: Informers) -> None:
        self._client = client
        self._claims = informers.of(core_v1.PersistentVolumeClaim)
        self._volumes = informers.of(core_v1.PersistentVolume)
        self._classes = informers.of(storage_v1.StorageClass)
        self._waiting: dict[str, asyncio.Event] = {}
        self._claims.add_handler(self._claim_changed)

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {ClusterEvent.VOLUME: None, NODE_EVENTS: None, ClusterEvent.POD_SELF: None}

    def sign(self, pod: PodInfo) -> Any:
        return [name for name, _ in claim_names(pod.pod)]

    def pre_filter(self, state: CycleState, pod: PodInfo, cache: Cache) -> Status | set[str] | None:
        found = _Claims([], [])
        for name, ephemeral in claim_names(pod.pod):
            claim = self._claims.get(name, pod.namespace)
            if claim is None:
                text = f'persistentvolumeclaim "{name}" not found'
                if ephemeral:
                    text = f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
                return Status(self.name, Code.UNRESOLVABLE, (text,))
            if claim.metadata.deletion_timestamp:
                return Status(self.name, Code.UNRESOLVABLE, (f'persistentvolumeclaim "{name}" is being deleted',))
            if is_bound(claim):
                found.bound.append(claim)
            elif not claim.spec.volume_name and self._waits_for_consumer(claim):
                found.delayed.append(claim)
            else:
                return Status(self.name, Code.UNRESOLVABLE, ("pod has unbound immediate PersistentVolumeClaims",))
        if not found.bound and not found.delayed:
            state.skipped.add(self.name)
        state[self.name] = found
        return None

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        claims: _Claims = state[self.name]
        for claim in claims.bound:
            volume = self._volumes.get(claim.spec.volume_name)
            if volume is None:
                return self._NO_VOLUME
            if not _reachable(volume, node):
                return self._AFFINITY
        if all(self._can_be_made(claim, node) for claim in claims.delayed):
            return None
        return self._NOTHING_TO_BIND

    async def permit(self, state: CycleState, pod: PodInfo, node_name: str) -> Status | None:
        """Say on the claims where the pod will be, and wait for their volumes."""
        claims: _Claims = state.get(self.name) or _Claims([], [])
        try:
            async with asyncio.timeout(BIND_TIMEOUT_S):
                for claim in claims.delayed:
                    patch = {"metadata": {"annotations": {SELECTED_NODE: node_name}}}
                    await self._client.patch(core_v1.PersistentVolumeClaim, claim.metadata.name, pod.namespace, patch)
                for claim in claims.delayed:
                    if not await self._wait_bound(f"{pod.namespace}/{claim.metadata.name}", node_name):
                        reason = f'provisioning for persistentvolumeclaim "{claim.metadata.name}" failed on node {node_name}'
                        return Status(self.name, Code.RESOLVABLE, (reason,))
        except TimeoutError:
            return Status(self.name, Code.RESOLVABLE, ("binding volumes: timed out waiting for the condition",))
        return None

    async def _wait_bound(self, key: str, node_name: str) -> bool:
        """False if the node was taken off the claim again: nothing can be made there."""
        marked = False
        while True:
            claim = self._claims.get_key(key)
            if claim is None:
                return False
            if is_bound(claim):
                return True
            if claim.metadata.annotations.get(SELECTED_NODE) == node_name:
                marked = True
            elif marked:
                return False
            event = self._waiting.setdefault(key, asyncio.Event())
            event.clear()
            await event.wait()

    def _claim_changed(self, old: Claim | None, new: Claim | None) -> None:
        claim = new or old
        if claim is not None:
            event = self._waiting.pop(f"{claim.metadata.namespace}/{claim.metadata.name}", None)
            if event is not None:
                event.set()

    def _waits_for_consumer(self, claim: Claim) -> bool:
        storage_class = self._classes.get(claim.spec.storage_class_name or "")
        return storage_class is not None and storage_class.volume_binding_mode == WAIT_FOR_CONSUMER

    def _can_be_made(self, claim: Claim, node: NodeInfo) -> bool:
        """A volume that is there and free could be bound, or one could be provisioned for this node."""
        storage_class = self._classes.get(claim.spec.storage_class_name or "")
        if storage_class is None:
            return False
        if storage_class.provisioner != NO_PROVISIONER:
            topologies = storage_class.allowed_topologies
            return not topologies or any(
                all(node.labels.get(wanted.key) in wanted.values for wanted in term.match_label_expressions) for term in topologies
            )
        return any(
            volume.spec.storage_class_name == claim.spec.storage_class_name and volume.spec.claim_ref is None
            and volume.status.phase == "Available" and set(claim.spec.access_modes) <= set(volume.spec.access_modes)
            and _reachable(volume, node)
            for volume in self._volumes.list()
        )


def claim_names(pod: core_v1.Pod) -> Iterator[tuple[str, bool]]:
    """The claims that a pod's volumes name, and whether each is made for the pod."""
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield volume.persistent_volume_claim.claim_name, False
        elif volume.ephemeral is not None:
            yield f"{pod.metadata.name}-{volume.name}", True


def is_bound(claim: Claim) -> bool:
    return bool(claim.spec.volume_name) and BIND_COMPLETED in claim.metadata.annotations


def _reachable(volume: core_v1.PersistentVolume, node: NodeInfo) -> bool:
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None or node.node is None:
        return True
    return any(matches_term(term, node.node) for term in affinity.required.node_selector_terms)


