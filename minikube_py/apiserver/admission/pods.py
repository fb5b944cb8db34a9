"""Admission of pods: DefaultTolerationSeconds and Priority."""

from __future__ import annotations

import msgspec

from minikube_py.apis import core_v1, scheduling_v1
from minikube_py.store.interface import Store

from . import Operation, Plugin, forbidden
from .lookup import every, find

CLASSES = "priorityclasses.scheduling.k8s.io"


class DefaultTolerationSeconds(Plugin):
    """Pods stay 300 s on a node that is not ready or not reachable.

    Source: plugin/pkg/admission/defaulttolerationseconds/admission.go
    """

    name = "DefaultTolerationSeconds"
    resources = frozenset({"pods"})
    KEYS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")

    def __init__(self, not_ready_s: int = 300, unreachable_s: int = 300) -> None:
        # One object of each, that all pods share and nobody changes.
        self._wanted = tuple(
            core_v1.Toleration(key=key, operator="Exists", effect="NoExecute", toleration_seconds=seconds)
            for key, seconds in zip(self.KEYS, (not_ready_s, unreachable_s), strict=True)
        )

    def mutate(self, operation: Operation) -> None:
        if operation.verb == "DELETE" or operation.subresource:
            return
        spec = operation.obj.spec
        missing = [wanted for wanted in self._wanted
                   if not any((t.key == wanted.key or not t.key) and t.effect in ("NoExecute", "") for t in spec.tolerations)]
        if missing:
            # What an update leaves alone may be shared with the stored object.
            operation.obj.spec = msgspec.structs.replace(spec, tolerations=[*spec.tolerations, *missing])


class Priority(Plugin):
    """Resolves priorityClassName to a number; who replaces a pod need not know of it. One class at most is the default one.

    Source: plugin/pkg/admission/priority/admission.go
    """

    name = "Priority"
    resources = frozenset({"pods", CLASSES})

    def __init__(self, store: Store) -> None:
        self._store = store

    def mutate(self, operation: Operation) -> None:
        if operation.subresource or operation.storage.resource.group_resource == CLASSES:
            return
        if operation.verb == "CREATE":
            self._resolve(operation)
        elif operation.verb == "UPDATE":
            spec, old = operation.obj.spec, operation.old.spec
            priority = old.priority if spec.priority is None else spec.priority
            operation.obj.spec = msgspec.structs.replace(
                spec, priority=priority, preemption_policy=spec.preemption_policy or old.preemption_policy)

    def validate(self, operation: Operation) -> None:
        if operation.verb == "DELETE" or operation.storage.resource.group_resource != CLASSES or not operation.obj.global_default:
            return
        default = self._global_default()
        if default is not None and (operation.verb == "CREATE" or default.metadata.name != operation.name):
            raise forbidden(operation, f"PriorityClass {default.metadata.name} is already marked as default. Only one default can exist")

    def _resolve(self, operation: Operation) -> None:
        spec = operation.obj.spec
        priority, policy = 0, "PreemptLowerPriority"
        if spec.priority_class_name:
            found = find(self._store, scheduling_v1.PriorityClass, CLASSES, spec.priority_class_name)
            if found is None:
                raise forbidden(operation, f"no PriorityClass with name {spec.priority_class_name} was found")
            priority, policy = found.value or 0, found.preemption_policy or policy
        else:
            default = self._global_default()
            if default is not None:
                spec.priority_class_name = default.metadata.name
                priority, policy = default.value or 0, default.preemption_policy or policy
        if spec.priority is not None and spec.priority != priority:
            raise forbidden(operation, f"the integer value of priority ({spec.priority}) must not be provided in pod spec; "
                                       f"priority admission controller computed {priority} from the given PriorityClass name")
        if spec.preemption_policy not in (None, policy):
            raise forbidden(operation, f"the string value of PreemptionPolicy ({spec.preemption_policy}) must not be provided in pod spec; "
                                       f"priority admission controller computed {policy} from the given PriorityClass name")
        spec.priority, spec.preemption_policy = priority, policy

    def _global_default(self) -> scheduling_v1.PriorityClass | None:
        classes = every(self._store, scheduling_v1.PriorityClass, CLASSES)
        return min((c for c in classes if c.global_default), key=lambda c: c.value or 0, default=None)
