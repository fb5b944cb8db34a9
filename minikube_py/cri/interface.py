"""What the kubelet asks of a container runtime: the seam between it and the runtime.

`Cri` is the container runtime interface (CRI, version 1) in Python terms: identifiers and lists go in and
come out bare, whatever has more than a few fields is the protocol's own message (`runtime_v1`).
`ContainerTasks` is what CRI lacks or leaves to URLs: events as they happen, a command in a container whose standard input
can be closed while its output is still read, attaching, and connections to a pod's ports.

Every method raises an error of the CriError family (errors.py) and nothing else of the transport. A cancelled
call may have been carried out; every call that changes something may be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

from minikube_py.cri._pb import runtime_v1_pb2 as runtime_v1

__all__ = [
    "AttachedProcess",
    "ContainerTasks",
    "Cri",
    "ExecInput",
    "ExecOutput",
    "ExecProcess",
    "ImageService",
    "RuntimeEvent",
    "RuntimeService",
    "runtime_v1",
]


class RuntimeService(Protocol):
    """Sandboxes and containers.

    Source: kubernetes/cri-api pkg/apis/runtime/v1/api.proto, RuntimeService.
    """

    async def version(self) -> runtime_v1.VersionResponse:
        """Name and version of the runtime."""

    async def status(self, *, verbose: bool = False) -> runtime_v1.StatusResponse:
        """The runtime's conditions; RuntimeReady and NetworkReady are always among them."""

    async def runtime_config(self) -> runtime_v1.RuntimeConfigResponse:
        """The runtime's cgroup driver. Raises CriUnimplementedError before containerd 2.0."""

    async def update_runtime_config(self, pod_cidr: str) -> None:
        """Tell the runtime this node's pod addresses; it may write its network configuration from a template."""

    async def run_pod_sandbox(self, config: runtime_v1.PodSandboxConfig, *, runtime_handler: str = "") -> str:
        """Create and start a sandbox, network included, and return its id.

        Raises: CriAlreadyExistsError is not raised by containerd for a taken name: it answers with a plain CriError
            whose message says which id holds the name.
        """

    async def stop_pod_sandbox(self, pod_sandbox_id: str) -> None:
        """Kill what still runs in the sandbox and give its addresses back; done already is no error."""

    async def remove_pod_sandbox(self, pod_sandbox_id: str) -> None:
        """Remove the sandbox with its containers; gone already is no error."""

    async def pod_sandbox_status(self, pod_sandbox_id: str, *, verbose: bool = False) -> runtime_v1.PodSandboxStatusResponse:
        """Status of one sandbox. Raises CriNotFoundError."""

    async def list_pod_sandboxes(self, filter: runtime_v1.PodSandboxFilter | None = None) -> list[runtime_v1.PodSandbox]:
        """Every sandbox that the filter lets through, in no order."""

    async def update_pod_sandbox_resources(
        self, pod_sandbox_id: str, *, overhead: runtime_v1.LinuxContainerResources | None, resources: runtime_v1.LinuxContainerResources
    ) -> None:
        """Tell the runtime of a pod's new resources. Raises CriUnimplementedError before containerd 2.1."""

    async def create_container(
        self, pod_sandbox_id: str, config: runtime_v1.ContainerConfig, sandbox_config: runtime_v1.PodSandboxConfig
    ) -> str:
        """Create a container in a sandbox and return its id; its image must be present."""

    async def start_container(self, container_id: str) -> None:
        """Start a created container. If it cannot be started the container is then in state exited, with the reason."""

    async def stop_container(self, container_id: str, *, timeout_s: int) -> None:
        """Send the stop signal, and kill after `timeout_s`; returns when the container has ended. Ended already is no error."""

    async def remove_container(self, container_id: str) -> None:
        """Remove a container, killing it if it runs; gone already is no error."""

    async def list_containers(self, filter: runtime_v1.ContainerFilter | None = None) -> list[runtime_v1.Container]:
        """Every container that the filter lets through, in no order."""

    async def container_status(self, container_id: str, *, verbose: bool = False) -> runtime_v1.ContainerStatusResponse:
        """Status of one container. Raises CriNotFoundError."""

    async def update_container_resources(
        self, container_id: str, resources: runtime_v1.LinuxContainerResources, *, annotations: Mapping[str, str] | None = None
    ) -> None:
        """Change a container's resources in place; a field that is zero stays as it was."""

    async def reopen_container_log(self, container_id: str) -> None:
        """Make the runtime open the log file's path anew, after the file was renamed."""

    async def exec_sync(self, container_id: str, argv: Sequence[str], *, timeout_s: int = 0) -> runtime_v1.ExecSyncResponse:
        """Run a command to its end and return its output and exit code.

        Args:
            timeout_s: the command is killed after it; 0 is without end.
        Raises: CriTimeoutError if the command took longer.
        """

    async def exec(self, container_id: str, argv: Sequence[str], *, tty: bool, stdin: bool, stdout: bool, stderr: bool) -> str:
        """Prepare a command and return the URL at which the runtime streams it."""

    async def attach(self, container_id: str, *, tty: bool, stdin: bool, stdout: bool, stderr: bool) -> str:
        """Prepare attaching to a container's first process and return the URL at which the runtime streams it."""

    async def port_forward(self, pod_sandbox_id: str, ports: Sequence[int]) -> str:
        """Prepare forwarding to ports of a sandbox and return the URL at which the runtime streams it."""

    async def container_stats(self, container_id: str) -> runtime_v1.ContainerStats:
        """Resource usage of one container. Raises CriNotFoundError."""

    async def list_container_stats(self, filter: runtime_v1.ContainerStatsFilter | None = None) -> list[runtime_v1.ContainerStats]:
        """Resource usage of every running container that the filter lets through."""

    async def pod_sandbox_stats(self, pod_sandbox_id: str) -> runtime_v1.PodSandboxStats:
        """Resource usage of one sandbox with its containers and network. Raises CriNotFoundError."""

    async def list_pod_sandbox_stats(self, filter: runtime_v1.PodSandboxStatsFilter | None = None) -> list[runtime_v1.PodSandboxStats]:
        """Resource usage of every sandbox that the filter lets through."""

    def container_events(self) -> AsyncIterator[runtime_v1.ContainerEventResponse]:
        """Events of containers as they happen. Raises CriUnimplementedError before containerd 1.7."""


