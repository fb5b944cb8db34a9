"""Facts of the machine that the agent runs on, read once, and measures of what is left, read often. All calls block."""

from __future__ import annotations

import os
import platform
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "riscv64": "riscv64", "s390x": "s390x", "ppc64le": "ppc64le"}


@dataclass(frozen=True, slots=True)
class Machine:
    """What does not change while the machine runs."""

    cpus: int
    memory_bytes: int
    architecture: str
    kernel: str
    os_image: str
    machine_id: str
    system_uuid: str
    boot_id: str
    pids_max: int

    @classmethod
    def read(cls, data_dir: Path) -> Machine:
        """Look around.

        Args:
            data_dir: where an identity is kept for a machine that has none.
        """
        machine_id = _text(Path("/etc/machine-id")) or _own_id(data_dir / "agent" / "machine-id")
        return cls(
            cpus=len(os.sched_getaffinity(0)), memory_bytes=_meminfo("MemTotal"),
            architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()), kernel=platform.release(),
            os_image=_os_name(), machine_id=machine_id,
            system_uuid=_text(Path("/sys/class/dmi/id/product_uuid")) or str(uuid.uuid5(uuid.NAMESPACE_OID, machine_id)),
            boot_id=_text(Path("/proc/sys/kernel/random/boot_id")), pids_max=int(_text(Path("/proc/sys/kernel/pid_max")) or 32768),
        )


@dataclass(frozen=True, slots=True)
class Measures:
    """What is left at the moment."""

    memory_available_bytes: int
    disk_bytes: int
    disk_available_bytes: int
    inodes: int
    inodes_free: int
    threads: int

    @classmethod
    def read(cls, directory: Path) -> Measures:
        """Measure the memory, the filesystem of a directory, and the processes."""
        while not directory.exists():
            directory = directory.parent
        disk, nodes = shutil.disk_usage(directory), os.statvfs(directory)
        threads = _text(Path("/proc/loadavg")).split()[3].split("/")[1]
        return cls(
            memory_available_bytes=_meminfo("MemAvailable"), disk_bytes=disk.total, disk_available_bytes=nodes.f_bavail * nodes.f_frsize,
            inodes=nodes.f_files, inodes_free=nodes.f_ffree, threads=int(threads),
        )


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _own_id(path: Path) -> str:
    """An identity of our own, kept from one start to the next."""
    known = _text(path)
    if known:
        return known
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = uuid.uuid4().hex
    path.write_text(fresh + "\n")
    return fresh


def _meminfo(name: str) -> int:
    for line in _text(Path("/proc/meminfo")).splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def _os_name() -> str:
    for line in _text(Path("/etc/os-release")).splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return "Linux"
