"""Ends what a containerd has left running when it was ended first: containers, their network namespaces, mounts and control groups."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from tools.hosts import remove_tree

CGROUPS = Path("/sys/fs/cgroup")
TASKS = Path("state/io.containerd.runtime.v2.task/k8s.io")


def end_containers(run_dir: Path) -> None:
    """End all containers of the containerd with this state directory, and remove the directory."""
    containers = [*(run_dir / TASKS).iterdir()] if (run_dir / TASKS).is_dir() else []
    for container in containers:
        for pid in _processes(container.name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    # With it go the network namespaces, also those of sandboxes that were not there yet.
    remove_tree(run_dir)
    for container in containers:
        for group in _control_groups(container.name):
            # Not empty yet, or shared with others that still run: it goes with the last of them.
            with contextlib.suppress(OSError):
                group.rmdir()
                group.parent.rmdir()


def _processes(container: str) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if container in (entry / "cgroup").read_text() or f"-id\0{container}\0".encode() in (entry / "cmdline").read_bytes():
                    yield int(entry.name)


def _control_groups(container: str) -> list[Path]:
    """Below kubepods, or below the class of the pod's quality of service in it."""
    roots = [controller / "kubepods" for controller in CGROUPS.iterdir()]
    return [group for root in roots for pattern in ("pod*", "*/pod*") for group in root.glob(f"{pattern}/{container}")]
