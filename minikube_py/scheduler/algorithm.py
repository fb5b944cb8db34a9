"""Finding the node for a pod: filter, score, choose.

Pods of one signature (alike in everything that node-local plugins look at) share a Standing: what those plugins said of each node. For
the next such pod only nodes that changed are asked about again, and if no plugin compares nodes with one another, the best node is
the top of a heap. So a run of like pods costs a few microseconds each whatever the number of nodes, and the choice is made
among all nodes; only the first pod of a signature looks at a sample of them, as upstream does for every pod.

Source: pkg/scheduler/schedule_one.go (findNodesThatFitPod, prioritizeNodes, selectHost, numFeasibleNodesToFind)
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable
from typing import Any

from minikube_py.apis.scheme import encode

from .cache import Cache, NodeInfo
from .framework import Code, CycleState, Profile, Status
from .pod_info import PodInfo

# Source: schedule_one.go
FEASIBLE_NODES_MIN = 100
FEASIBLE_PERCENTAGE_MIN = 5
STANDINGS_MAX = 32


class NoNodesError(Exception):
    """There is no node at all."""

    def __init__(self) -> None:
        super().__init__("no nodes available to schedule pods")


class FitError(Exception):
    """No node fits.

    Attributes:
        statuses: node -> its refusal. Empty if the pod was refused before any node was looked at.
        plugins: names of the plugins that refused.
    """

    def __init__(self, nodes: int, statuses: dict[str, Status], pre_filter: Status | None = None) -> None:
        self.nodes = nodes
        self.statuses = statuses
        self.pre_filter = pre_filter
        self.post_filter_message = ""
        self.plugins = {pre_filter.plugin} if pre_filter is not None else {status.plugin for status in statuses.values()}
        super().__init__()

    def __str__(self) -> str:
        """The sentence of the FailedScheduling event. Source: pkg/scheduler/framework/types.go (FitError)"""
        return unavailable(self.nodes, self.statuses.values(), self.pre_filter) + (
            f" {self.post_filter_message}" if self.post_filter_message else ""
        )


def unavailable(nodes: int, statuses: Iterable[Status], pre_filter: Status | None = None) -> str:
    """ "0/3 nodes are available: 1 Too many pods, 2 Insufficient cpu." """
    text = f"0/{nodes} nodes are available:"
    if pre_filter is not None:
        return f"{text} {', '.join(pre_filter.reasons)}."
    reasons = Counter(reason for status in statuses for reason in status.reasons)
    listed = sorted(f"{number} {reason}" for reason, number in reasons.items())
    return f"{text} {', '.join(listed)}." if listed else text


class _Answer:
    """What the node-local plugins say of one node.

    Attributes:
        score: weighted sum of the scores that stand for themselves; `raw` holds those that are yet to be compared.
    """

    __slots__ = ("generation", "raw", "refusal", "score")

    def __init__(self, generation: int, refusal: Status | None, score: int, raw: tuple[int, ...]) -> None:
        self.generation = generation
        self.refusal = refusal
        self.score = score
        self.raw = raw


class _Standing:
    """All nodes' answers for one signature."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.generation = 0
        self.answers: dict[str, _Answer] = {}
        self.feasible: dict[str, NodeInfo] = {}
        self.rest: list[NodeInfo] | None = None
        self.heap: list[tuple[int, float, str, int]] = []
        self.compared = 0

    def put(self, node: NodeInfo, answer: _Answer) -> None:
        old = self.answers.get(node.name)
        if old is not None and old.refusal is None:
            self.compared -= any(old.raw)
        self.answers[node.name] = answer
        if answer.refusal is None:
            self.compared += any(answer.raw)
            self.feasible[node.name] = node
            if len(self.heap) > 64 + 4 * len(self.answers):
                self.heap = [entry for entry in self.heap if self.answers[entry[2]].generation == entry[3]]
                heapq.heapify(self.heap)
            heapq.heappush(self.heap, (-answer.score, random.random(), node.name, answer.generation))
        else:
            self.feasible.pop(node.name, None)

    def best(self) -> str:
        """The node with the greatest score; of equal ones any."""
        while True:
            _, _, name, generation = self.heap[0]
            answer = self.answers[name]
            if answer.generation == generation and answer.refusal is None:
                return name
            heapq.heappop(self.heap)