class ImageService(Protocol):
    """Images.

    Source: kubernetes/cri-api pkg/apis/runtime/v1/api.proto, ImageService.
    """

    async def list_images(self, image: runtime_v1.ImageSpec | None = None) -> list[runtime_v1.Image]:
        """Every image, or those that `image` names."""

    async def image_status(self, image: runtime_v1.ImageSpec) -> runtime_v1.Image | None:
        """One image by reference, digest or id; None if it is not present."""

    async def pull_image(
        self,
        image: runtime_v1.ImageSpec,
        *,
        auth: runtime_v1.AuthConfig | None = None,
        sandbox_config: runtime_v1.PodSandboxConfig | None = None,
    ) -> str:
        """Fetch an image and return its id. It takes as long as it takes: bound it by cancelling."""

    async def remove_image(self, image: runtime_v1.ImageSpec) -> None:
        """Remove an image with all its tags; gone already is no error."""

    async def image_fs_info(self) -> runtime_v1.ImageFsInfoResponse:
        """Use of the filesystem that holds the images."""


class Cri(RuntimeService, ImageService, Protocol):
    """The whole container runtime interface."""


@dataclass(frozen=True, slots=True)
class RuntimeEvent:
    """Something that happened to a container's or a sandbox's first process.

    Attributes:
        kind: "start", "exit", "delete" or "oom"; or "subscribed", once, which is about no container: nothing that happens
            after it is missed, so this is the time to list.
        container_id: id of the container, or of the sandbox; "" for "subscribed".
        pid: on the host; 0 if the event does not tell.
        exit_status: 0 to 255, 128 + n after signal n; None unless kind is exit or delete.
        exited_at_ns: nanoseconds since the epoch; None unless kind is exit or delete.
    """

    kind: Literal["subscribed", "start", "exit", "delete", "oom"]
    container_id: str
    pid: int = 0
    exit_status: int | None = None
    exited_at_ns: int | None = None


