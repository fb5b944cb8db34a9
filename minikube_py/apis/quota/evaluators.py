"""Which evaluator is for which resource, and which resources a quota's names are about.

Source: pkg/quota/v1/evaluator/core/registry.go, pkg/quota/v1/install/registry.go
"""

from __future__ import annotations

from collections.abc import Iterable

from .evaluator import COUNT_PREFIX, Evaluator
from .persistent_volume_claims import PersistentVolumeClaimEvaluator
from .pods import PodEvaluator
from .resource_claims import Devices, ResourceClaimEvaluator
from .services import ServiceEvaluator

# Objects that were counted before all others could be.
_LEGACY = ("configmaps", "resourcequotas", "replicationcontrollers", "secrets")
_IGNORED = frozenset((
    "events", "events.events.k8s.io", "bindings", "componentstatuses", "tokenreviews.authentication.k8s.io",
    "selfsubjectreviews.authentication.k8s.io", "subjectaccessreviews.authorization.k8s.io",
    "selfsubjectaccessreviews.authorization.k8s.io", "localsubjectaccessreviews.authorization.k8s.io",
    "selfsubjectrulesreviews.authorization.k8s.io",
))


class Evaluators:
    """All evaluators."""

    def __init__(self, devices: Devices) -> None:
        own = (
            PodEvaluator(), ServiceEvaluator(), PersistentVolumeClaimEvaluator(), ResourceClaimEvaluator(devices),
            *(Evaluator(resource, resource) for resource in _LEGACY),
        )
        self._own = {evaluator.resource: evaluator for evaluator in own}

    def of(self, resource: str) -> Evaluator | None:
        """The evaluator of "pods", "deployments.apps"; None for what never counts."""
        found = self._own.get(resource)
        return Evaluator(resource) if found is None and resource not in _IGNORED else found

    def matching(self, names: Iterable[str]) -> list[Evaluator]:
        """The evaluators of all resources whose objects may count for one of the names."""
        names = list(names)
        found = [evaluator for evaluator in self._own.values() if evaluator.matching(names)]
        for name in names:
            resource = name.removeprefix(COUNT_PREFIX)
            if resource != name and resource not in self._own and (evaluator := self.of(resource)) is not None:
                found.append(evaluator)
        return found
