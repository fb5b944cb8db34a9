"""Directories whose files change all at once.

The files live in a directory with a time in its name; `..data` is a link to it, and each visible name is a link through `..data`. A
change makes a new directory and turns `..data` over with one rename, so a reader sees the old files or the new ones, never some of each.
All calls block.

Source: kubernetes pkg/volume/util/atomic_writer.go (the layout that programs which watch `..data` rely on).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

DATA_LINK = "..data"
NEW_LINK = "..data_tmp"
# Files are only read by the group. Source: kubernetes pkg/volume/volume_linux.go (roMask, execMask)
GROUP_FILE_BITS = 0o440
GROUP_DIRECTORY_BITS = 0o2550


@dataclass(frozen=True, slots=True)
class FileContent:
    """One file.

    Attributes:
        owner: user id that the file belongs to; None leaves it with root.
    """

    data: bytes
    mode: int
    owner: int | None = None


def write(target: Path, files: Mapping[str, FileContent], *, group: int | None = None) -> bool:
    """Make a directory hold exactly these files.

    Args:
        files: by path relative to `target`, without "..".
        group: group id that may read the files.
    Returns: whether anything changed.
    Raises: ValueError for a path that leaves the directory; OSError.
    """
    for path in files:
        parts = Path(path).parts
        if not parts or Path(path).is_absolute() or ".." in parts or parts[0].startswith(".."):
            raise ValueError(f"invalid path {path!r}")
    target.mkdir(parents=True, exist_ok=True)
    _open_up(target, group)
    current = _current(target)
    if current is not None and _same(current, files):
        return False
    fresh = _fill(target, files, group)
    new_link = target / NEW_LINK
    with contextlib.suppress(FileNotFoundError):
        new_link.unlink()
    new_link.symlink_to(fresh.name)
    new_link.rename(target / DATA_LINK)
    _link_names(target, {Path(path).parts[0] for path in files})
    if current is not None:
        shutil.rmtree(current, ignore_errors=True)
    return True


def _current(target: Path) -> Path | None:
    try:
        return target / os.readlink(target / DATA_LINK)
    except OSError:
        return None


def _same(current: Path, files: Mapping[str, FileContent]) -> bool:
    present = {str(path.relative_to(current)) for path in current.rglob("*") if path.is_file()}
    if present != {str(Path(path)) for path in files}:
        return False
    return all((current / path).read_bytes() == content.data for path, content in files.items())


def _fill(target: Path, files: Mapping[str, FileContent], group: int | None) -> Path:
    stamp = datetime.now(UTC).strftime("..%Y_%m_%d_%H_%M_%S.")
    fresh = Path(tempfile.mkdtemp(prefix=stamp, dir=target))
    fresh.chmod(0o755)
    for path, content in files.items():
        file = fresh / path
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        file.write_bytes(content.data)
        mode = content.mode
        if group is not None:
            mode |= GROUP_FILE_BITS
        if content.owner is not None or group is not None:
            os.chown(file, -1 if content.owner is None else content.owner, -1 if group is None else group)
        # After the change of owner, which drops bits; and whatever the umask.
        file.chmod(mode)
    if group is not None:
        for directory, _, _ in os.walk(fresh):
            _give(Path(directory), group)
    return fresh


def _open_up(target: Path, group: int | None) -> None:
    """Let everybody into the directory itself, as into an empty volume, and give it to the group."""
    found = target.stat()
    if found.st_mode & 0o777 != 0o777:
        target.chmod(0o777)
    if group is not None and (found.st_gid != group or not found.st_mode & stat.S_ISGID):
        _give(target, group)


def _give(directory: Path, group: int) -> None:
    os.chown(directory, -1, group)
    directory.chmod(stat.S_IMODE(directory.stat().st_mode) | GROUP_DIRECTORY_BITS)


def _link_names(target: Path, names: set[str]) -> None:
    for name in names:
        link = target / name
        if not link.is_symlink():
            link.symlink_to(f"{DATA_LINK}/{name}")
    for entry in target.iterdir():
        if entry.is_symlink() and not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()
