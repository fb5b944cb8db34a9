"""What controllers ask about pods: ready, available, active; and in which order pods are given up.

Source: pkg/api/v1/pod/util.go, pkg/controller/controller_utils.go (FilterActivePods, ActivePodsWithRanks).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cmp_to_key

from minikube_py.apis.core_v1 import Pod
from minikube_py.core.clock import parse_rfc3339

from .status import condition_of, is_true

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASE_RANK = {"Pending": 0, "Unknown": 1, "Running": 2}


def is_terminal(pod: Pod) -> bool:
    """Whether the pod has ended for good."""
    return pod.status.phase in ("Succeeded", "Failed")


def is_active(pod: Pod) -> bool:
    return not is_terminal(pod) and not pod.metadata.deletion_timestamp


def is_terminating(pod: Pod) -> bool:
    return not is_terminal(pod) and bool(pod.metadata.deletion_timestamp)


def is_ready(pod: Pod) -> bool:
    return is_true(pod.status.conditions, "Ready")


def is_scheduled(pod: Pod) -> bool:
    return bool(pod.spec.node_name)


def available_in_s(pod: Pod, min_ready_s: int, now: datetime) -> float | None:
    """Seconds until the pod counts as available: 0 if it does, None if it is not ready."""
    ready = condition_of(pod.status.conditions, "Ready")
    if ready is None or ready.status != "True":
        return None
    if min_ready_s <= 0:
        return 0.0
    if not ready.last_transition_time:
        return float(min_ready_s)
    since = (now - parse_rfc3339(ready.last_transition_time)).total_seconds()
    return max(0.0, min_ready_s - since)


def is_available(pod: Pod, min_ready_s: int, now: datetime) -> bool:
    return available_in_s(pod, min_ready_s, now) == 0.0


def next_available_s(pods: Iterable[Pod], min_ready_s: int, now: datetime) -> float | None:
    """Seconds until the next of the ready pods becomes available; None if there is none to wait for."""
    waits = [wait for pod in pods if (wait := available_in_s(pod, min_ready_s, now)) is not None and wait > 0]
    return min(waits, default=None)


def deletion_cost(pod: Pod) -> int:
    """The cost that the annotation gives, 0 if there is none or it is no 32-bit number."""
    text = pod.metadata.annotations.get(DELETION_COST, "0")
    try:
        cost = int(text)
    except ValueError:
        return 0
    return cost if -(2**31) <= cost < 2**31 else 0


@dataclass(frozen=True, slots=True)
class Ranked:
    """A pod with the number of related pods on its node."""

    pod: Pod
    related: int


def order_for_deletion(pods: Sequence[Ranked], now: datetime) -> list[Pod]:
    """The pods in the order in which they are given up, first the one that is missed least."""

    def compare(a: Ranked, b: Ranked) -> int:
        return _compare(a, b, now)

    return [row.pod for row in sorted(pods, key=cmp_to_key(compare))]


def _compare(a: Ranked, b: Ranked, now: datetime) -> int:
    for left, right in zip(_coarse(a), _coarse(b), strict=True):
        if left != right:
            return -1 if left < right else 1
    if is_ready(a.pod):
        decided = _newer_first(_ready_time(a.pod), _ready_time(b.pod), a.pod, b.pod, now)
        if decided:
            return decided
    for left, right in zip(_restarts(a.pod), _restarts(b.pod), strict=True):
        if left != right:
            return -1 if left > right else 1
    return _newer_first(a.pod.metadata.creation_timestamp, b.pod.metadata.creation_timestamp, a.pod, b.pod, now)


def _coarse(row: Ranked) -> tuple[int, ...]:
    """Assigned, phase, ready, cost, alone on its node: the smaller goes first."""
    pod = row.pod
    return (int(is_scheduled(pod)), _PHASE_RANK.get(pod.status.phase, 0), int(is_ready(pod)), deletion_cost(pod), -row.related)


def _newer_first(left: str, right: str, a: Pod, b: Pod, now: datetime) -> int:
    """Compare times by powers of two of their age, so that pods of about one age are chosen by uid and not by start order."""
    if left == right:
        return 0
    if not left or not right:
        return -1 if not left else 1
    difference = _age_rank(left, now) - _age_rank(right, now)
    if difference:
        return difference
    return -1 if a.metadata.uid < b.metadata.uid else 1


def _age_rank(time: str, now: datetime) -> int:
    age_ns = (now - parse_rfc3339(time)).total_seconds() * 1e9
    return int(math.log2(age_ns)) if age_ns > 1 else -1


def _ready_time(pod: Pod) -> str:
    ready = condition_of(pod.status.conditions, "Ready")
    return ready.last_transition_time or "" if ready is not None and ready.status == "True" else ""


def _restarts(pod: Pod) -> tuple[int, int]:
    """Highest restart counts of the containers and of the restartable init containers."""
    sidecars = {row.name for row in pod.spec.init_containers if row.restart_policy == "Always"}
    counts = [row.restart_count for row in pod.status.container_statuses]
    sidecar_counts = [row.restart_count for row in pod.status.init_container_statuses if row.name in sidecars]
    return max(counts, default=0), max(sidecar_counts, default=0)
