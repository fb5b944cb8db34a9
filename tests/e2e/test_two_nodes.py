"""Two machines: a server with its node, and an agent that joins."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator

import pytest
import yaml

from minikube_py.client.join_protocol import ca_pin, parse_token
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


def test_services_of_a_further_range_are_reached_from_every_node(pair: Cluster) -> None:
    cidr = {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": {"name": "more"}, "spec": {"cidrs": ["10.45.0.0/24"]}}
    pair.kubectl("apply", "-f", "-", input=json.dumps(cidr))
    pair.kubectl("wait", "--for=condition=Ready", "servicecidr/more", "--timeout=20s")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "far"},
               "spec": {"clusterIP": "10.45.0.9", "selector": {"app": "here"}, "ports": [{"port": 80, "targetPort": 8080}]}}
    pair.kubectl("apply", "-f", "-", input=json.dumps(service))
    assert pair.kubectl("get", "ipaddress", "10.45.0.9", "-o", "jsonpath={.spec.parentRef.name}") == "far"
    for source in ("here", "there"):
        fetch = "until wget -q -O - http://10.45.0.9/; do sleep 0.1; done"
        assert pair.kubectl("exec", source, "--", "timeout", "20", "sh", "-c", fetch) == "here\n"
        assert "far.default.svc.cluster.local" in pair.kubectl("exec", source, "--", "nslookup", "10.45.0.9")
        assert "refused" in pair.kubectl("exec", source, "--", "sh", "-c", "timeout 10 wget -q -O - http://10.45.0.77/ 2>&1 || true")


def test_host_ports_are_open_while_their_pod_is_there(pair: Cluster) -> None:
    agent = pair.nodes[1].host
    for name, address in (("inside", "127.0.0.1"), ("outside", agent.address)):
        pod = {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {
                "nodeSelector": {"kubernetes.io/hostname": agent.name}, "terminationGracePeriodSeconds": 1,
                "containers": [{
                    "name": "httpd", "image": IMAGE, "ports": [{"containerPort": 8080, "hostPort": 54323, "hostIP": address}],
                    "command": ["sh", "-c", f"mkdir /www; echo {name} > /www/index.html; exec httpd -f -p 8080 -h /www"],
                    "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                }],
            },
        }
        pair.kubectl("apply", "-f", "-", input=json.dumps(pod))
    pair.kubectl("wait", "--for=condition=Ready", "pod/inside", "pod/outside", "--timeout=60s")
    assert pair.fetch("http://127.0.0.1:54323/", agent) == "inside\n"
    assert pair.fetch(f"http://{agent.address}:54323/") == pair.fetch(f"http://{agent.address}:54323/", agent) == "outside\n"
    pair.kubectl("delete", "pod", "inside", "outside")
    done = pair.server.host.run("curl", "-s", "--max-time", "5", f"http://{agent.address}:54323/", check=False)
    assert done.returncode == 7, "nothing listens there any more"


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


def refused(cluster: Cluster, token: str, name: str = "refused") -> str:
    """What an agent says that is not let in: one line."""
    done = cluster.nodes[1].host.run(
        "timeout", "20", str(PROGRAM), "agent", "--server", f"https://{cluster.server.host.address}:6443", "--token", token,
        "--data-dir", str(cluster.home / "refused"), "--node-name", name, "--log-level", "error", check=False,
    )
    assert done.returncode == 1 and done.stdout == "", done
    (line,) = done.stderr.splitlines()
    assert line.startswith("minikube-py: ")
    return line


def tokens(cluster: Cluster, *arguments: str) -> str:
    """`minikube-py token` on the server's host."""
    return cluster.server.host.run(str(PROGRAM), "token", *arguments).stdout.strip()


def test_who_is_not_let_in_is_told_why_on_one_line(pair: Cluster) -> None:
    pin, _, secret = pair.token.partition("::")
    kubeconfig = ("--kubeconfig", str(pair.kubeconfig))
    bootstrap = tokens(pair, "create", *kubeconfig, "--ttl", "1h")
    short = tokens(pair, "create", *kubeconfig, "--ttl", "1s")
    for token, words in (
        (f"{pin}::server:wrong", "does not accept the token: it is not a token of this cluster"),
        (f"K10{'0' * 64}::{secret}", "token CA hash does not match"),
        (f"{pin}::abcdef.0123456789abcdef", "does not accept the token: invalid bearer token"),
        ("K10nonsense", "invalid token format"),
    ):
        assert words in refused(pair, token)
    assert "node password rejected" in refused(pair, bootstrap, pair.nodes[1].host.name)
    tokens(pair, "delete", *kubeconfig, bootstrap)
    assert "does not accept the token: invalid bearer token" in refused(pair, bootstrap)
    pair.wait(lambda: short.partition("::")[2] not in tokens(pair, "list", *kubeconfig), "the expired token to be cleaned away")
    assert "does not accept the token" in refused(pair, short)


def test_token_is_rotated_and_nodes_that_have_joined_go_on(pair: Cluster) -> None:
    agent, old = pair.nodes[1], pair.token
    data = ("--data-dir", str(pair.server.data))
    fresh = tokens(pair, "rotate", *data, "--new-token", "fresh-secret")
    assert fresh == pair.token and fresh.endswith("::server:fresh-secret")
    assert "does not accept the token" in refused(pair, old)
    agent.kill()
    agent.start("agent", "--server", f"https://{pair.server.host.address}:6443", "--token", old)
    pair.wait_node_ready(agent)
    pair.wait(lambda: pair.try_kubectl("exec", "there", "--", "hostname") == "there\n", "the node to be reached")
    pair.join("third")


def test_cluster_tells_who_it_is_to_machines_that_know_a_token(pair: Cluster) -> None:
    """What `kubeadm join` does first: the cluster's address and CA, from nobody's account, believed because a token has signed them."""
    token = tokens(pair, "create", "--kubeconfig", str(pair.kubeconfig)).partition("::")[2]
    token_id, _, secret = token.partition(".")
    url = f"https://{pair.server.host.address}:6443/api/v1/namespaces/kube-public/configmaps/cluster-info"

    def signed() -> dict[str, str]:
        data: dict[str, str] = json.loads(pair.nodes[1].host.run("curl", "-sk", url).stdout)["data"]
        return data if f"jws-kubeconfig-{token_id}" in data else {}

    data = pair.wait(signed, "the token to sign")
    header, payload, signature = data[f"jws-kubeconfig-{token_id}"].split(".")
    assert payload == ""
    content = base64.urlsafe_b64encode(data["kubeconfig"].encode()).rstrip(b"=").decode()
    expected = hmac.digest(secret.encode(), f"{header}.{content}".encode(), "sha256")
    assert base64.urlsafe_b64encode(expected).rstrip(b"=").decode() == signature
    (cluster,) = yaml.safe_load(data["kubeconfig"])["clusters"]
    assert cluster["cluster"]["server"] == f"https://{pair.server.host.address}:6443"
    assert ca_pin(base64.b64decode(cluster["cluster"]["certificate-authority-data"])) == parse_token(pair.token).pin
