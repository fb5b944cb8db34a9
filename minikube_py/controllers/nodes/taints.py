"""Pure rules of taints: which ones the state of a node asks for, and how long a pod tolerates them.

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go (nodeConditionToTaintKeyStatusMap), staging/src/k8s.io/component-helpers
(scheduling/corev1/helpers.go), pkg/controller/tainteviction/taint_eviction.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from minikube_py.apis.core_v1 import Node, Taint, Toleration
from minikube_py.apis.tolerations import tolerates

from ..status import condition_of

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_BY_CONDITION = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
}
_OWN_NO_SCHEDULE = {*_BY_CONDITION.values(), UNSCHEDULABLE}
_OWN_NO_EXECUTE = {NOT_READY, UNREACHABLE}


def readiness(node: Node) -> str:
    """Status of the Ready condition; "" if the kubelet has posted none."""
    row = condition_of(node.status.conditions, "Ready")
    return row.status if row is not None else ""


def wanted_taints(node: Node, *, evict: bool, now: str) -> list[Taint]:
    """The taints that the node should have: foreign ones as they are, own ones by its conditions.

    Args:
        evict: whether a node that is not ready is to lose its pods (NoExecute); without it such taints are taken away.
        now: the Time of taints that are added.
    """
    states = {(row.type, row.status) for row in node.status.conditions}
    keys = {key for state, key in _BY_CONDITION.items() if state in states}
    no_schedule = keys | ({UNSCHEDULABLE} if node.spec.unschedulable else set())
    no_execute = keys & _OWN_NO_EXECUTE if evict else set()
    wanted = {(key, "NoSchedule") for key in no_schedule} | {(key, "NoExecute") for key in no_execute}
    kept = [taint for taint in node.spec.taints if not _is_own(taint) or (taint.key, taint.effect) in wanted]
    have = {(taint.key, taint.effect) for taint in kept}
    return [*kept, *(Taint(key=key, effect=effect, time_added=now) for key, effect in sorted(wanted - have))]


def _is_own(taint: Taint) -> bool:
    own = {"NoSchedule": _OWN_NO_SCHEDULE, "NoExecute": _OWN_NO_EXECUTE}
    return taint.key in own.get(taint.effect, ())


def no_execute(node: Node) -> list[Taint]:
    return [taint for taint in node.spec.taints if taint.effect == "NoExecute"]


def tolerated_s(tolerations: Sequence[Toleration], taints: Sequence[Taint]) -> float | None:
    """Seconds that a pod may stay under taints: 0 if one is not tolerated, None if it may stay forever.

    With several tolerations for the taints the shortest time holds.
    """
    used: list[Toleration] = []
    for taint in taints:
        matching = [row for row in tolerations if tolerates(row, taint)]
        if not matching:
            return 0.0
        used.append(matching[0])
    return min((max(0.0, float(row.toleration_seconds)) for row in used if row.toleration_seconds is not None), default=None)
