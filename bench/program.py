"""The program under test: started as users start it, alone on loopback, and looked at from outside through /proc."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("minikube-py")
TOKEN = "bench-token"
FLOOD_TOKEN, NODE_TOKEN, USER_TOKEN = "flood-token", "node-token", "user-token"
TOKEN_LINES = f"""{TOKEN},bench,bench-uid,"system:masters"
{FLOOD_TOKEN},flood,flood-uid
{USER_TOKEN},bench-user,user-uid
{NODE_TOKEN},system:node:bench,node-uid,"system:nodes"
"""
# For documentation (RFC 5737): the cluster's own endpoint must not be loopback, and nothing asks for it.
NODE_IP = "192.0.2.1"
START_TIMEOUT_S = 60.0
OPEN_FILES = 20_000


@dataclass(frozen=True)
class Usage:
    """What a process has used so far, and its memory now."""

    rss_bytes: int
    cpu_s: float
    disk_bytes: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        status = Path(f"/proc/{pid}/status").read_text()
        rss_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        io = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        disk = int(io["write_bytes"]) - int(io["cancelled_write_bytes"])
        return cls(rss_kb * 1024, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), disk)


@dataclass(frozen=True)
class Running:
    """A server that is ready.

    Attributes:
        ready_s: from its start to its first 200 at /readyz.
        log: what it writes.
    """

    url: str
    pid: int
    ready_s: float
    log: Path

    def usage(self) -> Usage:
        return Usage.of(self.pid)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def allow_open_files() -> None:
    """Let this process and its children have thousands of connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@contextlib.contextmanager
def server(*arguments: str) -> Iterator[Running]:
    """A server without agent on an empty data directory; it and its files are gone afterwards.

    Raises: RuntimeError with its log if it does not become ready.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        home, port = Path(directory), free_port()
        (home / "tokens.csv").write_text(TOKEN_LINES)
        command = [
            str(PROGRAM), "server", "--disable-agent", "--data-dir", str(home / "data"), "--bind-address", "127.0.0.1",
            "--https-listen-port", str(port), "--node-ip", NODE_IP, "--write-kubeconfig", str(home / "kubeconfig.yaml"),
            "--log-level", "warning", "--kube-apiserver-arg", f"token-auth-file={home / 'tokens.csv'}", *arguments,
        ]
        with (home / "log").open("wb") as log:
            started = time.perf_counter()
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            _wait_ok(process, port, "/readyz", home / "log")
            ready_s = time.perf_counter() - started
            # Without it no pod can be made; the controller makes it a moment later.
            _wait_ok(process, port, "/api/v1/namespaces/default/serviceaccounts/default", home / "log")
            yield Running(f"https://127.0.0.1:{port}", process.pid, ready_s, home / "log")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_ok(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    """Ask for a path until the answer is 200."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
            if connection.getresponse().status == 200:
                return
        time.sleep(0.005)
    raise RuntimeError(f"no good answer from {path}:\n{log.read_text()[-4000:]}")