class Algorithm:
    """Finds nodes with the plugins of one profile."""

    def __init__(self, profile: Profile, cache: Cache, percentage_of_nodes_to_score: int = 0) -> None:
        self._profile = profile
        self._cache = cache
        self._percentage = percentage_of_nodes_to_score
        self._pre_filters = profile.at("pre_filter")
        self._signers = profile.at("sign")
        filters, scores = profile.at("filter"), profile.at("score")
        self._filters = filters
        self._local_filters = [plugin for plugin in filters if plugin.node_local]
        self._global_filters = [plugin for plugin in filters if not plugin.node_local]
        self._plain_scores = [plugin for plugin in scores if not plugin.normalized]
        self._compared_scores = [plugin for plugin in scores if plugin.normalized]
        self._global_scores = profile.at("score_all")
        self._standings: OrderedDict[bytes, _Standing] = OrderedDict()
        self._start = 0

    def schedule(self, pod: PodInfo, state: CycleState) -> str:
        """The node that suits the pod best.

        Raises: NoNodesError; FitError if the pod fits on no node.
        """
        cache = self._cache
        if not cache.nodes:
            raise NoNodesError
        only = self._pre_filter(pod, state)
        nominated = cache.nodes.get(pod.pod.status.nominated_node_name)
        if nominated is not None and self.check(pod, state, nominated) is None:
            return nominated.name
        standing = self._standing(pod, state) if only is None else self._narrow(pod, state, only)
        feasible: Collection[NodeInfo] = standing.feasible.values()
        refusals: dict[str, Status] = {}
        global_filters = [plugin for plugin in self._global_filters if plugin.name not in state.skipped]
        if global_filters and feasible:
            feasible = self._filter_globally(global_filters, pod, state, standing, refusals)
            while not feasible and standing.rest:
                self._extend(standing, pod, state)
                feasible = self._filter_globally(global_filters, pod, state, standing, refusals)
        if not feasible:
            statuses = {name: answer.refusal for name, answer in standing.answers.items() if answer.refusal is not None}
            raise FitError(len(cache.nodes), {**self._absent(only, state), **statuses, **refusals})
        if len(feasible) == 1:
            return next(iter(feasible)).name
        compared = [(plugin, scores) for plugin in self._global_scores if (scores := plugin.score_all(state, pod, feasible)) is not None]
        if not compared and not standing.compared and not global_filters:
            return standing.best()
        return self._compare(compared, standing, feasible)

    def check(self, pod: PodInfo, state: CycleState, node: NodeInfo) -> Status | None:
        """What all filters say of one node; `state` is that of `pre_filter`."""
        for plugin in self._filters:
            if plugin.name not in state.skipped:
                refusal: Status | None = plugin.filter(state, pod, node)
                if refusal is not None:
                    return refusal
        return None

    def prepare(self, pod: PodInfo, state: CycleState) -> bool:
        """Run PreFilter only; False if the pod is refused there."""
        try:
            self._pre_filter(pod, state)
        except FitError:
            return False
        return True

    def nodes_to_find(self, nodes: int) -> int:
        """After how many feasible nodes a first search ends."""
        if nodes < FEASIBLE_NODES_MIN:
            return nodes
        percentage = self._percentage or max(50 - nodes // 125, FEASIBLE_PERCENTAGE_MIN)
        return max(nodes * percentage // 100, FEASIBLE_NODES_MIN)

    def _pre_filter(self, pod: PodInfo, state: CycleState) -> set[str] | None:
        only: set[str] | None = None
        for plugin in self._pre_filters:
            result = plugin.pre_filter(state, pod, self._cache)
            if isinstance(result, Status):
                raise FitError(len(self._cache.nodes), {}, result)
            if result is not None:
                only = result if only is None else only & result
        return only

    def _standing(self, pod: PodInfo, state: CycleState) -> _Standing:
        """The answers for the pod's signature, brought up to date."""
        cache = self._cache
        signature = pod.signature or encode([plugin.sign(pod) for plugin in self._signers])
        pod.signature = signature
        standing = self._standings.get(signature)
        scorers = self._local_scorers(pod, state)
        if standing is None or standing.epoch != cache.epoch:
            standing = self._standings[signature] = self._sample(pod, state, scorers)
        else:
            for node in cache.changed_since(standing.generation):
                if standing.rest is None or node.name in standing.answers:
                    standing.put(node, self._answer(pod, state, node, scorers))
            if standing.rest is not None:
                self._extend(standing, pod, state)
        standing.generation = cache.generation
        self._standings.move_to_end(signature)
        if len(self._standings) > STANDINGS_MAX:
            self._standings.popitem(last=False)
        return standing

    def _sample(self, pod: PodInfo, state: CycleState, scorers: list[Any]) -> _Standing:
        """Ask about nodes, from where the last search ended, until enough of them are feasible."""
        nodes = [*self._cache.nodes.values()]
        start = self._start % len(nodes)
        nodes = nodes[start:] + nodes[:start]
        wanted = self.nodes_to_find(len(nodes))
        standing = _Standing(self._cache.epoch)
        asked = 0
        for node in nodes:
            standing.put(node, self._answer(pod, state, node, scorers))
            asked += 1
            if len(standing.feasible) >= wanted:
                break
        self._start = (start + asked) % len(nodes)
        standing.rest = nodes[asked:] or None
        return standing

    def _extend(self, standing: _Standing, pod: PodInfo, state: CycleState) -> None:
        """Ask about the nodes that the sample left out."""
        scorers = self._local_scorers(pod, state)
        for node in standing.rest or ():
            if node.node is not None:
                standing.put(node, self._answer(pod, state, node, scorers))
        standing.rest = None
        for node in self._cache.nodes.values():
            if node.name not in standing.answers:
                standing.put(node, self._answer(pod, state, node, scorers))

    def _narrow(self, pod: PodInfo, state: CycleState, only: set[str]) -> _Standing:
        """Answers about the few nodes that come into question at all."""
        standing = _Standing(self._cache.epoch)
        scorers = self._local_scorers(pod, state)
        for name in only:
            node = self._cache.nodes.get(name)
            if node is not None:
                standing.put(node, self._answer(pod, state, node, scorers))
        return standing

    def _local_scorers(self, pod: PodInfo, state: CycleState) -> list[Any]:
        """The plain node-local scorers that care about the pod, with their weights."""
        return [
            (plugin, self._profile.weight(plugin.name)) for plugin in self._plain_scores if plugin.pre_score(state, pod)
        ]

    def _answer(self, pod: PodInfo, state: CycleState, node: NodeInfo, scorers: list[Any]) -> _Answer:
        for plugin in self._local_filters:
            if plugin.name not in state.skipped:
                refusal = plugin.filter(state, pod, node)
                if refusal is not None:
                    return _Answer(node.generation, refusal, 0, ())
        score = 0
        for plugin, weight in scorers:
            score += weight * plugin.score(state, pod, node)
        return _Answer(node.generation, None, score, tuple(plugin.score(state, pod, node) for plugin in self._compared_scores))

    def _filter_globally(
        self, plugins: list[Any], pod: PodInfo, state: CycleState, standing: _Standing, refusals: dict[str, Status]
    ) -> list[NodeInfo]:
        found = []
        for node in standing.feasible.values():
            refusal = next((refusal for plugin in plugins if (refusal := plugin.filter(state, pod, node)) is not None), None)
            if refusal is None:
                found.append(node)
            else:
                refusals[node.name] = refusal
        return found

    def _compare(self, compared: list[tuple[Any, list[int]]], standing: _Standing, feasible: Collection[NodeInfo]) -> str:
        """The best node where scores have to be compared with one another; of equal ones any."""
        answers = [standing.answers[node.name] for node in feasible]
        totals = [answer.score for answer in answers]
        if standing.compared:
            for index, plugin in enumerate(self._compared_scores):
                raw = [answer.raw[index] for answer in answers]
                if any(raw):
                    compared.append((plugin, plugin.normalize(raw)))
        for plugin, scores in compared:
            weight = self._profile.weight(plugin.name)
            totals = [total + weight * score for total, score in zip(totals, scores, strict=True)]
        highest = max(totals)
        return random.choice([node.name for node, total in zip(feasible, totals, strict=True) if total == highest])

    def _absent(self, only: set[str] | None, state: CycleState) -> dict[str, Status]:
        """The refusal of the nodes that PreFilter ruled out."""
        if only is None:
            return {}
        refusal = Status("NodeAffinity", Code.UNRESOLVABLE, ("node(s) didn't satisfy plugin(s) [NodeAffinity]",))
        return {name: refusal for name in self._cache.nodes if name not in only}
