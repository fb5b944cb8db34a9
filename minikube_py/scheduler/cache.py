"""What every node has and what is taken of it, kept as pods and nodes come and go.

Pods that were just given a node count from that moment (they are assumed), until the API shows them bound. Every change of a node
raises its generation, and nodes are kept in the order of their generations, so that a reader finds what changed since it last
looked without looking at the rest.

Source: pkg/scheduler/backend/cache/cache.go
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator

from minikube_py.apis import core_v1

from .pod_info import Amounts, HostPort, PodInfo, amounts

# Prefix of the keys under which room is kept for pods that are nominated.
NOMINATED = "nominated:"


class NodeInfo:
    """One node with its pods.

    Attributes:
        node: the node, or None while only pods that name it are known.
        generation: grows with every change; unique over all nodes.
        requested: what its pods take; `scored_cpu` and `scored_memory` the same with defaults, for comparing nodes.
        images: name -> size of the images that are there.
    """

    __slots__ = (
        "allocatable", "anti_affinity_pods", "generation", "images", "labels", "name", "node", "pods", "pods_max", "ports", "requested",
        "scored_cpu", "scored_memory", "taints",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.labels: dict[str, str] = {}
        self.taints: list[core_v1.Taint] = []
        self.node: core_v1.Node | None = None
        self.generation = 0
        self.pods: dict[str, PodInfo] = {}
        self.anti_affinity_pods: dict[str, PodInfo] = {}
        self.requested: Amounts = {}
        self.scored_cpu = 0
        self.scored_memory = 0
        self.allocatable: Amounts = {}
        self.pods_max = 0
        self.ports: Counter[HostPort] = Counter()
        self.images: dict[str, int] = {}

    def set_node(self, node: core_v1.Node) -> None:
        self.node = node
        self.labels, self.taints = node.metadata.labels, node.spec.taints
        self.allocatable = amounts(node.status.allocatable or node.status.capacity)
        self.pods_max = self.allocatable.get("pods", 0)
        self.images = {name: image.size_bytes for image in node.status.images for name in image.names or ()}

    def add(self, pod: PodInfo) -> None:
        self.pods[pod.key] = pod
        if pod.required_anti_affinity:
            self.anti_affinity_pods[pod.key] = pod
        self._count(pod, 1)
        self.ports.update(pod.host_ports)

    def remove(self, key: str) -> None:
        pod = self.pods.pop(key)
        self.anti_affinity_pods.pop(key, None)
        self._count(pod, -1)
        if pod.host_ports:
            self.ports -= Counter(pod.host_ports)

    def copy_without(self, keys: set[str]) -> NodeInfo:
        """The node as it would be without some pods."""
        copy = NodeInfo(self.name)
        if self.node is not None:
            copy.set_node(self.node)
        for key, pod in self.pods.items():
            if key not in keys:
                copy.add(pod)
        return copy

    def _count(self, pod: PodInfo, sign: int) -> None:
        requested = self.requested
        for name, amount in pod.requests.items():
            requested[name] = requested.get(name, 0) + sign * amount
        self.scored_cpu += sign * pod.scored_cpu
        self.scored_memory += sign * pod.scored_memory


class Cache:
    """All nodes.

    Attributes:
        nodes: the nodes that exist, by name.
        epoch: grows when a node goes away; answers about nodes from before then are void.
        anti_affinity_pods, affinity_pods: how many pods with required anti-affinity, and with any affinity to pods, are placed.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, NodeInfo] = {}
        self.epoch = 0
        self.anti_affinity_pods = 0
        self.affinity_pods = 0
        self.image_nodes: Counter[str] = Counter()
        self._infos: OrderedDict[str, NodeInfo] = OrderedDict()
        self._places: dict[str, str] = {}
        self._assumed: set[str] = set()
        self._generation = 0

    def changed_since(self, generation: int) -> Iterator[NodeInfo]:
        """The existing nodes with a greater generation, newest first."""
        for info in reversed(self._infos.values()):
            if info.generation <= generation:
                return
            if info.node is not None:
                yield info

    @property
    def generation(self) -> int:
        """The greatest generation of any node."""
        return self._generation

    def set_node(self, node: core_v1.Node) -> None:
        name = node.metadata.name
        info = self._info(name)
        self.image_nodes.subtract(info.images.keys())
        info.set_node(node)
        self.image_nodes.update(info.images.keys())
        self.nodes[name] = info
        self._touch(info)

    def remove_node(self, name: str) -> None:
        """Forget a node; its pods stay until they are removed too."""
        info = self.nodes.pop(name, None)
        if info is None:
            return
        self.image_nodes.subtract(info.images.keys())
        info.node = None
        info.images = {}
        self.epoch += 1
        self._drop_if_empty(info)

    def place(self, pod: PodInfo, node_name: str) -> None:
        """A pod is on a node, as the API says; replaces what was assumed of it or known before."""
        self._assumed.discard(pod.key)
        old_place = self._places.get(pod.key)
        if old_place == node_name:
            info = self._infos[old_place]
            known = info.pods[pod.key]
            if _same(known, pod):
                known.pod = pod.pod
                return
        if old_place is not None:
            self._take_out(pod.key, old_place)
        self._put_in(pod, node_name)

    def confirm(self, pod: core_v1.Pod) -> bool:
        """Whether a pod that the API shows on a node is there already, as it is; if so its newer version is kept."""
        key = f"{pod.metadata.namespace}/{pod.metadata.name}"
        if key not in self._assumed or self._places[key] != pod.spec.node_name:
            return False
        known = self._infos[pod.spec.node_name].pods[key]
        old, new = known.pod.metadata, pod.metadata
        if old.uid != new.uid or old.labels != new.labels or new.deletion_timestamp:
            return False
        known.pod = pod
        self._assumed.discard(key)
        return True

    def nominate(self, pod: PodInfo, node_name: str) -> None:
        """Keep room on a node for a pod for which others are being evicted there."""
        self.clear_nomination(pod.key)
        reserved = PodInfo(pod.pod)
        reserved.key = NOMINATED + pod.key
        self._put_in(reserved, node_name)

    def clear_nomination(self, key: str) -> str:
        """Give that room free; returns the node, "" if there was none."""
        place = self._places.get(NOMINATED + key, "")
        if place:
            self._take_out(NOMINATED + key, place)
        return place

    def assume(self, pod: PodInfo, node_name: str) -> None:
        """A pod will be on a node."""
        if pod.key in self._places:
            self._take_out(pod.key, self._places[pod.key])
        self._assumed.add(pod.key)
        self._put_in(pod, node_name)

    def forget(self, key: str) -> None:
        """An assumed pod could not be bound after all. A pod that the API has shown on a node stays."""
        if key in self._assumed:
            self.remove(key)

    def remove(self, key: str) -> PodInfo | None:
        """A pod is gone or has ended; returns what was known of it."""
        self._assumed.discard(key)
        place = self._places.get(key)
        if place is None:
            return None
        pod = self._infos[place].pods[key]
        self._take_out(key, place)
        return pod

    def placed(self, key: str) -> PodInfo | None:
        """What is known of a pod that is on a node, bound or assumed."""
        place = self._places.get(key)
        return self._infos[place].pods[key] if place is not None else None

    def assumed(self, key: str) -> bool:
        return key in self._assumed

    def _info(self, name: str) -> NodeInfo:
        info = self._infos.get(name)
        if info is None:
            info = self._infos[name] = NodeInfo(name)
        return info

    def _put_in(self, pod: PodInfo, node_name: str) -> None:
        info = self._info(node_name)
        info.add(pod)
        self._places[pod.key] = node_name
        self.anti_affinity_pods += pod.required_anti_affinity
        self.affinity_pods += pod.has_affinity
        self._touch(info)

    def _take_out(self, key: str, node_name: str) -> None:
        info = self._infos[node_name]
        self.anti_affinity_pods -= info.pods[key].required_anti_affinity
        self.affinity_pods -= info.pods[key].has_affinity
        info.remove(key)
        del self._places[key]
        self._touch(info)
        self._drop_if_empty(info)

    def _touch(self, info: NodeInfo) -> None:
        self._generation += 1
        info.generation = self._generation
        self._infos.move_to_end(info.name)

    def _drop_if_empty(self, info: NodeInfo) -> None:
        if info.node is None and not info.pods:
            self._infos.pop(info.name, None)


def _same(known: PodInfo, pod: PodInfo) -> bool:
    """Whether a newer version of a pod changes nothing that any plugin asks about."""
    old, new = known.pod.metadata, pod.pod.metadata
    return (
        known.requests == pod.requests and known.host_ports == pod.host_ports and old.uid == new.uid and old.labels == new.labels
        and bool(old.deletion_timestamp) == bool(new.deletion_timestamp)
    )
