"""What a namespace is told when it is to enforce more than before: which of its pods would not be let in today.

Nobody is refused for it, and the pods stay.
Source: staging/src/k8s.io/pod-security-admission/admission/admission.go (EvaluatePodsInNamespace, prioritizePods)
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable

from minikube_py.apis.core_v1 import Pod
from minikube_py.apis.pod_security import LevelVersion, evaluate
from minikube_py.apis.syntax import quote

# How many pods are looked at, and for how many seconds.
PODS_MAX = 3000
TIMEOUT_S = 1.0


def remarks(pods: Iterable[Pod], namespace: str, enforce: LevelVersion, exempt: Collection[str]) -> list[str]:
    """Warnings about pods, those with the same fault in one.

    Args:
        exempt: runtime classes whose pods nobody looks at.
    """
    deadline = time.monotonic() + TIMEOUT_S
    wanted = _in_order(pod for pod in pods if pod.spec.runtime_class_name not in exempt)
    names: dict[str, list[str]] = {}
    looked_at = 0
    for pod in wanted[:PODS_MAX]:
        looked_at += 1
        evaluation = evaluate(enforce, pod.metadata, pod.spec)
        if not evaluation.allowed:
            names.setdefault(evaluation.reason, []).append(pod.metadata.name)
        if time.monotonic() > deadline:
            break
    texts = []
    if looked_at < len(wanted):
        texts.append(f"new PodSecurity enforce level only checked against the first {looked_at} of {len(wanted)} existing pods")
    if names:
        texts.append(f'existing pods in namespace {quote(namespace)} violate the new PodSecurity enforce level "{enforce}"')
    return texts + sorted(f"{_named(found)}: {reason}" for reason, found in names.items())


def _in_order(pods: Iterable[Pod]) -> list[Pod]:
    """The pods, the first of each controller before its further ones: they are alike as a rule."""
    first, further, controllers = [], [], set()
    for pod in pods:
        controller = next((owner.uid for owner in pod.metadata.owner_references if owner.controller), None)
        if controller is None or controller not in controllers:
            first.append(pod)
        else:
            further.append(pod)
        controllers.add(controller)
    return first + further


def _named(names: list[str]) -> str:
    """'a', 'a (and 1 other pod)', 'a (and 2 other pods)'."""
    others = len(names) - 1
    return min(names) + (f" (and {others} other pod{'' if others == 1 else 's'})" if others else "")
