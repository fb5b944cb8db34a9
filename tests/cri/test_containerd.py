"""The life of the node's containerd: start, adoption, end; and what CRI does on it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from minikube_py.cri.containerd import Containerd, ContainerdError
from minikube_py.cri.errors import CriError, CriNotFoundError, CriUnavailableError, CriUnimplementedError
from minikube_py.cri.interface import runtime_v1
from minikube_py.cri.pause.image import PAUSE_IMAGE

from .lab import (
    BUSYBOX,
    CGROUP_PARENT,
    REPOSITORY,
    TIMEOUT_S,
    clean_files,
    container_config,
    eventually,
    mounts_below,
    processes_with,
    remove_everything,
    running,
    sandbox_config,
    start_pod,
    subscribed,
    text_of,
    write_bridge_network,
)

pytestmark = pytest.mark.root

# An agent as a process of its own: starts containerd, says its number, and waits to be killed.
AGENT = """
import asyncio, pathlib, sys
from minikube_py.cri.containerd import Containerd

async def main():
    containerd = Containerd(pathlib.Path(sys.argv[1]))
    async with asyncio.TaskGroup() as group:
        group.create_task(containerd.run())
        await containerd.wait_ready()
        print("ready", flush=True)

asyncio.run(main())
"""


def pid_of(containerd: Containerd) -> int:
    return int((containerd.socket.parent / "containerd.pid").read_text())


async def agent_killed_after_start(data_dir: Path) -> None:
    """Start an agent on `data_dir`, and kill it as a crash does once its containerd is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AGENT, str(data_dir), stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    assert process.stdout is not None
    async with asyncio.timeout(TIMEOUT_S):
        assert await process.stdout.readline() == b"ready\n"
        process.kill()
        await process.wait()


async def container_pid(containerd: Containerd, container_id: str) -> int:
    tasks = await containerd.cri.container_status(container_id, verbose=True)
    return int(tasks.info["info"].partition('"pid":')[2].partition(",")[0])


async def test_start_makes_the_runtime_ready_and_the_pause_image_known(containerd: Containerd) -> None:
    conditions = {condition.type: condition.status for condition in (await containerd.cri.status()).status.conditions}
    assert conditions["RuntimeReady"]
    assert not conditions["NetworkReady"]  # There is no pod network yet.
    version = await containerd.cri.version()
    assert (version.runtime_name, version.runtime_api_version) == ("containerd", "v1")
    pause = await containerd.cri.image_status(runtime_v1.ImageSpec(image=PAUSE_IMAGE))
    assert pause is not None
    assert pause.uid.value == 65535


async def test_network_is_ready_once_its_configuration_is_written(containerd: Containerd, tmp_path: Path) -> None:
    await write_bridge_network(containerd, tmp_path)
    sandbox_id = await containerd.cri.run_pod_sandbox(sandbox_config("networked", tmp_path, host_network=False))
    status = (await containerd.cri.pod_sandbox_status(sandbox_id)).status
    assert status.network.ip.startswith("203.0.113.")
    with pytest.raises(ConnectionRefusedError):  # By the pod: nobody listens, but it is there.
        await asyncio.open_connection(status.network.ip, 1)
    assert mounts_below(containerd.socket.parent / "state" / "io.containerd.grpc.v1.cri" / "netns")
    await containerd.cri.stop_pod_sandbox(sandbox_id)
    assert not mounts_below(containerd.socket.parent / "state" / "io.containerd.grpc.v1.cri" / "netns")


async def test_container_runs_with_its_resources_logs_and_ends_with_its_code(containerd: Containerd, tmp_path: Path) -> None:
    async with subscribed(containerd) as events:
        sandbox = sandbox_config("one", tmp_path)
        sandbox_id = await containerd.cri.run_pod_sandbox(sandbox)
        resources = runtime_v1.LinuxContainerResources(memory_limit_in_bytes=64 << 20, oom_score_adj=1000)
        config = container_config("main", "sh", "-c", "echo hello; cat /proc/self/oom_score_adj; exit 7", resources=resources)
        container_id = await containerd.cri.create_container(sandbox_id, config, sandbox)
        created = (await containerd.cri.container_status(container_id)).status
        assert created.state == runtime_v1.CONTAINER_CREATED
        await containerd.cri.start_container(container_id)
        ended = await events.wait_for("exit", container_id)
    status = (await containerd.cri.container_status(container_id)).status
    assert (status.state, status.exit_code, status.reason) == (runtime_v1.CONTAINER_EXITED, 7, "Error")
    assert (ended.exit_status, ended.exited_at_ns) == (7, status.finished_at)
    log = [line.split(" ", 3) for line in (tmp_path / "logs" / "one" / "main.log").read_text().splitlines()]
    assert [(stream, text) for _, stream, _, text in log] == [("stdout", "hello"), ("stdout", "1000")]


