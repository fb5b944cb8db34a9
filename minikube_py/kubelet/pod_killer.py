"""Stopping containers and pods gracefully.

Owns the order (preStop hook, stop signal, kill; app containers before sidecars, sidecars last to first) and how the grace is spent.
Source: kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination; kubernetes
pkg/kubelet/kuberuntime/kuberuntime_container.go (killContainer).
"""

from __future__ import annotations

import asyncio
import logging

from minikube_py.apis import core_v1
from minikube_py.client.events import EventRecorder, object_reference
from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import RuntimeService

from .actions import KillReason
from .container_status import AnyContainer
from .lifecycle_hooks import HookError, LifecycleHooks
from .qos import is_sidecar
from .runtime_state import ContainerInfo, PodRuntime, RuntimeCache

log = logging.getLogger(__name__)

# What a container gets at least after its hook has eaten the grace. Source: kuberuntime_container.go, minimumGracePeriodInSeconds.
GRACE_MIN_S = 2
GRACE_DEFAULT_S = 30


def container_reference(pod: core_v1.Pod, name: str) -> core_v1.ObjectReference:
    """The reference by which events name a container of a pod."""
    for field, containers in (("initContainers", pod.spec.init_containers), ("containers", pod.spec.containers)):
        if any(container.name == name for container in containers):
            return object_reference(pod, f"spec.{field}{{{name}}}")
    return object_reference(pod, f"spec.ephemeralContainers{{{name}}}")


def find_container(pod: core_v1.Pod, name: str) -> AnyContainer | None:
    """A container of a pod by name."""
    every: list[AnyContainer] = [*pod.spec.containers, *pod.spec.init_containers, *pod.spec.ephemeral_containers]
    return next((container for container in every if container.name == name), None)


def grace_s(pod: core_v1.Pod, container: AnyContainer | None = None, reason: KillReason = "") -> int:
    """How long a container has to end by itself, in seconds."""
    if pod.metadata.deletion_timestamp and pod.metadata.deletion_grace_period_seconds is not None:
        return max(pod.metadata.deletion_grace_period_seconds, 1)
    if container is not None and reason:
        probe = container.startup_probe if reason == "StartupProbe" else container.liveness_probe
        if probe is not None and probe.termination_grace_period_seconds is not None:
            return probe.termination_grace_period_seconds
    given = pod.spec.termination_grace_period_seconds
    return GRACE_DEFAULT_S if given is None else given


class PodKiller:
    """Stops what runs."""

    def __init__(self, runtime: RuntimeService, cache: RuntimeCache, hooks: LifecycleHooks, recorder: EventRecorder) -> None:
        self._runtime = runtime
        self._cache = cache
        self._hooks = hooks
        self._recorder = recorder

    async def kill_container(
        self, pod: core_v1.Pod, info: ContainerInfo, *, message: str = "", reason: KillReason = "", override_s: int | None = None,
        after: list[asyncio.Event] | None = None,
    ) -> None:
        """Stop one container and wait until it has ended.

        Args:
            message: of the event; by default that it is being stopped.
            override_s: the grace, whatever the specs say; then there is no hook if it is 0.
            after: stop only when these are set, or the grace is over.
        Raises: CriError.
        """
        container = find_container(pod, info.name)
        loop = asyncio.get_running_loop()
        left_s: float = grace_s(pod, container, reason) if override_s is None else override_s
        ends_s = loop.time() + left_s
        if after:
            await self._wait(after, left_s)
        self._recorder.event(container_reference(pod, info.name), "Normal", "Killing", message or f"Stopping container {info.name}")
        hook = container.lifecycle.pre_stop if container is not None and container.lifecycle is not None else None
        if hook is not None and container is not None and ends_s > loop.time():
            await self._pre_stop(pod, container, hook, info, ends_s - loop.time())
        left_s = max(ends_s - loop.time(), GRACE_MIN_S if override_s is None else 0)
        await self._runtime.stop_container(info.id, timeout_s=round(left_s))

    async def kill_pod(self, pod: core_v1.Pod, runtime: PodRuntime, *, override_s: int | None = None) -> None:
        """Stop all containers of a pod, then its sandboxes, and wait until they have ended.

        Raises: CriError if something could not be stopped; everything has been tried.
        """
        sidecars = {container.name: index for index, container in enumerate(pod.spec.init_containers) if is_sidecar(container)}
        running = runtime.running
        ended = {info.id: asyncio.Event() for info in running}

        async def stop(info: ContainerInfo) -> CriError | None:
            before = None
            if info.name in sidecars:
                mine = sidecars[info.name]
                before = [ended[other.id] for other in running if sidecars.get(other.name, len(pod.spec.init_containers)) > mine]
            try:
                await self.kill_container(pod, info, override_s=override_s, after=before or None)
            except CriError as error:
                return error
            finally:
                ended[info.id].set()
            return None

        failures = [error for error in await asyncio.gather(*(stop(info) for info in running)) if error is not None]
        for box in runtime.sandboxes:
            if box.ready:
                await self._runtime.stop_pod_sandbox(box.id)
        await self._cache.refresh(runtime.uid)
        if failures:
            raise failures[0]

    async def _wait(self, events: list[asyncio.Event], timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                for event in events:
                    await event.wait()
        except TimeoutError:
            return

    async def _pre_stop(
        self, pod: core_v1.Pod, container: AnyContainer, hook: core_v1.LifecycleHandler, info: ContainerInfo, timeout_s: float
    ) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._hooks.run(pod, container, hook, info.id)
        except TimeoutError:
            log.info("preStop hook did not end in time pod=%s container=%s grace_s=%s", pod.metadata.name, container.name, timeout_s)
        except HookError as error:
            log.info("preStop hook failed pod=%s container=%s error=%s", pod.metadata.name, container.name, error)
            self._recorder.event(container_reference(pod, info.name), "Warning", "FailedPreStopHook", "PreStopHook failed")
