"""What a node must have left: resources, pods, ports; and which nodes are left in the best balance.

Source: pkg/scheduler/framework/plugins/noderesources/{fit,least_allocated,balanced_allocation}.go, plugins/nodeports, plugins/imagelocality
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from minikube_py.apis import core_v1

from ..cache import Cache, NodeInfo
from ..framework import SCORE_MAX, ClusterEvent, Code, CycleState, Hint, Status
from ..pod_info import HostPort, PodInfo, amounts

MEBIBYTE = 1024 * 1024
# Source: plugins/imagelocality/image_locality.go
IMAGE_BYTES_MIN = 23 * MEBIBYTE
IMAGE_BYTES_MAX = 1000 * MEBIBYTE
ANY_ADDRESS = "0.0.0.0"
_NATIVE = ("cpu", "memory", "ephemeral-storage")


class NodeResourcesFit:
    """Requests must fit; nodes with more left are better (LeastAllocated over cpu and memory)."""

    name: ClassVar = "NodeResourcesFit"
    node_local: ClassVar = True
    normalized: ClassVar = False
    _TOO_MANY_PODS = Status(name, Code.RESOLVABLE, ("Too many pods",))

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {
            ClusterEvent.NODE_ADD: self._node_hint, ClusterEvent.NODE_ALLOCATABLE: self._node_hint,
            ClusterEvent.POD_FREED: None, ClusterEvent.POD_SELF: None,
        }

    def sign(self, pod: PodInfo) -> Any:
        return pod.requests, pod.scored_cpu, pod.scored_memory

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        full = len(node.pods) >= node.pods_max
        allocatable, requested = node.allocatable, node.requested
        lacking = [name for name, amount in pod.requests.items() if amount > allocatable.get(name, 0) - requested.get(name, 0)]
        if not lacking:
            return self._TOO_MANY_PODS if full else None
        lacking.sort(key=lambda name: (_NATIVE.index(name) if name in _NATIVE else len(_NATIVE), name))
        hopeless = any(pod.requests[name] > allocatable.get(name, 0) for name in lacking)
        reasons = [*(["Too many pods"] if full else []), *(f"Insufficient {name}" for name in lacking)]
        return Status(self.name, Code.UNRESOLVABLE if hopeless else Code.RESOLVABLE, tuple(reasons))

    def pre_score(self, state: CycleState, pod: PodInfo) -> bool:
        return True

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        total = counted = 0
        for capacity, requested in (
            (node.allocatable.get("cpu", 0), node.scored_cpu + pod.scored_cpu),
            (node.allocatable.get("memory", 0), node.scored_memory + pod.scored_memory),
        ):
            if capacity:
                counted += 1
                total += (capacity - requested) * SCORE_MAX // capacity if requested <= capacity else 0
        return total // counted if counted else 0

    def normalize(self, scores: list[int]) -> list[int]:
        return scores

    def _node_hint(self, pod: PodInfo, event: ClusterEvent, node: core_v1.Node) -> bool:
        """The pod would fit on the node if it were empty."""
        have = amounts(node.status.allocatable or node.status.capacity)
        return have.get("pods", 0) > 0 and all(amount <= have.get(name, 0) for name, amount in pod.requests.items())


class NodeResourcesBalancedAllocation:
    """Nodes whose cpu and memory would be taken in like shares are better."""

    name: ClassVar = "NodeResourcesBalancedAllocation"
    node_local: ClassVar = True
    normalized: ClassVar = False

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {}

    def pre_score(self, state: CycleState, pod: PodInfo) -> bool:
        return "cpu" in pod.requests or "memory" in pod.requests

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        allocatable, requested = node.allocatable, node.requested
        shares = [
            min(1.0, (requested.get(name, 0) + pod.requests.get(name, 0)) / allocatable[name])
            for name in ("cpu", "memory")
            if allocatable.get(name)
        ]
        deviation = abs(shares[0] - shares[1]) / 2 if len(shares) == 2 else 0.0
        return int((1 - deviation) * SCORE_MAX)

    def normalize(self, scores: list[int]) -> list[int]:
        return scores


class NodePorts:
    name: ClassVar = "NodePorts"
    node_local: ClassVar = True
    _REFUSAL = Status(name, Code.RESOLVABLE, ("node(s) didn't have free ports for the requested pod ports",))

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {ClusterEvent.NODE_ADD: None, ClusterEvent.POD_FREED: self._hint}

    def sign(self, pod: PodInfo) -> Any:
        return pod.host_ports

    def pre_filter(self, state: CycleState, pod: PodInfo, cache: Cache) -> Status | set[str] | None:
        if not pod.host_ports:
            state.skipped.add(self.name)
        return None

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        return self._REFUSAL if any(_taken(port, node) for port in pod.host_ports) else None

    def _hint(self, pod: PodInfo, event: ClusterEvent, freed: PodInfo) -> bool:
        return bool({port[1:] for port in pod.host_ports} & {port[1:] for port in freed.host_ports})


class ImageLocality:
    """Nodes that have the pod's images are better; an image that few nodes have counts less, so that they are not overrun."""

    name: ClassVar = "ImageLocality"
    node_local: ClassVar = True
    normalized: ClassVar = False

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        return {}

    def sign(self, pod: PodInfo) -> Any:
        return [container.image for container in (*pod.pod.spec.init_containers, *pod.pod.spec.containers)]

    def pre_score(self, state: CycleState, pod: PodInfo) -> bool:
        state[self.name] = [_full_name(image) for image in self.sign(pod)]
        return any(self._cache.image_nodes.get(image, 0) > 0 for image in state[self.name])

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        images: list[str] = state[self.name]
        all_nodes = max(1, len(self._cache.nodes))
        total = sum(int(node.images[image] * self._cache.image_nodes[image] / all_nodes) for image in images if image in node.images)
        least, most = IMAGE_BYTES_MIN, IMAGE_BYTES_MAX * len(images)
        return SCORE_MAX * (min(max(total, least), most) - least) // (most - least)

    def normalize(self, scores: list[int]) -> list[int]:
        return scores


def _taken(port: HostPort, node: NodeInfo) -> bool:
    """Whether another pod on the node has the port; 0.0.0.0 is every address."""
    address, protocol, number = port
    if address == ANY_ADDRESS:
        return any(taken[1:] == (protocol, number) for taken in node.ports)
    return port in node.ports or (ANY_ADDRESS, protocol, number) in node.ports


def _full_name(image: str) -> str:
    """The name as nodes report it: with a tag or a digest."""
    return image if ":" in image.rsplit("/", 1)[-1] or "@" in image else f"{image}:latest"
