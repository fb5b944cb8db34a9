"""What is to be done for a pod, given its spec and what the runtime has: pure computation.

Owns the choice: a new sandbox or the old one, which containers to start and which to kill. Executes nothing (`pod_sync.py` does), and
knows no back-off: a container that is to be started may still have to wait.

Source: kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodActions), kuberuntime_container.go
(computeInitContainerActions); kubernetes.io/docs/concepts/workloads/pods/init-containers/, /sidecar-containers/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from minikube_py.apis import core_v1

from .naming import container_hash
from .qos import is_sidecar
from .resize import NOTHING, ResizePlan
from .restart_policy import is_restartable, should_restart
from .runtime_state import ContainerInfo, PodRuntime

KillReason = Literal["", "StartupProbe", "LivenessProbe"]


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes say of one running container.

    Attributes:
        started: its startup probe has succeeded, or it has none.
        live: no liveness probe has failed for good.
        startup_failed: its startup probe has failed for good.
    """

    started: bool = True
    live: bool = True
    startup_failed: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    """One container to be stopped while its pod lives on."""

    container: ContainerInfo
    message: str
    reason: KillReason = ""


@dataclass(slots=True)
class Actions:
    """What to do, in this order.

    Attributes:
        kill_pod: stop all containers and sandboxes.
        create_sandbox: then make a sandbox.
        attempt: number of the new sandbox.
        kill: containers to be stopped.
        resize: running containers to be changed as they run.
        start: names of containers to be started, in order: ephemeral, init, app.
    """

    kill_pod: bool = False
    create_sandbox: bool = False
    attempt: int = 0
    kill: list[Kill] = field(default_factory=list)
    resize: ResizePlan = NOTHING
    start: list[str] = field(default_factory=list)

    @property
    def none(self) -> bool:
        return not (self.kill_pod or self.create_sandbox or self.kill or self.resize.update or self.start)


HealthOf = Callable[[ContainerInfo], Health]


def compute_actions(pod: core_v1.Pod, runtime: PodRuntime, health: HealthOf, resize: ResizePlan = NOTHING) -> Actions:
    """What to do next for a pod that is meant to run."""
    sandbox = runtime.sandbox
    ready = [box for box in runtime.sandboxes if box.ready]
    host = bool(pod.spec.host_network)
    if sandbox is None or len(ready) != 1 or not sandbox.ready or sandbox.host_network != host or (not host and not sandbox.ips):
        return _new_sandbox(pod, runtime)
    actions = Actions(resize=resize if resize.update else NOTHING)
    actions.start += [item.name for item in pod.spec.ephemeral_containers if runtime.newest(item.name) is None]
    if not _init_containers(pod, runtime, health, resize, actions):
        return Actions(kill_pod=True) if actions.kill_pod else actions
    kept = 0
    for container in pod.spec.containers:
        kept += _app_container(pod, container, runtime.newest(container.name), health, resize, actions)
    if kept == 0 and not any(container.name in actions.start for container in pod.spec.containers):
        return Actions(kill_pod=True)
    return actions


def _new_sandbox(pod: core_v1.Pod, runtime: PodRuntime) -> Actions:
    attempt = runtime.sandbox.attempt + 1 if runtime.sandbox is not None else 0
    if attempt and runtime.containers and not any(is_restartable(pod, container) for container in pod.spec.containers):
        return Actions(kill_pod=True)
    wanted = [container for container in pod.spec.containers if not _done(pod, container, runtime.newest(container.name))]
    if not wanted and not _init_pending(pod, runtime):
        return Actions(kill_pod=True)
    actions = Actions(kill_pod=True, create_sandbox=True, attempt=attempt)
    if pod.spec.init_containers:
        actions.start = [pod.spec.init_containers[0].name]
    else:
        actions.start = [container.name for container in wanted]
    return actions


def _done(pod: core_v1.Pod, container: core_v1.Container, info: ContainerInfo | None) -> bool:
    """Whether an app container has ended and is not to be started again."""
    return info is not None and info.phase == "exited" and not should_restart(pod, container, info.exit_code)


def _init_pending(pod: core_v1.Pod, runtime: PodRuntime) -> bool:
    """Whether an ordinary init container has yet to succeed."""
    for container in pod.spec.init_containers:
        info = runtime.newest(container.name)
        if not is_sidecar(container) and (info is None or info.phase != "exited" or info.exit_code != 0):
            return True
    return False


