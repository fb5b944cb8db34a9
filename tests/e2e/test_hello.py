"""The example application under stock kubectl, on one node and on two: what a user does on the first day."""

from __future__ import annotations

import subprocess
import threading

import pytest

from tests.e2e.cluster import HELLO, Cluster
from tools.hosts import run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("cluster", [pytest.param(1, id="one-node"), pytest.param(2, id="two-nodes")], indirect=True, scope="module"),
]


@pytest.fixture(scope="module")
def hello(cluster: Cluster) -> Cluster:
    """The example, applied and available."""
    cluster.kubectl("apply", "-f", str(HELLO))
    cluster.kubectl("rollout", "status", "deployment/web", "-n", "hello", "--timeout=120s")
    return cluster


def test_the_deployment_runs_with_configuration_and_secret(hello: Cluster) -> None:
    pods = hello.pods("hello", "app=web")
    assert len(pods) == 3
    assert {pod["spec"]["nodeName"] for pod in pods} == {node.host.name for node in hello.nodes}, "pods spread over all nodes"
    for pod in pods:
        status = pod["status"]
        assert status["phase"] == "Running"
        assert {c["type"]: c["status"] for c in status["conditions"]}["Ready"] == "True"
        assert status["initContainerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"
        assert status["podIP"].startswith("10.42.")
    name = pods[0]["metadata"]["name"]
    assert hello.kubectl("exec", name, "-n", "hello", "--", "sh", "-c", "echo $PASSWORD $POD_NAME") == f"open-sesame {name}\n"
    assert hello.kubectl("exec", name, "-n", "hello", "--", "cat", "/config/index.html") == "Hello from minikube-py\n"


def test_the_service_answers_by_address_node_port_and_name(hello: Cluster) -> None:
    address = hello.get("service", "web", "-n", "hello")["spec"]["clusterIP"]
    assert hello.fetch(f"http://{address}/index.html") == "Hello from minikube-py\n"
    assert hello.fetch(f"http://{hello.server.host.address}:30080/index.html") == "Hello from minikube-py\n"
    hello.kubectl("wait", "--for=condition=complete", "job/fetch", "-n", "hello", "--timeout=90s")
    assert hello.kubectl("logs", "job/fetch", "-n", "hello") == "Hello from minikube-py\n"
    names = {hello.fetch(f"http://{address}/name") for _ in range(40)}
    assert len(names) == 3, "requests reach every pod"


def test_logs_follow_and_exec_takes_standard_input(hello: Cluster) -> None:
    name = hello.pods("hello", "app=web")[0]["metadata"]["name"]
    ip = hello.pods("hello", "app=web")[0]["status"]["podIP"]
    flags = ["kubectl", "--kubeconfig", str(hello.kubeconfig), "logs", "-f", "--tail=1", name, "-c", "httpd", "-n", "hello"]
    follower = subprocess.Popen([*hello.server.host.enter, *flags], stdout=subprocess.PIPE, text=True)
    try:
        assert follower.stdout is not None
        hello.fetch(f"http://{ip}:8080/version")
        assert any("url:" in line or "response" in line for line in iter(follower.stdout.readline, ""))
    finally:
        follower.kill()
        follower.wait()
        if follower.stdout is not None:
            follower.stdout.close()
    text = "line\n" * 1000
    assert hello.kubectl("exec", "-i", name, "-c", "httpd", "-n", "hello", "--", "cat", input=text) == text
    with pytest.raises(RuntimeError, match="exit code 7"):
        hello.kubectl("exec", name, "-n", "hello", "--", "sh", "-c", "exit 7")
    with pytest.raises(RuntimeError, match=r"error executing command in container: .*executable file not found"):
        hello.kubectl("exec", name, "-n", "hello", "--", "no-such-command")


def test_a_rollout_fails_no_request(hello: Cluster) -> None:
    url = f"http://{hello.get('service', 'web', '-n', 'hello')['spec']['clusterIP']}/version"
    stop, failures, answers = threading.Event(), [], set()

    def load() -> None:
        while not stop.is_set():
            done = run(*hello.server.host.enter, "curl", "-sS", "--max-time", "5", "--fail", url, check=False)
            if done.returncode:
                failures.append(done.stderr)
            else:
                answers.add(done.stdout)

    loader = threading.Thread(target=load)
    loader.start()
    try:
        manifest = HELLO.read_text().replace('value: "1"', 'value: "2"')
        hello.kubectl("apply", "-f", "-", input=manifest)
        hello.kubectl("rollout", "status", "deployment/web", "-n", "hello", "--timeout=120s")
        hello.wait(lambda: "version 2\n" in answers, "an answer of the new version")
    finally:
        stop.set()
        loader.join()
    assert not failures
    assert answers == {"version 1\n", "version 2\n"}
    assert hello.get("deployment", "web", "-n", "hello")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"


def test_scaling_up_and_down_moves_endpoints(hello: Cluster) -> None:
    def endpoints() -> int:
        slices = hello.get("endpointslices", "-n", "hello", "-l", "kubernetes.io/service-name=web")["items"]
        return sum(e["conditions"]["ready"] for s in slices for e in s["endpoints"] or [])

    hello.kubectl("scale", "deployment/web", "-n", "hello", "--replicas=5")
    hello.wait(lambda: endpoints() == 5, "five endpoints")
    hello.kubectl("scale", "deployment/web", "-n", "hello", "--replicas=1")
    hello.wait(lambda: endpoints() == 1 and len(hello.pods("hello", "app=web")) == 1, "one endpoint and one pod")


def test_the_api_is_reached_from_a_pod_with_its_token(hello: Cluster) -> None:
    name = hello.pods("hello", "app=web")[0]["metadata"]["name"]
    mount = "/var/run/secrets/kubernetes.io/serviceaccount"
    listing = hello.kubectl("exec", name, "-n", "hello", "--", "ls", mount).split()
    assert listing == ["ca.crt", "namespace", "token"]
    token = hello.kubectl("exec", name, "-n", "hello", "--", "cat", f"{mount}/token")
    answer = hello.server.host.run(
        "curl", "-sk", "-H", f"Authorization: Bearer {token}", "https://10.43.0.1/api/v1/namespaces/hello/pods"
    ).stdout
    assert 'User \\"system:serviceaccount:hello:default\\" cannot list resource \\"pods\\"' in answer


def test_deletion_leaves_nothing(hello: Cluster) -> None:
    hello.kubectl("delete", "-f", str(HELLO), "--timeout=90s")
    assert hello.try_kubectl("get", "namespace", "hello") == ""
    hello.wait(lambda: not hello.left_behind(), "containers and mounts to go")
    for node in hello.nodes:
        assert "30080" not in node.host.run("nft", "list", "ruleset").stdout
        assert not [*(node.data / "agent" / "cni").rglob("10.42.*")], "addresses are given back"


def test_unclaimed_addresses_are_refused_and_never_leave(cluster: Cluster) -> None:
    for address in ("10.43.200.200", "10.42.200.200"):
        done = cluster.server.host.run("curl", "-sS", "--max-time", "5", f"http://{address}/", check=False)
        assert done.returncode == 7, done.stderr
    assert cluster.lan.packets_to("10.42.0.0/16") == 0
    assert cluster.lan.packets_to("10.43.0.0/16") == 0
