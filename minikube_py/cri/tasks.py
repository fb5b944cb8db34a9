"""containerd's own services beside CRI: what happens to tasks, and further processes in them.

A task is containerd's word for a running container. Owns the subscription to events and the start of commands; a
command that runs is in exec_process.py, attaching in attach.py, a pod's ports in pod_network.py.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from minikube_py.cri._grpc import Connection
from minikube_py.cri._pb import containerd_containers_v1_pb2 as containers_v1
from minikube_py.cri._pb import containerd_events_v1_pb2 as events_v1
from minikube_py.cri._pb import containerd_task_events_pb2 as task_events
from minikube_py.cri._pb import containerd_version_v1_pb2 as version_v1
from minikube_py.cri._pb import runtime_v1_pb2 as pb
from minikube_py.cri.attach import AttachedContainer, attach
from minikube_py.cri.client import CriClient
from minikube_py.cri.errors import CriNotFoundError, CriUnavailableError
from minikube_py.cri.exec_process import ContainerdExec, ExecCalls, Fifos
from minikube_py.cri.images import NAMESPACE
from minikube_py.cri.interface import RuntimeEvent
from minikube_py.cri.pod_network import connect_in_pod

REQUEST_TIMEOUT_S = 120.0

TOPICS = ("/tasks/start", "/tasks/exit", "/tasks/delete", "/tasks/oom")

# containerd does not say when a subscription has begun. So an event of our own is published until it comes back.
PROBE_TOPIC = "/minikube-py/subscribed"
PROBE_WAIT_S = 0.02

# The CRI plugin's records follow an exit by 10 to 50 ms. It gives up on a container that cannot be cleaned up, and
# then tries again after 10 s, which is longer than others should wait.
SETTLE_WAIT_MIN_S = 0.002
SETTLE_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)


class ContainerdTasks:
    """The ContainerTasks protocol (interface.py) over containerd's socket.

    Args:
        endpoint: `unix:///path`, or a bare path of a socket.
        fifo_dir: directory for the FIFOs of commands; made on need.
    """

    def __init__(self, endpoint: str, fifo_dir: Path) -> None:
        self._connection = Connection(endpoint, metadata=(("containerd-namespace", NAMESPACE),))
        self._cri = CriClient(endpoint)
        self._fifo_dir = fifo_dir

    async def close(self) -> None:
        """Close the connections; a later call opens them again."""
        await self._cri.close()
        await self._connection.close()

    def remove_stale_fifos(self) -> None:
        """Remove what an earlier process left behind. Blocks; no command may be running."""
        shutil.rmtree(self._fifo_dir, ignore_errors=True)

    async def version(self, *, timeout_s: float = REQUEST_TIMEOUT_S) -> str:
        """containerd's version; waits up to `timeout_s` for it to listen."""
        method = "/containerd.services.version.v1.Version/Version"
        answer = await self._connection.unary(method, Empty(), version_v1.VersionResponse, timeout_s=timeout_s, wait_for_ready=True)
        return answer.version

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        """Described in interface.py."""
        filters = [f'namespace=={NAMESPACE},topic=="{topic}"' for topic in (*TOPICS, PROBE_TOPIC)]
        method = "/containerd.services.events.v1.Events/Subscribe"
        envelopes = self._connection.stream(method, events_v1.SubscribeRequest(filters=filters), events_v1.Envelope)
        try:
            await self._until_subscribed(envelopes)
            yield RuntimeEvent("subscribed", "")
            async for envelope in envelopes:
                event = _decode(envelope.event) if envelope.topic != PROBE_TOPIC else None
                if event is None:
                    continue
                if event.kind == "exit":
                    await self._wait_settled(event.container_id)
                yield event
        finally:
            await envelopes.aclose()
        raise CriUnavailableError("containerd has ended the stream of events")

    async def _wait_settled(self, container_id: str) -> None:
        """Wait until CRI, too, takes a container or sandbox that has ended as ended.

        The CRI plugin follows the same events as its clients, cleans up, and then changes its records without telling:
        who asks it at once is told that the container runs. Where many end together they settle together, so
        waiting for one after the other delays no event by more than its own.
        """
        wait_s = SETTLE_WAIT_MIN_S
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while await self._runs_by_cri(container_id):
            if time.monotonic() > deadline:
                log.warning("CRI does not notice the end of a container id=%s", container_id)
                return
            await asyncio.sleep(wait_s)
            wait_s *= 2

    async def _runs_by_cri(self, container_id: str) -> bool:
        try:
            # A command can end before CRI has noted that it was started: "created" is not the end either.
            return (await self._cri.container_status(container_id)).status.state in (pb.CONTAINER_CREATED, pb.CONTAINER_RUNNING)
        except CriNotFoundError:
            pass  # It may be a sandbox.
        try:
            return (await self._cri.pod_sandbox_status(container_id)).status.state == pb.SANDBOX_READY
        except CriNotFoundError:
            return False

    async def _until_subscribed(self, envelopes: AsyncIterator[events_v1.Envelope]) -> None:
        """Publish an event of our own until it comes back."""
        receiving = asyncio.create_task(_until_probe(envelopes), name="containerd-events-subscribed")
        probing = asyncio.create_task(self._probe(), name="containerd-events-probe")
        try:
            done, _ = await asyncio.wait({receiving, probing}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            receiving.cancel()
            probing.cancel()
            await asyncio.gather(receiving, probing, return_exceptions=True)

    async def _probe(self) -> None:
        event = AnyMessage(type_url=task_events.TaskOOM.DESCRIPTOR.full_name)
        request = events_v1.PublishRequest(topic=PROBE_TOPIC, event=event)
        while True:
            await self._connection.unary("/containerd.services.events.v1.Events/Publish", request, Empty, timeout_s=REQUEST_TIMEOUT_S)
            await asyncio.sleep(PROBE_WAIT_S)

    async def exec(self, container_id: str, argv: Sequence[str], *, tty: bool = False, stdin: bool = False) -> ContainerdExec:
        """Described in interface.py.

        The process is that of the container's OCI spec with other arguments, as the CRI plugin has it.
        Source: containerd pkg/cri/server/container_execsync.go.
        """
        spec = await self._process_spec(container_id, argv, tty=tty)
        exec_id = uuid.uuid4().hex
        calls = ExecCalls(self._connection, container_id, exec_id)
        fifos = await asyncio.to_thread(Fifos, self._fifo_dir / exec_id, stdin=stdin, stderr=not tty)
        process = ContainerdExec(calls, fifos)
        # A start that is cancelled half way may happen all the same. So it is let finish, and then undone.
        starting = asyncio.create_task(process.start(spec, tty=tty), name=f"exec-start-{exec_id}")
        try:
            await asyncio.shield(starting)
        except BaseException:
            await asyncio.shield(_undo(starting, process))
            raise
        return process

    async def attach(self, container_id: str, *, tty: bool, stdin: bool) -> AttachedContainer:
        """Described in interface.py."""
        return await attach(self._cri, container_id, tty=tty, stdin=stdin)

    async def connect(self, pod_sandbox_id: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Described in interface.py."""
        return await connect_in_pod(self._cri, pod_sandbox_id, port)

    async def _process_spec(self, container_id: str, argv: Sequence[str], *, tty: bool) -> AnyMessage:
        method = "/containerd.services.containers.v1.Containers/Get"
        request = containers_v1.GetContainerRequest(id=container_id)
        answer = await self._connection.unary(method, request, containers_v1.GetContainerResponse, timeout_s=REQUEST_TIMEOUT_S)
        process = json.loads(answer.container.spec.value)["process"]
        process["args"] = list(argv)
        process["terminal"] = tty
        if tty and not any(variable.startswith("TERM=") for variable in process.get("env", ())):
            process["env"] = [*process.get("env", ()), "TERM=xterm"]
        return AnyMessage(type_url="types.containerd.io/opencontainers/runtime-spec/1/Process", value=json.dumps(process).encode())


async def _undo(starting: asyncio.Task[None], process: ContainerdExec) -> None:
    await asyncio.wait({starting})
    await process.close()


async def _until_probe(envelopes: AsyncIterator[events_v1.Envelope]) -> None:
    async for envelope in envelopes:
        if envelope.topic == PROBE_TOPIC:
            return
    raise CriUnavailableError("containerd has ended the stream of events")


def _decode(event: AnyMessage) -> RuntimeEvent | None:
    """The event of a first process; None for that of a further one."""
    kind = event.type_url.rpartition(".")[2]
    if kind == "TaskStart":
        started = task_events.TaskStart.FromString(event.value)
        return RuntimeEvent("start", started.container_id, pid=started.pid)
    if kind == "TaskOOM":
        return RuntimeEvent("oom", task_events.TaskOOM.FromString(event.value).container_id)
    if kind == "TaskExit":
        return _ended("exit", task_events.TaskExit.FromString(event.value))
    if kind == "TaskDelete":
        return _ended("delete", task_events.TaskDelete.FromString(event.value))
    return None


def _ended(kind: Literal["exit", "delete"], event: task_events.TaskExit | task_events.TaskDelete) -> RuntimeEvent | None:
    if event.id not in ("", event.container_id):
        return None
    return RuntimeEvent(kind, event.container_id, event.pid, event.exit_status, _nanoseconds(event.exited_at))


def _nanoseconds(timestamp: Timestamp) -> int:
    return timestamp.seconds * 1_000_000_000 + timestamp.nanos
