"""How many pods that a selector matches are on each node, kept up to date by what changes.

Spreading asks this for every pod; counting anew each time would look at every pod of the cluster. Counts belong to a namespace and a
selector; the least recently asked are dropped.
"""

from __future__ import annotations

from collections import OrderedDict

from minikube_py.apis.labels import Selector

from .cache import Cache, NodeInfo

COUNTS_MAX = 128


class _Counts:
    __slots__ = ("by_node", "epoch", "generation")

    def __init__(self, epoch: int) -> None:
        self.by_node: dict[str, int] = {}
        self.generation = 0
        self.epoch = epoch


class PodCounts:
    """Counts of matching pods; pods that are being deleted do not count."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._counts: OrderedDict[tuple[str, Selector], _Counts] = OrderedDict()

    def by_node(self, namespace: str, selector: Selector) -> dict[str, int]:
        """Node -> number of pods of the namespace that match; nodes without any are left out. Read-only."""
        cache, key = self._cache, (namespace, selector)
        counts = self._counts.get(key)
        if counts is None or counts.epoch != cache.epoch:
            counts = self._counts[key] = _Counts(cache.epoch)
        self._counts.move_to_end(key)
        if len(self._counts) > COUNTS_MAX:
            self._counts.popitem(last=False)
        for node in cache.changed_since(counts.generation):
            number = count(node, namespace, selector)
            if number:
                counts.by_node[node.name] = number
            else:
                counts.by_node.pop(node.name, None)
        counts.generation = cache.generation
        return counts.by_node


def count(node: NodeInfo, namespace: str, selector: Selector) -> int:
    matches = selector.matches
    return sum(
        1
        for pod in node.pods.values()
        if pod.namespace == namespace and not pod.pod.metadata.deletion_timestamp and matches(pod.pod.metadata.labels)
    )
