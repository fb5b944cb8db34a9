"""Counting what each authorizer decided.

Only decisions that end the matter count: no opinion does not.
Source: k8s.io/apiserver/pkg/authorization/metrics/metrics.go
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from minikube_py.apiserver.authentication.user import UserInfo

from .attributes import Attributes, Authorizer, Decision, ListsRules, SubjectRules


class CountedMode:
    """An authorizer whose decisions are counted.

    Attributes:
        kind, name: of the authorizer, as its configuration has them.
    """

    def __init__(self, kind: str, name: str, mode: Any) -> None:
        """
        Args:
            mode: an Authorizer that lists rules; if it decides at once, so does this.
        """
        self.kind, self.name = kind, name
        self._authorizer: Authorizer = mode
        self._rules: ListsRules = mode
        self._counts = {"allowed": 0, "denied": 0}
        decide = getattr(mode, "decide", None)
        if decide is not None:
            self.decide = lambda attributes: self._counted(decide(attributes))

    async def authorize(self, attributes: Attributes) -> Decision:
        return self._counted(await self._authorizer.authorize(attributes))

    def subject_rules(self, user: UserInfo, namespace: str) -> SubjectRules:
        return self._rules.subject_rules(user, namespace)

    def counts(self) -> Iterator[tuple[str, int]]:
        """What it decided so far, and how often."""
        return ((decision, count) for decision, count in self._counts.items() if count)

    def _counted(self, decision: Decision) -> Decision:
        if decision.allowed:
            self._counts["allowed"] += 1
        elif decision.denied:
            self._counts["denied"] += 1
        return decision


def families(modes: Iterable[CountedMode]) -> Iterator[Any]:
    """Metric families of authorizers."""
    from prometheus_client.core import CounterMetricFamily

    decisions = CounterMetricFamily(
        "apiserver_authorization_decisions",
        "Total number of terminal decisions made by an authorizer split by authorizer type, name, and decision.",
        labels=("type", "name", "decision"),
    )
    for mode in modes:
        for decision, count in mode.counts():
            decisions.add_metric((mode.kind, mode.name, decision), count)
    yield decisions
