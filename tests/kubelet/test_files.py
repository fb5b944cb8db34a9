"""Atomic directories, payloads, subpaths, checkpoints and log files."""

from __future__ import annotations

import asyncio
import gzip
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minikube_py.apis import core_v1, meta_v1
from minikube_py.kubelet.checkpoints import Checkpoints
from minikube_py.kubelet.log_lines import LogLine, parse_line
from minikube_py.kubelet.log_reader import LogOptions, read_log
from minikube_py.kubelet.log_rotation import shorten
from minikube_py.kubelet.termination_message import termination_message
from minikube_py.kubelet.volumes.atomic_writer import FileContent, write
from minikube_py.kubelet.volumes.mounting import make_beneath, open_beneath
from minikube_py.kubelet.volumes.payloads import VolumeError, config_map_files, secret_files

from .build import pod


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*")
            if path.is_file() and not path.relative_to(directory).parts[0].startswith("..")}


def test_a_directory_changes_all_at_once(tmp_path: Path) -> None:
    target = tmp_path / "volume"
    assert write(target, {"a": FileContent(b"1", 0o644), "d/b": FileContent(b"2", 0o400)})
    first = os.readlink(target / "..data")
    assert contents(target) == {"a": b"1"} and (target / "d" / "b").read_bytes() == b"2"
    assert os.readlink(target / "a") == "..data/a"
    assert stat.S_IMODE((target / "d" / "b").stat().st_mode) == 0o400
    assert not write(target, {"a": FileContent(b"1", 0o644), "d/b": FileContent(b"2", 0o400)})
    assert write(target, {"a": FileContent(b"3", 0o644)})
    assert os.readlink(target / "..data") != first
    assert (target / "a").read_bytes() == b"3"
    assert sorted(entry.name for entry in target.iterdir() if not entry.name.startswith("..2")) == ["..data", "a"]
    assert not (target / first).exists()


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "..x"])
def test_a_file_cannot_leave_its_volume(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="invalid path"):
        write(tmp_path / "volume", {path: FileContent(b"", 0o644)})


def test_a_directory_is_open_to_all_and_its_files_to_the_group(tmp_path: Path) -> None:
    target = tmp_path / "volume"
    write(target, {"d/a": FileContent(b"1", 0o400)})
    assert stat.S_IMODE(target.stat().st_mode) == 0o777
    write(target, {"d/a": FileContent(b"2", 0o400)}, group=os.getgid())
    modes = {name: oct(stat.S_IMODE((target / name).stat().st_mode)) for name in (".", "..data", "d", "d/a")}
    assert modes == {".": "0o2777", "..data": "0o2755", "d": "0o2755", "d/a": "0o440"}


def test_keys_become_files() -> None:
    config = core_v1.ConfigMap(data={"a": "x"}, binary_data={"b": b"\0"})
    assert config_map_files(config, [], 0o644, optional=False) == {"a": FileContent(b"x", 0o644), "b": FileContent(b"\0", 0o644)}
    items = [core_v1.KeyToPath(key="a", path="deep/file", mode=0o600)]
    assert config_map_files(config, items, 0o644, optional=False) == {"deep/file": FileContent(b"x", 0o600)}
    missing = [core_v1.KeyToPath(key="z", path="z")]
    with pytest.raises(VolumeError, match="references non-existent secret key: z"):
        secret_files(core_v1.Secret(), missing, 0o644, optional=False)
    assert secret_files(core_v1.Secret(), missing, 0o644, optional=True) == {}


