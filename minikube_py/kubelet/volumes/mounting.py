"""The kernel's mount calls, and opening a path without leaving a directory. All calls block.

Source: man 2 mount, umount2, openat2 (RESOLVE_BENEATH, Linux 5.6).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import stat
import struct
from functools import cache
from pathlib import Path

MS_NOSUID, MS_NODEV = 2, 4
MS_BIND = 4096
MNT_DETACH = 2
# The same number on amd64 and arm64. Source: include/uapi/asm-generic/unistd.h
SYS_OPENAT2 = 437
RESOLVE_BENEATH = 0x08


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    if _libc().mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def mount_tmpfs(target: Path, size_bytes: int | None = None) -> None:
    """Mount a filesystem in memory, unless one is mounted there already.

    Raises: OSError.
    """
    target.mkdir(parents=True, exist_ok=True)
    if not is_mount(target):
        _mount("tmpfs", str(target), "tmpfs", 0, f"size={size_bytes}" if size_bytes else "")


def bind_mount(source: str, target: Path) -> None:
    """Show `source` at `target`, which must exist.

    Raises: OSError.
    """
    _mount(source, str(target), "", MS_BIND, "")


def unmount(target: Path) -> None:
    """Unmount at once; whoever still uses it keeps it until he lets go. Not mounted or not there is no error.

    Raises: OSError.
    """
    if _libc().umount2(str(target).encode(), MNT_DETACH) != 0:
        number = ctypes.get_errno()
        if number not in (errno.EINVAL, errno.ENOENT):
            raise OSError(number, os.strerror(number), str(target))


def is_mount(path: Path) -> bool:
    """Whether something is mounted at a path."""
    return os.path.ismount(path)


def mounts_below(directory: Path) -> list[Path]:
    """Mount points in a directory, the innermost first."""
    prefix = f"{directory}/"
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            point = line.split(" ", 5)[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
            if point.startswith(prefix) or point == str(directory):
                found.append(Path(point))
    return found[::-1]


def remove_tree(directory: Path) -> None:
    """Unmount what is mounted in a directory and remove it. Never follows a mount that cannot be unmounted.

    Raises: OSError.
    """
    if not directory.exists():
        return
    for point in mounts_below(directory):
        unmount(point)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(directory)


def open_beneath(directory: Path, path: str) -> int:
    """Open a path below a directory, refusing every link that leaves it, and return the descriptor (O_PATH).

    Raises: FileNotFoundError; OSError (EXDEV if the path leaves the directory).
    """
    root = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        how = struct.pack("QQQ", os.O_PATH | os.O_CLOEXEC, 0, RESOLVE_BENEATH)
        found = int(_libc().syscall(SYS_OPENAT2, root, path.encode(), how, len(how)))
        if found < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        return found
    finally:
        os.close(root)


def make_beneath(directory: Path, path: str) -> None:
    """Make the directories of a path below a directory, with its mode, refusing links that leave it.

    Raises: OSError.
    """
    made = ""
    mode = stat.S_IMODE(directory.stat().st_mode)
    for part in Path(path).parts:
        parent = open_beneath(directory, made or ".")
        made = f"{made}/{part}" if made else part
        try:
            os.mkdir(f"/proc/self/fd/{parent}/{part}", mode)
        except FileExistsError:
            continue
        finally:
            os.close(parent)
        # Whatever the umask; by a descriptor, since the pod may have put a link in its place.
        fresh = open_beneath(directory, made)
        try:
            os.chmod(f"/proc/self/fd/{fresh}", mode)
        finally:
            os.close(fresh)
