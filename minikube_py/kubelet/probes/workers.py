"""One task for each probe of each running container, and what they have found.

Owns timing and thresholds; says which pods' standing changed. A task lives as long as its container runs. Liveness and readiness probes
wait until the startup probe has succeeded. A container that failed its liveness or startup probe is not asked again: it is going to be
stopped.

Source: kubernetes pkg/kubelet/prober/worker.go, prober_manager.go.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from minikube_py.apis import core_v1
from minikube_py.client.events import EventRecorder
from minikube_py.core.clock import Clock

from ..actions import Health
from ..container_status import Readiness
from ..pod_killer import container_reference
from ..qos import is_sidecar
from ..runtime_state import ContainerInfo, PodRuntime
from .handlers import Prober, ProbeResult

ProbeKind = Literal["Startup", "Liveness", "Readiness"]

# A container that has run longer than this when its probe begins was adopted: its probes are then spread over a period.
ADOPTED_AFTER_S = 10.0


@dataclass(slots=True)
class _Standing:
    """What is known of one running container."""

    started: asyncio.Event = field(default_factory=asyncio.Event)
    startup_failed: bool = False
    live: bool = True
    ready: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class ProbeWorkers:
    """Probes of all containers on the node.

    Args:
        changed: called with a pod's uid when one of its containers became ready, unready, started or failed.
    """

    def __init__(self, prober: Prober, recorder: EventRecorder, clock: Clock, changed: Callable[[str], None]) -> None:
        self._prober = prober
        self._recorder = recorder
        self._clock = clock
        self._changed = changed
        self._standing: dict[str, _Standing] = {}
        self._by_pod: dict[str, set[str]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Carry out probes until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await asyncio.get_running_loop().create_future()
        finally:
            await self._prober.close()

    def update(self, pod: core_v1.Pod, runtime: PodRuntime, pod_ip: str) -> None:
        """Begin the probes of containers that run and end those of containers that no longer do."""
        containers = [container for container in pod.spec.init_containers if is_sidecar(container)] + pod.spec.containers
        alive: set[str] = set()
        for container in containers:
            info = runtime.newest(container.name)
            if info is not None and info.running:
                alive.add(info.id)
                if info.id not in self._standing:
                    self._begin(pod, container, info, pod_ip)
        for identifier in self._by_pod.get(pod.metadata.uid, set()) - alive:
            self._end(identifier)
        self._by_pod[pod.metadata.uid] = alive

    def forget(self, uid: str) -> None:
        """End all probes of a pod."""
        for identifier in self._by_pod.pop(uid, set()):
            self._end(identifier)

    def stop_for_deletion(self, pod: core_v1.Pod) -> None:
        """End the liveness and startup probes of a pod that is being stopped; readiness goes on."""
        for identifier in self._by_pod.get(pod.metadata.uid, set()):
            for task in self._standing[identifier].tasks:
                if not task.get_name().startswith("probe-Readiness"):
                    task.cancel()

    def health(self, info: ContainerInfo) -> Health:
        """What the probes say of a running container, for deciding whether to stop it."""
        standing = self._standing.get(info.id)
        if standing is None:
            return Health(started=False)
        return Health(standing.started.is_set(), standing.live, standing.startup_failed)

    def readiness(self, info: ContainerInfo) -> Readiness:
        """What the probes say of a running container, for its status."""
        standing = self._standing.get(info.id)
        if standing is None:
            return Readiness()
        return Readiness(standing.started.is_set(), standing.ready)

    def _begin(self, pod: core_v1.Pod, container: core_v1.Container, info: ContainerInfo, pod_ip: str) -> None:
        standing = _Standing()
        self._standing[info.id] = standing
        known = next(
            (item for item in [*pod.status.container_statuses, *pod.status.init_container_statuses]
             if item.container_id.endswith(info.id)), None,
        )
        # An adopted container keeps what the API says of it until its first probe.
        if container.startup_probe is None or (known is not None and known.started):
            standing.started.set()
        standing.ready = container.readiness_probe is None or bool(known is not None and known.ready)
        probes: list[tuple[ProbeKind, core_v1.Probe | None]] = [
            ("Startup", None if standing.started.is_set() else container.startup_probe), ("Liveness", container.liveness_probe),
            ("Readiness", container.readiness_probe),
        ]
        for kind, probe in probes:
            if probe is not None:
                if self._group is None:
                    raise RuntimeError("ProbeWorkers does not run")
                work = self._work(kind, probe, pod, container, info, pod_ip, standing)
                standing.tasks.append(self._group.create_task(work, name=f"probe-{kind}-{pod.metadata.name}-{container.name}"))

    def _end(self, identifier: str) -> None:
        standing = self._standing.pop(identifier, None)
        for task in standing.tasks if standing is not None else ():
            task.cancel()

    async def _work(
        self, kind: ProbeKind, probe: core_v1.Probe, pod: core_v1.Pod, container: core_v1.Container, info: ContainerInfo, pod_ip: str,
        standing: _Standing,
    ) -> None:
        if kind != "Startup":
            await standing.started.wait()
        period_s = float(probe.period_seconds or 10)
        age_s = self._clock.now().timestamp() - info.started_at_ns / 1e9
        wait_s = probe.initial_delay_seconds - age_s
        if age_s > ADOPTED_AFTER_S:
            wait_s = max(wait_s, random.uniform(0, period_s))
        await asyncio.sleep(max(wait_s, 0))
        successes = failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            result = await self._prober.probe(probe, container, info.id, pod_ip)
            if result.outcome in ("success", "warning"):
                successes, failures = successes + 1, 0
            elif result.outcome == "failure":
                successes, failures = 0, failures + 1
            if result.outcome != "success":
                self._report(kind, pod, container, result)
            if successes >= (probe.success_threshold or 1):
                if self._succeed(kind, pod, standing):
                    return
            elif failures >= (probe.failure_threshold or 3) and self._fail(kind, pod, standing):
                return
            await asyncio.sleep(max(0.0, began_s + period_s - loop.time()))

    def _succeed(self, kind: ProbeKind, pod: core_v1.Pod, standing: _Standing) -> bool:
        """Take note of a success; True if that ends the probe."""
        if kind == "Startup":
            standing.started.set()
            self._changed(pod.metadata.uid)
            return True
        if kind == "Readiness" and not standing.ready:
            standing.ready = True
            self._changed(pod.metadata.uid)
        return False

    def _fail(self, kind: ProbeKind, pod: core_v1.Pod, standing: _Standing) -> bool:
        """Take note of a failure for good; True if that ends the probe."""
        if kind == "Readiness":
            if standing.ready:
                standing.ready = False
                self._changed(pod.metadata.uid)
            return False
        if kind == "Startup":
            standing.startup_failed = True
        else:
            standing.live = False
        self._changed(pod.metadata.uid)
        return True

    def _report(self, kind: ProbeKind, pod: core_v1.Pod, container: core_v1.Container, result: ProbeResult) -> None:
        reference = container_reference(pod, container.name)
        if result.outcome == "warning":
            self._recorder.event(reference, "Warning", "ProbeWarning", f"{kind} probe warning: {result.message}")
            return
        said = "failed" if result.outcome == "failure" else "errored and resulted in unknown state"
        self._recorder.event(reference, "Warning", "Unhealthy", f"{kind} probe {said}: {result.message}")
