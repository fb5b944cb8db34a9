"""What the container runtime has of each pod, as plain values, and the cache of it.

Owns reading sandboxes and containers from the runtime and knowing which pod an id belongs to. A container that has exited never
changes, and a running one changes only by exiting, so each status is read once a state. Who calls `refresh` decides when: pod
workers after what they did, `runtime_events.py` after what happened.

Source: kubernetes pkg/kubelet/container/runtime.go (PodStatus), pkg/kubelet/pleg.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from minikube_py.cri.errors import CriNotFoundError
from minikube_py.cri.interface import RuntimeService, runtime_v1

from . import naming
from .termination_message import termination_message

ContainerPhase = Literal["created", "running", "exited", "unknown"]

_PHASES: Mapping[int, ContainerPhase] = {0: "created", 1: "running", 2: "exited", 3: "unknown"}


@dataclass(frozen=True, slots=True)
class ContainerInfo:
    """One container, running or dead.

    Attributes:
        attempt: how many of its name there were before it: the restart count.
        created_at_ns, started_at_ns, finished_at_ns: since the epoch, 0 is not yet.
        image_ref: digest reference, or id, of the image that it runs.
        spec_hash: of the spec that it was made from.
        termination_message_host_path: file in which it leaves its last words, "" if none.
    """

    id: str
    name: str
    sandbox_id: str
    phase: ContainerPhase
    attempt: int = 0
    created_at_ns: int = 0
    started_at_ns: int = 0
    finished_at_ns: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image: str = ""
    image_ref: str = ""
    spec_hash: str = ""
    termination_message_host_path: str = ""
    log_path: str = ""
    stop_grace_s: int | None = None

    @property
    def running(self) -> bool:
        return self.phase == "running"


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """One sandbox.

    Attributes:
        ips: of the pod, empty on the host's network.
    """

    id: str
    ready: bool
    attempt: int = 0
    created_at_ns: int = 0
    ips: tuple[str, ...] = ()
    host_network: bool = False


@dataclass(frozen=True, slots=True)
class PodRuntime:
    """All that the runtime has of a pod; newest first."""

    uid: str
    name: str = ""
    namespace: str = ""
    sandboxes: tuple[SandboxInfo, ...] = ()
    containers: tuple[ContainerInfo, ...] = ()

    def newest(self, name: str) -> ContainerInfo | None:
        """The newest container of a name."""
        return next((container for container in self.containers if container.name == name), None)

    def attempts(self, name: str) -> list[ContainerInfo]:
        """All containers of a name, newest first."""
        return [container for container in self.containers if container.name == name]

    @property
    def sandbox(self) -> SandboxInfo | None:
        """The newest sandbox."""
        return self.sandboxes[0] if self.sandboxes else None

    @property
    def running(self) -> list[ContainerInfo]:
        return [container for container in self.containers if container.running]

    @property
    def empty(self) -> bool:
        return not self.sandboxes and not self.containers


@dataclass(slots=True)
class _Known:
    """What was read of containers and sandboxes: id -> (state then, info)."""

    containers: dict[str, tuple[int, ContainerInfo]] = field(default_factory=dict)
    sandboxes: dict[str, tuple[int, SandboxInfo]] = field(default_factory=dict)


class RuntimeCache:
    """The newest known state of every pod in the runtime."""

    def __init__(self, runtime: RuntimeService) -> None:
        self._runtime = runtime
        self._pods: dict[str, PodRuntime] = {}
        self._known = _Known()
        self._owners: dict[str, str] = {}
        self._reads = 0
        self._stored: dict[str, int] = {}
        self._exit_waiters: dict[str, list[asyncio.Future[None]]] = {}

    def get(self, uid: str) -> PodRuntime:
        """The state of a pod as last read."""
        return self._pods.get(uid) or PodRuntime(uid)

    def uids(self) -> set[str]:
        """Pods of which the runtime has anything."""
        return {uid for uid, pod in self._pods.items() if not pod.empty}

    def owner(self, identifier: str) -> str | None:
        """The pod that a container or sandbox id belongs to."""
        return self._owners.get(identifier)

    def note(self, identifier: str, uid: str) -> None:
        """Remember whose a new container or sandbox is, so that its events find their pod before the next read."""
        self._owners[identifier] = uid

    def invalidate(self, identifier: str) -> None:
        """Read a container's status anew at the next refresh although its state may be the same."""
        self._known.containers.pop(identifier, None)

    async def wait_exited(self, container_id: str) -> None:
        """Wait until a container is known to run no longer."""
        if self._runs(container_id):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._exit_waiters.setdefault(container_id, []).append(waiter)
            await waiter

    def _runs(self, container_id: str) -> bool:
        pod = self.get(self._owners.get(container_id, ""))
        return any(info.id == container_id and info.running for info in pod.containers)

    async def refresh(self, uid: str) -> PodRuntime:
        """Read one pod.

        Raises: CriError.
        """
        number = self._next_read()
        labels = {naming.LABEL_POD_UID: uid}
        sandboxes, containers = await asyncio.gather(
            self._runtime.list_pod_sandboxes(runtime_v1.PodSandboxFilter(label_selector=labels)),
            self._runtime.list_containers(runtime_v1.ContainerFilter(label_selector=labels)),
        )
        self._store(await self._read(uid, sandboxes, containers), number)
        return self.get(uid)

    async def relist(self) -> set[str]:
        """Read everything.

        Returns: the pods whose state was not as known.
        Raises: CriError.
        """
        number = self._next_read()
        sandboxes, containers = await asyncio.gather(self._runtime.list_pod_sandboxes(), self._runtime.list_containers())
        found: dict[str, tuple[list[runtime_v1.PodSandbox], list[runtime_v1.Container]]] = {}
        for sandbox in sandboxes:
            if uid := sandbox.labels.get(naming.LABEL_POD_UID, ""):
                found.setdefault(uid, ([], []))[0].append(sandbox)
        for container in containers:
            if uid := container.labels.get(naming.LABEL_POD_UID, ""):
                found.setdefault(uid, ([], []))[1].append(container)
        changed = set()
        for uid in self._pods.keys() | found.keys():
            before = self.get(uid)
            self._store(await self._read(uid, *found.get(uid, ([], []))), number)
            if self.get(uid) != before:
                changed.add(uid)
        return changed

    async def _read(self, uid: str, sandboxes: list[runtime_v1.PodSandbox], containers: list[runtime_v1.Container]) -> PodRuntime:
        boxes = [info for box in sandboxes if (info := await self._sandbox(box)) is not None]
        infos = [found for container in containers if (found := await self._container(container)) is not None]
        labels = sandboxes[0].labels if sandboxes else containers[0].labels if containers else {}
        return PodRuntime(
            uid=uid, name=labels.get(naming.LABEL_POD_NAME, ""), namespace=labels.get(naming.LABEL_POD_NAMESPACE, ""),
            sandboxes=tuple(sorted(boxes, key=lambda box: (box.created_at_ns, box.attempt), reverse=True)),
            containers=tuple(sorted(infos, key=lambda info: (info.created_at_ns, info.attempt), reverse=True)),
        )

    async def _sandbox(self, box: runtime_v1.PodSandbox) -> SandboxInfo | None:
        known = self._known.sandboxes.get(box.id)
        if known is not None and known[0] == box.state:
            return known[1]
        try:
            status = (await self._runtime.pod_sandbox_status(box.id)).status
        except CriNotFoundError:
            return None
        info = sandbox_info(status)
        self._known.sandboxes[box.id] = (box.state, info)
        return info

    async def _container(self, container: runtime_v1.Container) -> ContainerInfo | None:
        known = self._known.containers.get(container.id)
        if known is not None and known[0] == container.state:
            return known[1]
        try:
            status = (await self._runtime.container_status(container.id)).status
        except CriNotFoundError:
            return None
        info = container_info(status, container.pod_sandbox_id)
        if info.phase == "exited":
            policy = status.annotations.get(naming.ANNOTATION_TERMINATION_POLICY, "File")
            words = await asyncio.to_thread(
                termination_message, info.termination_message_host_path, policy, info.log_path, info.exit_code != 0
            )
            if words:
                info = replace(info, message=words)
        self._known.containers[container.id] = (int(status.state), info)
        return info

    def _next_read(self) -> int:
        self._reads += 1
        return self._reads

    def _store(self, pod: PodRuntime, number: int) -> None:
        """Keep what read `number` found, unless a read that began later has been kept already."""
        if number < self._stored.get(pod.uid, 0):
            return
        self._stored[pod.uid] = number
        if pod.empty:
            del self._stored[pod.uid]
        before = self._pods.pop(pod.uid, None)
        kept = {box.id for box in pod.sandboxes} | {container.id for container in pod.containers}
        if before is not None:
            for identifier in {box.id for box in before.sandboxes} | {container.id for container in before.containers}:
                if identifier not in kept:
                    self._owners.pop(identifier, None)
                    self._known.containers.pop(identifier, None)
                    self._known.sandboxes.pop(identifier, None)
        if not pod.empty:
            self._pods[pod.uid] = pod
            for identifier in kept:
                self._owners[identifier] = pod.uid
        for identifier in [identifier for identifier in self._exit_waiters if not self._runs(identifier)]:
            for waiter in self._exit_waiters.pop(identifier):
                if not waiter.done():
                    waiter.set_result(None)


