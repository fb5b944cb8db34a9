"""The status of containers as the API shows it, from what the runtime has: pure computation.

Source: kubernetes pkg/kubelet/kubelet_pods.go (convertToAPIContainerStatuses), pkg/kubelet/prober/prober_manager.go (UpdatePodStatus).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from minikube_py.apis import core_v1
from minikube_py.core.clock import rfc3339

from .qos import is_sidecar
from .restart_policy import should_restart
from .runtime_state import ContainerInfo, PodRuntime

RUNTIME_NAME = "containerd"
GONE_EXIT_CODE = 137

AnyContainer = core_v1.Container | core_v1.EphemeralContainer
# (reason, message) of a container that could not be started.
Reasons = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What probes say of a container: both False unless it runs."""

    started: bool = False
    ready: bool = False


@dataclass(frozen=True, slots=True)
class StatusInput:
    """What a pod's status is computed from.

    Attributes:
        reasons: why containers wait, by name.
        readiness: of a running container.
        terminal: the pod has ended, whatever its containers' restart policy.
        actual: what running containers have; one that is not there has what its spec says.
        resize: how a resize stands.
    """

    pod: core_v1.Pod
    runtime: PodRuntime
    reasons: Reasons
    readiness: Callable[[ContainerInfo], Readiness]
    terminal: bool = False
    actual: Mapping[str, core_v1.ResourceRequirements] = field(default_factory=dict)
    resize: Sequence[core_v1.PodCondition] = ()


def container_statuses(
    given: StatusInput, containers: Sequence[AnyContainer], previous: Sequence[core_v1.ContainerStatus], *, init: bool
) -> list[core_v1.ContainerStatus]:
    """Statuses of init, app or ephemeral containers, in the order of the spec.

    Args:
        previous: what the API shows now; history of containers that the runtime has forgotten is taken from it.
    """
    before = {status.name: status for status in previous}
    return [_status(given, container, before.get(container.name), init) for container in containers]


def _status(given: StatusInput, container: AnyContainer, previous: core_v1.ContainerStatus | None, init: bool) -> core_v1.ContainerStatus:
    attempts = given.runtime.attempts(container.name)
    if not attempts:
        return _without_container(given, container, previous)
    newest = attempts[0]
    status = core_v1.ContainerStatus(
        name=container.name, image=newest.image, image_id=newest.image_ref, container_id=f"{RUNTIME_NAME}://{newest.id}",
        restart_count=newest.attempt, state=_state(newest), last_state=core_v1.ContainerState(), ready=False,
        started=None if isinstance(container, core_v1.EphemeralContainer) else False, volume_mounts=_mounts(container),
    )
    older = next((info for info in attempts[1:] if info.phase == "exited"), None)
    if older is not None:
        status.last_state = _state(older)
    elif previous is not None and previous.restart_count == newest.attempt:
        status.last_state = previous.last_state
    has = given.actual.get(container.name, container.resources) if newest.running else container.resources
    status.allocated_resources = dict(container.resources.requests)
    status.resources = core_v1.ResourceRequirements(limits=dict(has.limits), requests=dict(has.requests))
    if newest.running and status.started is not None:
        readiness = given.readiness(newest)
        status.started, status.ready = readiness.started, readiness.started and readiness.ready
    _apply_reason(given, container, newest, status, init)
    if init and not (isinstance(container, core_v1.Container) and is_sidecar(container)):
        terminated = status.state.terminated
        status.ready = terminated is not None and terminated.exit_code == 0
        status.started = status.started if newest.running else False
    return status


def _apply_reason(given: StatusInput, container: AnyContainer, newest: ContainerInfo, status: core_v1.ContainerStatus, init: bool) -> None:
    """Show a container that waits for its next start as waiting, with why, and its end as its last state."""
    why = given.reasons.get(container.name)
    if why is None or newest.running or given.terminal or not restarts(given.pod, container, newest, init=init):
        return
    if status.state.terminated is not None:
        status.last_state = status.state
    status.state = core_v1.ContainerState(waiting=core_v1.ContainerStateWaiting(reason=why[0], message=why[1]))


def restarts(pod: core_v1.Pod, container: AnyContainer, info: ContainerInfo, *, init: bool) -> bool:
    """Whether a container that has ended is to be started again."""
    if isinstance(container, core_v1.EphemeralContainer):
        return False
    if init and is_sidecar(container):
        return True
    if pod.metadata.deletion_timestamp:
        return False
    if info.phase != "exited":
        return True
    return not (init and info.exit_code == 0) and should_restart(pod, container, info.exit_code)