class ExecInput(Protocol):
    """Standard input of a running command."""

    async def write(self, data: bytes) -> None:
        """Write all of `data`, as fast as the command reads.

        Raises: BrokenPipeError if the command no longer reads.
        Cancellation: part of the data may have been written.
        """

    async def close(self) -> None:
        """Let the command read end of file; its output goes on. Closed already is no error."""


class ExecOutput(Protocol):
    """One output stream of a running command; an asyncio.StreamReader is one."""

    async def read(self, n: int = -1) -> bytes:
        """Up to `n` bytes as soon as there are any, everything to the end if `n` is -1, b"" at the end."""


class ExecProcess(Protocol):
    """A command that runs in a container; as an async context manager it closes itself.

    Attributes:
        stdin: None unless asked for.
        stdout: always there; with a terminal, both outputs.
        stderr: None with a terminal.
        pid: on the host.
    """

    @property
    def stdin(self) -> ExecInput | None: ...
    @property
    def stdout(self) -> ExecOutput: ...
    @property
    def stderr(self) -> ExecOutput | None: ...
    @property
    def pid(self) -> int: ...

    async def resize(self, width: int, height: int) -> None:
        """Set the terminal's size in characters; no error if the command has just ended."""

    async def wait(self) -> int:
        """Wait until the command ends and return its exit code, 128 + n after signal n. Output may still be unread."""

    async def close(self) -> None:
        """Kill the command if it runs, and leave nothing of it behind. May be called twice."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class AttachedProcess(Protocol):
    """A container's first process, attached to; as an async context manager it detaches.

    Both outputs must be fetched at the same time: one that waits holds up the other.

    Attributes:
        stdin: None unless asked for. Closing it is end of file for the container only if it was created with stdin_once.
        stdout: always there; with a terminal, both outputs.
        stderr: None with a terminal.
    """

    @property
    def stdin(self) -> ExecInput | None: ...
    @property
    def stdout(self) -> ExecOutput: ...
    @property
    def stderr(self) -> ExecOutput | None: ...

    async def resize(self, width: int, height: int) -> None:
        """Set the terminal's size in characters; no error if the container has just ended."""

    async def wait(self) -> None:
        """Wait until the runtime ends the streams, as it does when the container ends. Output must be fetched meanwhile."""

    async def close(self) -> None:
        """Detach; the container runs on."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class ContainerTasks(Protocol):
    """What goes past CRI to the runtime's own interface."""

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """Events of first processes as they happen.

        The first one says "subscribed". Events are neither stored nor repeated. When an exit is told, CRI's status of the
        container, or sandbox, tells it too. Raises CriUnavailableError when the runtime goes away; subscribing again is
        the caller's.
        """

    async def exec(self, container_id: str, argv: Sequence[str], *, tty: bool = False, stdin: bool = False) -> ExecProcess:
        """Start a command in a running container, with the user, environment and limits of the container.

        Raises: CriNotFoundError if the container does not exist or does not run; CriError if the command cannot be started,
            with runc's message.
        Cancellation: leaves no process and no file behind.
        """

    async def attach(self, container_id: str, *, tty: bool, stdin: bool) -> AttachedProcess:
        """Attach to the first process of a running container.

        Args:
            tty: whether the container has a terminal; it must be told right.
            stdin: whether to feed its standard input; the container must have been created with one.
        Raises: CriNotFoundError if the container does not exist.
        """

    async def connect(self, pod_sandbox_id: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to a TCP port on the loopback interface of a pod.

        Raises: CriNotFoundError if the sandbox does not exist; ConnectionRefusedError if nobody listens.
        """
