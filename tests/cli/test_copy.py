"""Files copied out of a container land where they were asked for, and nowhere else."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from minikube_py.cli.kubectl.copy import Place, place, unpack


def archive(*members: tuple[str, bytes | str]) -> bytes:
    """A tar of files (bytes) and links (their targets)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize(("text", "meant"), [
    ("pod:/etc/x", Place("/etc/x", "pod")), ("ns/pod:x", Place("x", "pod", "ns")), ("./a:b", Place("./a:b")), ("/a", Place("/a")),
])
def test_places_are_in_a_pod_or_here(text: str, meant: Place) -> None:
    assert place(text) == meant


def test_file_gets_the_name_that_was_asked_for(tmp_path: Path) -> None:
    assert unpack(archive(("etc/x", b"1")), PurePosixPath("/etc/x"), tmp_path / "y") == []
    assert (tmp_path / "y").read_bytes() == b"1"


def test_directory_lands_in_an_existing_one(tmp_path: Path) -> None:
    unpack(archive(("etc/d/a", b"1"), ("etc/d/sub/b", b"2")), PurePosixPath("/etc/d"), tmp_path)
    assert (tmp_path / "d" / "sub" / "b").read_bytes() == b"2"


def test_archive_cannot_write_elsewhere(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    bad = archive(("d/../../evil", b"1"), ("d/link", "/etc"), ("/d/../../../evil2", b"1"), ("other", b"1"), ("d/good", b"1"))
    skipped = unpack(bad, PurePosixPath("d"), inside)
    assert len(skipped) == 3
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["inside", "inside/d", "inside/d/good"]
