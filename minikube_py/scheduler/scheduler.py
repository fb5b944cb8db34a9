"""The scheduler as a component: takes pods from the queue, finds their nodes, binds them, says why if it cannot.

One pod at a time is decided, without waiting for anything; a decided pod counts on its node at once (it is assumed), and its binding
goes on beside the next decisions. Everything that the API is told (bindings, conditions, evictions, Events) runs in tasks of its own.

Source: pkg/scheduler/schedule_one.go
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from minikube_py.apis import core_v1
from minikube_py.client.events import EventRecorder
from minikube_py.client.informer import Informers
from minikube_py.client.interface import Client
from minikube_py.core.clock import SYSTEM_CLOCK, Clock, rfc3339
from minikube_py.core.errors import ConflictError, NotFoundError, StatusError

from .algorithm import Algorithm, FitError, NoNodesError
from .cache import Cache
from .default_profile import DEFAULT_SCHEDULER, default_profile
from .event_handlers import EventHandlers
from .framework import ClusterEvent, CycleState, Profile, Status
from .plugins.preemption import NOT_HELPFUL
from .pod_info import PodInfo
from .queue import QueuedPod, SchedulingQueue

log = logging.getLogger(__name__)

# Bindings that may be under way at once; the next decision waits for one of them. Their Events fit into the recorder's queue.
BINDINGS_MAX = 256
# Events that the scheduler's own recorder writes at once: a burst of bindings is a burst of Events.
EVENT_WRITERS = 32
# How long decisions may go on before others on the event loop get their turn.
SLICE_S = 0.005


class Scheduler:
    """Schedules the pods of one scheduler name.

    Attributes:
        ready: set when the caches are filled and pods are being scheduled.
        profile, cache: the plugins in use and what is known of the nodes; plugins may be added before `run`.
    """

    def __init__(
        self, client: Client, informers: Informers, *, name: str = DEFAULT_SCHEDULER, recorder: EventRecorder | None = None,
        profile: Profile | None = None, cache: Cache | None = None, percentage_of_nodes_to_score: int = 0, clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """
        Args:
            informers: run by the caller, before or beside `run`.
            recorder: run by the caller; without one the scheduler makes and runs its own.
            profile, cache: plugins of one's own and the cache that they were made with.
        """
        self.ready = asyncio.Event()
        self.cache = cache or Cache()
        self.profile = profile or default_profile(client, informers, self.cache, name)
        self._client = client
        self._informers = informers
        self._name = name
        self._clock = clock
        self._own_recorder = recorder is None
        self._recorder = recorder or EventRecorder(client, name)
        self._pods = informers.of(core_v1.Pod)
        self._nodes = informers.of(core_v1.Node)
        self.queue = SchedulingQueue(self.profile)
        self._algorithm = Algorithm(self.profile, self.cache, percentage_of_nodes_to_score)
        for plugin in self.profile.plugins:
            if getattr(plugin, "algorithm", self) is None:
                plugin.algorithm = self._algorithm
        self._binders = self.profile.at("bind")
        self._post_filters = self.profile.at("post_filter")
        self._reservers = self.profile.at("reserve")
        self._permitters = self.profile.at("permit")
        self._bindings = 0
        self._binding_ended = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Schedule pods until cancelled.

        Cancellation: bindings under way may still land; the next start sees them.
        """
        EventHandlers(self.cache, self.queue, self._name).register(self._informers)
        await self._informers.wait_synced()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for number in range(EVENT_WRITERS if self._own_recorder else 0):
                    group.create_task(self._recorder.run(), name=f"scheduler-events-{number}")
                self.ready.set()
                await self._schedule_pods()
        finally:
            self._group = None
            self.queue.close()

    async def _schedule_pods(self) -> None:
        loop = asyncio.get_running_loop()
        turn_ends = loop.time() + SLICE_S
        while True:
            queued = self.queue.pop_nowait()
            if queued is None:
                await self.queue.wait()
                turn_ends = loop.time() + SLICE_S
                continue
            self._schedule_one(queued)
            await self._recorder.room.wait()
            while self._bindings >= BINDINGS_MAX:
                self._binding_ended.clear()
                await self._binding_ended.wait()
            if loop.time() >= turn_ends:
                await asyncio.sleep(0)
                turn_ends = loop.time() + SLICE_S

    def _schedule_one(self, queued: QueuedPod) -> None:
        pod, state = queued.info, CycleState()
        nominated = self.cache.clear_nomination(pod.key)
        try:
            node_name = self._algorithm.schedule(pod, state)
        except NoNodesError as error:
            self._refuse(queued, set(), str(error), "")
        except FitError as error:
            node = self._post_filter(error, pod, state)
            if not node and nominated and pod.pod.status.nominated_node_name == nominated:
                self.cache.nominate(pod, nominated)
            self._refuse(queued, error.plugins | ({p.name for p in self._post_filters} if node else set()), str(error), node)
        except Exception as error:
            log.exception("scheduling failed pod=%s", pod.key)
            self._report(pod, "SchedulerError", str(error), "")
            self.queue.retry_later(queued)
        else:
            self._assume(queued, state, node_name)

    def _assume(self, queued: QueuedPod, state: CycleState, node_name: str) -> None:
        pod = queued.info
        self.cache.assume(pod, node_name)
        for plugin in self._reservers:
            refusal: Status | None = plugin.reserve(state, pod, node_name)
            if refusal is not None:
                self._unassume(pod, state, node_name)
                self._refuse(queued, {refusal.plugin}, str(FitError(1, {node_name: refusal})), "")
                return
        self._bindings += 1
        self._spawn(self._bind(queued, state, node_name), f"bind-{pod.key}")

    async def _bind(self, queued: QueuedPod, state: CycleState, node_name: str) -> None:
        pod = queued.info
        try:
            refusal = await self._permit(pod, state, node_name)
            if refusal is not None:
                self._unassume(pod, state, node_name)
                self._refuse(queued, {refusal.plugin}, str(FitError(1, {node_name: refusal})), "")
                return
            for binder in self._binders:
                if await binder.bind(state, pod, node_name):
                    break
        except (StatusError, OSError) as error:
            self._unassume(pod, state, node_name)
            self._binding_failed(queued, error)
        except BaseException:
            self._unassume(pod, state, node_name)
            raise
        else:
            self._recorder.event(pod.pod, "Normal", "Scheduled", f"Successfully assigned {pod.key} to {node_name}")
        finally:
            self._bindings -= 1
            self._binding_ended.set()

    async def _permit(self, pod: PodInfo, state: CycleState, node_name: str) -> Status | None:
        """Ask the plugins for leave. This may take long, so meanwhile the pod does not count as one that is being bound."""
        self._bindings -= 1
        self._binding_ended.set()
        try:
            for plugin in self._permitters:
                refusal: Status | None = await plugin.permit(state, pod, node_name)
                if refusal is not None:
                    return refusal
            return None
        finally:
            self._bindings += 1

    def _binding_failed(self, queued: QueuedPod, error: Exception) -> None:
        """A pod that is gone or was bound by somebody else is no longer ours; any other is tried again."""
        pod = queued.info
        now = self._pods.get(pod.name, pod.namespace)
        ours = now is not None and now.metadata.uid == pod.uid and not now.spec.node_name and not now.metadata.deletion_timestamp
        if isinstance(error, NotFoundError | ConflictError):
            log.info("binding refused pod=%s error=%s", pod.key, error)
        else:
            log.warning("binding failed pod=%s error=%s", pod.key, error)
        if not ours or isinstance(error, NotFoundError):
            return
        self._report(pod, "SchedulerError", f"binding rejected: {error}", "")
        self.queue.retry_later(queued)

    def _unassume(self, pod: PodInfo, state: CycleState, node_name: str) -> None:
        for plugin in reversed(self._reservers):
            plugin.unreserve(state, pod, node_name)
        if self.cache.placed(pod.key) is pod and self.cache.assumed(pod.key):
            self.cache.forget(pod.key)
            self.queue.happened(ClusterEvent.POD_FREED, pod)

    def _post_filter(self, error: FitError, pod: PodInfo, state: CycleState) -> str:
        """Ask whether evictions help, and start them; returns the node that they will free, "" if none."""
        messages = ["no new claims to deallocate"]
        node_name = ""
        if error.pre_filter is not None:  # no node was looked at
            messages.append(f"preemption: 0/{error.nodes} nodes are available: {error.nodes} {NOT_HELPFUL}.")
        else:
            for plugin in self._post_filters:
                result = plugin.post_filter(state, pod, error.statuses)
                if result.message:
                    messages.append(f"preemption: {result.message}")
                if result.node_name:
                    node_name = result.node_name
                    self.cache.nominate(pod, node_name)
                    self._spawn(self._evict(pod, node_name, result.victims), f"preempt-for-{pod.key}")
                    break
        error.post_filter_message = "" if node_name else ", ".join(messages)
        return node_name

    async def _evict(self, pod: PodInfo, node_name: str, victims: tuple[PodInfo, ...]) -> None:
        for victim in victims:
            condition: dict[str, Any] = {
                "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
                "message": f"{self._name}: preempting to accommodate a higher priority pod", "lastTransitionTime": self._now(),
            }
            if victim.pod.metadata.generation:
                condition["observedGeneration"] = victim.pod.metadata.generation
            try:
                await self._patch_status(victim, {"conditions": [condition]})
                await self._client.delete(core_v1.Pod, victim.name, victim.namespace, uid=victim.uid)
            except NotFoundError:
                continue
            except (StatusError, OSError) as error:
                log.warning("eviction failed pod=%s for=%s error=%s", victim.key, pod.key, error)
                continue
            self._recorder.event(victim.pod, "Normal", "Preempted", f"Preempted by pod {pod.uid} on node {node_name}")

    def _refuse(self, queued: QueuedPod, plugins: set[str], message: str, nominated: str) -> None:
        """The pod waits for better times; people are told why."""
        self.queue.failed(queued, plugins)
        self._report(queued.info, "Unschedulable", message, nominated)

    def _report(self, pod: PodInfo, reason: str, message: str, nominated: str) -> None:
        current = self._pods.get(pod.name, pod.namespace)
        if current is None or current.metadata.uid != pod.uid:
            return
        self._recorder.event(current, "Warning", "FailedScheduling", message)
        known = next((c for c in current.status.conditions if c.type == "PodScheduled"), None)
        same = known is not None and (known.status, known.reason, known.message) == ("False", reason, message)
        if same and (not nominated or nominated == current.status.nominated_node_name):
            return
        since = known.last_transition_time if known is not None and known.status == "False" else self._now()
        condition: dict[str, Any] = {
            "type": "PodScheduled", "status": "False", "reason": reason, "message": message, "lastTransitionTime": since,
        }
        if current.metadata.generation:
            condition["observedGeneration"] = current.metadata.generation
        status: dict[str, Any] = {"conditions": [condition]}
        if nominated:
            status["nominatedNodeName"] = nominated
        self._spawn(self._tell_status(pod, status), f"status-{pod.key}")

    async def _tell_status(self, pod: PodInfo, status: dict[str, Any]) -> None:
        try:
            await self._patch_status(pod, status)
        except NotFoundError:
            return
        except (StatusError, OSError) as error:
            log.warning("status not written pod=%s error=%s", pod.key, error)

    async def _patch_status(self, pod: PodInfo, status: dict[str, Any]) -> None:
        patch = {"metadata": {"uid": pod.uid}, "status": status}
        await self._client.patch(
            core_v1.Pod, pod.name, pod.namespace, patch, patch_type="application/strategic-merge-patch+json", subresource="status"
        )

    def _now(self) -> str:
        return rfc3339(self._clock.now())

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        if self._group is None:
            raise RuntimeError("the scheduler does not run")
        self._group.create_task(work, name=name)