def sandbox_info(status: runtime_v1.PodSandboxStatus) -> SandboxInfo:
    """The values of a sandbox's status."""
    host = status.linux.namespaces.options.network == runtime_v1.NamespaceMode.NODE
    ips = [status.network.ip, *(item.ip for item in status.network.additional_ips)]
    return SandboxInfo(
        id=status.id, ready=status.state == runtime_v1.PodSandboxState.SANDBOX_READY, attempt=status.metadata.attempt,
        created_at_ns=status.created_at, ips=() if host else tuple(ip for ip in ips if ip), host_network=host,
    )


def container_info(status: runtime_v1.ContainerStatus, sandbox_id: str) -> ContainerInfo:
    """The values of a container's status."""
    annotations = status.annotations
    where = annotations.get(naming.ANNOTATION_TERMINATION_PATH, "")
    grace = annotations.get(naming.ANNOTATION_POD_TERMINATION_GRACE, "")
    return ContainerInfo(
        id=status.id, name=status.labels.get(naming.LABEL_CONTAINER_NAME, status.metadata.name), sandbox_id=sandbox_id,
        phase=_PHASES.get(int(status.state), "unknown"), attempt=int(annotations.get(naming.ANNOTATION_RESTART_COUNT, "0")),
        created_at_ns=status.created_at, started_at_ns=status.started_at, finished_at_ns=status.finished_at, exit_code=status.exit_code,
        reason=status.reason, message=status.message, image=status.image.user_specified_image or status.image.image,
        image_ref=status.image_ref, spec_hash=annotations.get(naming.ANNOTATION_HASH, ""),
        termination_message_host_path=next((mount.host_path for mount in status.mounts if where and mount.container_path == where), ""),
        log_path=status.log_path, stop_grace_s=int(grace) if grace else None,
    )