def _without_container(given: StatusInput, container: AnyContainer, previous: core_v1.ContainerStatus | None) -> core_v1.ContainerStatus:
    """The status of a container of which the runtime has nothing: not made yet, or forgotten."""
    status = core_v1.ContainerStatus(
        name=container.name, image=container.image, restart_count=0, ready=False, last_state=core_v1.ContainerState(),
        started=None if isinstance(container, core_v1.EphemeralContainer) else False, volume_mounts=_mounts(container),
    )
    if previous is not None:
        status.restart_count = previous.restart_count
        status.last_state = previous.last_state
        if previous.state.terminated is not None:
            status.state = previous.state
            status.container_id, status.image, status.image_id = previous.container_id, previous.image, previous.image_id
            status.ready = previous.ready if previous.state.terminated.exit_code == 0 else False
            return status
        if previous.state.running is not None:
            gone = core_v1.ContainerState(terminated=core_v1.ContainerStateTerminated(
                reason="ContainerStatusUnknown", exit_code=GONE_EXIT_CODE,
                message="The container could not be located when the pod was deleted.  The container used to be Running",
            ))
            if given.terminal or given.pod.metadata.deletion_timestamp:
                status.state = gone
                return status
            status.last_state = gone
            status.restart_count = previous.restart_count + 1
    default = "PodInitializing" if given.pod.spec.init_containers else "ContainerCreating"
    reason, message = given.reasons.get(container.name, (default, ""))
    status.state = core_v1.ContainerState(waiting=core_v1.ContainerStateWaiting(reason=reason, message=message))
    return status


def end_containers(pod: core_v1.Pod, init: Sequence[core_v1.ContainerStatus], app: Sequence[core_v1.ContainerStatus]) -> None:
    """Show containers of a pod that has ended as lost if the runtime has no end of them, so that nobody takes the pod for a success.

    Containers whose turn never came stay as they are: the init container that failed says why.

    Source: kubernetes pkg/kubelet/status/status_manager.go (TerminatePod)
    """
    tried = [index for index, status in enumerate(init) if status.state.waiting is None or status.last_state.terminated is not None]
    lost = list(init[:max(tried, default=0) + 1])
    if not pod.spec.init_containers or _initialized(pod, init[-1]) or any(
        status.state.waiting is None or status.last_state.terminated is not None for status in app
    ):
        lost += app
    for status in lost:
        if status.state.terminated is None:
            status.state = core_v1.ContainerState(terminated=core_v1.ContainerStateTerminated(
                reason="ContainerStatusUnknown", exit_code=GONE_EXIT_CODE,
                message="The container could not be located when the pod was terminated",
            ))


def _initialized(pod: core_v1.Pod, last: core_v1.ContainerStatus) -> bool:
    """Whether the last init container has done its part."""
    if is_sidecar(pod.spec.init_containers[-1]):
        return last.state.running is not None and bool(last.started)
    return any(state.terminated is not None and state.terminated.exit_code == 0 for state in (last.state, last.last_state))


def _state(info: ContainerInfo) -> core_v1.ContainerState:
    if info.phase == "running":
        return core_v1.ContainerState(running=core_v1.ContainerStateRunning(started_at=stamp(info.started_at_ns)))
    if info.phase == "exited":
        return core_v1.ContainerState(terminated=core_v1.ContainerStateTerminated(
            exit_code=info.exit_code, reason=info.reason or ("Completed" if info.exit_code == 0 else "Error"), message=info.message,
            started_at=stamp(info.started_at_ns), finished_at=stamp(info.finished_at_ns), container_id=f"{RUNTIME_NAME}://{info.id}",
        ))
    return core_v1.ContainerState(waiting=core_v1.ContainerStateWaiting(reason="ContainerCreating"))


def _mounts(container: AnyContainer) -> list[core_v1.VolumeMountStatus]:
    return [
        core_v1.VolumeMountStatus(
            name=mount.name, mount_path=mount.mount_path, read_only=mount.read_only,
            recursive_read_only=("Disabled" if mount.read_only else None),
        )
        for mount in container.volume_mounts
    ]


def stamp(nanoseconds: int) -> str:
    """Nanoseconds since the epoch as metav1.Time; 0 is the epoch itself, as upstream shows a start that never was."""
    return rfc3339(datetime.fromtimestamp(nanoseconds / 1e9, UTC))
