"""What pods count for: what they ask for, as long as they may run.

Source: pkg/quota/v1/evaluator/core/pods.go
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from minikube_py.core.clock import duration

from ..core_v1 import Affinity, Pod, PodAffinityTerm
from ..object import Quantity
from ..pod_resources import has_pod_level, pod_amounts, qos_class
from ..validation.resources import is_extended, is_native
from .evaluator import COUNT_PREFIX, Evaluator, ResourceList, Scope, selects

DEVICE_CLASS_PREFIX = "deviceclass.resource.kubernetes.io/"
_COUNT = f"{COUNT_PREFIX}pods"
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_NAMES = frozenset((_COUNT, "pods", *_COMPUTE, *(f"{side}.{name}" for side in ("requests", "limits") for name in _COMPUTE)))
_HUGE_PAGES = ("hugepages-", "requests.hugepages-")
# What each container has to say, where a quota limits it.
_REQUIRED = frozenset(("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"))
_ENDED = ("Succeeded", "Failed")


class PodEvaluator(Evaluator):
    """A pod counts as an object until it is gone, and for all else until it ends or should have gone."""

    def __init__(self) -> None:
        super().__init__("pods")

    def matching(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in _NAMES or name.startswith(_HUGE_PAGES) or is_extended_for_quota(name)]

    def usage(self, obj: Pod, now: datetime) -> ResourceList:
        if not self._is_charged(obj, now):
            return {_COUNT: "1"}
        return {_COUNT: "1", "pods": "1", **_compute(pod_amounts(obj, "requests"), pod_amounts(obj, "limits"))}

    def _is_charged(self, pod: Pod, now: datetime) -> bool:
        if pod.status.phase in _ENDED:
            return False
        ends = self.usage_ends(pod)
        return ends is None or now <= ends

    def usage_ends(self, obj: Pod) -> datetime | None:
        meta = obj.metadata
        if not meta.deletion_timestamp or meta.deletion_grace_period_seconds is None:
            return None
        return datetime.fromisoformat(meta.deletion_timestamp) + duration(meta.deletion_grace_period_seconds)

    def is_in_scope(self, scope: Scope, obj: Pod) -> bool:
        match scope.scope_name:
            case "Terminating":
                return _has_deadline(obj)
            case "NotTerminating":
                return not _has_deadline(obj)
            case "BestEffort":
                return qos_class(obj.spec) == "BestEffort"
            case "NotBestEffort":
                return qos_class(obj.spec) != "BestEffort"
            case "PriorityClass":
                return selects(scope, (obj.spec.priority_class_name,))
            case "CrossNamespacePodAffinity":
                return any(term.namespaces or term.namespace_selector is not None for term in _terms(obj.spec.affinity))
            case _:
                return False

    def missing(self, names: Iterable[str], obj: Pod) -> str:
        required = sorted(_REQUIRED.intersection(names))
        if not required or has_pod_level(obj.spec):
            return ""
        containers = (*obj.spec.containers, *obj.spec.init_containers)
        said = {container.name: _compute(container.resources.requests, container.resources.limits) for container in containers}
        lacking = [(name, sorted(container for container, amounts in said.items() if name not in amounts)) for name in required]
        told = [f"{name} for: {','.join(where)}" for name, where in lacking if where]
        return f"must specify {'; '.join(told)}" if told else ""

    def handles(self, verb: str, subresource: str, new: Pod, old: Pod) -> bool:
        if verb == "UPDATE":
            return subresource == "resize" or (not subresource and _has_deadline(new) != _has_deadline(old))
        return verb == "CREATE" and not subresource


def is_extended_for_quota(name: str) -> bool:
    """Whether a quota limits an extended resource by a name; they can only be requested."""
    return name.startswith("requests.") and (not is_native(name) or name.startswith(f"requests.{DEVICE_CLASS_PREFIX}"))


def _compute(requests: dict[str, Quantity], limits: dict[str, Quantity]) -> ResourceList:
    """Requests and limits by the names that they have in quotas."""
    found: ResourceList = {}
    for name, amount in requests.items():
        if name in _COMPUTE or name.startswith(_HUGE_PAGES[0]):
            found[name] = found[f"requests.{name}"] = amount
        elif is_extended(name) or name.startswith(DEVICE_CLASS_PREFIX):
            found[f"requests.{name}"] = amount
    for name in _COMPUTE:
        if name in limits:
            found[f"limits.{name}"] = limits[name]
    return found


def _has_deadline(pod: Pod) -> bool:
    return pod.spec.active_deadline_seconds is not None and pod.spec.active_deadline_seconds >= 0


def _terms(affinity: Affinity | None) -> Iterator[PodAffinityTerm]:
    for side in (affinity.pod_affinity, affinity.pod_anti_affinity) if affinity is not None else ():
        if side is not None:
            yield from side.required_during_scheduling_ignored_during_execution
            yield from (weighted.pod_affinity_term for weighted in side.preferred_during_scheduling_ignored_during_execution)
