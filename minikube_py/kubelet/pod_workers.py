"""One worker for each pod: its syncs one after another, different pods in parallel.

A worker moves through four states and never back:

* running: syncs whenever its pod, its containers, its probes or what it names changes, or a time has come;
* stopping: the pod is deleted, has ended, or was failed by the node: everything is stopped, however long that takes;
* ended: nothing runs; what the pod held is given back, and a deleted pod's object is deleted;
* gone: the API no longer has the pod: its containers and logs are removed and the worker ends.

A step that is under way when a pod must stop is cancelled, so that a slow pull or hook does not hold up a deletion.

Source: kubernetes pkg/kubelet/pod_workers.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

from minikube_py.apis import core_v1
from minikube_py.core.backoff import Backoff
from minikube_py.core.clock import Clock, rfc3339
from minikube_py.cri.errors import CriError

from .pod_state import PodState, urgency
from .pod_status import OWNED_CONDITIONS
from .pod_sync import PodSync
from .status_writer import status_patch

log = logging.getLogger(__name__)

RETRY_MIN_S = 0.2
RETRY_MAX_S = 30.0
# What others write over the agent's status stands so long. Source: kubernetes pkg/kubelet/status/status_manager.go (syncPeriod)
RECONCILE_S = 10.0


def concerns_agent(before: core_v1.Pod, after: core_v1.Pod) -> bool:
    """Whether a change of a pod asks for a sync; the agent's own status updates do not."""
    old, new = before.metadata, after.metadata
    return (
        before.spec != after.spec
        or (old.labels, old.annotations, old.deletion_timestamp) != (new.labels, new.annotations, new.deletion_timestamp)
        or old.deletion_grace_period_seconds != new.deletion_grace_period_seconds
        or before.status.phase != after.status.phase
        or _foreign_conditions(before) != _foreign_conditions(after)
    )


def _foreign_conditions(pod: core_v1.Pod) -> list[core_v1.PodCondition]:
    return [condition for condition in pod.status.conditions if condition.type not in OWNED_CONDITIONS]


class _PodWorker:
    """The worker of one pod."""

    def __init__(self, sync: PodSync, state: PodState) -> None:
        self.state = state
        self.gone = False
        self._sync = sync
        self._wake = asyncio.Event()
        self._step: asyncio.Task[float | None] | None = None
        self._stopping_with: int | None = None
        self._backoff = Backoff(RETRY_MIN_S, RETRY_MAX_S)
        self._reconcile: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        self._wake.set()

    def update(self, pod: core_v1.Pod) -> None:
        """Take a newer version of the pod."""
        before = self.state.desired
        self.state.take(pod)
        grace = pod.metadata.deletion_grace_period_seconds
        if pod.metadata.deletion_timestamp and (
            not before.metadata.deletion_timestamp or grace != before.metadata.deletion_grace_period_seconds
        ):
            self._interrupt()
        if concerns_agent(before, pod):
            self._wake.set()
        elif self._reconcile is None and self._overwritten():
            self._reconcile = asyncio.get_running_loop().call_later(RECONCILE_S, self._look_at_status)

    def _overwritten(self) -> bool:
        """Whether the API's status is not what the agent says."""
        return self.state.status is not None and bool(status_patch(self.state.desired.status, self.state.status))

    def _look_at_status(self) -> None:
        self._reconcile = None
        if self._overwritten():
            self._wake.set()

    def remove(self) -> None:
        """The API no longer has the pod."""
        if not self.gone:
            self.gone = True
            if self._stopping_with is None:
                self._interrupt()
            self._wake.set()

    async def run(self) -> None:
        """Work until the pod is gone from the API and from the node."""
        delay_s: float | None = 0.0
        try:
            while delay_s is None or delay_s >= 0:
                await self._wait(delay_s)
                self._wake.clear()
                delay_s = await self._interruptible(self._next_step())
        finally:
            if self._reconcile is not None:
                self._reconcile.cancel()

    async def _wait(self, delay_s: float | None) -> None:
        if delay_s is None:
            await self._wake.wait()
        elif delay_s > 0:
            try:
                async with asyncio.timeout(delay_s):
                    await self._wake.wait()
            except TimeoutError:
                return

    @property
    def runs(self) -> bool:
        """Whether the pod is meant to run on."""
        ended = self.state.failure is not None or (
            self.state.status is not None and self.state.status.phase in ("Succeeded", "Failed")
        ) or self.state.pod.status.phase in ("Succeeded", "Failed")
        return not (self.gone or ended or self.state.pod.metadata.deletion_timestamp)

    def _next_step(self) -> Callable[[], Awaitable[float | None]]:
        if self.runs:
            return self._run_pod
        if not self.state.terminal:
            return self._stop_pod
        return self._finish

    async def _run_pod(self) -> float | None:
        again_s = await self._sync.sync(self.state)
        self._backoff.forget("")
        status = self.state.status
        if self.state.failure is not None or (status is not None and status.phase in ("Succeeded", "Failed")):
            return 0.0
        return again_s

    async def _stop_pod(self) -> float | None:
        self._stopping_with = self.state.pod.metadata.deletion_grace_period_seconds or 0
        try:
            await self._sync.stop(self.state)
        finally:
            self._stopping_with = None
        return 0.0

    async def _finish(self) -> float | None:
        if not self.state.cleaned:
            await self._sync.release(self.state)
        if self.gone:
            await self._sync.remove(self.state)
            return -1.0
        if self.state.pod.metadata.deletion_timestamp:
            self._sync.delete_object(self.state)
        return None

    async def _interruptible(self, step: Callable[[], Awaitable[float | None]]) -> float | None:
        async def guarded() -> float | None:
            return await step()

        self._step = asyncio.create_task(guarded(), name=f"sync-{self.state.pod.metadata.name}")
        task = self._step
        try:
            return await task
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise
            return 0.0
        except Exception as error:
            delay_s = self._backoff.next_s("")
            meta = self.state.pod.metadata
            expected = isinstance(error, CriError | OSError)
            log.warning("pod sync failed pod=%s/%s retry_s=%.1f error=%s", meta.namespace, meta.name, delay_s, error,
                        exc_info=None if expected else error)
            return delay_s
        finally:
            self._step = None

    def _interrupt(self) -> None:
        if self._step is not None:
            self._step.cancel()


