"""The pause program and its image."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import runpy
import signal
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

from minikube_py.cri.pause.image import ARCHITECTURES, PAUSE_IMAGE, pause_image_archive

REPOSITORY = Path(__file__).resolve().parents[2]
PAUSE = REPOSITORY / "minikube_py" / "cri" / "pause"
NATIVE = PAUSE / f"pause-{ARCHITECTURES[platform.machine()]}"


def wait_until_sleeping(pid: int) -> None:
    """Wait until the program is in rt_sigtimedwait, which the kernel tells as the blocked call's number."""
    number = {"x86_64": 128, "aarch64": 137}[platform.machine()]
    while Path(f"/proc/{pid}/syscall").read_text().split()[0] != str(number):
        os.sched_yield()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_pause_waits_and_ends_in_order_on_a_signal(number: signal.Signals) -> None:
    process = subprocess.Popen([NATIVE])
    wait_until_sleeping(process.pid)
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGCONT)
    wait_until_sleeping(process.pid)
    process.send_signal(number)
    assert process.wait(timeout=10) == 0


@pytest.mark.root
def test_pause_as_process_1_reaps_orphans_and_ends_on_a_signal() -> None:
    # The shell makes orphans of two processes, and becomes pause, process 1 of a namespace of its own.
    orphan = "(sleep 1000 &)"
    process = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", f"{orphan}; {orphan}; exec {NATIVE}"])
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (child := children.read_text().split()):
        os.sched_yield()
    pause = int(child[0])
    orphans = Path(f"/proc/{pause}/task/{pause}/children")
    wait_until_sleeping(pause)
    left = orphans.read_text().split()
    assert len(left) == 2
    for pid in left:
        os.kill(int(pid), signal.SIGKILL)
    while orphans.read_text():
        os.sched_yield()
    os.kill(pause, signal.SIGTERM)
    assert process.wait(timeout=10) == 0


def test_committed_programs_are_what_the_listing_says() -> None:
    tool = runpy.run_path(str(REPOSITORY / "tools" / "build_pause.py"))
    for arch, program in tool["programs"]().items():
        assert (PAUSE / f"pause-{arch}").read_bytes() == program


@pytest.mark.parametrize(("arch", "machine"), [("amd64", 62), ("arm64", 183)])
def test_program_is_a_static_executable_without_writable_memory(arch: str, machine: int) -> None:
    program = (PAUSE / f"pause-{arch}").read_bytes()
    header = struct.unpack_from("<16sHHIQQQIHHHHHH", program)
    assert header[0][:7] == b"\x7fELF\x02\x01\x01"
    kind, target, entry, first, count = header[1], header[2], header[4], header[5], header[10]
    assert (kind, target, count) == (2, machine, 2)
    load = struct.unpack_from("<IIQQQQQQ", program, first)
    p_type, flags, offset, address, _, in_file, in_memory, align = load
    assert (p_type, flags, offset, in_file, in_memory) == (1, 5, 0, len(program), len(program))
    assert address % align == 0
    assert address < entry < address + in_file


def test_arm64_branch_and_addresses_point_at_what_they_name() -> None:
    program = (PAUSE / "pause-arm64").read_bytes()
    words = [word for (word,) in struct.iter_unpack("<I", program[176 : 176 + 80])]
    data = {80: (1, 0, 0, 0), 112: (1 << 1 | 1 << 14,)}  # offset from the entry to what lies there
    addresses = [index * 4 + ((word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3) for index, word in enumerate(words) if word >> 24 & 0x9F == 0x10]
    assert addresses == [80, 112, 112]
    for offset, values in data.items():
        assert struct.unpack_from(f"<{len(values)}Q", program, 176 + offset) == values
    (branch,) = [index for index, word in enumerate(words) if word >> 24 == 0xB7]
    distance = (words[branch] >> 5 & 0x3FFF) - (1 << 14)
    assert words[branch + distance] == 0xD2800008 | 137 << 5  # rt_sigtimedwait's number into x8


def extracted(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        opened = files.extractfile(name)
        assert opened is not None
        return opened.read()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_image_is_the_same_every_time_and_its_digests_are_right(machine: str) -> None:
    archive = pause_image_archive(machine)
    assert archive == pause_image_archive(machine)

    def blob(descriptor: dict[str, str]) -> bytes:
        data = extracted(archive, "blobs/" + descriptor["digest"].replace(":", "/"))
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == descriptor["digest"]
        assert len(data) == descriptor["size"]
        return data

    (described,) = json.loads(extracted(archive, "index.json"))["manifests"]
    assert described["annotations"] == {"io.containerd.image.name": PAUSE_IMAGE}
    manifest = json.loads(blob(described))
    config = json.loads(blob(manifest["config"]))
    assert (config["architecture"], config["config"]["Entrypoint"]) == (ARCHITECTURES[machine], ["/pause"])
    layer = blob(manifest["layers"][0])
    assert extracted(layer, "pause") == (PAUSE / f"pause-{ARCHITECTURES[machine]}").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(layer)) as files:
        assert files.getmember("pause").mode == 0o755
