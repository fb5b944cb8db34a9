"""The rolling update of a DaemonSet: which old pods may go now, and which nodes get a second pod first.

Without surge an old pod is deleted and the next pass makes the new one in its place; with surge the new pod comes first and the old
one goes once the new one is available.
Source: pkg/controller/daemon/update.go (rollingUpdate).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from minikube_py.apis.apps_v1 import DaemonSet
from minikube_py.apis.core_v1 import Pod

from ..pods import is_available
from . import rules


@dataclass(slots=True)
class Step:
    """Pods to delete, and nodes that get a new pod beside the old one."""

    delete: list[Pod] = field(default_factory=list)
    surge: list[str] = field(default_factory=list)


def step(ds: DaemonSet, pods: Mapping[str, Sequence[Pod]], wanted: Sequence[str], hash_: str, now: datetime) -> Step:
    """The next step.

    Args:
        pods: the set's pods by node.
        wanted: the nodes that should run a pod.
    """
    strategy = ds.spec.update_strategy
    if strategy.type == "OnDelete":
        return Step()
    surge, unavailable = rules.bounds(ds, len(wanted))
    min_ready_s = ds.spec.min_ready_seconds
    rows = [_look(ds, pods.get(node, ()), hash_, min_ready_s, now) for node in wanted]
    if surge:
        return _with_surge(wanted, rows, surge, unavailable)
    return _without_surge(rows, unavailable)


@dataclass(slots=True)
class _Place:
    """One node: its old and new pod, if any, and whether they are available. Pods that are being deleted are not there."""

    old: Pod | None = None
    new: Pod | None = None
    old_available: bool = False
    new_available: bool = False


def _look(ds: DaemonSet, pods: Sequence[Pod], hash_: str, min_ready_s: int, now: datetime) -> _Place:
    place = _Place()
    for pod in pods:
        if pod.metadata.deletion_timestamp:
            continue
        available = is_available(pod, min_ready_s, now)
        if rules.is_updated(ds, pod, hash_):
            place.new, place.new_available = pod, available
        else:
            place.old, place.old_available = pod, available
    return place


def _without_surge(rows: list[_Place], unavailable: int) -> Step:
    """Old pods that are not available go at once; of the others as many as may be missing."""
    useless = [row.old for row in rows if row.old is not None and not row.old_available and row.new is None]
    missing = sum(not row.old_available and not row.new_available for row in rows)
    candidates = [row.old for row in rows if row.old is not None and row.old_available and row.new is None]
    return Step(delete=[*useless, *candidates[: max(0, unavailable - missing)]])


def _with_surge(wanted: Sequence[str], rows: list[_Place], surge: int, unavailable: int) -> Step:
    made = Step()
    surging = sum(row.old is not None and row.new is not None and not row.new_available for row in rows)
    missing = sum(not row.old_available and not row.new_available for row in rows)
    for node, row in zip(wanted, rows, strict=True):
        if row.old is None:
            continue
        if row.new is not None:
            if row.new_available or not row.old_available:
                made.delete.append(row.old)
        elif not row.old_available or surging < surge:
            made.surge.append(node)
            surging += row.old_available
        elif missing < unavailable:
            made.delete.append(row.old)
            missing += 1
    return made
