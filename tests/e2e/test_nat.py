"""A node behind NAT: no packet of the server's finds the way to it, and its kubelet listens on loopback alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import IMAGE, Cluster
from tools.hosts import NatLan

pytestmark = pytest.mark.e2e

SERVER_ARGS = ("--disable-agent", "--egress-selector-mode", "pod")
KUBELET_ARGS = ("--kubelet-arg", "address=127.0.0.1")
MEGABYTES = os.urandom(8_000_000)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster("nat") as made, NatLan("mkpy-nat-inner", made.lan) as inner:
        made.start_server(*SERVER_ARGS)
        agent = made.join("edge", *KUBELET_ARGS, lan=inner)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "box", "labels": {"app": "box"}}, "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": IMAGE, "ports": [{"containerPort": 8080}], "command": [
                "sh", "-c", "mkdir /www; echo inside > /www/index.html; echo started; exec httpd -f -p 8080 -h /www"],
                "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}}]}}
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "box"}, "spec": {
            "selector": {"app": "box"}, "ports": [{"port": 80, "targetPort": 8080}]}}
        made.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": [pod, service]}))
        made.kubectl("wait", "--for=condition=Ready", "pod/box", "--timeout=60s")
        yield made
        agent.close()


def test_there_is_no_way_to_the_node(cluster: Cluster) -> None:
    agent = cluster.nodes[1]
    with pytest.raises(RuntimeError):
        cluster.fetch(f"https://{agent.host.address}:10250/healthz")
    refused = agent.host.run("curl", "-sk", "--max-time", "5", f"https://{agent.host.address}:10250/healthz", check=False)
    assert refused.returncode == 7, "nobody listens there but on loopback"


def test_logs_commands_and_proxies_reach_it(cluster: Cluster) -> None:
    assert cluster.kubectl("logs", "box") == "started\n"
    assert cluster.kubectl("exec", "box", "--", "hostname") == "box\n"
    assert cluster.kubectl("exec", "-i", "box", "--", "cat", input="fed\n") == "fed\n"
    assert cluster.kubectl("get", "--raw", f"/api/v1/nodes/{cluster.nodes[1].host.name}/proxy/healthz") == "ok"


def test_pods_and_services_on_it_are_proxied_to(cluster: Cluster) -> None:
    base = "/api/v1/namespaces/default"
    for target in ("pods/box:8080", "services/box:80"):
        found = cluster.wait(lambda target=target: cluster.try_kubectl("get", "--raw", f"{base}/{target}/proxy/"), f"{target} to answer")
        assert found == "inside\n"


def test_files_are_copied_both_ways(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(MEGABYTES)
    cluster.kubectl("cp", str(tmp_path / "there"), "box:/tmp/copy")
    cluster.kubectl("cp", "box:/tmp/copy", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == MEGABYTES


def test_ports_are_forwarded(cluster: Cluster) -> None:
    command = [*cluster.server.host.enter, "kubectl", "--kubeconfig", str(cluster.kubeconfig), "port-forward", "pod/box", ":8080"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        found = re.match(r"Forwarding from (127\.0\.0\.1:\d+) ->", process.stdout.readline())
        assert found
        for _ in range(3):
            assert cluster.fetch(f"http://{found[1]}/") == "inside\n"
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_follower_that_does_not_read_keeps_no_command_waiting(cluster: Cluster) -> None:
    command = [*cluster.server.host.enter, "kubectl", "--kubeconfig", str(cluster.kubeconfig), "exec", "box", "--", "yes"]
    stuck = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert stuck.stdout is not None and stuck.stdout.readline() == b"y\n"
        for _ in range(3):
            assert cluster.kubectl("exec", "box", "--", "echo", "quick") == "quick\n"
        assert stuck.poll() is None
    finally:
        stuck.kill()
        stuck.communicate()


def test_tunnel_comes_back_after_the_server(cluster: Cluster) -> None:
    cluster.server.kill()
    cluster.start_server(*SERVER_ARGS)
    cluster.wait(lambda: cluster.try_kubectl("exec", "box", "--", "hostname") == "box\n", "the tunnel to come back")


def test_tunnel_comes_back_after_the_agent(cluster: Cluster) -> None:
    agent = cluster.nodes[1]
    agent.kill()
    cluster.start_agent(agent, *KUBELET_ARGS)
    cluster.wait(lambda: cluster.try_kubectl("exec", "box", "--", "hostname") == "box\n", "the tunnel to come back")
    assert cluster.get("pod", "box")["status"]["containerStatuses"][0]["restartCount"] == 0
