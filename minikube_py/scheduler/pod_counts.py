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
    """Numbers per node; per topology key also those per domain, kept in step."""

    __slots__ = ("by_domain", "by_node", "epoch", "generation", "labels")

    def __init__(self, epoch: int) -> None:
        self.by_node: dict[str, int] = {}
        self.by_domain: dict[str, dict[str, int]] = {}
        self.labels: dict[str, dict[str, str]] = {}
        self.generation = 0
        self.epoch = epoch

    def set(self, name: str, number: int, labels: dict[str, str]) -> None:
        before = self.by_node.pop(name, 0)
        old_labels = self.labels.pop(name, labels)
        if number:
            self.by_node[name] = number
            self.labels[name] = labels
        for key, domains in self.by_domain.items():
            if before and key in old_labels:
                domains[old_labels[key]] -= before
            if number and key in labels:
                domains[labels[key]] = domains.get(labels[key], 0) + number


class PodCounts:
    """Counts of matching pods; pods that are being deleted do not count. What is returned is read-only."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._counts: OrderedDict[tuple[str, Selector], _Counts] = OrderedDict()

    def by_node(self, namespace: str, selector: Selector) -> dict[str, int]:
        """Node -> number of pods of the namespace that match; nodes without any are left out."""
        return self._current(namespace, selector).by_node

    def by_domain(self, namespace: str, selector: Selector, topology_key: str) -> dict[str, int]:
        """Value of that node label -> number of matching pods on nodes that have it."""
        counts = self._current(namespace, selector)
        domains = counts.by_domain.get(topology_key)
        if domains is None:
            domains = counts.by_domain[topology_key] = {}
            for name, number in counts.by_node.items():
                domain = counts.labels[name].get(topology_key)
                if domain is not None:
                    domains[domain] = domains.get(domain, 0) + number
        return domains

    def _current(self, namespace: str, selector: Selector) -> _Counts:
        cache, key = self._cache, (namespace, selector)
        counts = self._counts.get(key)
        if counts is None or counts.epoch != cache.epoch:
            counts = self._counts[key] = _Counts(cache.epoch)
        self._counts.move_to_end(key)
        if len(self._counts) > COUNTS_MAX:
            self._counts.popitem(last=False)
        for node in cache.changed_since(counts.generation):
            counts.set(node.name, count(node, namespace, selector), node.labels)
        counts.generation = cache.generation
        return counts


def count(node: NodeInfo, namespace: str, selector: Selector) -> int:
    matches = selector.matches
    return sum(
        1
        for pod in node.pods.values()
        if pod.namespace == namespace and not pod.pod.metadata.deletion_timestamp and matches(pod.pod.metadata.labels)
    )
