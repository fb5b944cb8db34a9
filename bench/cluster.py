"""Figures of a whole node: server with agent and containerd, in a network namespace of its own. Needs root and containerd."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from minikube_py.core import limits
from minikube_py.cri.containerd import default_run_dir
from tools.busybox_image import busybox_image_tar
from tools.hosts import Host, Lan, remove_tree, wait_until
from tools.leftovers import end_containers

from . import wrk
from .program import PROGRAM, TOKEN, TOKEN_LINES, Usage

ROOT = Path(__file__).parent.parent
IMAGE = "docker.io/minikube-py/bench:1"
URL = "https://127.0.0.1:6443"
# What the deployments left behind (Events are the most of it) reaches the disk with the next flush; then the cluster is idle.
SETTLE_S = limits.STORE_RELAXED_FLUSH_S + 20
MB = 1e6
Measured = dict[str, list[float]]
Say = Callable[[str], None]


@dataclass(frozen=True)
class RunningNode:
    """A server with its node Ready."""

    host: Host
    process: subprocess.Popen[bytes]
    log: Path

    def usage(self) -> Usage:
        """Of the program alone, containerd aside.

        Raises: RuntimeError with its log if it has ended.
        """
        if self.process.poll() is not None:
            raise RuntimeError(f"the server has ended:\n{self.log.read_text()[-4000:]}")
        return Usage.of(self.process.pid)


@contextlib.contextmanager
def node() -> Iterator[RunningNode]:
    """A cluster of one node; nothing of it is left afterwards."""
    home = Path(tempfile.mkdtemp(prefix="bench-node-"))
    data, log = home / "data", home / "log"
    try:
        with Lan(f"bench-{os.getpid()}") as lan:
            host = lan.add_host("node")
            try:
                yield _start(host, home, data, log)
            finally:
                for process in [*host.processes]:
                    host.stop(process)
                end_containers(default_run_dir(data))
    finally:
        remove_tree(home)


def _start(host: Host, home: Path, data: Path, log: Path) -> RunningNode:
    (home / "tokens.csv").write_text(TOKEN_LINES)
    images = data / "agent" / "images"
    images.mkdir(parents=True)
    busybox_image_tar(images / "bench.tar", [IMAGE])
    process = host.start(
        str(PROGRAM), "server", "--data-dir", str(data), "--node-name", "node", "--node-ip", host.address, "--log-level", "warning",
        "--write-kubeconfig", str(home / "kubeconfig.yaml"), "--kube-apiserver-arg", f"token-auth-file={home / 'tokens.csv'}", log=log,
    )
    running = RunningNode(host, process, log)

    def ready() -> bool:
        running.usage()
        done = host.run("curl", "-sk", "-H", f"Authorization: Bearer {TOKEN}", f"{URL}/api/v1/nodes/node", check=False)
        return '"reason":"KubeletReady"' in done.stdout.replace(" ", "")

    wait_until(ready, "the node to be ready", 60)
    return running


def deploy(running: RunningNode, measured: Measured) -> None:
    done = running.host.run(sys.executable, "-m", "bench.deployment", URL, IMAGE, cwd=ROOT)
    for key, value in wrk.results(done.stdout).items():
        measured[key].append(value)


def idle(running: RunningNode, measured: Measured, seconds: float) -> None:
    """What the server uses while nothing happens."""
    before, started = running.usage(), time.monotonic()
    time.sleep(seconds)
    after, took = running.usage(), time.monotonic() - started
    measured["idle_rss_mb"].append(after.rss_bytes / MB)
    measured["idle_cpu_percent"].append((after.cpu_s - before.cpu_s) / took * 100)
    measured["idle_bytes_per_s"].append((after.disk_bytes - before.disk_bytes) / took)


def measure(measured: Measured, runs: int, idle_s: float, say: Say) -> None:
    """Deployments on a new cluster for each run; the last one is then left idle, as many times."""
    for number in range(runs):
        say(f"cluster, run {number + 1} of {runs}: deployments")
        with node() as running:
            deploy(running, measured)
            if number == runs - 1:
                say(f"cluster: settling for {SETTLE_S:.0f} s")
                time.sleep(SETTLE_S)
                for window in range(runs):
                    say(f"cluster: idle for {idle_s:.0f} s, {window + 1} of {runs}")
                    idle(running, measured, idle_s)