def test_a_subpath_cannot_leave_its_volume(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    (volume / "inside").mkdir(parents=True)
    (volume / "out").symlink_to("/etc")
    (volume / "in").symlink_to("inside")
    os.close(open_beneath(volume, "in"))
    for path in ("out/passwd", "../volume", "/etc"):
        with pytest.raises(OSError):
            open_beneath(volume, path)
    volume.chmod(0o777)
    make_beneath(volume, "inside/new/deep")
    assert stat.S_IMODE((volume / "inside" / "new" / "deep").stat().st_mode) == 0o777, "whoever may write the volume may write it"
    with pytest.raises(OSError):
        make_beneath(volume, "out/new")


async def test_checkpoints_come_back_and_status_updates_cost_nothing(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "pods")
    of = pod()
    checkpoints.save_pod_soon(of)
    checkpoints.save_object_soon(core_v1.Secret, "ns", "s", core_v1.Secret(
        metadata=meta_v1.ObjectMeta(name="s", namespace="ns", uid="1", resource_version="1"), data={"a": b"b"}
    ))
    await checkpoints.flush()
    path = tmp_path / "pods" / "u.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = path.stat().st_mtime_ns
    of.status.phase = "Running"
    checkpoints.save_pod_soon(of)
    await checkpoints.flush()
    assert path.stat().st_mtime_ns == written
    again = Checkpoints(tmp_path / "pods")
    assert [found.spec for found in await again.load_pods()] == [of.spec]
    secret = await again.load_object(core_v1.Secret, "ns", "s")
    assert secret is not None and secret.data == {"a": b"b"}
    again.save_pod_soon(of)
    again.remove_pod_soon("u")
    await again.flush()
    assert await again.load_pods() == []


@pytest.mark.parametrize(("row", "line"), [
    (b"2026-01-01T00:00:00.1Z stdout F hello world\n", LogLine("2026-01-01T00:00:00.1Z", "stdout", b"hello world\n")),
    (b"2026-01-01T00:00:00.1Z stderr P part", LogLine("2026-01-01T00:00:00.1Z", "stderr", b"part")),
    (b"2026-01-01T00:00:00.1Z stdout F \n", LogLine("2026-01-01T00:00:00.1Z", "stdout", b"\n")),
    (b"garbage", None),
])
def test_rows_of_a_log_are_read(row: bytes, line: LogLine | None) -> None:
    assert parse_line(row) == line


def row(text: str, *, second: int = 0, stream: str = "stdout", tag: str = "F") -> str:
    return f"2026-01-01T00:00:{second:02}.000000000Z {stream} {tag} {text}\n"


async def read(path: Path, **options: object) -> bytes:
    async def ended() -> None:
        return

    return b"".join([chunk async for chunk in read_log(path, LogOptions(**options), ended)])  # type: ignore[arg-type]


async def test_a_log_is_read_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_text(row("one", second=1) + row("two-", second=2, tag="P") + row("half", second=2) + row("err", second=3, stream="stderr"))
    assert await read(path) == b"one\ntwo-half\nerr\n"
    assert await read(path, tail_lines=1) == b"err\n"
    assert await read(path, tail_lines=0) == b""
    assert await read(path, tail_lines=99) == b"one\ntwo-half\nerr\n"
    assert await read(path, stream="stderr") == b"err\n"
    assert await read(path, since=datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)) == b"two-half\nerr\n"
    assert await read(path, timestamps=True, tail_lines=3) == (
        b"2026-01-01T00:00:02.000000000Z two-half\n2026-01-01T00:00:03.000000000Z err\n"
    )
    assert await read(path, limit_bytes=5) == b"one\nt"


async def test_a_followed_log_goes_on_over_a_rotation_until_the_container_ends(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_text(row("one"))
    ended = asyncio.Event()
    found: list[bytes] = []
    got = asyncio.Event()

    async def follow() -> None:
        async for chunk in read_log(path, LogOptions(follow=True), lambda: _done(ended)):
            found.append(chunk)
            got.set()

    async def expect(text: bytes) -> None:
        async with asyncio.timeout(10):
            while b"".join(found) != text:
                got.clear()
                await got.wait()

    task = asyncio.create_task(follow())
    await expect(b"one\n")
    with path.open("a") as file:
        file.write(row("two"))
    await expect(b"one\ntwo\n")
    path.rename(tmp_path / "0.log.old")
    path.write_text(row("three"))
    await expect(b"one\ntwo\nthree\n")
    ended.set()
    await task


async def _done(ended: asyncio.Event) -> None:
    await ended.wait()


def test_logs_put_aside_are_compressed_and_the_oldest_removed(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    for name in ("0.log", "0.log.20260101-000000.gz", "0.log.20260102-000000", "0.log.20260103-000000", "0.log.20260101-1.tmp", "1.log"):
        (tmp_path / name).write_text(name)
    shorten(path, 2)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "0.log", "0.log.20260102-000000.gz", "0.log.20260103-000000.gz", "1.log"
    ]
    assert gzip.decompress((tmp_path / "0.log.20260103-000000.gz").read_bytes()) == b"0.log.20260103-000000"


def test_last_words_come_from_the_file_or_the_log(tmp_path: Path) -> None:
    message, log = tmp_path / "message", tmp_path / "0.log"
    log.write_text("".join(row(f"line {number}") for number in range(200)))
    message.write_text("bye")
    assert termination_message(str(message), "File", str(log), failed=True) == "bye"
    message.write_text("")
    assert termination_message(str(message), "File", str(log), failed=True) == ""
    assert termination_message(str(message), "FallbackToLogsOnError", str(log), failed=False) == ""
    tail = termination_message(str(message), "FallbackToLogsOnError", str(log), failed=True).splitlines()
    assert (len(tail), tail[-1]) == (80, "line 199")
