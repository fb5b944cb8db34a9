"""The built-in kubectl on a real node: logs, exec, cp, port-forward, run, drain."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import HELLO, IMAGE, PROGRAM, Cluster

pytestmark = [pytest.mark.root, pytest.mark.e2e]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One node with the hello application."""
    with Cluster("kubectl") as made:
        made.start_server()
        made.wait_node_ready(made.server)
        kubectl(made, "apply", "-f", str(HELLO))
        out = kubectl(made, "-n", "hello", "rollout", "status", "deploy/web", "--timeout=90s").stdout
        assert out.endswith('deployment "web" successfully rolled out\n')
        yield made


def kubectl(cluster: Cluster, *arguments: str, code: int = 0, input: str | None = None) -> subprocess.CompletedProcess[str]:
    done = cluster.server.host.run(str(PROGRAM), "kubectl", "--kubeconfig", str(cluster.kubeconfig), *arguments, check=False, input=input)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def pod(cluster: Cluster) -> str:
    return str(cluster.pods("hello", "app=web")[0]["metadata"]["name"])


def test_exec_passes_input_output_and_exit_code(cluster: Cluster) -> None:
    done = kubectl(cluster, "-n", "hello", "exec", "-i", "deploy/web", "--", "sh", "-c", "cat; echo err >&2; exit 7", input="in\n", code=7)
    assert done.stdout == "in\n"
    assert done.stderr.endswith("err\ncommand terminated with exit code 7\n")


def test_terminal_has_the_size_of_ours(cluster: Cluster) -> None:
    inner = f"{PROGRAM} kubectl --kubeconfig {cluster.kubeconfig} -n hello exec -it deploy/web -- sh -c"
    waits = "until stty size 2>/dev/null | grep -q .; do :; done; stty size"  # the size arrives after the command has begun
    script = f"stty rows 40 cols 100; {inner} '{waits}'"
    done = cluster.server.host.run("script", "-qec", script, "/dev/null", input="")
    assert "40 100" in done.stdout


def test_logs_of_all_pods_are_told_apart(cluster: Cluster) -> None:
    cluster.fetch(f"http://{cluster.server.host.address}:30080")
    lines = kubectl(cluster, "-n", "hello", "logs", "-l", "app=web", "--prefix", "--tail=-1").stdout.splitlines()
    assert lines and all(line.startswith("[pod/web-") for line in lines)


def test_files_travel_both_ways(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(bytes(range(256)) * 1000)
    kubectl(cluster, "-n", "hello", "cp", str(tmp_path / "up"), f"{pod(cluster)}:/tmp/there")
    kubectl(cluster, "-n", "hello", "cp", f"{pod(cluster)}:/tmp/there", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == (tmp_path / "up").read_bytes()


def test_forwarded_port_answers(cluster: Cluster, tmp_path: Path) -> None:
    log = tmp_path / "log"
    arguments = ("kubectl", "--kubeconfig", str(cluster.kubeconfig), "-n", "hello", "port-forward", "svc/web", "8099:80")
    process = cluster.server.host.start(str(PROGRAM), *arguments, log=log)
    cluster.wait(lambda: "Forwarding from" in log.read_text(), "the port to be forwarded")
    assert cluster.fetch("http://127.0.0.1:8099/") == "Hello from minikube-py\n"
    cluster.server.host.stop(process)


def test_run_joins_the_pod_and_removes_it(cluster: Cluster) -> None:
    flags = ("-i", "--rm", f"--image={IMAGE}", "--restart=Never", "--command")
    command = ("sh", "-c", "read x; echo got $x; exit 3")
    done = kubectl(cluster, "-n", "hello", "run", "once", *flags, "--", *command, input="abc\n", code=3)
    assert "got abc\n" in done.stdout
    assert kubectl(cluster, "-n", "hello", "get", "pod", "once", code=1).stderr == 'Error from server (NotFound): pods "once" not found\n'


def test_drained_node_has_no_pods_and_takes_them_again(cluster: Cluster) -> None:
    node = cluster.server.host.name
    done = kubectl(cluster, "drain", node, "--ignore-daemonsets", "--force", "--delete-emptydir-data", "--timeout=60s")
    assert done.stdout.endswith(f"node/{node} drained\n")
    assert all(not one["spec"].get("nodeName") for one in cluster.pods("hello", "app=web"))
    kubectl(cluster, "uncordon", node)
    kubectl(cluster, "-n", "hello", "wait", "--for=condition=Available", "deploy/web", "--timeout=60s")
