"""The cgroups of pods: kubepods, a group for each lower quality of service, and one for each pod, which holds its containers'.

Owns making, sizing and removing them, in cgroup v1 (one tree a controller) and v2 (one tree). Finds out which controllers there are and
does without those that are missing. Container groups below a pod's are the runtime's.

Source: kubernetes pkg/kubelet/cm/cgroup_manager_linux.go, qos_container_manager_linux.go; docs.kernel.org/admin-guide/cgroup-v2.html.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from .qos import QosClass
from .resources import QUOTA_PERIOD_US, SHARES_MIN, CgroupLimits, cpu_weight

log = logging.getLogger(__name__)

V1_CONTROLLERS = ("cpu", "memory", "pids")


def pod_cgroup(root: str, quality: QosClass, uid: str) -> str:
    """Path of a pod's cgroup in a hierarchy, absolute: what the runtime gets as the sandbox's parent."""
    parts = [root.strip("/"), "kubepods"]
    if quality != "Guaranteed":
        parts.append(quality.lower())
    parts.append(f"pod{uid}")
    return "/" + "/".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class CgroupTree:
    """The mounted hierarchies.

    Attributes:
        unified: mount point of cgroup v2, if its controllers are to be used.
        v1: controller -> mount point of its hierarchy.
    """

    unified: Path | None = None
    v1: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def detect(cls, mount_point: Path = Path("/sys/fs/cgroup")) -> CgroupTree:
        """Look at what is mounted."""
        if (mount_point / "cgroup.controllers").exists():
            return cls(unified=mount_point)
        return cls(v1={name: mount_point / name for name in V1_CONTROLLERS if (mount_point / name / "cgroup.procs").exists()})

    @property
    def present(self) -> bool:
        return self.unified is not None or bool(self.v1)

    def make(self, path: str, limits: CgroupLimits) -> None:
        """Make a cgroup with its parents, if it is not there, and set its limits.

        Raises: OSError if the kernel refuses.
        """
        if self.unified is not None:
            self._make_unified(path, limits)
            return
        for controller, mount in self.v1.items():
            directory = mount / path.lstrip("/")
            directory.mkdir(parents=True, exist_ok=True)
            for name, value in _v1_values(controller, limits).items():
                _write(directory / name, value)

    def remove(self, path: str) -> None:
        """Remove a cgroup with what the runtime left below it; processes still in it are killed. Gone already is no error."""
        mounts = [self.unified] if self.unified is not None else list(self.v1.values())
        for mount in mounts:
            directory = mount / path.lstrip("/")
            for current, _, _ in os.walk(directory, topdown=False):
                _kill_all(Path(current))
                with contextlib.suppress(FileNotFoundError):
                    os.rmdir(current)

    def pods(self, root: str) -> dict[str, str]:
        """uid -> path of every pod cgroup that exists."""
        mount = self.unified if self.unified is not None else next(iter(self.v1.values()), None)
        if mount is None:
            return {}
        found = {}
        for quality in ("", "burstable", "besteffort"):
            base = Path("/" + root.strip("/")) / "kubepods" / quality
            directory = mount / str(base).lstrip("/")
            if directory.is_dir():
                found.update({child.name[3:]: str(base / child.name) for child in directory.iterdir() if child.name.startswith("pod")})
        return found

    def _make_unified(self, path: str, limits: CgroupLimits) -> None:
        assert_mount = self.unified
        if assert_mount is None:
            raise RuntimeError("no unified hierarchy")
        directory = assert_mount
        for part in path.strip("/").split("/"):
            available = set((directory / "cgroup.controllers").read_text().split())
            wanted = available & {"cpu", "memory", "pids", "cpuset", "io"}
            enabled = set((directory / "cgroup.subtree_control").read_text().split())
            if wanted - enabled:
                _write(directory / "cgroup.subtree_control", " ".join(f"+{name}" for name in sorted(wanted - enabled)))
            directory = directory / part
            directory.mkdir(exist_ok=True)
        values: dict[str, str] = {}
        if limits.cpu_shares is not None:
            values["cpu.weight"] = str(cpu_weight(limits.cpu_shares))
        values["cpu.max"] = f"{limits.cpu_quota_us if limits.cpu_quota_us is not None else 'max'} {QUOTA_PERIOD_US}"
        values["memory.max"] = str(limits.memory_bytes) if limits.memory_bytes is not None else "max"
        values["pids.max"] = str(limits.pids) if limits.pids is not None else "max"
        for name, value in values.items():
            if (directory / name).exists():
                _write(directory / name, value)


def make_qos_groups(tree: CgroupTree, root: str) -> None:
    """Make kubepods and its two groups; the besteffort one gets the least share of the processors."""
    base = "/" + "/".join(part for part in (root.strip("/"), "kubepods") if part)
    tree.make(base, CgroupLimits())
    tree.make(f"{base}/burstable", CgroupLimits())
    tree.make(f"{base}/besteffort", CgroupLimits(cpu_shares=SHARES_MIN))


def _v1_values(controller: str, limits: CgroupLimits) -> dict[str, str]:
    if controller == "cpu":
        values = {"cpu.shares": str(limits.cpu_shares)} if limits.cpu_shares is not None else {}
        if limits.cpu_quota_us is not None:
            values |= {"cpu.cfs_period_us": str(QUOTA_PERIOD_US), "cpu.cfs_quota_us": str(limits.cpu_quota_us)}
        return values
    if controller == "memory":
        return {"memory.limit_in_bytes": str(limits.memory_bytes)} if limits.memory_bytes is not None else {}
    return {"pids.max": str(limits.pids)} if limits.pids is not None else {}


def _write(path: Path, value: str) -> None:
    with open(path, "w") as file:
        file.write(value)


def _kill_all(directory: Path) -> None:
    try:
        pids = (directory / "cgroup.procs").read_text().split()
    except OSError:
        return
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
