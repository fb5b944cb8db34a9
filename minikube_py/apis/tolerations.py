"""Does a toleration cover a taint.

Source: kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/, k8s.io/api/core/v1/toleration.go
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .core_v1 import Taint, Toleration

UNSCHEDULABLE_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    return toleration.operator == "Exists" or (toleration.operator in ("", "Equal") and toleration.value == taint.value)


def tolerated(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    return any(tolerates(toleration, taint) for toleration in tolerations)


def untolerated_taint(
    tolerations: Sequence[Toleration], taints: Iterable[Taint], effects: tuple[str, ...] = ("NoSchedule", "NoExecute")
) -> Taint | None:
    """The first taint with one of these effects that no toleration covers."""
    return next((taint for taint in taints if taint.effect in effects and not tolerated(tolerations, taint)), None)
