"""Making sandboxes and starting containers: one call, one sandbox or container, with its directories, mounts and events.

Owns everything between a decision (`actions.py`) and the runtime. A container that cannot be started raises StartError with what its
waiting state shows.

Source: kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go (startContainer), kuberuntime_sandbox.go (createPodSandbox).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from minikube_py.apis import core_v1
from minikube_py.apis.object import Quantity
from minikube_py.client.events import EventRecorder
from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import Cri, runtime_v1

from . import naming
from .cgroups import pod_cgroup
from .container_status import AnyContainer
from .cri_config import BindMount, NodeFacts, container_config, sandbox_config
from .dns import ResolvConf, parse_resolv_conf, pod_dns
from .env import EnvError, References, environment
from .hosts import hosts_file, kernel_hostname
from .image_puller import ImagePuller, StartError
from .lifecycle_hooks import HookError, LifecycleHooks
from .options import KubeletOptions
from .pod_killer import PodKiller, container_reference
from .qos import qos_class
from .runtime_state import ContainerInfo, PodRuntime, RuntimeCache
from .security import SecurityError
from .volumes.payloads import VolumeError
from .volumes.pod_volumes import Mounted, PodVolumes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NodeView:
    """What launching asks of the node at the moment.

    Attributes:
        services: of a namespace and, with them, the API server's own.
        runtime_handler: of a RuntimeClass; raises ValueError if there is no such class.
    """

    facts: NodeFacts
    allocatable: Callable[[], Mapping[str, Quantity]]
    services: Callable[[str], Iterable[core_v1.Service]]
    runtime_handler: Callable[[str], Awaitable[str]]


class Launcher:
    """Makes sandboxes and containers."""

    def __init__(
        self, options: KubeletOptions, cri: Cri, cache: RuntimeCache, volumes: PodVolumes, references: References, puller: ImagePuller,
        hooks: LifecycleHooks, killer: PodKiller, recorder: EventRecorder, node: NodeView,
    ) -> None:
        self._options = options
        self._cri = cri
        self._cache = cache
        self._volumes = volumes
        self._references = references
        self._puller = puller
        self._hooks = hooks
        self._killer = killer
        self._recorder = recorder
        self._node = node

    async def create_sandbox(self, pod: core_v1.Pod, attempt: int) -> PodRuntime:
        """Make a pod's sandbox and wait until it is ready.

        Raises: CriError; ValueError if the pod's hostname cannot be set, or its RuntimeClass is not there; OSError.
        """
        config = await self._sandbox_config(pod, attempt)
        await asyncio.to_thread(os.makedirs, config.log_directory, 0o755, True)
        name = pod.spec.runtime_class_name
        handler = await self._node.runtime_handler(name) if name else ""
        identifier = await self._cri.run_pod_sandbox(config, runtime_handler=handler)
        self._cache.note(identifier, pod.metadata.uid)
        return await self._cache.refresh(pod.metadata.uid)

    async def _sandbox_config(self, pod: core_v1.Pod, attempt: int) -> runtime_v1.PodSandboxConfig:
        host = await asyncio.to_thread(_read_resolv_conf, self._options.resolv_conf)
        return sandbox_config(
            pod, attempt=attempt, hostname=kernel_hostname(pod, self._options.cluster_domain),
            log_directory=str(naming.log_directory(self._options.pod_logs_dir, pod)),
            dns=pod_dns(pod, host, self._options.cluster_dns, self._options.cluster_domain),
            cgroup_parent=pod_cgroup(self._options.cgroup_root, qos_class(pod), pod.metadata.uid), seccomp_dir=self._options.seccomp_dir,
        )

    async def start_container(self, pod: core_v1.Pod, container: AnyContainer, runtime: PodRuntime, mounted: Mounted) -> None:
        """Start the next container of a name and run its postStart hook.

        Args:
            pod: with its addresses in its status.
            runtime: has a ready sandbox.
        Raises: StartError.
        """
        reference = container_reference(pod, container.name)

        def report(kind: str, reason: str, message: str) -> None:
            self._recorder.event(reference, kind, reason, message)

        try:
            image = await self._puller.ensure(pod, container, report)
            identifier, log_path = await self._create(pod, container, runtime, mounted, image)
            report("Normal", "Created", "Container created")
            try:
                await self._cri.start_container(identifier)
            except CriError as error:
                raise StartError("RunContainerError", error.message, f"Error: {error.message}") from error
            report("Normal", "Started", "Container started")
        except StartError as error:
            if error.event:
                report("Warning", "BackOff" if error.reason == "ImagePullBackOff" else "Failed", error.event)
            raise
        await asyncio.to_thread(self._link_log, pod, container, identifier, log_path)
        await self._post_start(pod, container, identifier, report)

    async def _create(
        self, pod: core_v1.Pod, container: AnyContainer, runtime: PodRuntime, mounted: Mounted, image: runtime_v1.Image
    ) -> tuple[str, Path]:
        sandbox = runtime.sandbox
        if sandbox is None:
            raise StartError("CreateContainerError", "the pod has no sandbox")
        before = runtime.newest(container.name)
        restart_count = before.attempt + 1 if before is not None else _known_restarts(pod, container.name)
        try:
            variables = await environment(
                pod, container, references=self._references, services=self._node.services(pod.metadata.namespace),
                allocatable=self._node.allocatable(),
            )
            mounts = await self._mounts(pod, container, mounted, variables)
            config = container_config(
                pod, container, restart_count=restart_count, image=image, environment=variables, mounts=mounts, node=self._node.facts,
                target_id=_target(container, runtime),
            )
        except (EnvError, SecurityError, VolumeError, OSError) as error:
            raise StartError("CreateContainerConfigError", str(error), f"Error: {error}") from error
        log_path = naming.log_directory(self._options.pod_logs_dir, pod) / config.log_path
        await asyncio.to_thread(os.makedirs, log_path.parent, 0o755, True)
        box = await self._sandbox_config(pod, sandbox.attempt)
        try:
            identifier = await self._cri.create_container(sandbox.id, config, box)
        except CriError as error:
            raise StartError("CreateContainerError", error.message, f"Error: {error.message}") from error
        self._cache.note(identifier, pod.metadata.uid)
        return identifier, log_path

    async def _mounts(
        self, pod: core_v1.Pod, container: AnyContainer, mounted: Mounted, variables: Mapping[str, str]
    ) -> list[BindMount]:
        mounts = await self._volumes.container_mounts(pod, container, mounted, variables)
        taken = {mount.container_path.rstrip("/") for mount in mounts}
        own = self._volumes.pod_dir(pod.metadata.uid)
        if "/etc/hosts" not in taken:
            path = await asyncio.to_thread(self._write_hosts, pod, own / "etc-hosts")
            read_only = bool(container.security_context and container.security_context.read_only_root_filesystem)
            mounts.append(BindMount("/etc/hosts", str(path), read_only))
        if container.termination_message_path:
            path = await asyncio.to_thread(_new_file, own / "containers" / container.name)
            mounts.append(BindMount(container.termination_message_path, str(path)))
        return mounts

    def _write_hosts(self, pod: core_v1.Pod, path: Path) -> Path:
        node_hosts = Path("/etc/hosts").read_text() if pod.spec.host_network else None
        ips = [item.ip for item in pod.status.pod_ips]
        text = hosts_file(pod, ips, self._options.cluster_domain, node_hosts)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        path.write_text(text)
        path.chmod(0o644)
        return path

    async def _post_start(
        self, pod: core_v1.Pod, container: AnyContainer, identifier: str, report: Callable[[str, str, str], None]
    ) -> None:
        hook = container.lifecycle.post_start if container.lifecycle is not None else None
        if hook is None:
            return
        try:
            await self._hooks.run(pod, container, hook, identifier)
        except HookError as error:
            log.info("postStart hook failed pod=%s container=%s error=%s", pod.metadata.name, container.name, error)
            report("Warning", "FailedPostStartHook", "PostStartHook failed")
            failed = ContainerInfo(id=identifier, name=container.name, sandbox_id="", phase="running")
            try:
                await self._killer.kill_container(pod, failed, message="FailedPostStartHook")
            except CriError as kill_error:
                log.warning("container not stopped after its hook failed id=%s error=%s", identifier, kill_error)
            raise StartError("PostStartHookError", str(error)) from error

    def _link_log(self, pod: core_v1.Pod, container: AnyContainer, identifier: str, log_path: Path) -> None:
        """Make the link by which log shippers find a container's log. They are a courtesy: a failure is logged only."""
        directory = self._options.container_logs_dir
        if directory is None:
            return
        try:
            directory.mkdir(parents=True, exist_ok=True)
            link = directory / naming.log_link_name(pod, container.name, identifier)
            with contextlib.suppress(FileExistsError):
                link.symlink_to(log_path)
        except OSError as error:
            log.warning("log link not made container=%s error=%s", container.name, error)


def _read_resolv_conf(path: Path) -> ResolvConf:
    try:
        return parse_resolv_conf(path.read_text())
    except FileNotFoundError:
        return ResolvConf()


def _new_file(directory: Path) -> Path:
    """A fresh file for a container's last words; anyone in the container may write it."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o750)
    path = directory / secrets.token_hex(4)
    path.touch()
    path.chmod(0o666)
    return path


def _known_restarts(pod: core_v1.Pod, name: str) -> int:
    """The restart count to go on from when the runtime has forgotten the containers but the API has not."""
    shown: Sequence[core_v1.ContainerStatus] = [*pod.status.container_statuses, *pod.status.init_container_statuses]
    status = next((item for item in shown if item.name == name and item.container_id), None)
    return status.restart_count + 1 if status is not None else 0


def _target(container: AnyContainer, runtime: PodRuntime) -> str:
    if not isinstance(container, core_v1.EphemeralContainer) or not container.target_container_name:
        return ""
    info = runtime.newest(container.target_container_name)
    if info is None or not info.running:
        raise StartError(
            "CreateContainerConfigError", f'unable to find target container "{container.target_container_name}"',
            f'Error: unable to find target container "{container.target_container_name}"',
        )
    return info.id
