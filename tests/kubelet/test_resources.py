"""Classes, shares, limits and cgroups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from minikube_py.apis import core_v1, meta_v1
from minikube_py.kubelet.admission import refusal
from minikube_py.kubelet.cgroups import CgroupTree, make_qos_groups, pod_cgroup
from minikube_py.kubelet.cri_config import NodeFacts, container_resources
from minikube_py.kubelet.qos import oom_score_adj, qos_class
from minikube_py.kubelet.resources import CgroupLimits, cpu_quota_us, cpu_shares, cpu_weight, pod_cgroup_limits

from .build import pod

GI = 1024**3
FULL = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "500m", "memory": "1Gi"}}


def with_resources(*resources: dict[str, Any], init: dict[str, Any] | None = None, **more: Any) -> Any:
    spec: dict[str, Any] = {"containers": [{"name": f"c{index}", "resources": given} for index, given in enumerate(resources)], **more}
    if init is not None:
        spec["initContainers"] = [{"name": "init", **init}]
    return pod(spec)


@pytest.mark.parametrize(("resources", "quality"), [
    ([{}], "BestEffort"), ([FULL], "Guaranteed"), ([{"limits": FULL["limits"]}], "Guaranteed"), ([FULL, {}], "Burstable"),
    ([{"requests": {"cpu": "1"}}], "Burstable"), ([{**FULL, "requests": {"cpu": "250m", "memory": "1Gi"}}], "Burstable"),
])
def test_the_class_follows_from_requests_and_limits(resources: list[dict[str, Any]], quality: str) -> None:
    assert qos_class(with_resources(*resources)) == quality


@pytest.mark.parametrize(("resources", "adjust"), [([FULL], -997), ([{}], 1000), ([{"requests": {"memory": "1Gi"}}], 750)])
def test_who_asks_for_less_is_killed_sooner(resources: list[dict[str, Any]], adjust: int) -> None:
    of = with_resources(*resources)
    assert oom_score_adj(of, of.spec.containers[0], 4 * GI) == adjust


@pytest.mark.parametrize(("milli", "shares"), [(0, 2), (1, 2), (100, 102), (1000, 1024), (10**9, 262144)])
def test_requests_become_shares(milli: int, shares: int) -> None:
    assert cpu_shares(milli) == shares


def test_shares_become_weights_and_limits_become_quotas() -> None:
    assert (cpu_weight(2), cpu_weight(1024), cpu_weight(262144)) == (1, 39, 10000)
    assert (cpu_quota_us(0), cpu_quota_us(500), cpu_quota_us(1)) == (0, 50000, 1000)


def test_a_pod_is_limited_only_if_all_its_containers_are() -> None:
    assert pod_cgroup_limits(with_resources(FULL, FULL), 100) == CgroupLimits(1024, 100_000, 2 * GI, 100)
    assert pod_cgroup_limits(with_resources(FULL, {}), None) == CgroupLimits(512, None, None, None)


def test_an_init_container_counts_only_where_it_needs_more() -> None:
    big = {"resources": {"requests": {"cpu": "2", "memory": "3Gi"}, "limits": {"cpu": "2", "memory": "3Gi"}}}
    assert pod_cgroup_limits(with_resources(FULL, init=big), None) == CgroupLimits(2048, 200_000, 3 * GI, None)
    side = {**big, "restartPolicy": "Always"}
    assert pod_cgroup_limits(with_resources(FULL, init=side), None) == CgroupLimits(2560, 250_000, 4 * GI, None)


def test_a_container_gets_its_share_quota_and_limit() -> None:
    of = with_resources(FULL)
    found = container_resources(of, of.spec.containers[0], NodeFacts(4 * GI, True, Path("/")))
    assert (found.cpu_shares, found.cpu_quota, found.cpu_period, found.memory_limit_in_bytes) == (512, 50000, 100_000, GI)
    assert found.unified == {"memory.oom.group": "1"}


def test_a_pods_cgroup_lies_in_its_class() -> None:
    assert pod_cgroup("/", "Guaranteed", "u") == "/kubepods/podu"
    assert pod_cgroup("/x", "BestEffort", "u") == "/x/kubepods/besteffort/podu"


def test_cgroups_of_version_one_are_written_per_controller(tmp_path: Path) -> None:
    tree = CgroupTree(v1={name: tmp_path / name for name in ("cpu", "memory", "pids")})
    make_qos_groups(tree, "/")
    path = pod_cgroup("/", "Burstable", "u")
    tree.make(path, CgroupLimits(512, 50000, GI, 10))
    own = {name: tmp_path / name / path.lstrip("/") for name in tree.v1}
    assert (own["cpu"] / "cpu.shares").read_text() == "512"
    assert (own["cpu"] / "cpu.cfs_quota_us").read_text() == "50000"
    assert (own["memory"] / "memory.limit_in_bytes").read_text() == str(GI)
    assert (own["pids"] / "pids.max").read_text() == "10"
    assert (tmp_path / "cpu" / "kubepods" / "besteffort" / "cpu.shares").read_text() == "2"
    assert tree.pods("/") == {"u": path}


def test_cgroups_of_version_two_are_enabled_downwards(tmp_path: Path) -> None:
    levels = ("", "kubepods", "kubepods/burstable")
    for level in levels:
        directory = tmp_path / level
        directory.mkdir(exist_ok=True)
        (directory / "cgroup.controllers").write_text("cpu memory pids misc")
        (directory / "cgroup.subtree_control").write_text("")
    leaf = tmp_path / "kubepods/burstable/podu"
    leaf.mkdir()
    for name in ("cpu.weight", "cpu.max", "memory.max", "pids.max"):
        (leaf / name).write_text("")
    CgroupTree(unified=tmp_path).make("/kubepods/burstable/podu", CgroupLimits(1024, None, GI, None))
    assert [(tmp_path / level / "cgroup.subtree_control").read_text() for level in levels] == ["+cpu +memory +pids"] * 3
    assert {name: (leaf / name).read_text() for name in ("cpu.weight", "cpu.max", "memory.max", "pids.max")} == {
        "cpu.weight": "39", "cpu.max": "max 100000", "memory.max": str(GI), "pids.max": "max",
    }


ROOM = {"cpu": "1", "memory": "2Gi", "pods": "2"}


@pytest.mark.parametrize(("spec", "others", "reason"), [
    ({}, 1, None), ({}, 2, "OutOfpods"),
    ({"containers": [{"name": "a", "resources": {"requests": {"cpu": "2"}}}]}, 0, "OutOfcpu"),
    ({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}, 0, "SysctlForbidden"),
    ({"securityContext": {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]}}, 0, None),
])
def test_a_node_refuses_what_it_cannot_run(spec: dict[str, Any], others: int, reason: str | None) -> None:
    taken = [pod(uid=f"other-{index}") for index in range(others)]
    found = refusal(pod(spec), taken, None, ROOM, [])
    assert (found[0] if found else None) == reason


NODE = core_v1.Node(
    metadata=meta_v1.ObjectMeta(name="n", labels={"disk": "ssd"}),
    spec=core_v1.NodeSpec(taints=[core_v1.Taint(key="full", effect="NoSchedule"), core_v1.Taint(key="broken", effect="NoExecute")]),
)
TOLERANT = {"tolerations": [{"key": "broken", "operator": "Exists"}]}
IN_ZONE = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
    {"matchExpressions": [{"key": "zone", "operator": "Exists"}]},
]}}}


@pytest.mark.parametrize(("spec", "labels", "refused"), [
    (TOLERANT, {}, None),
    ({}, {}, ("TaintToleration", "Predicate TaintToleration failed: node(s) had untolerated taint(s)")),
    ({**TOLERANT, "nodeSelector": {"disk": "ssd"}}, {}, None),
    ({**TOLERANT, "affinity": IN_ZONE}, {},
     ("NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector")),
    ({**TOLERANT, "os": {"name": "windows"}}, {},
     ("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")),
    (TOLERANT, {"kubernetes.io/os": "windows"},
     ("PodOSSelectorNodeLabelDoesNotMatch", "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label")),
    ({**TOLERANT, "securityContext": {"supplementalGroupsPolicy": "Strict"}}, {},
     ("SupplementalGroupsPolicyNotSupported", "SupplementalGroupsPolicy=Strict is not supported in this node")),
])
def test_a_node_refuses_what_was_meant_for_another(spec: dict[str, Any], labels: dict[str, str], refused: tuple[str, str] | None) -> None:
    assert refusal(pod(spec, labels=labels), [], NODE, ROOM, []) == refused


def test_a_host_port_is_given_once() -> None:
    ports = {"containers": [{"name": "a", "ports": [{"containerPort": 80, "hostPort": 8080}]}]}
    assert refusal(pod(ports), [pod(ports, uid="other")], None, ROOM, [])[0] == "NodePorts"
