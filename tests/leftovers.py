"""What tests of the root and e2e tiers may leave on the machine: compared when the run begins and when it ends."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

TIERS = frozenset({"root", "e2e"})
PROGRAMS = ("containerd", "containerd-shim-runc-v2", "minikube-py", "runc", "kubectl")
# Bridges and tunnels of pods' networks, and the near ends of cables to hosts.
LINKS = ("cri-", "cni", "mkpy", "idle", "veth", "vxlan")


def found() -> set[str]:
    """Everything of a kind that such tests make, named."""
    return {*_namespaces(), *_mounts(), *_processes(), *_control_groups(), *_tables(), *_links()}


def _namespaces() -> Iterator[str]:
    directory = Path("/run/netns")
    yield from (f"network namespace {entry.name}" for entry in (directory.iterdir() if directory.is_dir() else ()))


def _mounts() -> Iterator[str]:
    """Mounts, but for the one that iproute2 makes with its first network namespace and keeps."""
    points = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    yield from (f"mount {point}" for point in points if point != "/run/netns")


def _processes() -> Iterator[str]:
    """Running programs; a zombie has no command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if any(os.path.basename(argument) in PROGRAMS for argument in arguments[:2]):
                yield f"process {entry.name} {' '.join(arguments)[:200]}"


def _control_groups() -> Iterator[str]:
    for pattern in ("*/kubepods*", "*/minikube-py-*"):
        yield from (f"control group {group}" for group in Path("/sys/fs/cgroup").glob(pattern))


def _tables() -> Iterator[str]:
    listed = subprocess.run(["nft", "--json", "list", "tables"], capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        tables = (item["table"] for item in json.loads(listed.stdout)["nftables"] if "table" in item)
        yield from (f"nft table {table['family']} {table['name']}" for table in tables)


def _links() -> Iterator[str]:
    yield from (f"link {entry.name}" for entry in Path("/sys/class/net").iterdir() if entry.name.startswith(LINKS))


class Leftovers:
    """Fails a run of such tests that leaves something."""

    def __init__(self) -> None:
        self._before: set[str] = set()
        self._ran = False
        self._left: list[str] = []

    def pytest_sessionstart(self) -> None:
        self._before = found()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._ran = self._ran or (report.when == "call" and not report.skipped and not TIERS.isdisjoint(report.keywords))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._ran:
            self._left = sorted(found() - self._before)
            if self._left and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._left:
            terminalreporter.section("left behind", red=True)
            for line in self._left:
                terminalreporter.line(line)