def _app_container(
    pod: core_v1.Pod, container: core_v1.Container, info: ContainerInfo | None, health: HealthOf, resize: ResizePlan, actions: Actions
) -> int:
    """Decide about one app container; 1 if it is left running."""
    if info is None or info.phase == "exited":
        if not _done(pod, container, info):
            actions.start.append(container.name)
        return 0
    if info.phase != "running":
        actions.kill.append(Kill(info, f"Container {container.name} is in unknown state, try killing it before restart"))
        actions.start.append(container.name)
        return 0
    message, reason = unhealthy(container, info, health(info))
    if not message and container.name in resize.restart:
        _restart_resized(container, info, actions)
        return 0
    if not message:
        return 1
    actions.kill.append(Kill(info, message, reason))
    if reason == "" or is_restartable(pod, container):
        actions.kill[-1] = Kill(info, f"{message}, will be restarted", reason)
        actions.start.append(container.name)
    return 0


def _restart_resized(container: core_v1.Container, info: ContainerInfo, actions: Actions) -> None:
    actions.kill.append(Kill(info, f"Container {container.name} resize requires restart"))
    actions.start.append(container.name)


def unhealthy(container: core_v1.Container, info: ContainerInfo, state: Health) -> tuple[str, KillReason]:
    """Why a running container must be stopped; an empty message if it need not."""
    if info.spec_hash and info.spec_hash != container_hash(container):
        return f"Container {container.name} definition changed", ""
    if not state.live:
        return f"Container {container.name} failed liveness probe", "LivenessProbe"
    if state.startup_failed:
        return f"Container {container.name} failed startup probe", "StartupProbe"
    return "", ""


def _init_containers(pod: core_v1.Pod, runtime: PodRuntime, health: HealthOf, resize: ResizePlan, actions: Actions) -> bool:
    """Decide about init containers; True once the app containers may start."""
    initialized = pod_initialized(pod, runtime)
    # A new sandbox runs its init containers anew: those of an older one do not count.
    infos = [info if info is not None and info.sandbox_id == runtime.sandboxes[0].id else None
             for info in (runtime.newest(container.name) for container in pod.spec.init_containers)]
    last_seen = max((index for index, info in enumerate(infos) if info is not None), default=-1)
    for index, (container, info) in enumerate(zip(pod.spec.init_containers, infos, strict=True)):
        if is_sidecar(container):
            up = _sidecar(container, info, health, resize, actions)
            if not up and not initialized and index >= last_seen:
                return False
        elif not initialized and not _init_done(pod, container, info, actions):
            return False
    return True


def pod_initialized(pod: core_v1.Pod, runtime: PodRuntime) -> bool:
    """Whether the pod's initialisation is over: an app container was made in the present sandbox."""
    sandbox = runtime.sandbox
    names = {container.name for container in pod.spec.containers}
    return sandbox is not None and any(info.name in names and info.sandbox_id == sandbox.id for info in runtime.containers)


def _sidecar(
    container: core_v1.Container, info: ContainerInfo | None, health: HealthOf, resize: ResizePlan, actions: Actions
) -> bool:
    """Decide about a sidecar; True if it runs and has started."""
    if info is None or info.phase == "exited":
        actions.start.append(container.name)
        return False
    if info.phase != "running":
        actions.kill.append(Kill(info, f"Init container {container.name} is in {info.phase!r} state, try killing it before restart"))
        actions.start.append(container.name)
        return False
    state = health(info)
    message, reason = unhealthy(container, info, state)
    if message:
        actions.kill.append(Kill(info, f"{message}, will be restarted", reason))
        actions.start.append(container.name)
        return False
    if container.name in resize.restart:
        _restart_resized(container, info, actions)
        return False
    return state.started


def _init_done(pod: core_v1.Pod, container: core_v1.Container, info: ContainerInfo | None, actions: Actions) -> bool:
    """Decide about an ordinary init container; True if it has succeeded."""
    if info is None:
        actions.start.append(container.name)
        return False
    if info.phase == "running":
        return False
    if info.phase == "exited":
        if info.exit_code == 0:
            return True
        if should_restart(pod, container, info.exit_code):
            actions.start.append(container.name)
        else:
            actions.kill_pod = True
        return False
    actions.kill.append(Kill(info, f"Init container {container.name} is in {info.phase!r} state, try killing it before restart"))
    actions.start.append(container.name)
    return False