async def test_event_tells_of_memory_exhaustion(containerd: Containerd, tmp_path: Path) -> None:
    async with subscribed(containerd) as events:
        sandbox = sandbox_config("hungry", tmp_path)
        sandbox_id = await containerd.cri.run_pod_sandbox(sandbox)
        resources = runtime_v1.LinuxContainerResources(memory_limit_in_bytes=8 << 20, memory_swap_limit_in_bytes=8 << 20)
        config = container_config("main", "sh", "-c", "x=$(head -c 64000000 /dev/zero | tr '\\0' x); echo $x", resources=resources)
        container_id = await containerd.cri.create_container(sandbox_id, config, sandbox)
        await containerd.cri.start_container(container_id)
        await events.wait_for("exit", container_id)
    assert ("oom", container_id) in [(event.kind, event.container_id) for event in events.seen]
    assert (await containerd.cri.container_status(container_id)).status.reason == "OOMKilled"


async def test_lists_are_filtered_and_stats_count(containerd: Containerd, tmp_path: Path) -> None:
    first, container_id = await start_pod(containerd.cri, "first", tmp_path, "sleep", "1000")
    second, _ = await start_pod(containerd.cri, "second", tmp_path, "sleep", "1000")
    assert {sandbox.id for sandbox in await containerd.cri.list_pod_sandboxes()} == {first, second}
    labelled = await containerd.cri.list_pod_sandboxes(runtime_v1.PodSandboxFilter(label_selector={"pod": "second"}))
    assert [sandbox.id for sandbox in labelled] == [second]
    of_first = runtime_v1.ContainerFilter(pod_sandbox_id=first)
    assert [container.id for container in await containerd.cri.list_containers(of_first)] == [container_id]
    stats = await containerd.cri.container_stats(container_id)
    assert stats.memory.usage_bytes.value > 0
    assert len(await containerd.cri.list_container_stats()) == 2
    assert (await containerd.cri.pod_sandbox_stats(first)).attributes.id == first
    assert len(await containerd.cri.list_pod_sandbox_stats()) == 2
    filesystem = (await containerd.cri.image_fs_info()).image_filesystems[0]
    assert filesystem.fs_id.mountpoint.startswith(str(tmp_path))


async def test_resources_change_in_a_running_container(containerd: Containerd, tmp_path: Path) -> None:
    _, container_id = await start_pod(containerd.cri, "resized", tmp_path, "sleep", "1000")
    await containerd.cri.update_container_resources(container_id, runtime_v1.LinuxContainerResources(cpu_shares=512))
    shares = Path(f"/sys/fs/cgroup/cpu{CGROUP_PARENT}/{container_id}/cpu.shares")
    weight = Path(f"/sys/fs/cgroup{CGROUP_PARENT}/{container_id}/cpu.weight")
    assert text_of(shares) == "512\n" or int(text_of(weight)) < 100


async def test_rotated_log_is_reopened(containerd: Containerd, tmp_path: Path) -> None:
    program = "trap 'echo second; exit' USR1; echo first; while :; do sleep 0.01; done"
    _, container_id = await start_pod(containerd.cri, "logging", tmp_path, "sh", "-c", program)
    log = tmp_path / "logs" / "logging" / "main.log"
    await eventually(lambda: "first" in text_of(log))
    log.rename(log.with_suffix(".old"))
    await containerd.cri.reopen_container_log(container_id)
    assert text_of(log) == ""
    await containerd.cri.exec_sync(container_id, ["kill", "-USR1", "1"], timeout_s=5)
    await eventually(lambda: "second" in text_of(log))
    assert "second" not in text_of(log.with_suffix(".old"))


async def test_failures_are_errors_of_one_family(containerd: Containerd, tmp_path: Path) -> None:
    with pytest.raises(CriNotFoundError):
        await containerd.cri.container_status("absent")
    with pytest.raises(CriNotFoundError):
        await containerd.cri.pod_sandbox_status("absent")
    with pytest.raises(CriUnimplementedError):
        await anext(containerd.cri.container_events())
    with pytest.raises(CriError, match="connection refused"):
        await containerd.cri.pull_image(runtime_v1.ImageSpec(image="localhost:1/absent:1"))
    with pytest.raises(CriError, match="cannot be imported"):
        await containerd.import_image(tmp_path / "absent.tar")
    assert await containerd.cri.image_status(runtime_v1.ImageSpec(image="docker.io/library/absent:1")) is None


async def test_ending_and_removing_what_is_gone_succeeds(containerd: Containerd) -> None:
    await containerd.cri.stop_container("absent", timeout_s=0)
    await containerd.cri.remove_container("absent")
    await containerd.cri.stop_pod_sandbox("absent")
    await containerd.cri.remove_pod_sandbox("absent")
    await containerd.cri.remove_image(runtime_v1.ImageSpec(image="docker.io/library/absent:1"))


async def test_image_is_known_by_its_short_name_and_can_be_removed(containerd: Containerd) -> None:
    image = await containerd.cri.image_status(runtime_v1.ImageSpec(image="busybox:1.36"))
    assert image is not None
    assert list(image.repo_tags) == [BUSYBOX]
    await containerd.cri.remove_image(runtime_v1.ImageSpec(image=BUSYBOX))
    assert await containerd.cri.image_status(runtime_v1.ImageSpec(image=BUSYBOX)) is None
    assert [list(known.repo_tags) for known in await containerd.cri.list_images()] == [[PAUSE_IMAGE]]


