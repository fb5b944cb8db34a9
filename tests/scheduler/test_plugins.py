"""What each plugin says of a pod and a node."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import core_v1
from minikube_py.apis.labels import Selector, from_labels
from minikube_py.scheduler.algorithm import Algorithm, FitError
from minikube_py.scheduler.cache import Cache
from minikube_py.scheduler.framework import Code, CycleState, Profile
from minikube_py.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from minikube_py.scheduler.plugins.node_constraints import NodeAffinity, NodeName, NodeUnschedulable, TaintToleration
from minikube_py.scheduler.plugins.node_resources import ImageLocality, NodePorts, NodeResourcesBalancedAllocation, NodeResourcesFit
from minikube_py.scheduler.plugins.topology_spread import PodTopologySpread
from minikube_py.scheduler.pod_counts import PodCounts
from minikube_py.scheduler.pod_info import PodInfo, pod_requests

from .conftest import make_node, make_pod

ZONE = "topology.kubernetes.io/zone"


def cache_of(*nodes: core_v1.Node, pods: tuple[core_v1.Pod, ...] = ()) -> Cache:
    cache = Cache()
    for node in nodes:
        cache.set_node(node)
    for pod in pods:
        cache.place(PodInfo(pod), pod.spec.node_name)
    return cache


def refusal(plugin: Any, pod: core_v1.Pod, cache: Cache, node: str) -> tuple[str, ...]:
    state, info = CycleState(), PodInfo(pod)
    if hasattr(plugin, "pre_filter"):
        plugin.pre_filter(state, info, cache)
        if plugin.name in state.skipped:
            return ()
    status = plugin.filter(state, info, cache.nodes[node])
    return () if status is None else status.reasons


def scores(plugin: Any, pod: core_v1.Pod, cache: Cache) -> dict[str, int]:
    state, info, nodes = CycleState(), PodInfo(pod), list(cache.nodes.values())
    if hasattr(plugin, "score_all"):
        return dict(zip(cache.nodes, plugin.score_all(state, info, nodes) or [], strict=True))
    if not plugin.pre_score(state, info):
        return {}
    return dict(zip(cache.nodes, plugin.normalize([plugin.score(state, info, node) for node in nodes]), strict=True))


# -- what a pod asks for ---------------------------------------------------------------------------------------------------------------


def container(cpu: str, **more: Any) -> dict[str, Any]:
    return {"name": f"c-{cpu}-{more.get('restartPolicy', '')}", "resources": {"requests": {"cpu": cpu}}, **more}


@pytest.mark.parametrize(("spec", "cpu"), [
    ({"containers": [container("1"), container("500m")]}, 1500),
    ({"containers": [container("1")], "initContainers": [container("3")]}, 3000),
    ({"containers": [container("1")], "initContainers": [container("1", restartPolicy="Always")]}, 2000),
    ({"containers": [container("1")], "initContainers": [container("2", restartPolicy="Always"), container("3")]}, 5000),
    ({"containers": [container("1")], "initContainers": [container("3"), container("2", restartPolicy="Always")]}, 3000),
    ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, 1250),
    ({"containers": [container("1"), container("2")], "resources": {"requests": {"cpu": "2"}}}, 2000),
])
def test_pod_asks_for_what_its_containers_need_at_the_same_time(spec: dict[str, Any], cpu: int) -> None:
    assert pod_requests(make_pod("p", **spec))["cpu"] == cpu


# -- node constraints ------------------------------------------------------------------------------------------------------------------


def test_named_node_is_the_only_one() -> None:
    cache = cache_of(make_node("a"), make_node("b"))
    pod = make_pod("p", node="a")
    assert refusal(NodeName(), pod, cache, "a") == ()
    assert refusal(NodeName(), pod, cache, "b") == ("node(s) didn't match the requested node name",)


def test_cordoned_node_takes_only_pods_that_tolerate_it() -> None:
    cache = cache_of(make_node("a", unschedulable=True))
    assert refusal(NodeUnschedulable(), make_pod("p"), cache, "a") == ("node(s) were unschedulable",)
    tolerant = make_pod("p", tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}])
    assert refusal(NodeUnschedulable(), tolerant, cache, "a") == ()


@pytest.mark.parametrize(("toleration", "fits"), [
    ({"key": "k", "operator": "Equal", "value": "v", "effect": "NoSchedule"}, True),
    ({"key": "k", "value": "v"}, True),
    ({"key": "k", "operator": "Exists"}, True),
    ({"operator": "Exists"}, True),
    ({"key": "k", "value": "other"}, False),
    ({"key": "k", "operator": "Exists", "effect": "NoExecute"}, False),
    ({"key": "other", "operator": "Exists"}, False),
])
def test_toleration_covers_a_taint(toleration: dict[str, str], fits: bool) -> None:
    cache = cache_of(make_node("a", taints=[{"key": "k", "value": "v", "effect": "NoSchedule"}]))
    found = refusal(TaintToleration(), make_pod("p", tolerations=[toleration]), cache, "a")
    assert found == (() if fits else ("node(s) had untolerated taint(s)",))


def test_soft_taints_only_make_a_node_worse() -> None:
    cache = cache_of(make_node("a", taints=[{"key": "k", "effect": "PreferNoSchedule"}]), make_node("b"))
    assert refusal(TaintToleration(), make_pod("p"), cache, "a") == ()
    assert scores(TaintToleration(), make_pod("p"), cache) == {"a": 0, "b": 100}


def required(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(("spec", "fits"), [
    ({"nodeSelector": {"disk": "ssd"}}, True),
    ({"nodeSelector": {"disk": "hdd"}}, False),
    ({"affinity": required(expression("disk", "In", "nvme", "ssd"))}, True),
    ({"affinity": required(expression("disk", "NotIn", "ssd"))}, False),
    ({"affinity": required(expression("none", "DoesNotExist"))}, True),
    ({"affinity": required(expression("cores", "Gt", "7"))}, True),
    ({"affinity": required(expression("cores", "Lt", "8"))}, False),
    ({"affinity": required(expression("disk", "In", "hdd"), expression("disk", "Exists"))}, True),
    ({"affinity": required({})}, False),
    ({"nodeSelector": {"disk": "ssd"}, "affinity": required(expression("cores", "In", "4"))}, False),
])
def test_node_must_match_selector_and_one_term(spec: dict[str, Any], fits: bool) -> None:
    cache = cache_of(make_node("a", labels={"disk": "ssd", "cores": "8"}))
    found = refusal(NodeAffinity(), make_pod("p", **spec), cache, "a")
    assert found == (() if fits else ("node(s) didn't match Pod's node affinity/selector",))


def test_pod_that_names_its_node_by_field_is_asked_of_that_node_only() -> None:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}
    state = CycleState()
    assert NodeAffinity().pre_filter(state, PodInfo(make_pod("p", affinity=required(term))), Cache()) == {"b"}


def test_preferred_terms_add_their_weights() -> None:
    cache = cache_of(make_node("a", labels={"x": "1", "y": "1"}), make_node("b", labels={"x": "1"}), make_node("c"))
    wishes = [{"weight": 30, "preference": expression("x", "Exists")}, {"weight": 10, "preference": expression("y", "Exists")}]
    pod = make_pod("p", affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wishes}})
    assert scores(NodeAffinity(), pod, cache) == {"a": 100, "b": 75, "c": 0}


# -- resources -------------------------------------------------------------------------------------------------------------------------


def test_everything_that_is_lacking_is_named() -> None:
    cache = cache_of(make_node("a", cpu="1", memory="1Gi", pods="1"), pods=(make_pod("x", cpu="500m", node="a"),))
    pod = make_pod("p", containers=[{"name": "c", "resources": {"requests": {"cpu": "600m", "memory": "2Gi", "example.com/gpu": "1"}}}])
    assert refusal(NodeResourcesFit(), pod, cache, "a") == (
        "Too many pods", "Insufficient cpu", "Insufficient memory", "Insufficient example.com/gpu")


def test_request_beyond_the_empty_node_cannot_be_helped_by_evictions() -> None:
    cache = cache_of(make_node("a", cpu="1"), pods=(make_pod("x", cpu="500m", node="a"),))
    node, fit = cache.nodes["a"], NodeResourcesFit()
    codes = [fit.filter(CycleState(), PodInfo(make_pod("p", cpu=cpu)), node).code for cpu in ("600m", "2")]  # type: ignore[union-attr]
    assert codes == [Code.RESOLVABLE, Code.UNRESOLVABLE]


def test_pod_without_requests_needs_only_a_place() -> None:
    cache = cache_of(make_node("a", cpu="1", pods="2"), pods=(make_pod("x", cpu="2", node="a"),))
    assert refusal(NodeResourcesFit(), make_pod("p"), cache, "a") == ()


def test_emptier_and_more_balanced_nodes_are_better() -> None:
    cache = cache_of(make_node("a"), make_node("b"), pods=(make_pod("x", cpu="2", memory="4Gi", node="a"),))
    pod = make_pod("p", cpu="1", memory="2Gi")
    assert scores(NodeResourcesFit(), pod, cache) == {"a": 25, "b": 75}
    lopsided = cache_of(make_node("a"), make_node("b"), pods=(make_pod("x", cpu="2", node="a"),))
    assert scores(NodeResourcesBalancedAllocation(), pod, lopsided) == {"a": 75, "b": 100}


@pytest.mark.parametrize(("taken", "wanted", "fits"), [
    ({"hostPort": 80}, {"hostPort": 80}, False),
    ({"hostPort": 80}, {"hostPort": 81}, True),
    ({"hostPort": 80}, {"hostPort": 80, "protocol": "UDP"}, True),
    ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.2"}, True),
    ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80}, False),
    ({"hostPort": 80}, {"hostPort": 80, "hostIP": "10.0.0.1"}, False),
])
def test_host_port_is_given_once(taken: dict[str, Any], wanted: dict[str, Any], fits: bool) -> None:
    def with_port(name: str, port: dict[str, Any], node: str = "") -> core_v1.Pod:
        return make_pod(name, node=node, containers=[{"name": "c", "ports": [{"containerPort": 1, **port}]}])

    cache = cache_of(make_node("a"), pods=(with_port("x", taken, "a"),))
    found = refusal(NodePorts(), with_port("p", wanted), cache, "a")
    assert found == (() if fits else ("node(s) didn't have free ports for the requested pod ports",))
    cache.remove("default/x")
    assert refusal(NodePorts(), with_port("p", wanted), cache, "a") == ()


def test_node_that_has_the_image_is_better() -> None:
    a, b = make_node("a"), make_node("b")
    a.status.images = [core_v1.ContainerImage(names=["busybox:latest"], size_bytes=2000 * 1024 * 1024)]
    cache = cache_of(a, b)
    assert scores(ImageLocality(cache), make_pod("p"), cache) == {"a": 100, "b": 0}


# -- spread and affinity between pods --------------------------------------------------------------------------------------------------


def spread_plugin(cache: Cache, selector: Selector | None = None) -> PodTopologySpread:
    return PodTopologySpread(cache, PodCounts(cache), lambda pod: selector)


def zoned(*names: str) -> list[core_v1.Node]:
    """Nodes "a1", "a2", "b1" … in the zone of their first letter."""
    return [make_node(name, labels={ZONE: name[0]}) for name in names]


def hard(**more: Any) -> list[dict[str, Any]]:
    constraint = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "w"}}}
    return [{**constraint, **more}]


def test_hard_spread_refuses_the_fuller_domain() -> None:
    web = {"app": "w"}
    cache = cache_of(*zoned("a1", "a2", "b1"), make_node("n"), pods=(make_pod("x", labels=web, node="a1"),))
    pod = make_pod("p", labels=web, topologySpreadConstraints=hard())
    plugin = spread_plugin(cache)
    assert refusal(plugin, pod, cache, "a2") == ("node(s) didn't match pod topology spread constraints",)
    assert refusal(plugin, pod, cache, "b1") == ()
    assert refusal(plugin, pod, cache, "n") == ("node(s) didn't match pod topology spread constraints (missing required label)",)


def test_too_few_domains_count_as_an_empty_one() -> None:
    web = {"app": "w"}
    cache = cache_of(*zoned("a1", "b1"), pods=(make_pod("x", labels=web, node="a1"), make_pod("y", labels=web, node="b1")))
    pod = make_pod("p", labels=web, topologySpreadConstraints=hard(minDomains=3))
    assert refusal(spread_plugin(cache), pod, cache, "a1") == ("node(s) didn't match pod topology spread constraints",)


def test_default_spread_prefers_other_nodes_and_zones() -> None:
    web = {"app": "w"}
    cache = cache_of(*zoned("a1", "a2", "b1"), pods=(make_pod("x", labels=web, node="a1"),))
    found = scores(spread_plugin(cache, from_labels(web)), make_pod("p", labels=web), cache)
    assert found["b1"] > found["a2"] > found["a1"]


def test_counts_follow_pods_that_come_and_go() -> None:
    web = {"app": "w"}
    cache = cache_of(*zoned("a1", "b1"))
    counts, selector = PodCounts(cache), from_labels(web)
    assert counts.by_node("default", selector) == {}
    cache.place(PodInfo(make_pod("x", labels=web, node="a1")), "a1")
    cache.place(PodInfo(make_pod("y", labels=web, node="a1", namespace="other")), "a1")
    assert counts.by_node("default", selector) == {"a1": 1}
    cache.place(PodInfo(make_pod("x", labels=web, node="b1")), "b1")
    assert counts.by_node("default", selector) == {"b1": 1}
    cache.remove_node("b1")
    assert counts.by_node("default", selector) == {}


def near(kind: str, app: str, key: str = "kubernetes.io/hostname") -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key}
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_required_affinity_between_pods() -> None:
    cache = cache_of(*zoned("a1", "a2", "b1"), pods=(make_pod("db", labels={"app": "db"}, node="a1"),))
    plugin = InterPodAffinity(cache, lambda namespace: {})
    same_zone = make_pod("p", affinity=near("podAffinity", "db", ZONE))
    assert refusal(plugin, same_zone, cache, "a2") == ()
    assert refusal(plugin, same_zone, cache, "b1") == ("node(s) didn't match pod affinity rules",)
    other_node = make_pod("p", affinity=near("podAntiAffinity", "db"))
    assert refusal(plugin, other_node, cache, "a1") == ("node(s) didn't match pod anti-affinity rules",)
    assert refusal(plugin, other_node, cache, "a2") == ()


def test_first_pod_of_a_group_that_wants_its_own_kind_near_may_start() -> None:
    cache = cache_of(*zoned("a1"))
    pod = make_pod("p", labels={"app": "db"}, affinity=near("podAffinity", "db", ZONE))
    assert refusal(InterPodAffinity(cache, lambda namespace: {}), pod, cache, "a1") == ()


def test_placed_pods_keep_others_away() -> None:
    loner = make_pod("loner", labels={"app": "x"}, affinity=near("podAntiAffinity", "w"), node="a1")
    cache = cache_of(*zoned("a1", "b1"), pods=(loner,))
    plugin = InterPodAffinity(cache, lambda namespace: {})
    pod = make_pod("p", labels={"app": "w"})
    assert refusal(plugin, pod, cache, "a1") == ("node(s) didn't satisfy existing pods anti-affinity rules",)
    assert refusal(plugin, pod, cache, "b1") == ()


def test_preferred_affinity_between_pods_scores() -> None:
    cache = cache_of(*zoned("a1", "b1"), pods=(make_pod("db", labels={"app": "db"}, node="a1"),))
    wish = {"weight": 5, "podAffinityTerm": {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": ZONE}}
    pod = make_pod("p", affinity={"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}})
    assert scores(InterPodAffinity(cache, lambda namespace: {}), pod, cache) == {"a1": 100, "b1": 0}


# -- the algorithm ---------------------------------------------------------------------------------------------------------------------


def algorithm(cache: Cache, selector: Selector | None = None) -> Algorithm:
    plugins = [NodeUnschedulable(), NodeName(), TaintToleration(), NodeAffinity(), NodePorts(), NodeResourcesFit(),
               spread_plugin(cache, selector), InterPodAffinity(cache, lambda namespace: {}), NodeResourcesBalancedAllocation(),
               ImageLocality(cache)]
    return Algorithm(Profile("test", plugins, {"TaintToleration": 3, "NodeAffinity": 2, "PodTopologySpread": 2}), cache)


def place_all(cache: Cache, found: Algorithm, pods: list[core_v1.Pod]) -> list[str]:
    placed = []
    for pod in pods:
        info = PodInfo(pod)
        placed.append(found.schedule(info, CycleState()))
        cache.assume(info, placed[-1])
    return placed


def test_like_pods_fill_all_nodes_evenly_and_then_are_refused() -> None:
    cache = cache_of(*(make_node(f"n{i}", cpu="1", pods="4") for i in range(150)))
    found = algorithm(cache)
    placed = place_all(cache, found, [make_pod(f"p{i}", cpu="200m") for i in range(600)])
    assert {placed.count(f"n{i}") for i in range(150)} == {4}
    with pytest.raises(FitError, match=r"0/150 nodes are available: 150 Too many pods\.$"):
        place_all(cache, found, [make_pod("more", cpu="200m")])
    cache.remove("default/p7")
    assert place_all(cache, found, [make_pod("more", cpu="200m")]) == [placed[7]]


def test_kept_answers_follow_changes_of_nodes() -> None:
    cache = cache_of(make_node("a"), make_node("b", cpu="64", memory="512Gi"))
    found = algorithm(cache)
    assert place_all(cache, found, [make_pod("p1", cpu="1")]) == ["b"]
    cache.set_node(make_node("b", cpu="64", memory="512Gi", unschedulable=True))
    assert place_all(cache, found, [make_pod("p2", cpu="1")]) == ["a"]
    cache.remove_node("a")
    with pytest.raises(FitError, match="0/1 nodes are available: 1 node"):
        place_all(cache, found, [make_pod("p3", cpu="1")])
    cache.set_node(make_node("c"))
    assert place_all(cache, found, [make_pod("p4", cpu="1")]) == ["c"]


def test_soft_taint_outweighs_room() -> None:
    cache = cache_of(make_node("a", cpu="64", taints=[{"key": "k", "effect": "PreferNoSchedule"}]), make_node("b"))
    assert place_all(cache, algorithm(cache), [make_pod("p", cpu="1")]) == ["b"]


def test_search_ends_when_enough_nodes_are_feasible() -> None:
    found = algorithm(Cache())
    assert [found.nodes_to_find(n) for n in (5, 99, 100, 1000, 5000, 10000)] == [5, 99, 100, 420, 500, 500]
