"""How long a Job waits before it replaces failed pods.

The delay doubles with each failure since the last success, from 10 s to 10 min, and counts from the moment of the last failure.
Source: pkg/controller/job/backoff_utils.go, job_controller.go (DefaultJobPodFailureBackOff, MaxJobPodFailureBackOff).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from minikube_py.apis.core_v1 import Pod
from minikube_py.core.clock import parse_rfc3339

from ..status import condition_of

INITIAL_S = 10.0
MAX_S = 600.0


@dataclass(slots=True)
class Record:
    """Failures of one Job since its last success, and when the last one was."""

    failures: int = 0
    last_failure: datetime | None = None

    def count(self, succeeded: Iterable[Pod], failed: Iterable[Pod], now: datetime) -> Record:
        """The record after pods that have newly ended."""
        ends = sorted([(finish_time(pod, now), False) for pod in succeeded] + [(finish_time(pod, now), True) for pod in failed])
        record = Record(self.failures, self.last_failure)
        for moment, is_failure in ends:
            record.failures = record.failures + 1 if is_failure else 0
            record.last_failure = moment if is_failure else None
        return record

    def remaining_s(self, now: datetime) -> float:
        """Seconds until the next pod may be created, 0 if it may be now."""
        if self.last_failure is None or not self.failures:
            return 0.0
        return delay_after(self.failures, self.last_failure, now)


def delay_after(failures: int, last_failure: datetime, now: datetime) -> float:
    """Seconds left of the delay that `failures` failures cause."""
    if failures <= 0:
        return 0.0
    delay_s = min(INITIAL_S * 2.0 ** min(failures - 1, 30), MAX_S)
    return max(0.0, delay_s - (now - last_failure).total_seconds())


def finish_time(pod: Pod, now: datetime) -> datetime:
    """When the last container of a pod ended; else the best that the pod tells."""
    ends = [
        status.state.terminated.finished_at
        for status in pod.status.container_statuses
        if status.state.terminated is not None and status.state.terminated.finished_at
    ]
    if ends:
        return max(parse_rfc3339(end) for end in ends)
    ready = condition_of(pod.status.conditions, "Ready")
    if ready is not None and ready.status == "False" and ready.last_transition_time:
        return parse_rfc3339(ready.last_transition_time)
    if pod.metadata.deletion_timestamp:
        return min(parse_rfc3339(pod.metadata.deletion_timestamp), now)
    return now
