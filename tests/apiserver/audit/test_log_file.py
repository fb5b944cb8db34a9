"""The file that the audit log is written to, and those before it."""

from __future__ import annotations

import gzip
import os
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minikube_py.apiserver.audit.log_file import DAY_S, RotatingFile


def old(directory: Path, age_s: float, content: bytes = b"old\n") -> Path:
    stamp = datetime.fromtimestamp(time.time() - age_s, UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")[:-3]
    path = directory / f"audit-{stamp}.log"
    path.write_bytes(content)
    return path


def test_full_file_is_set_aside_and_no_line_is_lost_or_torn(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "audit.log", bytes_max=100)
    lines = [b"line %02d of the audit log\n" % number for number in range(40)]
    rotations = sum(file.write(line) for line in lines)
    file.close()
    paths = [path for _, path in reversed(file.backups())] + [tmp_path / "audit.log"]
    assert len(paths) == rotations + 1 > 5
    assert b"".join(path.read_bytes() for path in paths) == b"".join(lines)
    assert all(path.stat().st_size <= 100 and path.read_bytes().endswith(b"\n") for path in paths)
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}


def test_line_longer_than_a_file_is_written_whole(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "audit.log", bytes_max=10)
    for _ in range(2):
        file.write(b"a long line indeed\n")
    file.close()
    assert (tmp_path / "audit.log").read_bytes() == b"a long line indeed\n" and len(file.backups()) == 1


def test_file_is_continued(tmp_path: Path) -> None:
    for line in (b"one\n", b"two\n"):
        file = RotatingFile(tmp_path / "logs" / "audit.log", bytes_max=100)
        file.write(line)
        file.close()
    assert (tmp_path / "logs" / "audit.log").read_bytes() == b"one\ntwo\n"


def test_old_files_go_by_number_and_by_age(tmp_path: Path) -> None:
    paths = [old(tmp_path, age) for age in (60, 120, 3 * DAY_S, 5 * DAY_S)]
    other = tmp_path / "audit-notes.log"
    other.touch()
    RotatingFile(tmp_path / "audit.log", age_max_s=4 * DAY_S).prune()
    assert [path.exists() for path in paths] == [True, True, True, False]
    RotatingFile(tmp_path / "audit.log", backups_max=1).prune()
    assert [path.exists() for path in paths] == [True, False, False, False] and other.exists()


def test_old_files_are_compressed_and_still_counted(tmp_path: Path) -> None:
    path = old(tmp_path, 60, b"line\n" * 100)
    path.chmod(0o600)
    file = RotatingFile(tmp_path / "audit.log", compress=True, backups_max=2)
    file.prune()
    packed = path.with_name(path.name + ".gz")
    assert gzip.decompress(packed.read_bytes()) == b"line\n" * 100 and not path.exists()
    assert stat.S_IMODE(packed.stat().st_mode) == 0o600
    newer = [old(tmp_path, age) for age in (20, 30)]
    file.prune()
    assert not packed.exists() and [path.with_name(path.name + ".gz").exists() for path in newer] == [True, True]


def test_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "audit.log")
    file.open()
    os.close(file._descriptor)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.write(b"line\n")
    file._descriptor = None
    file.write(b"line\n")
    file.close()
    assert (tmp_path / "audit.log").read_bytes() == b"line\n"
