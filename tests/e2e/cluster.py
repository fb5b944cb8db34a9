"""A real cluster for tests: the program as users start it, on hosts of its own, under stock kubectl."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from minikube_py.cri.containerd import default_run_dir
from tools.busybox_image import busybox_image_tar
from tools.hosts import Host, Lan, mounts_below, remove_tree, wait_until
from tools.leftovers import TASKS, end_containers

ROOT = Path(__file__).parent.parent.parent
PROGRAM = Path(sys.executable).with_name("minikube-py")
HELLO = ROOT / "examples" / "hello" / "hello.yaml"
IMAGE = "docker.io/minikube-py/hello:1"
CLUSTER_NETWORKS = ("10.42.0.0/16", "10.43.0.0/16")


class Node:
    """One machine of the cluster."""

    def __init__(self, host: Host, home: Path) -> None:
        self.host = host
        self.home = home
        self.data = home / "data"
        self.log = home / "log"
        self.process: subprocess.Popen[bytes] | None = None
        images = self.data / "agent" / "images"
        images.mkdir(parents=True)
        busybox_image_tar(images / "hello.tar", [IMAGE])

    def start(self, *arguments: str) -> None:
        self.process = self.host.start(
            str(PROGRAM), *arguments, "--data-dir", str(self.data), "--node-name", self.host.name, "--node-ip", self.host.address,
            log=self.log,
        )

    def alive(self) -> bool:
        """Raises: AssertionError with the log if the program has ended."""
        if self.process is None or self.process.poll() is not None:
            raise AssertionError(f"{self.host.name} has ended:\n{self.tail()}")
        return True

    def tail(self) -> str:
        return self.log.read_text()[-6000:] if self.log.exists() else "(no log)"

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.host.stop(self.process, kill=True)

    def stop(self) -> int:
        assert self.process is not None
        return self.host.stop(self.process)

    def close(self) -> None:
        """End everything of this machine, pods too."""
        for process in [*self.host.processes]:
            self.host.stop(process)
        end_containers(default_run_dir(self.data))
        remove_tree(self.home)

    def containers(self) -> list[str]:
        """Ids of the containers and sandboxes that exist on this machine."""
        tasks = default_run_dir(self.data) / TASKS
        return [entry.name for entry in tasks.iterdir()] if tasks.is_dir() else []


def pod_groups() -> set[Path]:
    """The control groups that kubelets of this machine have made for pods."""
    return {*Path("/sys/fs/cgroup").glob("kubepods"), *Path("/sys/fs/cgroup").glob("*/kubepods")}


class Cluster:
    """A server, and agents that join it."""

    def __init__(self, name: str) -> None:
        self._foreign_groups = pod_groups()
        self.home = Path(tempfile.mkdtemp(prefix=f"mkpy-{name}-"))
        self.lan = Lan(f"mkpy-{name}")
        self.nodes: list[Node] = []
        self.kubeconfig = self.home / "kubeconfig.yaml"
        self.server = self._add_node("server")
        (self.home / "tokens.csv").write_text('secret-token,admin,1,"system:masters"\n')

    def _add_node(self, name: str, lan: Lan | None = None) -> Node:
        node = Node((lan or self.lan).add_host(name), self.home / name)
        self.nodes.append(node)
        return node

    def start_server(self, *arguments: str) -> None:
        """Start the server, or start it again, and wait until it is ready."""
        self.server.start(
            "server", "--write-kubeconfig", str(self.kubeconfig), "--kube-apiserver-arg", f"token-auth-file={self.home / 'tokens.csv'}",
            *arguments,
        )
        self.wait(lambda: self.server.alive() and self.try_kubectl("get", "--raw", "/readyz") == "ok", "the API server to be ready")

    def join(self, name: str = "agent", *arguments: str, lan: Lan | None = None) -> Node:
        """Start an agent on a host of its own and wait until its node is ready.

        Args:
            lan: the network of the host, if it is not the server's.
        """
        node = self._add_node(name, lan)
        self.start_agent(node, *arguments)
        self.wait_node_ready(node)
        return node

    def start_agent(self, node: Node, *arguments: str) -> None:
        """Start a node's agent, or start it again."""
        node.start("agent", "--server", f"https://{self.server.host.address}:6443", "--token", self.token, *arguments)

    @property
    def token(self) -> str:
        """The token of the server."""
        return (self.server.data / "server" / "token").read_text().strip()

    def wait_node_ready(self, node: Node) -> None:
        self.wait(lambda: node.alive() and self.node_condition(node.host.name) == "True", f"node {node.host.name} to be ready")

    def node_condition(self, name: str) -> str:
        template = '{.status.conditions[?(@.type=="Ready")].status}'
        return self.try_kubectl("get", "node", name, "-o", f"jsonpath={template}")

    def kubectl(self, *arguments: str, input: str | None = None) -> str:
        """Stock kubectl, on the server's host.

        Raises: RuntimeError with its output if it fails.
        """
        return self.server.host.run("kubectl", *self._flags(), *arguments, input=input).stdout

    def try_kubectl(self, *arguments: str) -> str:
        """The same; "" if it fails."""
        done = self.server.host.run("kubectl", *self._flags(), *arguments, check=False)
        return done.stdout if done.returncode == 0 else ""

    def _flags(self) -> tuple[str, ...]:
        return ("--kubeconfig", str(self.kubeconfig), "--cache-dir", str(self.home / "cache"))

    def get(self, *arguments: str) -> Any:
        """`kubectl get ... -o json`, decoded."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def pods(self, namespace: str, selector: str = "") -> list[Any]:
        return list(self.get("pods", "-n", namespace, *(("-l", selector) if selector else ()))["items"])

    def wait(self, condition: Any, what: str, timeout_s: float = 90.0) -> Any:
        try:
            return wait_until(condition, what, timeout_s)
        except TimeoutError as error:
            state = self.try_kubectl("get", "pods,nodes,events", "-A", "-o", "wide")
            raise AssertionError(f"{error}\n{state}\n{self.server.tail()}") from error

    def fetch(self, url: str, host: Host | None = None) -> str:
        """GET a URL from a host."""
        return (host or self.server.host).run("curl", "-sS", "--max-time", "5", "--fail", url).stdout

    def left_behind(self) -> list[str]:
        """What of containers and their mounts is still there."""
        found = [f"container {name}" for node in self.nodes for name in node.containers()]
        return found + [mount for node in self.nodes for mount in mounts_below(node.data) if "/pods/" in mount or "rootfs" in mount]

    def close(self) -> None:
        for node in reversed(self.nodes):
            node.close()
        self.lan.close()
        remove_tree(self.home)
        # A kubelet leaves them for its next start. What is not empty is not this cluster's, or is left behind and told of as such.
        for group in pod_groups() - self._foreign_groups:
            for current, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(current)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
