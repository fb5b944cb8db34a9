"""The pods that wait to be scheduled.

A waiting pod is in one of four places: `active` (to be tried now, by priority), `backoff` (tried without success, to be tried again at a
time), `unschedulable` (to be tried again when something happens that could help), or gated (not to be tried before its
gates are gone). An event moves the pods that it could help, as the hints of the plugins that refused them say. When nothing is active, a
pod in back-off is tried early, unless it is there because of an error.

Source: pkg/scheduler/backend/queue/scheduling_queue.go
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Any

from .framework import ClusterEvent, Hint, Profile
from .pod_info import PodInfo

# Source: scheduling_queue.go (DefaultPodInitialBackoffDuration, DefaultPodMaxBackoffDuration, DefaultPodMaxInUnschedulablePodsDuration)
BACKOFF_MIN_S = 1.0
BACKOFF_MAX_S = 10.0
UNSCHEDULABLE_MAX_S = 300.0


class QueuedPod:
    """A pod with its history in the queue.

    Attributes:
        attempts: how often it was tried.
        plugins: who refused it the last time.
        added_at: since when it waits to be tried, in loop time.
    """

    __slots__ = ("added_at", "attempts", "backoff_until", "by_error", "gated", "info", "place", "plugins", "unschedulable_since")

    def __init__(self, info: PodInfo, now: float) -> None:
        self.info = info
        self.attempts = 0
        self.plugins: set[str] = set()
        self.added_at = now
        self.backoff_until = 0.0
        self.by_error = False
        self.gated = False
        self.unschedulable_since = 0.0
        self.place = ""


class SchedulingQueue:
    """The waiting pods of one profile.

    Invariants: a pod is in at most one place, named by its `place`; heap entries whose pod has moved on are skipped.
    """

    def __init__(self, profile: Profile) -> None:
        self._sort = profile.at("sort_key")[0]
        self._gates = profile.at("pre_enqueue")
        self._hints = {
            plugin.name: [(event, hint) for event, hint in plugin.events().items()] for plugin in profile.plugins
        }
        self._pods: dict[str, QueuedPod] = {}
        self._active: list[tuple[Any, int, QueuedPod]] = []
        self._backoff: list[tuple[float, int, QueuedPod]] = []
        self._error_backoff: list[tuple[float, int, QueuedPod]] = []
        self._number = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._wanted = asyncio.Event()

    def __len__(self) -> int:
        return len(self._pods)

    def counts(self) -> dict[str, int]:
        """Number of pods in each place."""
        found = {"active": 0, "backoff": 0, "unschedulable": 0, "gated": 0}
        for pod in self._pods.values():
            found["gated" if pod.gated else pod.place] += 1
        return found

    def __contains__(self, key: str) -> bool:
        return key in self._pods

    def add(self, info: PodInfo) -> None:
        """A new pod waits."""
        queued = QueuedPod(info, asyncio.get_running_loop().time())
        self._pods[info.key] = queued
        self._activate(queued)

    def update(self, info: PodInfo) -> None:
        """A waiting pod has changed; it is tried again if its change could help."""
        queued = self._pods.get(info.key)
        if queued is None or queued.info.uid != info.uid:
            self.add(info)
            return
        resort = queued.place == "active" and queued.info.priority != info.priority
        queued.info = info
        if queued.gated or resort:
            self._activate(queued)
        elif queued.place == "unschedulable" and self._helps(queued, ClusterEvent.POD_SELF, info.pod):
            self._retry(queued)

    def refresh(self, info: PodInfo) -> None:
        """A waiting pod has changed in nothing that matters for scheduling."""
        queued = self._pods.get(info.key)
        if queued is not None:
            queued.info = info

    def remove(self, key: str) -> None:
        queued = self._pods.pop(key, None)
        if queued is not None:
            queued.place = ""

    def pop_nowait(self) -> QueuedPod | None:
        """Take the next pod to try, if there is one."""
        while self._active:
            _, _, queued = heapq.heappop(self._active)
            if queued.place == "active":
                return self._take(queued)
        return self._pop_early()

    async def wait(self) -> None:
        """Wait until there is a pod to try."""
        await self._wanted.wait()

    def failed(self, queued: QueuedPod, plugins: set[str]) -> None:
        """No node fits; the pod waits for an event that could make its refusers think again."""
        if queued.info.key in self._pods:
            return
        self._pods[queued.info.key] = queued
        queued.plugins = plugins
        queued.by_error = False
        queued.place = "unschedulable"
        queued.unschedulable_since = asyncio.get_running_loop().time()
        queued.backoff_until = queued.unschedulable_since + self._delay_s(queued)
        self._arm_flush()

    def retry_later(self, queued: QueuedPod) -> None:
        """An error came between; the pod is tried again after its back-off."""
        if queued.info.key in self._pods:
            return
        self._pods[queued.info.key] = queued
        queued.by_error = True
        queued.backoff_until = asyncio.get_running_loop().time() + self._delay_s(queued)
        self._back_off(queued)

    def happened(self, event: ClusterEvent, subject: Any) -> None:
        """Something happened; the pods that it could help are tried again.

        Args:
            subject: the node, pod or other object that it happened to; for POD_FREED the PodInfo that is gone.
        """
        for queued in [pod for pod in self._pods.values() if pod.place == "unschedulable" and not pod.gated]:
            if self._helps(queued, event, subject):
                self._retry(queued)

    def close(self) -> None:
        for timer in (self._timer, self._flush_timer):
            if timer is not None:
                timer.cancel()

    def _take(self, queued: QueuedPod) -> QueuedPod:
        del self._pods[queued.info.key]
        queued.place = ""
        queued.attempts += 1
        return queued

    def _pop_early(self) -> QueuedPod | None:
        """Nothing is active: the first pod in back-off that is not there by error."""
        while self._backoff:
            entry = heapq.heappop(self._backoff)
            if _current(entry):
                return self._take(entry[2])
        self._wanted.clear()
        return None

    def _helps(self, queued: QueuedPod, event: ClusterEvent, subject: Any) -> bool:
        if not queued.plugins:
            return True
        for name in queued.plugins:
            for events, hint in self._hints.get(name, ()):
                if event & events and _says_yes(hint, queued.info, event, subject):
                    return True
        return False

    def _activate(self, queued: QueuedPod) -> None:
        if any(gate.pre_enqueue(queued.info) is not None for gate in self._gates):
            queued.gated, queued.place = True, "unschedulable"
            return
        queued.gated = False
        queued.place = "active"
        heapq.heappush(self._active, (self._sort.sort_key(queued.info, queued.added_at), next(self._number), queued))
        self._wanted.set()

    def _retry(self, queued: QueuedPod) -> None:
        now = asyncio.get_running_loop().time()
        if queued.backoff_until > now:
            self._back_off(queued)
        else:
            queued.added_at = now
            self._activate(queued)

    def _back_off(self, queued: QueuedPod) -> None:
        queued.place = "backoff"
        entry = (queued.backoff_until, next(self._number), queued)
        if queued.by_error:
            heapq.heappush(self._error_backoff, entry)
        else:
            heapq.heappush(self._backoff, entry)
            self._wanted.set()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times = []
        for heap in (self._backoff, self._error_backoff):
            while heap and not _current(heap[0]):
                heapq.heappop(heap)
            if heap:
                times.append(heap[0][0])
        if times:
            self._timer = asyncio.get_running_loop().call_at(min(times), self._end_backoff)

    def _end_backoff(self) -> None:
        now = asyncio.get_running_loop().time()
        for heap in (self._backoff, self._error_backoff):
            while heap and heap[0][0] <= now:
                entry = heapq.heappop(heap)
                if _current(entry):
                    entry[2].added_at = now
                    self._activate(entry[2])
        self._arm()

    def _arm_flush(self) -> None:
        if self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(UNSCHEDULABLE_MAX_S, self._flush)

    def _flush(self) -> None:
        """Pods that have waited long for an event are tried without one."""
        self._flush_timer = None
        now = asyncio.get_running_loop().time()
        waiting = [pod for pod in self._pods.values() if pod.place == "unschedulable" and not pod.gated]
        for queued in waiting:
            if now - queued.unschedulable_since >= UNSCHEDULABLE_MAX_S:
                self._retry(queued)
        remaining = [pod.unschedulable_since for pod in waiting if pod.place == "unschedulable"]
        if remaining:
            self._flush_timer = asyncio.get_running_loop().call_at(min(remaining) + UNSCHEDULABLE_MAX_S, self._flush)

    def _delay_s(self, queued: QueuedPod) -> float:
        return float(min(BACKOFF_MIN_S * 2 ** min(queued.attempts - 1, 16), BACKOFF_MAX_S)) if queued.attempts else 0.0


def _says_yes(hint: Hint | None, pod: PodInfo, event: ClusterEvent, subject: Any) -> bool:
    return hint is None or hint(pod, event, subject)


def _current(entry: tuple[float, int, QueuedPod]) -> bool:
    """Whether a back-off entry still says where its pod is."""
    until, _, queued = entry
    return queued.place == "backoff" and queued.backoff_until == until
