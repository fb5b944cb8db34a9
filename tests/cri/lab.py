"""A throw-away host for containerd: a network namespace without a way out, and pods on it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from minikube_py.cri.containerd import Containerd
from minikube_py.cri.interface import Cri, RuntimeEvent, runtime_v1

REPOSITORY = Path(__file__).resolve().parents[2]
BUSYBOX = "docker.io/library/busybox:1.36"
CGROUP_PARENT = f"/minikube-py-test-{os.getpid()}"
TIMEOUT_S = 30.0

_CLONE_NEWNET = 0x40000000


@contextmanager
def inside_new_network(name: str) -> Iterator[None]:
    """Move this thread, and what it starts from now on, into a network namespace whose default route leads nowhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for command in (
            "link set lo up",
            "link add eth0 type veth peer name idle0",
            "address add 198.51.100.2/24 dev eth0",
            "link set eth0 up",
            "link set idle0 up",
            "route add default via 198.51.100.1",
        ):
            subprocess.run(["ip", "-n", name, *command.split()], check=True)
        inside = os.open(f"/run/netns/{name}", os.O_RDONLY)
        try:
            assert libc.setns(inside, _CLONE_NEWNET) == 0
            yield
        finally:
            os.close(inside)
            assert libc.setns(before, _CLONE_NEWNET) == 0
    finally:
        os.close(before)
        subprocess.run(["ip", "netns", "delete", name], check=True)


def make_busybox_tar(path: Path) -> None:
    """Write the archive of a busybox image, by the tool's command line."""
    tool = REPOSITORY / "tools" / "busybox_image.py"
    subprocess.run([sys.executable, tool, path, "--ref", BUSYBOX], check=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})


@asynccontextmanager
async def running(containerd: Containerd) -> AsyncIterator[Containerd]:
    """Run the component until the end of the block, and raise what it raised."""
    task = asyncio.create_task(containerd.run(), name="containerd")
    ready = asyncio.create_task(containerd.wait_ready())
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield containerd
    finally:
        ready.cancel()
        task.cancel()
        await asyncio.wait({task, ready})
    if not task.cancelled():
        task.result()


async def remove_everything(containerd: Containerd) -> None:
    """Remove every pod of a running containerd."""
    for sandbox in await containerd.cri.list_pod_sandboxes():
        await containerd.cri.stop_pod_sandbox(sandbox.id)
        await containerd.cri.remove_pod_sandbox(sandbox.id)


def clean_files(containerd: Containerd) -> None:
    """Remove what no component removes: the run directory and the pods' cgroups."""
    shutil.rmtree(containerd.socket.parent)
    for hierarchy in Path("/sys/fs/cgroup").iterdir():
        parent = hierarchy / CGROUP_PARENT.lstrip("/")
        if parent.is_dir():
            parent.rmdir()


def mounts_below(directory: Path) -> list[str]:
    """Mount points below a directory."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{directory}/")]


def processes_with(argument: str) -> list[int]:
    """Running processes (no zombies) that have a text among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if argument.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition of the outer world holds, of which nothing tells."""
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0.01)


def text_of(path: Path) -> str:
    """A file's text; empty if there is no file."""
    return path.read_text() if path.exists() else ""


def sandbox_config(name: str, directory: Path, *, host_network: bool = True) -> runtime_v1.PodSandboxConfig:
    """A pod, by default on the host's network, which needs no CNI."""
    network = runtime_v1.NODE if host_network else runtime_v1.POD
    options = runtime_v1.NamespaceOption(network=network, pid=runtime_v1.CONTAINER)
    security = runtime_v1.LinuxSandboxSecurityContext(namespace_options=options)
    logs = directory / "logs" / name
    logs.mkdir(parents=True, exist_ok=True)
    return runtime_v1.PodSandboxConfig(
        metadata=runtime_v1.PodSandboxMetadata(name=name, uid=f"uid-{name}", namespace="default"),
        hostname="" if host_network else name,
        log_directory=str(logs),
        labels={"pod": name},
        linux=runtime_v1.LinuxPodSandboxConfig(cgroup_parent=CGROUP_PARENT, security_context=security),
    )


def container_config(name: str, *argv: str, resources: runtime_v1.LinuxContainerResources | None = None) -> runtime_v1.ContainerConfig:
    """A busybox container with processes of its own, on the host's network."""
    options = runtime_v1.NamespaceOption(network=runtime_v1.NODE, pid=runtime_v1.CONTAINER)
    return runtime_v1.ContainerConfig(
        metadata=runtime_v1.ContainerMetadata(name=name),
        image=runtime_v1.ImageSpec(image=BUSYBOX),
        command=argv,
        log_path=f"{name}.log",
        linux=runtime_v1.LinuxContainerConfig(
            resources=resources or runtime_v1.LinuxContainerResources(oom_score_adj=-997, cpu_shares=100),
            security_context=runtime_v1.LinuxContainerSecurityContext(namespace_options=options),
        ),
    )


async def write_bridge_network(containerd: Containerd, directory: Path) -> None:
    """Give the pods a bridge of their own, 203.0.113.0/24, and wait until the runtime uses it."""
    plugins = f"""[{{"type": "bridge", "bridge": "cri-test0", "isGateway": true,
        "ipam": {{"type": "host-local", "dataDir": "{directory}/ipam", "ranges": [[{{"subnet": "203.0.113.0/24"}}]]}}}}]"""
    text = f'{{"cniVersion": "1.0.0", "name": "test", "plugins": {plugins}}}'
    (containerd.cni_conf_dir / "10-test.conflist").write_text(text)
    async with asyncio.timeout(TIMEOUT_S):
        while not all(condition.status for condition in (await containerd.cri.status()).status.conditions):
            await asyncio.sleep(0.01)


async def start_pod(cri: Cri, name: str, directory: Path, *argv: str) -> tuple[str, str]:
    """Run a pod of one container; returns the ids of sandbox and container."""
    config = sandbox_config(name, directory)
    sandbox_id = await cri.run_pod_sandbox(config)
    container_id = await cri.create_container(sandbox_id, container_config("main", *argv), config)
    await cri.start_container(container_id)
    return sandbox_id, container_id


class EventLog:
    """Collects the runtime's events, and waits for one."""

    def __init__(self, events: AsyncIterator[RuntimeEvent]) -> None:
        self._events = events
        self.seen: list[RuntimeEvent] = []

    async def wait_for(self, kind: str, container_id: str) -> RuntimeEvent:
        """The next event of a kind about a container."""
        async with asyncio.timeout(TIMEOUT_S):
            async for event in self._events:
                self.seen.append(event)
                if (event.kind, event.container_id) == (kind, container_id):
                    return event
        raise AssertionError(f"no {kind} of {container_id} among {self.seen}")


@asynccontextmanager
async def subscribed(containerd: Containerd) -> AsyncIterator[EventLog]:
    """Follow the events; entered once nothing can be missed."""
    events = containerd.tasks.events()
    log = EventLog(events)
    try:
        await log.wait_for("subscribed", "")
        yield log
    finally:
        await events.aclose()
