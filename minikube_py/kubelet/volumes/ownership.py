"""Giving a volume to a pod's group.

Source: kubernetes.io/docs/tasks/configure-pod-container/security-context/ (fsGroup, fsGroupChangePolicy); kubernetes
pkg/volume/volume_linux.go.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

FILE_BITS = 0o660
DIRECTORY_BITS = 0o2770


def set_group(directory: Path, group: int, *, only_on_mismatch: bool = False) -> None:
    """Make all of a directory readable and writable by a group, and its new files belong to it. Blocks.

    Args:
        only_on_mismatch: do nothing if the top already is as it should be.
    Raises: OSError.
    """
    top = directory.stat()
    if only_on_mismatch and top.st_gid == group and (top.st_mode & DIRECTORY_BITS) == DIRECTORY_BITS:
        return
    for current, directories, files in os.walk(directory):
        for name in files:
            _give(os.path.join(current, name), group, FILE_BITS)
        for name in directories:
            if os.path.islink(os.path.join(current, name)):
                _give(os.path.join(current, name), group, FILE_BITS)
        _give(current, group, DIRECTORY_BITS)


def _give(path: str, group: int, bits: int) -> None:
    mode = os.lstat(path).st_mode
    os.chown(path, -1, group, follow_symlinks=False)
    if not stat.S_ISLNK(mode):
        os.chmod(path, stat.S_IMODE(mode) | bits)
