"""exec, attach, cp, port-forward and proxies with every kubectl of this machine: those before 1.31 speak SPDY, later ones WebSocket."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.cluster import IMAGE, Cluster

pytestmark = pytest.mark.e2e

BINARIES = sorted(Path(shutil.which("kubectl") or "/nonexistent/kubectl").resolve().parent.glob("kubectl*"))
MEGABYTES = os.urandom(3_000_000)


@pytest.fixture(params=BINARIES, ids=lambda path: path.name)
def kubectl(request: pytest.FixtureRequest) -> Path:
    binary: Path = request.param
    return binary


@pytest.fixture(scope="module")
def box(cluster: Cluster) -> str:
    """A running pod with a web server behind a service."""
    script = "mkdir -p /tmp/w/sub; echo '<a href=\"/sub/\">x</a>' > /tmp/w/index.html; echo sub > /tmp/w/sub/index.html; " \
             "head -c 2000000 /dev/zero > /tmp/w/big; httpd -f -p 8080 -h /tmp/w"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "box", "labels": {"app": "box"}}, "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "main", "image": IMAGE, "command": ["sh", "-c", script], "ports": [{"containerPort": 8080}],
                        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}}]}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "box"}, "spec": {
        "selector": {"app": "box"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": [pod, service]}))
    cluster.kubectl("wait", "--for=condition=Ready", "pod/box", "--timeout=60s")
    return "box"


def run(cluster: Cluster, kubectl: Path, *arguments: str, feed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [*cluster.server.host.enter, str(kubectl), "--kubeconfig", str(cluster.kubeconfig), *arguments]
    return subprocess.run(command, input=feed, capture_output=True, timeout=60, check=False)


@contextmanager
def forwarding(cluster: Cluster, kubectl: Path, *arguments: str) -> Iterator[str]:
    """A running port-forward; yields the local address."""
    command = [*cluster.server.host.enter, str(kubectl), "--kubeconfig", str(cluster.kubeconfig), "port-forward", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.match(r"Forwarding from (127\.0\.0\.1:\d+) ->", line)
        assert found, line + process.stdout.read()
        yield found.group(1)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_command_has_its_streams_and_its_exit_code(cluster: Cluster, box: str, kubectl: Path) -> None:
    done = run(cluster, kubectl, "exec", box, "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout) == (3, b"out\n")
    assert done.stderr == b"err\ncommand terminated with exit code 3\n"
    fed = run(cluster, kubectl, "exec", "-i", box, "--", "md5sum", feed=MEGABYTES)
    local = subprocess.run(["md5sum"], input=MEGABYTES, capture_output=True, check=True)
    assert (fed.returncode, fed.stdout) == (0, local.stdout), fed.stderr
    large = run(cluster, kubectl, "exec", box, "--", "cat", "/tmp/w/big")
    assert (large.returncode, len(large.stdout)) == (0, 2_000_000)
    missing = run(cluster, kubectl, "exec", box, "--", "/no/such/command")
    assert missing.returncode != 0 and b"no such file or directory" in missing.stderr
    nobody = run(cluster, kubectl, "exec", "nobody", "--", "true")
    assert nobody.stderr == b'Error from server (NotFound): pods "nobody" not found\n'


def test_container_that_does_not_run_is_told(cluster: Cluster, kubectl: Path) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ended"}, "spec": {
        "restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "1000"]},
                       {"name": "short", "image": IMAGE, "command": ["true"]}]}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(pod))
    cluster.wait(
        lambda: [c["name"] for c in cluster.get("pod", "ended")["status"]["containerStatuses"] if "terminated" in c["state"]] == ["short"],
        "one container to end")
    done = run(cluster, kubectl, "exec", "ended", "-c", "short", "--", "true")
    assert (done.returncode, done.stderr) == (1, b'error: unable to upgrade connection: container not found ("short")\n')


def test_command_has_a_terminal(cluster: Cluster, box: str, kubectl: Path) -> None:
    inner = f"{kubectl} --kubeconfig {cluster.kubeconfig} exec -it {box} -- sh -c 'stty size; tty; exit 4'"
    command = [*cluster.server.host.enter, "script", "-qec", f"stty rows 33 cols 111; {inner}", "/dev/null"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert done.returncode == 4 and b"/dev/pts/" in done.stdout, done


def test_files_are_copied_both_ways(cluster: Cluster, box: str, kubectl: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(MEGABYTES)
    there = run(cluster, kubectl, "cp", str(tmp_path / "there"), f"{box}:/tmp/copy")
    assert there.returncode == 0, there.stderr
    back = run(cluster, kubectl, "cp", f"{box}:/tmp/copy", str(tmp_path / "back"))
    assert back.returncode == 0, back.stderr
    assert (tmp_path / "back").read_bytes() == MEGABYTES


def test_running_container_is_attached_to(cluster: Cluster, kubectl: Path) -> None:
    name = "cat-" + kubectl.name.replace(".", "-")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"restartPolicy": "Never", "containers": [
        {"name": "main", "image": IMAGE, "command": ["cat"], "stdin": True, "stdinOnce": True}]}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(pod))
    cluster.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
    done = run(cluster, kubectl, "attach", "-i", name, feed=b"hello\n")
    assert done.returncode == 0 and b"hello\n" in done.stdout, done
    cluster.wait(lambda: cluster.get("pod", name)["status"]["phase"] == "Succeeded", f"{name} to end with its input")


def test_ports_are_forwarded(cluster: Cluster, box: str, kubectl: Path) -> None:
    with forwarding(cluster, kubectl, f"pod/{box}", ":8080") as address:
        for _ in range(3):
            assert cluster.fetch(f"http://{address}/sub/") == "sub\n"
        assert len(cluster.fetch(f"http://{address}/big")) == 2_000_000
    with forwarding(cluster, kubectl, "service/box", ":80") as address:
        assert cluster.fetch(f"http://{address}/sub/") == "sub\n"


def test_port_where_nobody_listens_is_told(cluster: Cluster, box: str, kubectl: Path) -> None:
    with forwarding(cluster, kubectl, f"pod/{box}", ":9") as address, pytest.raises(RuntimeError):
        cluster.fetch(f"http://{address}/")


def test_services_pods_and_nodes_are_reached_through_the_server(cluster: Cluster, box: str) -> None:
    base = "/api/v1/namespaces/default"
    for target in (f"{base}/services/box:http", f"{base}/services/http:box:80", f"{base}/pods/box", f"{base}/pods/box:8080"):
        assert cluster.kubectl("get", "--raw", f"{target}/proxy/sub/") == "sub\n"
        assert f'<a href="{target}/proxy/sub/">' in cluster.kubectl("get", "--raw", f"{target}/proxy/")
    name = cluster.server.host.name
    assert cluster.kubectl("get", "--raw", f"/api/v1/nodes/{name}/proxy/healthz") == "ok"
    assert '"kind":"PodList"' in cluster.kubectl("get", "--raw", f"/api/v1/nodes/{name}:10250/proxy/pods")


def test_server_ends_in_order(cluster: Cluster) -> None:
    """Last, because it ends the server: clients see the end of their watches, not a cut connection."""
    watching = subprocess.Popen(
        [*cluster.server.host.enter, "curl", "-sk", "-H", "Authorization: Bearer secret-token",
         "https://127.0.0.1:6443/api/v1/pods?watch=1"], stdout=subprocess.PIPE)
    assert watching.stdout is not None and watching.stdout.readline().startswith(b'{"type":"ADDED"')
    assert cluster.server.stop() == 0
    watching.communicate(timeout=20)
    assert watching.returncode == 0
