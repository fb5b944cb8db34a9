"""The node's own containerd: its files, its process, and the way to it.

Owns the process from its start, or from finding it running, to its end. Three lives are kept apart:

* Pods outlive containerd: each is held by its shim, and containerd finds the shims again at its start.
* containerd outlives an agent that is killed: it runs in a session of its own, and goes on writing the pods' logs. The next
  agent finds it by its pid file and takes it over if it runs with the configuration that would be written now; otherwise
  it is ended and started again.
* containerd ends with an agent that ends in order, so that a stopped service leaves nothing but the pods.

Readiness is told by containerd itself (the notification protocol of systemd), not guessed by trying.
Source: github.com/containerd/containerd docs/ops.md; man 3 sd_notify.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import socket
from collections.abc import Awaitable
from pathlib import Path

from minikube_py.cri import host
from minikube_py.cri._process import DetachedProcess
from minikube_py.cri.client import CriClient
from minikube_py.cri.containerd_config import ContainerdConfig
from minikube_py.cri.errors import CriError, CriUnavailableError
from minikube_py.cri.images import import_archive
from minikube_py.cri.interface import runtime_v1
from minikube_py.cri.pause.image import PAUSE_IMAGE, pause_image_archive
from minikube_py.cri.tasks import ContainerdTasks

log = logging.getLogger(__name__)

DEFAULT_DATA_DIR = Path("/var/lib/minikube-py")
RUN_DIR = Path("/run/minikube-py")

# A start takes about 50 ms with few pods; with many, the shims are asked one by one, and a slow disk adds to it.
START_TIMEOUT_S = 60.0

# containerd ends within 100 ms; what it does not finish in time is finished at its next start.
STOP_GRACE_S = 10.0

# A running containerd that does not answer within this time is no use and is started again.
ADOPT_TIMEOUT_S = 5.0

# The CRI plugin serves a moment after containerd is ready, without telling anyone.
CRI_RETRY_WAIT_S = 0.005

# The log is started anew, with one old file kept, when it is longer than this at a start.
LOG_BYTES_MAX = 8 * 1024 * 1024

# Source: linux/un.h, sun_path with its terminating zero.
SOCKET_PATH_BYTES_MAX = 107


class ContainerdError(CriError):
    """containerd cannot be started, or has ended by itself."""


class Containerd:
    """The containerd of this node as a component: `run` starts it, or takes it over, and ends it.

    Args:
        data_dir: the program's data directory; `agent/containerd`, `agent/etc` and `agent/fifo` in it are used.
        run_dir: socket and state; by default below /run, a directory of its own for each data directory.
        pause_image: reference of the sandboxes' image. The default is made here and imported; another must be pulled.
        cni_bin_dir: where the CNI programs are; by default looked for.
        program: containerd's program.

    Attributes:
        ready: set while containerd answers.
        cri: the container runtime interface.
        tasks: events and commands.
        cni_conf_dir: where the pod network's configuration belongs. containerd watches it.
        registry_dir: where registries' hosts.toml belong.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        run_dir: Path | None = None,
        pause_image: str = PAUSE_IMAGE,
        cni_bin_dir: Path | None = None,
        program: str = "containerd",
    ) -> None:
        agent = data_dir / "agent"
        self._home = agent / "containerd"
        self._run_dir = run_dir or default_run_dir(data_dir)
        self._program = program
        self._pause_image = pause_image
        self._cni_bin_dir = cni_bin_dir
        self.cni_conf_dir = agent / "etc" / "cni" / "net.d"
        self.registry_dir = agent / "etc" / "containerd" / "certs.d"
        self.socket = self._run_dir / "containerd.sock"
        self._config_path = agent / "etc" / "containerd" / "config.toml"
        self._pid_path = self._run_dir / "containerd.pid"
        self.log_path = self._home / "containerd.log"
        self.ready = asyncio.Event()
        self.cri = CriClient(str(self.socket))
        self.tasks = ContainerdTasks(str(self.socket), self._run_dir / "exec")
        self._snapshotter = ""

    async def run(self) -> None:
        """Keep containerd running until cancelled, and end it then.

        Raises: ContainerdError if it cannot be started or ends by itself; supervising is the caller's.
        Cancellation: containerd has ended; pods run on.
        """
        process = await self._adopt_or_start()
        try:
            await self._within_life_of(process, self._make_usable())
            self.ready.set()
            log.info("containerd is ready pid=%d adopted=%s socket=%s", process.pid, not process.child, self.socket)
            status = await process.wait()
            raise ContainerdError(f"containerd ended by itself with status {status}; see {self.log_path}")
        finally:
            self.ready.clear()
            await asyncio.shield(self._shut_down(process))

    async def wait_ready(self) -> None:
        """Wait until containerd answers; `run` must be running, and its failure is not told here."""
        await self.ready.wait()

    async def import_image(self, archive: Path) -> list[str]:
        """Import an archive of images (OCI or docker, also compressed) and return the names that CRI then knows.

        Raises: CriError if the archive cannot be read or its layers cannot be unpacked.
        """
        return await import_archive(archive, cri=self.cri, socket=self.socket, snapshotter=self._snapshotter)

    async def _adopt_or_start(self) -> DetachedProcess:
        config = await asyncio.to_thread(self._prepare)
        found = await asyncio.to_thread(self._find)
        if found is not None:
            unchanged = self._read(self._config_path) == config
            if unchanged and await self._answers(found):
                return found
            log.info("running containerd is ended pid=%d config_changed=%s", found.pid, not unchanged)
            await found.terminate(grace_s=STOP_GRACE_S)
            found.close()
        return await self._start(config)

    def _prepare(self) -> str:
        """Make the directories, look at the machine, and return the configuration's text."""
        if len(os.fsencode(self.socket)) + len(".ttrpc") > SOCKET_PATH_BYTES_MAX:
            raise ContainerdError(f"the path of containerd's socket is longer than {SOCKET_PATH_BYTES_MAX} bytes: {self.socket}")
        if shutil.which(self._program) is None:
            raise ContainerdError(f"program {self._program!r} is not found in PATH")
        for directory in (self._home, self._run_dir, self.cni_conf_dir, self.registry_dir):
            directory.mkdir(parents=True, exist_ok=True)
        self._home.chmod(0o711)
        self._run_dir.chmod(0o711)
        self.tasks.remove_stale_fifos()
        overlay = host.overlay_works(self._home)
        if not overlay:
            log.warning("overlayfs cannot be used here, so every container gets a full copy of its image directory=%s", self._home)
        self._snapshotter = "overlayfs" if overlay else "native"
        return ContainerdConfig(
            root=self._home,
            state=self._run_dir / "state",
            socket=self.socket,
            pause_image=self._pause_image,
            cni_bin_dir=self._cni_bin_dir or host.find_cni_bin_dir(),
            cni_conf_dir=self.cni_conf_dir,
            registry_dir=self.registry_dir,
            snapshotter=self._snapshotter,
            may_lower_oom_score=host.has_capability(host.CAP_SYS_RESOURCE),
        ).render()

    def _find(self) -> DetachedProcess | None:
        """The containerd that an earlier agent left running."""
        pid = self._read(self._pid_path)
        return DetachedProcess.find(int(pid), argument=str(self._config_path)) if pid.isdecimal() else None

    @staticmethod
    def _read(path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    async def _answers(self, process: DetachedProcess) -> bool:
        try:
            await self._within_life_of(process, self.tasks.version(timeout_s=ADOPT_TIMEOUT_S))
        except CriError as error:
            log.warning("running containerd does not answer pid=%d error=%s", process.pid, error)
            return False
        return True

    async def _start(self, config: str) -> DetachedProcess:
        """Start containerd and wait until it says that it serves."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.setblocking(False)
            notified.bind(b"")  # The kernel chooses an abstract name, which leaves no file.
            await asyncio.to_thread(self._write_files, config)
            # containerd keeps this variable from runc, which would wait for a container's own notification.
            env = {**os.environ, "NOTIFY_SOCKET": "@" + notified.getsockname()[1:].decode()}
            process = await DetachedProcess.start([self._program, "--config", str(self._config_path)], env=env, log_path=self.log_path)
            try:
                await asyncio.to_thread(self._pid_path.write_text, str(process.pid), encoding="ascii")
                async with asyncio.timeout(START_TIMEOUT_S):
                    await self._within_life_of(process, _notification(notified, "READY=1"))
            except BaseException as error:
                await asyncio.shield(self._shut_down(process))
                if isinstance(error, TimeoutError):
                    raise ContainerdError(f"containerd is not ready after {START_TIMEOUT_S:g} s; see {self.log_path}") from error
                raise
        return process

    def _write_files(self, config: str) -> None:
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES_MAX:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        temporary = self._config_path.with_suffix(".new")
        temporary.write_text(config, encoding="utf-8")
        temporary.replace(self._config_path)

    async def _make_usable(self) -> None:
        """Wait for the CRI plugin, and see to it that the pause image is there."""
        async with asyncio.timeout(START_TIMEOUT_S):
            while True:
                try:
                    await self.cri.status()
                    break
                except CriUnavailableError:
                    raise
                except CriError as error:
                    if "not initialized" not in error.message:
                        raise
                await asyncio.sleep(CRI_RETRY_WAIT_S)
        if self._pause_image == PAUSE_IMAGE:
            await self._import_pause_image()

    async def _import_pause_image(self) -> None:
        if await self.cri.image_status(runtime_v1.ImageSpec(image=PAUSE_IMAGE)) is not None:
            return
        archive = self._run_dir / "pause.tar"
        await asyncio.to_thread(archive.write_bytes, pause_image_archive())
        try:
            await self.import_image(archive)
        finally:
            await asyncio.to_thread(archive.unlink)

    async def _within_life_of(self, process: DetachedProcess, work: Awaitable[object]) -> None:
        """Do `work`; raise ContainerdError if the process ends before it is done."""
        working = asyncio.ensure_future(work)
        ending = asyncio.create_task(process.wait(), name="containerd-exit")
        try:
            await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ContainerdError(f"containerd ended at its start with status {ending.result()}; see {self.log_path}")
            working.result()
        finally:
            for task in (working, ending):
                task.cancel()
            await asyncio.gather(working, ending, return_exceptions=True)

    async def _shut_down(self, process: DetachedProcess) -> None:
        await process.terminate(grace_s=STOP_GRACE_S)
        process.close()
        await self.tasks.close()
        await self.cri.close()
        await asyncio.to_thread(self._pid_path.unlink, missing_ok=True)


def default_run_dir(data_dir: Path) -> Path:
    """Where socket and state belong, short enough for a socket's path and apart for each data directory."""
    if data_dir == DEFAULT_DATA_DIR:
        return RUN_DIR / "containerd"
    digest = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()
    return RUN_DIR / f"containerd-{digest[:12]}"


async def _notification(notified: socket.socket, wanted: str) -> None:
    """Wait for a datagram with the line `wanted`."""
    loop = asyncio.get_running_loop()
    while wanted not in (await loop.sock_recv(notified, 4096)).decode().splitlines():
        pass
