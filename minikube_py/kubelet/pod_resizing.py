"""Carrying out resizes: granting what a pod asks for, changing its cgroup and its containers, and telling of it.

What is to be done is decided in `resize.py`; containers that must be started anew for it are stopped and started by the sync.

Source: kubernetes pkg/kubelet/allocation/allocation_manager.go (handlePodResourcesResize), pkg/kubelet/kuberuntime/kuberuntime_manager.go
(doPodResizeAction, validateMemoryResizeAction).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from minikube_py.apis import core_v1
from minikube_py.client.events import EventRecorder, object_reference
from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import RuntimeService

from .cgroups import CgroupTree, pod_cgroup
from .container_status import AnyContainer
from .cri_config import NodeFacts, container_resources
from .options import KubeletOptions
from .pod_state import PodState
from .qos import all_containers, qos_class
from .resize import (
    NOTHING,
    InProgress,
    Pending,
    ResizePlan,
    allocation_of,
    event_message,
    has_allocation,
    memory_limit_lowered,
    plan_resize,
    reported,
    with_allocation,
)
from .resources import pod_cgroup_limits, widest
from .runtime_state import PodRuntime

log = logging.getLogger(__name__)

# A resize that cannot be granted or carried out now. Source: kubernetes pkg/kubelet/pod_workers.go (resyncInterval, backOffPeriod)
RETRY_S = 10.0

# (reason, message) if the node cannot give a pod what it asks for.
Room = Callable[[core_v1.Pod], tuple[str, str] | None]


class PodResizing:
    """Resizes pods.

    Args:
        room: whether there is room for a pod as it wants to be.
        room_made: called when a pod has become smaller or ended: resizes that wait may be granted.
    """

    def __init__(
        self, options: KubeletOptions, runtime: RuntimeService, cgroups: CgroupTree, recorder: EventRecorder, facts: NodeFacts, room: Room,
        room_made: Callable[[], None],
    ) -> None:
        self._options = options
        self._runtime = runtime
        self._cgroups = cgroups
        self._recorder = recorder
        self._facts = facts
        self._room = room
        self.room_made = room_made

    def begin(self, state: PodState) -> None:
        """Give a pod that is taken what it asks for, or, if it runs already, what it has."""
        has = reported(state.desired)
        state.actual = dict(has)
        state.allocate({**allocation_of(state.desired), **has})

    def grant(self, state: PodState) -> None:
        """Give a pod what it asks for if there is room."""
        desired, generation = state.desired, state.desired.metadata.generation
        if has_allocation(desired, state.allocation):
            state.pending = None
            return
        refusal = self._room(desired)
        if refusal is None:
            state.allocate(allocation_of(desired))
            state.pending, state.progress = None, InProgress(generation)
            self._event(state, "Normal", "ResizeStarted", event_message("started", desired, generation))
            return
        since_s = state.pending.since_s if state.pending is not None else time.monotonic()
        pending = Pending(*refusal, generation, since_s)
        if state.pending != pending:
            self._event(state, "Warning", f"Resize{pending.reason}", event_message(pending.reason, desired, generation, pending.message))
        state.pending = pending

    def plan(self, state: PodState, runtime: PodRuntime) -> ResizePlan:
        """What there is to do for a pod's containers."""
        return plan_resize(state.pod, runtime, state.actual)

    def started(self, state: PodState, container: AnyContainer) -> None:
        """A container has been started, with what it was given when its start began: by now it may be given something else."""
        if container.name in state.allocation:
            state.actual[container.name] = container.resources

    async def make_cgroup(self, state: PodState) -> None:
        """Make a pod's cgroup, wide enough for what its containers have and for what they are given.

        Raises: OSError.
        """
        pod = state.pod
        if not self._cgroups.present:
            return
        pids = int(self._options.argument("pod-max-pids", "-1"))
        limits = pod_cgroup_limits(pod, pids if pids > 0 else None)
        before = with_allocation(pod, state.actual)
        if before is not pod:
            limits = widest(limits, pod_cgroup_limits(before, pids if pids > 0 else None))
        path = pod_cgroup(self._options.cgroup_root, qos_class(pod), state.uid)
        await asyncio.to_thread(self._cgroups.make, path, limits)

    async def carry_out(self, state: PodState, plan: ResizePlan, runtime: PodRuntime) -> float | None:
        """Change running containers.

        Returns: seconds after which to try again; None if all is done.
        """
        try:
            for name in plan.update:
                await self._update(state, name, runtime)
        except (CriError, _BelowUsageError) as error:
            text = error.message if isinstance(error, CriError) else str(error)
            self._failed(state, text)
            return RETRY_S
        return None

    async def settle(self, state: PodState, runtime: PodRuntime) -> None:
        """Tell of a resize that is complete, and give back what the pod no longer has.

        Raises: OSError.
        """
        progress = state.progress
        if progress is None or self.plan(state, runtime) != NOTHING:
            return
        await self.make_cgroup(state)
        if state.progress is not progress:
            return  # Granted meanwhile; the next resize is not complete with this one.
        state.progress = None
        self._event(state, "Normal", "ResizeCompleted", event_message("completed", state.pod, progress.generation))
        self.room_made()

    async def _update(self, state: PodState, name: str, runtime: PodRuntime) -> None:
        container = next(item for item in all_containers(state.pod) if item.name == name)
        info = runtime.newest(name)
        if info is None or not info.running:
            return
        limit = memory_limit_lowered(container.resources, state.actual[name])
        if limit is not None:
            stats = (await self._runtime.container_stats(info.id)).memory
            usage = stats.usage_bytes.value or stats.working_set_bytes.value
            if usage >= limit:
                raise _BelowUsageError(f'attempting to set container "{name}" memory limit ({limit}) below current usage ({usage})')
        await self._runtime.update_container_resources(info.id, container_resources(state.pod, container, self._facts))
        state.actual[name] = container.resources

    def _failed(self, state: PodState, error: str) -> None:
        generation = state.progress.generation if state.progress is not None else state.desired.metadata.generation
        progress = InProgress(generation, error)
        if state.progress != progress:
            log.info("resize failed pod=%s/%s error=%s", state.pod.metadata.namespace, state.pod.metadata.name, error)
            self._event(state, "Warning", "ResizeError", event_message("error", state.pod, generation, error))
        state.progress = progress

    def _event(self, state: PodState, kind: str, reason: str, message: str) -> None:
        self._recorder.event(object_reference(state.pod), kind, reason, message)


class _BelowUsageError(Exception):
    """A limit of memory that is used up already."""
