"""A log file that is set aside when it is full, with bounds on how many old ones stay and for how long.

Old files carry the time at which they were set aside in their names (UTC), before the suffix: audit-2026-01-31T23-59-59.000.log.
Invariant: what `write` has taken is in one file, whole. Source: pkg.go.dev/gopkg.in/natefinch/lumberjack.v2
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from minikube_py.core.files import PRIVATE_FILE_MODE

MEBIBYTE = 1024 * 1024
DEFAULT_MEBIBYTES = 100
DAY_S = 86400.0
_STAMP = r"(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}\.\d{3})"


class RotatingFile:
    """The file and its predecessors.

    Args:
        path: "-" is the standard output, which is not rotated.
        bytes_max: at which size it is set aside.
        age_max_s: how long old files stay; 0 for ever.
        backups_max: how many stay; 0 for all.
        compress: whether old files are compressed.
    """

    def __init__(
        self, path: Path, *, bytes_max: int = DEFAULT_MEBIBYTES * MEBIBYTE, age_max_s: float = 0.0, backups_max: int = 0,
        compress: bool = False,
    ) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._age_max_s = age_max_s
        self._backups_max = backups_max
        self._compress = compress
        self._descriptor: int | None = None
        self._bytes = 0

    def open(self) -> None:
        """Raises: OSError."""
        if str(self._path) == "-":
            self._descriptor = os.dup(sys.stdout.fileno())
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o744)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE_MODE)
        self._bytes = os.fstat(self._descriptor).st_size

    def write(self, data: bytes) -> bool:
        """Add data; return whether a file was set aside for it, so that `prune` has something to do.

        Raises: OSError; nothing, or a part of the data, is then in the file.
        """
        if self._descriptor is None:
            self.open()
        rotated = str(self._path) != "-" and self._bytes > 0 and self._bytes + len(data) > self._bytes_max
        if rotated:
            self._set_aside()
        self._add(data)
        return rotated

    def _add(self, data: bytes) -> None:
        if self._descriptor is None:
            raise OSError(f"{self._path} is not open")
        view = memoryview(data)
        while view:
            written = os.write(self._descriptor, view)
            self._bytes += written
            view = view[written:]

    def close(self) -> None:
        """May be called twice."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _set_aside(self) -> None:
        stamp = datetime.now(UTC)
        while (target := self._backup(stamp.strftime("%Y-%m-%dT%H-%M-%S.%f")[:-3])).exists():
            stamp = datetime.fromtimestamp(stamp.timestamp() + 0.001, UTC)
        os.rename(self._path, target)
        self.close()
        self.open()

    def _backup(self, stamp: str) -> Path:
        return self._path.with_name(f"{self._path.stem}-{stamp}{self._path.suffix}")

    def backups(self) -> list[tuple[float, Path]]:
        """Old files with the times at which they were set aside, the newest first."""
        pattern = re.compile(re.escape(self._path.stem) + "-" + _STAMP + re.escape(self._path.suffix) + r"(\.gz)?")
        found = []
        for path in self._path.parent.iterdir():
            match = pattern.fullmatch(path.name)
            if match is not None:
                found.append((datetime.strptime(match[1], "%Y-%m-%dT%H-%M-%S.%f").replace(tzinfo=UTC).timestamp(), path))
        return sorted(found, reverse=True)

    def prune(self) -> None:
        """Remove old files that are too many or too old, and compress those that stay. Blocks; one call at a time.

        Raises: OSError.
        """
        if str(self._path) == "-":
            return
        oldest = time.time() - self._age_max_s if self._age_max_s else float("-inf")
        for number, (stamp, path) in enumerate(self.backups()):
            if (self._backups_max and number >= self._backups_max) or stamp < oldest:
                path.unlink()
            elif self._compress and path.suffix != ".gz":
                _compress(path)


def _compress(path: Path) -> None:
    target = path.with_name(path.name + ".gz")
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, path.stat().st_mode & 0o777)
    with path.open("rb") as source, os.fdopen(descriptor, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb") as packed:
        shutil.copyfileobj(source, packed)
    path.unlink()
