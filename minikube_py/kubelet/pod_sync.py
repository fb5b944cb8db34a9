"""One sync of one pod: bring what runs closer to what is asked for, and say what came of it.

Level-triggered: everything is decided from the spec and the runtime's state at the moment; what is remembered between syncs is in
`pod_state.py`. May be cancelled at any point and called again.

Source: kubernetes pkg/kubelet/kubelet.go (SyncPod, SyncTerminatingPod, SyncTerminatedPod), kuberuntime_manager.go (SyncPod).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from minikube_py.apis import core_v1
from minikube_py.client.events import EventRecorder, object_reference
from minikube_py.core.backoff import Backoff
from minikube_py.core.clock import Clock, parse_rfc3339, rfc3339
from minikube_py.core.duration import format_duration
from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import Cri

from .actions import Actions, compute_actions
from .cgroups import CgroupTree, pod_cgroup
from .checkpoints import Checkpoints
from .cleanup import Cleanup
from .container_status import AnyContainer, StatusInput
from .host_ports import HostPorts
from .image_puller import ImagePuller, StartError
from .launcher import Launcher
from .naming import pod_reference
from .object_references import ObjectReferences
from .options import KubeletOptions
from .pod_killer import PodKiller, container_reference, find_container
from .pod_resizing import PodResizing
from .pod_state import PodState
from .pod_status import keep_transition_times, pod_status, refused_status
from .probes.workers import ProbeWorkers
from .qos import qos_class
from .resize import conditions as resize_conditions
from .resize import with_allocation
from .restart_backoff import RestartBackoff
from .runtime_state import PodRuntime, RuntimeCache
from .status_writer import StatusWriter
from .volumes.payloads import VolumeError
from .volumes.pod_volumes import Mounted, PodVolumes

log = logging.getLogger(__name__)

# A container that could not be started for another reason than its own end. Source: kubernetes pkg/kubelet/pod_workers.go, backOffPeriod.
RETRY_S = 10.0
# A resize for which there was no room. Source: kubernetes pkg/kubelet/allocation/allocation_manager.go (it looks again after three minutes)
RESIZE_RETRY_S = 180.0
VOLUME_RETRY_MIN_S = 0.5
VOLUME_RETRY_MAX_S = 122.0
SANDBOX_RETRY_MIN_S = 1.0
SANDBOX_RETRY_MAX_S = 10.0
# Rounds of deciding and doing in one sync: init containers that end at once make several.
ROUNDS_MAX = 32
DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline"


@dataclass(frozen=True, slots=True)
class NodeState:
    """What a sync asks of the node.

    Attributes:
        network_problem: why pods cannot have addresses yet, "" if they can.
        admit: (reason, message) if the node refuses a new pod.
    """

    network_problem: Callable[[], str]
    admit: Callable[[core_v1.Pod], Awaitable[tuple[str, str] | None]]


class PodSync:
    """Syncs pods; holds what is needed for all of them."""

    def __init__(
        self, options: KubeletOptions, cri: Cri, cache: RuntimeCache, launcher: Launcher, killer: PodKiller, volumes: PodVolumes,
        references: ObjectReferences, puller: ImagePuller, probes: ProbeWorkers, recorder: EventRecorder, writer: StatusWriter,
        cgroups: CgroupTree, checkpoints: Checkpoints, host_ports: HostPorts, resizing: PodResizing, node: NodeState, clock: Clock,
    ) -> None:
        self._options = options
        self._cri = cri
        self._cache = cache
        self._launcher = launcher
        self._killer = killer
        self._volumes = volumes
        self._references = references
        self._puller = puller
        self._probes = probes
        self._recorder = recorder
        self._writer = writer
        self._cgroups = cgroups
        self._checkpoints = checkpoints
        self._host_ports = host_ports
        self._resizing = resizing
        self._node = node
        self._clock = clock
        self._restarts = RestartBackoff()
        self._volume_retries = Backoff(VOLUME_RETRY_MIN_S, VOLUME_RETRY_MAX_S)
        self._sandbox_retries = Backoff(SANDBOX_RETRY_MIN_S, SANDBOX_RETRY_MAX_S)
        self._cleanup = Cleanup(options, cri, cache)

    # Running.

    async def sync(self, state: PodState) -> float | None:
        """Bring a pod that is meant to run closer to its spec.

        Returns: seconds after which to sync again even if nothing happens; None if there is no need.
        Raises: CriError, OSError.
        """
        if not state.admitted and not await self._admit(state):
            return None
        self._resizing.grant(state)
        pod = state.pod
        runtime = self._cache.get(state.uid)
        # Before the status: an adopted container would else be shown as not ready for a moment.
        self._probes.update(pod, runtime, self._pod_ip(pod, runtime))
        self._publish(state)
        if state.failure is not None or self._past_deadline(state):
            return None
        if not pod.spec.host_network and (problem := self._node.network_problem()):
            self._event(state, "Warning", "NetworkNotReady", f"network is not ready: {problem}")
            return RETRY_S
        self._references.register(pod)
        await self._resizing.make_cgroup(state)
        try:
            mounted = await self._volumes.set_up(pod)
        except VolumeError as error:
            self._event(state, "Warning", "FailedMount", str(error))
            return self._volume_retries.next_s(state.uid)
        self._volume_retries.forget(state.uid)
        again_s = await self._rounds(state, mounted)
        if state.pending is not None:
            again_s = _earliest(again_s, RESIZE_RETRY_S)
        return _earliest(again_s, mounted.renew_s, self._deadline_s(state))

    async def _rounds(self, state: PodState, mounted: Mounted) -> float | None:
        """Decide and do until there is nothing to do, or nothing can be done now."""
        again_s: float | None = None
        for _ in range(ROUNDS_MAX):
            runtime = self._cache.get(state.uid)
            self._probes.update(state.pod, runtime, self._pod_ip(state.pod, runtime))
            actions = compute_actions(state.pod, runtime, self._probes.health, self._resizing.plan(state, runtime))
            if actions.none:
                break
            progress, again_s = await self._execute(state, actions, runtime, mounted)
            runtime = self._cache.get(state.uid)
            self._probes.update(state.pod, runtime, self._pod_ip(state.pod, runtime))
            self._publish(state)
            if not progress or (state.status is not None and state.status.phase in ("Succeeded", "Failed")):
                break
        if state.progress is not None:
            await self._resizing.settle(state, self._cache.get(state.uid))
            self._publish(state)
        return again_s

    async def _execute(
        self, state: PodState, actions: Actions, runtime: PodRuntime, mounted: Mounted
    ) -> tuple[bool, float | None]:
        """Carry out actions. Returns whether another round makes sense now, and when else."""
        pod = state.pod
        if actions.kill_pod:
            if actions.create_sandbox and runtime.sandbox is not None:
                self._event(state, "Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
            await self._killer.kill_pod(pod, runtime)
            if not actions.create_sandbox:
                return False, None
        for kill in actions.kill:
            await self._killer.kill_container(pod, kill.container, message=kill.message, reason=kill.reason)
        if actions.kill:
            runtime = await self._cache.refresh(state.uid)
        if actions.create_sandbox:
            try:
                runtime = await self._launcher.create_sandbox(pod, actions.attempt)
            except (CriError, ValueError) as error:
                text = error.message if isinstance(error, CriError) else str(error)
                self._event(state, "Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {_rpc(error, text)}")
                return False, self._sandbox_retries.next_s(state.uid)
            self._sandbox_retries.forget(state.uid)
            self._publish(state)
        resize_s = await self._resizing.carry_out(state, actions.resize, runtime) if actions.resize.update else None
        progress, again_s = await self._start_all(state, actions, runtime, mounted)
        return progress, _earliest(again_s, resize_s)

    async def _start_all(
        self, state: PodState, actions: Actions, runtime: PodRuntime, mounted: Mounted
    ) -> tuple[bool, float | None]:
        shown = self._with_addresses(state.pod, runtime)
        started, again_s = False, None
        for name in actions.start:
            container = find_container(state.pod, name)
            if container is None:
                continue
            wait_s = self._held_back(state, container, runtime)
            if wait_s is None:
                try:
                    await self._launcher.start_container(shown, container, runtime, mounted)
                except StartError as error:
                    state.reasons[name] = (error.reason, error.message)
                    wait_s = self._puller.retry_s(state.pod, container) or RETRY_S
                else:
                    state.reasons.pop(name, None)
                    self._resizing.started(state, container)
                    started = True
            again_s = _earliest(again_s, wait_s)
        if started:
            runtime = await self._cache.refresh(state.uid)
            await self._cleanup.prune(runtime)
        elif actions.start:
            await self._cache.refresh(state.uid)
        return started, again_s

    def _held_back(self, state: PodState, container: AnyContainer, runtime: PodRuntime) -> float | None:
        """Seconds for which a container that has ended must still wait; None if it may start, which is then counted."""
        info = runtime.newest(container.name)
        if info is None or info.phase != "exited":
            return None
        key = (state.uid, container.name, container.image)
        now_s, ended_s = self._clock.now().timestamp(), info.finished_at_ns / 1e9
        remaining_s = self._restarts.remaining_s(key, ended_s, now_s)
        if remaining_s <= 0:
            self._restarts.advance(key, now_s)
            return None
        where = pod_reference(state.pod)
        self._recorder.event(
            container_reference(state.pod, container.name), "Warning", "BackOff",
            f"Back-off restarting failed container {container.name} in pod {where}",
        )
        delay = format_duration(round(self._restarts.delay_s(key)))
        state.reasons[container.name] = (
            "CrashLoopBackOff", f"back-off {delay} restarting failed container={container.name} pod={where}"
        )
        return remaining_s

    # Ending.

    async def stop(self, state: PodState, *, override_s: int | None = None) -> None:
        """Stop all that runs of a pod and wait for its end.

        Raises: CriError.
        """
        if state.pod.metadata.deletion_timestamp:
            self._probes.stop_for_deletion(state.pod)
        self._publish(state)
        runtime = await self._cache.refresh(state.uid)
        if runtime.running or any(box.ready for box in runtime.sandboxes):
            await self._killer.kill_pod(state.pod, runtime, override_s=override_s)
        self._probes.forget(state.uid)
        state.terminal = True
        self._publish(state)
        self._resizing.room_made()

    async def release(self, state: PodState) -> None:
        """Give back what a pod that has ended held on the node, but for its containers and logs.

        Raises: OSError.
        """
        await self._volumes.tear_down(state.uid)
        if self._cgroups.present:
            path = pod_cgroup(self._options.cgroup_root, qos_class(state.pod), state.uid)
            await asyncio.to_thread(self._cgroups.remove, path)
        self._references.forget(state.uid)
        self._puller.forget(state.pod)
        for container in [*state.pod.spec.init_containers, *state.pod.spec.containers]:
            self._restarts.forget((state.uid, container.name, container.image))
        self._volume_retries.forget(state.uid)
        self._sandbox_retries.forget(state.uid)
        state.cleaned = True

    async def remove(self, state: PodState) -> None:
        """Remove the last traces of a pod that the API no longer has.

        Raises: CriError, OSError.
        """
        self._writer.forget(state.uid)
        self._host_ports.forget(state.uid)
        await self._cleanup.remove_pod(state.pod, await self._cache.refresh(state.uid))
        self._checkpoints.remove_pod_soon(state.uid)

    def delete_object(self, state: PodState) -> None:
        """Have the API's object deleted once the last status is written."""
        self._writer.delete_soon(state.pod)

    # Parts.

    def adopt(self, state: PodState) -> None:
        """Count a pod that the node has taken before, by what the runtime or its status knows of it, from its first moment."""
        if not self._cache.get(state.uid).empty or state.pod.status.container_statuses:
            self._take(state)

    def grant_resize(self, state: PodState) -> None:
        """Give a pod that waits for a resize what it asks for, if there is room by now; the next sync carries it out."""
        self._resizing.grant(state)

    def _take(self, state: PodState) -> None:
        state.admitted = True
        self._resizing.begin(state)

    async def _admit(self, state: PodState) -> bool:
        refusal = await self._node.admit(state.pod)
        if refusal is not None:
            reason, message = refusal
            state.failure = (reason, f"Pod was rejected: {message}")
            self._event(state, "Warning", reason, message)
            self._publish(state)
            return False
        self._take(state)
        return True

    def _publish(self, state: PodState) -> None:
        """Compute a pod's status and have it written; open the host ports of what runs, and close those of what does not."""
        pod, runtime = self._writer.newest(state.pod), self._cache.get(state.uid)
        self._host_ports.update(state.pod, runtime)
        if state.failure is not None and not state.admitted:
            status = refused_status(pod, state.start_time, state.failure)
        elif pod.status.phase == "Failed" and not pod.status.container_statuses and runtime.empty:
            # Refused before this agent started.
            state.status = pod.status
            return
        else:
            given = StatusInput(
                pod=with_allocation(pod, state.allocation), runtime=runtime, reasons=state.reasons, readiness=self._probes.readiness,
                terminal=state.terminal, actual=state.actual, resize=resize_conditions(state.pending, state.progress),
            )
            status = pod_status(
                given, node_ip=self._options.node_ip, start_time=state.start_time, now=rfc3339(self._clock.now()), failure=state.failure
            )
        if state.status is not None:
            keep_transition_times(status, state.status)
        state.status = status
        self._writer.set(pod, status)

    def _past_deadline(self, state: PodState) -> bool:
        left_s = self._deadline_s(state)
        if left_s is None or left_s > 0:
            return False
        state.failure = ("DeadlineExceeded", DEADLINE_MESSAGE)
        self._event(state, "Normal", "DeadlineExceeded", DEADLINE_MESSAGE)
        return True

    def _deadline_s(self, state: PodState) -> float | None:
        deadline_s = state.pod.spec.active_deadline_seconds
        if deadline_s is None:
            return None
        started = parse_rfc3339(state.pod.status.start_time or state.start_time)
        return started.timestamp() + deadline_s - self._clock.now().timestamp()

    def _pod_ip(self, pod: core_v1.Pod, runtime: PodRuntime) -> str:
        if pod.spec.host_network:
            return self._options.node_ip
        return runtime.sandbox.ips[0] if runtime.sandbox is not None and runtime.sandbox.ips else ""

    def _with_addresses(self, pod: core_v1.Pod, runtime: PodRuntime) -> core_v1.Pod:
        """The pod with the addresses in its status that it has now, for its environment and hosts file."""
        node_ip = self._options.node_ip
        ips = [node_ip] if pod.spec.host_network else list(runtime.sandbox.ips) if runtime.sandbox is not None else []
        status = msgspec.structs.replace(
            pod.status, pod_ip=ips[0] if ips else "", pod_ips=[core_v1.PodIP(ip=ip) for ip in ips], host_ip=node_ip,
            host_ips=[core_v1.HostIP(ip=node_ip)],
        )
        return msgspec.structs.replace(pod, status=status)

    def _event(self, state: PodState, kind: str, reason: str, message: str) -> None:
        self._recorder.event(object_reference(state.pod), kind, reason, message)


def _earliest(*delays_s: float | None) -> float | None:
    given = [delay for delay in delays_s if delay is not None]
    return min(given) if given else None


def _rpc(error: Exception, text: str) -> str:
    """An error of the runtime as upstream's messages have it."""
    if isinstance(error, CriError):
        return f"rpc error: code = {error.code.title().replace('_', '') or 'Unknown'} desc = {text}"
    return text
