"""The container runtime interface over gRPC.

Owns the calls and how long each may take. A call is one message out and one back: no retry, no cache. The one liberty
taken is that ending or removing what is gone succeeds, as CRI demands but containerd 1.6 does not grant in every case.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress

from google.protobuf.message import Message

from minikube_py.cri._grpc import Answer, Connection
from minikube_py.cri._pb import runtime_v1_pb2 as pb
from minikube_py.cri.errors import CriError, CriNotFoundError

# How long a call may take, unless it waits for something that takes its own time.
# Source: kubelet configuration, runtimeRequestTimeout.
REQUEST_TIMEOUT_S = 120.0

# Setting up a sandbox includes the pod's network. Source: kubernetes pkg/kubelet/remote, RunPodSandbox.
RUN_SANDBOX_TIMEOUT_S = 2 * REQUEST_TIMEOUT_S

# How often the end of something is asked for, where it ends by itself meanwhile.
END_ATTEMPTS = 3


class CriClient:
    """The Cri protocol, spoken to a runtime's socket. Its methods are described in interface.py.

    Args:
        endpoint: `unix:///path`, or a bare path of a socket.
    """

    def __init__(self, endpoint: str) -> None:
        self._connection = Connection(endpoint)

    @property
    def endpoint(self) -> str:
        """The runtime's socket, as `unix:///path`."""
        return self._connection.endpoint

    async def close(self) -> None:
        """Close the connection; a later call opens it again."""
        await self._connection.close()

    async def _runtime(self, method: str, request: Message, answer: type[Answer], timeout_s: float | None = REQUEST_TIMEOUT_S) -> Answer:
        return await self._connection.unary(f"/runtime.v1.RuntimeService/{method}", request, answer, timeout_s=timeout_s)

    async def _images(self, method: str, request: Message, answer: type[Answer], timeout_s: float | None = REQUEST_TIMEOUT_S) -> Answer:
        return await self._connection.unary(f"/runtime.v1.ImageService/{method}", request, answer, timeout_s=timeout_s)

    async def _end(self, method: str, request: Message, answer: type[Answer], timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        """Make a call that ends or removes something; gone already is no error.

        containerd 1.6 also fails such a call when the container ends by itself at the same moment and its connection to the
        shim is closed; asked again, it sees that the container has ended.
        """
        for attempt in range(END_ATTEMPTS):
            try:
                await self._runtime(method, request, answer, timeout_s)
            except CriNotFoundError:
                return
            except CriError as error:
                if "ttrpc: closed" not in error.message or attempt == END_ATTEMPTS - 1:
                    raise
            else:
                return

    # The runtime itself.

    async def version(self) -> pb.VersionResponse:
        return await self._runtime("Version", pb.VersionRequest(version="v1"), pb.VersionResponse)

    async def status(self, *, verbose: bool = False) -> pb.StatusResponse:
        return await self._runtime("Status", pb.StatusRequest(verbose=verbose), pb.StatusResponse)

    async def runtime_config(self) -> pb.RuntimeConfigResponse:
        return await self._runtime("RuntimeConfig", pb.RuntimeConfigRequest(), pb.RuntimeConfigResponse)

    async def update_runtime_config(self, pod_cidr: str) -> None:
        config = pb.RuntimeConfig(network_config=pb.NetworkConfig(pod_cidr=pod_cidr))
        await self._runtime("UpdateRuntimeConfig", pb.UpdateRuntimeConfigRequest(runtime_config=config), pb.UpdateRuntimeConfigResponse)

    # Pod sandboxes.

    async def run_pod_sandbox(self, config: pb.PodSandboxConfig, *, runtime_handler: str = "") -> str:
        request = pb.RunPodSandboxRequest(config=config, runtime_handler=runtime_handler)
        answer = await self._runtime("RunPodSandbox", request, pb.RunPodSandboxResponse, RUN_SANDBOX_TIMEOUT_S)
        return str(answer.pod_sandbox_id)

    async def stop_pod_sandbox(self, pod_sandbox_id: str) -> None:
        await self._end("StopPodSandbox", pb.StopPodSandboxRequest(pod_sandbox_id=pod_sandbox_id), pb.StopPodSandboxResponse)

    async def remove_pod_sandbox(self, pod_sandbox_id: str) -> None:
        await self._end("RemovePodSandbox", pb.RemovePodSandboxRequest(pod_sandbox_id=pod_sandbox_id), pb.RemovePodSandboxResponse)

    async def pod_sandbox_status(self, pod_sandbox_id: str, *, verbose: bool = False) -> pb.PodSandboxStatusResponse:
        return await self._runtime(
            "PodSandboxStatus", pb.PodSandboxStatusRequest(pod_sandbox_id=pod_sandbox_id, verbose=verbose), pb.PodSandboxStatusResponse
        )

    async def list_pod_sandboxes(self, filter: pb.PodSandboxFilter | None = None) -> list[pb.PodSandbox]:
        return list((await self._runtime("ListPodSandbox", pb.ListPodSandboxRequest(filter=filter), pb.ListPodSandboxResponse)).items)

    async def update_pod_sandbox_resources(
        self, pod_sandbox_id: str, *, overhead: pb.LinuxContainerResources | None, resources: pb.LinuxContainerResources
    ) -> None:
        request = pb.UpdatePodSandboxResourcesRequest(pod_sandbox_id=pod_sandbox_id, overhead=overhead, resources=resources)
        await self._runtime("UpdatePodSandboxResources", request, pb.UpdatePodSandboxResourcesResponse)

    # Containers.

    async def create_container(self, pod_sandbox_id: str, config: pb.ContainerConfig, sandbox_config: pb.PodSandboxConfig) -> str:
        request = pb.CreateContainerRequest(pod_sandbox_id=pod_sandbox_id, config=config, sandbox_config=sandbox_config)
        return str((await self._runtime("CreateContainer", request, pb.CreateContainerResponse)).container_id)

    async def start_container(self, container_id: str) -> None:
        await self._runtime("StartContainer", pb.StartContainerRequest(container_id=container_id), pb.StartContainerResponse)

    async def stop_container(self, container_id: str, *, timeout_s: int) -> None:
        request = pb.StopContainerRequest(container_id=container_id, timeout=timeout_s)
        await self._end("StopContainer", request, pb.StopContainerResponse, timeout_s + REQUEST_TIMEOUT_S)

    async def remove_container(self, container_id: str) -> None:
        await self._end("RemoveContainer", pb.RemoveContainerRequest(container_id=container_id), pb.RemoveContainerResponse)

    async def list_containers(self, filter: pb.ContainerFilter | None = None) -> list[pb.Container]:
        return list((await self._runtime("ListContainers", pb.ListContainersRequest(filter=filter), pb.ListContainersResponse)).containers)

    async def container_status(self, container_id: str, *, verbose: bool = False) -> pb.ContainerStatusResponse:
        return await self._runtime(
            "ContainerStatus", pb.ContainerStatusRequest(container_id=container_id, verbose=verbose), pb.ContainerStatusResponse
        )

    async def update_container_resources(
        self, container_id: str, resources: pb.LinuxContainerResources, *, annotations: Mapping[str, str] | None = None
    ) -> None:
        request = pb.UpdateContainerResourcesRequest(container_id=container_id, linux=resources, annotations=annotations)
        await self._runtime("UpdateContainerResources", request, pb.UpdateContainerResourcesResponse)

    async def reopen_container_log(self, container_id: str) -> None:
        await self._runtime("ReopenContainerLog", pb.ReopenContainerLogRequest(container_id=container_id), pb.ReopenContainerLogResponse)

    # Commands and streams.

    async def exec_sync(self, container_id: str, argv: Sequence[str], *, timeout_s: int = 0) -> pb.ExecSyncResponse:
        request = pb.ExecSyncRequest(container_id=container_id, cmd=argv, timeout=timeout_s)
        return await self._runtime("ExecSync", request, pb.ExecSyncResponse, timeout_s + REQUEST_TIMEOUT_S if timeout_s else None)

    async def exec(self, container_id: str, argv: Sequence[str], *, tty: bool, stdin: bool, stdout: bool, stderr: bool) -> str:
        request = pb.ExecRequest(container_id=container_id, cmd=argv, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr)
        return str((await self._runtime("Exec", request, pb.ExecResponse)).url)

    async def attach(self, container_id: str, *, tty: bool, stdin: bool, stdout: bool, stderr: bool) -> str:
        request = pb.AttachRequest(container_id=container_id, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr)
        return str((await self._runtime("Attach", request, pb.AttachResponse)).url)

    async def port_forward(self, pod_sandbox_id: str, ports: Sequence[int]) -> str:
        request = pb.PortForwardRequest(pod_sandbox_id=pod_sandbox_id, port=ports)
        return str((await self._runtime("PortForward", request, pb.PortForwardResponse)).url)

    # Statistics and events.

    async def container_stats(self, container_id: str) -> pb.ContainerStats:
        return (await self._runtime("ContainerStats", pb.ContainerStatsRequest(container_id=container_id), pb.ContainerStatsResponse)).stats

    async def list_container_stats(self, filter: pb.ContainerStatsFilter | None = None) -> list[pb.ContainerStats]:
        return list(
            (await self._runtime("ListContainerStats", pb.ListContainerStatsRequest(filter=filter), pb.ListContainerStatsResponse)).stats
        )

    async def pod_sandbox_stats(self, pod_sandbox_id: str) -> pb.PodSandboxStats:
        return (
            await self._runtime("PodSandboxStats", pb.PodSandboxStatsRequest(pod_sandbox_id=pod_sandbox_id), pb.PodSandboxStatsResponse)
        ).stats

    async def list_pod_sandbox_stats(self, filter: pb.PodSandboxStatsFilter | None = None) -> list[pb.PodSandboxStats]:
        return list(
            (await self._runtime("ListPodSandboxStats", pb.ListPodSandboxStatsRequest(filter=filter), pb.ListPodSandboxStatsResponse)).stats
        )

    def container_events(self) -> AsyncIterator[pb.ContainerEventResponse]:
        return self._connection.stream("/runtime.v1.RuntimeService/GetContainerEvents", pb.GetEventsRequest(), pb.ContainerEventResponse)

    # Images.

    async def list_images(self, image: pb.ImageSpec | None = None) -> list[pb.Image]:
        filter = pb.ImageFilter(image=image) if image is not None else None
        return list((await self._images("ListImages", pb.ListImagesRequest(filter=filter), pb.ListImagesResponse)).images)

    async def image_status(self, image: pb.ImageSpec) -> pb.Image | None:
        answer = await self._images("ImageStatus", pb.ImageStatusRequest(image=image), pb.ImageStatusResponse)
        return answer.image if answer.HasField("image") else None

    async def pull_image(
        self, image: pb.ImageSpec, *, auth: pb.AuthConfig | None = None, sandbox_config: pb.PodSandboxConfig | None = None
    ) -> str:
        request = pb.PullImageRequest(image=image, auth=auth, sandbox_config=sandbox_config)
        return str((await self._images("PullImage", request, pb.PullImageResponse, None)).image_ref)

    async def remove_image(self, image: pb.ImageSpec) -> None:
        with suppress(CriNotFoundError):
            await self._images("RemoveImage", pb.RemoveImageRequest(image=image), pb.RemoveImageResponse)

    async def image_fs_info(self) -> pb.ImageFsInfoResponse:
        return await self._images("ImageFsInfo", pb.ImageFsInfoRequest(), pb.ImageFsInfoResponse)
