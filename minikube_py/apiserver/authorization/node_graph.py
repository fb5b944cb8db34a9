"""Which objects nodes need: those that their pods name, and what these lead to.

For each object that some node needs, the graph counts by node how often it is needed, so that a decision is a look-up. Pods bring what
they name; a claim brings the volumes that are bound to it and the Secrets that mounting them takes. Attachments and ResourceSlices
belong to the node that they name. Fed with `*_changed(old, new)`; old is None for a new object, new for a deleted one.

Source: plugin/pkg/auth/authorizer/node/graph.go, graph_populator.go
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from minikube_py.apis.core_v1 import PersistentVolume, Pod
from minikube_py.apis.pod_references import claim_names, config_map_names, resource_claim_names, secret_names, volume_secrets
from minikube_py.apis.resource_v1 import ResourceSlice
from minikube_py.apis.storage_v1 import VolumeAttachment
from minikube_py.apis.validation.pod_annotations import MIRROR

Resource = Literal[
    "configmaps", "persistentvolumeclaims", "persistentvolumes", "pods", "resourceclaims", "resourceslices", "secrets", "serviceaccounts",
    "volumeattachments",
]
# Resource, namespace ("" for cluster-wide ones), name.
Key = tuple[Resource, str, str]


class NodeGraph:
    """The objects that nodes need."""

    def __init__(self) -> None:
        # Object -> node -> how many of the node's pods (and volumes) need it.
        self._needed: dict[Key, dict[str, int]] = {}
        # Claim -> volume that says it is bound to it -> what the volume brings.
        self._volumes: dict[Key, dict[str, tuple[Key, ...]]] = {}

    def needs(self, node: str, resource: Resource, namespace: str, name: str) -> bool:
        """Whether a node needs an object."""
        nodes = self._needed.get((resource, namespace, name))
        return nodes is not None and node in nodes

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and new is not None and _names_the_same(old, new):
            return
        if new is not None and new.spec.node_name:
            for key in _of_pod(new):
                self._add(key, new.spec.node_name)
        if old is not None and old.spec.node_name:
            for key in _of_pod(old):
                self._drop(key, old.spec.node_name)

    def volume_changed(self, old: PersistentVolume | None, new: PersistentVolume | None) -> None:
        before, after = _of_volume(old), _of_volume(new)
        if before == after:
            return
        if after is not None and new is not None:
            claim, brings = after
            for node in self._needed.get(claim, ()):
                for key in brings:
                    self._add(key, node)
        if before is not None and old is not None:
            claim, brings = before
            for node in self._needed.get(claim, ()):
                for key in brings:
                    self._drop(key, node)
            volumes = self._volumes[claim]
            del volumes[old.metadata.name]
            if not volumes:
                del self._volumes[claim]
        if after is not None and new is not None:
            self._volumes.setdefault(after[0], {})[new.metadata.name] = after[1]

    def attachment_changed(self, old: VolumeAttachment | None, new: VolumeAttachment | None) -> None:
        before, after = (obj.spec.node_name if obj is not None else "" for obj in (old, new))
        self._moved("volumeattachments", (new or old), before, after)

    def slice_changed(self, old: ResourceSlice | None, new: ResourceSlice | None) -> None:
        before, after = (obj.spec.node_name or "" if obj is not None else "" for obj in (old, new))
        self._moved("resourceslices", (new or old), before, after)

    def _moved(self, resource: Resource, obj: VolumeAttachment | ResourceSlice | None, before: str, after: str) -> None:
        if before == after or obj is None:
            return
        key: Key = (resource, "", obj.metadata.name)
        if after:
            self._add(key, after)
        if before:
            self._drop(key, before)

    def _add(self, key: Key, node: str) -> None:
        nodes = self._needed.setdefault(key, {})
        count = nodes.get(node, 0)
        nodes[node] = count + 1
        if not count:
            for brings in self._volumes.get(key, {}).values():
                for brought in brings:
                    self._add(brought, node)

    def _drop(self, key: Key, node: str) -> None:
        nodes = self._needed[key]
        if nodes[node] > 1:
            nodes[node] -= 1
            return
        del nodes[node]
        if not nodes:
            del self._needed[key]
        for brings in self._volumes.get(key, {}).values():
            for brought in brings:
                self._drop(brought, node)


def _of_pod(pod: Pod) -> Iterator[Key]:
    """A pod and what it names. A mirror pod names nothing: a node makes it, and must not get at anything by it."""
    namespace = pod.metadata.namespace
    yield "pods", namespace, pod.metadata.name
    if MIRROR in pod.metadata.annotations:
        return
    if pod.spec.service_account_name:
        yield "serviceaccounts", namespace, pod.spec.service_account_name
    for name in secret_names(pod):
        yield "secrets", namespace, name
    for name in config_map_names(pod):
        yield "configmaps", namespace, name
    for name in claim_names(pod):
        yield "persistentvolumeclaims", namespace, name
    for name in resource_claim_names(pod):
        yield "resourceclaims", namespace, name


def _names_the_same(old: Pod, new: Pod) -> bool:
    """Whether two versions of a pod name the same objects; most of a bound pod's spec cannot change."""
    return (
        old.spec.node_name == new.spec.node_name and old.metadata.uid == new.metadata.uid
        and len(old.spec.ephemeral_containers) == len(new.spec.ephemeral_containers)
        and old.status.resource_claim_statuses == new.status.resource_claim_statuses
        and old.status.extended_resource_claim_status == new.status.extended_resource_claim_status
    )


def _of_volume(volume: PersistentVolume | None) -> tuple[Key, tuple[Key, ...]] | None:
    """The claim of a volume, and what a node that needs the claim needs with it."""
    if volume is None or volume.spec.claim_ref is None:
        return None
    reference = volume.spec.claim_ref
    secrets: list[Key] = [("secrets", namespace, name) for namespace, name in sorted(volume_secrets(volume))]
    return ("persistentvolumeclaims", reference.namespace, reference.name), (("persistentvolumes", "", volume.metadata.name), *secrets)
