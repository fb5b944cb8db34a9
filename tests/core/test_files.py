from __future__ import annotations

import os
from pathlib import Path

import pytest

from minikube_py.core.files import private_directory, write_atomic


def test_content_and_mode_are_the_wanted_ones(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_atomic(path, b"one")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one", 0o600)
    write_atomic(path, b"two", 0o644)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o644)
    assert os.listdir(tmp_path) == ["f"]


def test_a_failure_leaves_the_old_content_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    write_atomic(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_a_private_directory_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    private_directory(path)
    path.chmod(0o755)
    private_directory(path)
    assert path.stat().st_mode & 0o777 == 0o700