class PodWorkers:
    """The workers of all pods on the node.

    Args:
        ended: called with a pod's uid when its worker has ended.
    """

    def __init__(self, sync: PodSync, clock: Clock, ended: Callable[[str], None]) -> None:
        self._sync = sync
        self._clock = clock
        self._ended = ended
        self._workers: dict[str, _PodWorker] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Run the workers until cancelled. Containers go on when the agent ends."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await asyncio.get_running_loop().create_future()

    def update(self, pod: core_v1.Pod) -> None:
        """A pod is there, or there is a newer version of it."""
        worker = self._workers.get(pod.metadata.uid)
        if worker is not None:
            worker.update(pod)
            return
        if self._group is None:
            raise RuntimeError("PodWorkers does not run")
        state = PodState(pod, start_time=rfc3339(self._clock.now()))
        self._sync.adopt(state)
        worker = _PodWorker(self._sync, state)
        self._workers[pod.metadata.uid] = worker
        self._group.create_task(self._run(pod.metadata.uid, worker), name=f"pod-{pod.metadata.namespace}/{pod.metadata.name}")

    def remove(self, uid: str) -> None:
        """The API no longer has a pod."""
        worker = self._workers.get(uid)
        if worker is not None:
            worker.remove()

    def wake(self, uid: str) -> None:
        """Something that a pod depends on has changed."""
        worker = self._workers.get(uid)
        if worker is not None:
            worker.wake()

    def wake_all(self) -> None:
        """Something that every pod depends on has changed."""
        for worker in self._workers.values():
            worker.wake()

    def retry_resizes(self) -> None:
        """There may be room for pods that wait to be resized: the most urgent is asked first."""
        waiting = [worker for worker in self._workers.values() if worker.runs and worker.state.pending is not None]
        for worker in sorted(waiting, key=lambda worker: urgency(worker.state)):
            self._sync.grant_resize(worker.state)
            worker.wake()

    def states(self) -> Iterator[PodState]:
        """What is kept of all pods."""
        return (worker.state for worker in self._workers.values())

    def pods(self) -> list[core_v1.Pod]:
        """The pods that have workers, as last seen."""
        return [state.pod for state in self.states()]

    def state(self, uid: str) -> PodState | None:
        """What is kept of a pod."""
        worker = self._workers.get(uid)
        return worker.state if worker is not None else None

    def known(self, uid: str) -> bool:
        return uid in self._workers

    async def _run(self, uid: str, worker: _PodWorker) -> None:
        await worker.run()
        del self._workers[uid]
        self._ended(uid)
