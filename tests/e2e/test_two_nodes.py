"""Two machines: a server with its node, and an agent that joins."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import IMAGE, PROGRAM, Cluster

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def pair() -> Iterator[Cluster]:
    with Cluster("two") as made:
        made.start_server()
        made.wait_node_ready(made.server)
        made.join()
        yield made


def server_on(cluster: Cluster, node: str, name: str) -> None:
    """A web server pinned to a node, with a Service of the same name."""
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node}, "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "httpd", "image": IMAGE, "ports": [{"containerPort": 8080}],
                "command": ["sh", "-c", f"mkdir /www; echo {name} > /www/index.html; exec httpd -f -p 8080 -h /www"],
                "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
            }],
        },
    }
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
               "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}}
    for document in (pod, service):
        cluster.kubectl("apply", "-f", "-", input=json.dumps(document))


def test_pods_on_different_nodes_reach_each_other_by_service_name(pair: Cluster) -> None:
    first, second = (node.host.name for node in pair.nodes)
    server_on(pair, first, "here")
    server_on(pair, second, "there")
    pair.kubectl("wait", "--for=condition=Ready", "pod/here", "pod/there", "--timeout=60s")
    nodes = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in pair.pods("default")}
    assert nodes == {"here": first, "there": second}
    for source, target in (("here", "there"), ("there", "here")):
        assert pair.kubectl("exec", source, "--", "wget", "-q", "-O", "-", f"http://{target}/") == f"{target}\n"


def test_logs_and_exec_reach_the_other_node(pair: Cluster) -> None:
    assert pair.kubectl("exec", "there", "--", "hostname") == "there\n"
    assert pair.kubectl("logs", "there") == ""


def test_a_node_that_stops_is_noticed_and_comes_back(pair: Cluster) -> None:
    agent = pair.nodes[1]
    containers = pair.pods("default", "app=there")[0]["status"]["containerStatuses"][0]
    agent.kill()
    pair.wait(lambda: pair.node_condition(agent.host.name) == "Unknown", "the node to be noticed missing", 120)
    assert pair.fetch(f"http://{pair.get('service', 'there')['spec']['clusterIP']}/", agent.host) == "there\n", "its pods run on"
    pair.start_agent(agent)
    pair.wait_node_ready(agent)
    again = pair.pods("default", "app=there")[0]["status"]["containerStatuses"][0]
    assert (again["containerID"], again["restartCount"]) == (containers["containerID"], 0)


def test_a_wrong_token_and_a_wrong_pin_are_refused(pair: Cluster) -> None:
    host = pair.nodes[1].host
    pin, _, secret = pair.token.partition("::")
    for token, word in ((f"{pin}::server:wrong", "token"), (f"K10{'0' * 64}::{secret}", "CA")):
        done = host.run(
            "timeout", "20", str(PROGRAM), "agent",
            "--server", f"https://{pair.server.host.address}:6443", "--token", token, "--data-dir", str(pair.home / "refused"),
            "--node-name", "refused", check=False,
        )
        assert done.returncode == 1
        assert word in done.stderr
        assert "Traceback" not in done.stderr