async def test_pods_run_where_overlayfs_cannot_be_used(
    host_network: None, busybox_tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minikube_py.cri.host.overlay_works", lambda directory: False)
    component = Containerd(tmp_path)
    async with running(component):
        await component.import_image(busybox_tar)
        _, container_id = await start_pod(component.cri, "copied", tmp_path, "sleep", "1000")
        assert (await component.cri.exec_sync(container_id, ["echo", "alive"])).stdout == b"alive\n"
        filesystem = (await component.cri.image_fs_info()).image_filesystems[0]
        assert filesystem.fs_id.mountpoint.endswith("snapshotter.v1.native")
        await remove_everything(component)
    clean_files(component)


async def test_event_stream_ends_with_an_error_when_containerd_goes_away(host_network: None, tmp_path: Path) -> None:
    component = Containerd(tmp_path)
    async with running(component):
        events = component.tasks.events()
        assert (await anext(events)).kind == "subscribed"
        waiting = asyncio.ensure_future(anext(events))
    with pytest.raises(CriUnavailableError):
        await waiting
    clean_files(component)


async def test_unexpected_end_of_containerd_is_raised(host_network: None, tmp_path: Path) -> None:
    component = Containerd(tmp_path)
    task = asyncio.create_task(component.run())
    async with asyncio.timeout(TIMEOUT_S):
        await component.wait_ready()
        os.kill(pid_of(component), signal.SIGKILL)
        with pytest.raises(ContainerdError, match="ended by itself with status -9"):
            await task
    assert not component.ready.is_set()
    clean_files(component)


async def test_program_that_cannot_start_is_told_with_its_log(host_network: None, tmp_path: Path) -> None:
    component = Containerd(tmp_path, program="false")
    with pytest.raises(ContainerdError, match=r"ended at its start with status 1; see .*containerd\.log"):
        await component.run()
    clean_files(component)


async def test_killed_agent_loses_nothing_and_the_next_one_adopts(host_network: None, busybox_tar: Path, tmp_path: Path) -> None:
    await agent_killed_after_start(tmp_path)
    component = Containerd(tmp_path)
    left = pid_of(component)
    async with running(component):
        assert pid_of(component) == left
        await component.import_image(busybox_tar)
        sandbox_id, container_id = await start_pod(component.cri, "survivor", tmp_path, "sleep", "1000")
        process = await container_pid(component, container_id)

    # The component has ended in order: containerd is gone, the pod is not, and the next start finds it.
    assert processes_with(str(tmp_path / "agent")) == []
    os.kill(process, 0)
    async with running(component := Containerd(tmp_path)):
        assert pid_of(component) != left
        status = (await component.cri.container_status(container_id)).status
        assert status.state == runtime_v1.CONTAINER_RUNNING
        assert await container_pid(component, container_id) == process
        assert (await component.cri.exec_sync(container_id, ["echo", "alive"])).stdout == b"alive\n"
        assert [sandbox.id for sandbox in await component.cri.list_pod_sandboxes()] == [sandbox_id]
        await remove_everything(component)
    assert mounts_below(component.socket.parent) == []
    clean_files(component)


async def test_left_over_containerd_of_another_configuration_is_replaced(host_network: None, tmp_path: Path) -> None:
    await agent_killed_after_start(tmp_path)
    component = Containerd(tmp_path, pause_image="registry.example/pause:9")
    left = pid_of(component)
    async with running(component):
        assert pid_of(component) != left
        assert left not in processes_with(str(tmp_path))
        assert "registry.example/pause:9" in (tmp_path / "agent/etc/containerd/config.toml").read_text()
    clean_files(component)


async def test_left_over_containerd_that_hangs_is_replaced(host_network: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minikube_py.cri.containerd.ADOPT_TIMEOUT_S", 0.5)
    monkeypatch.setattr("minikube_py.cri.containerd.STOP_GRACE_S", 0.5)
    await agent_killed_after_start(tmp_path)
    component = Containerd(tmp_path)
    left = pid_of(component)
    os.kill(left, signal.SIGSTOP)
    async with running(component):
        assert pid_of(component) != left
        assert left not in processes_with(str(tmp_path))
    clean_files(component)


async def test_foreign_process_under_the_old_number_is_left_alone(host_network: None, tmp_path: Path) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "1000")
    component = Containerd(tmp_path)
    component.socket.parent.mkdir(parents=True)
    (component.socket.parent / "containerd.pid").write_text(str(bystander.pid))
    async with running(component):
        assert pid_of(component) != bystander.pid
        assert bystander.returncode is None
    bystander.terminate()
    await bystander.wait()
    clean_files(component)


def test_socket_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    component = Containerd(tmp_path, run_dir=tmp_path / ("x" * 100))
    with pytest.raises(ContainerdError, match="longer than 107 bytes"):
        asyncio.run(component.run())
