"""What PodSecurity counts, under upstream's names.

Counting is one lookup; labels are made when somebody asks.
Source: staging/src/k8s.io/pod-security-admission/metrics/metrics.go
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from minikube_py.apis.pod_security import PRIVILEGED, LevelVersion
from minikube_py.apis.pod_security.policy import LATEST

from ..discovery_documents import KUBERNETES_VERSION
from . import Operation

Mode = Literal["enforce", "audit", "warn"]
# Verb, group resource and subresource.
Request = tuple[str, str, str]

# Policies of versions after the server's own are counted as one.
MINOR = int(KUBERNETES_VERSION.split(".")[1])
KINDS = {"pods": "pod", "namespaces": "namespace"}
REQUEST = ("request_operation", "resource", "subresource")
# What is there from the start, at zero.
PODS: tuple[Request, ...] = (("CREATE", "pods", ""), ("UPDATE", "pods", ""))
CONTROLLERS: tuple[Request, ...] = (("CREATE", "controller", ""), ("UPDATE", "controller", ""))


class PodSecurityCounters:
    """Counts judgements, exemptions and errors."""

    def __init__(self) -> None:
        self._evaluations: dict[tuple[Mode, LevelVersion, bool, Request], int] = {
            ("enforce", PRIVILEGED.enforce, True, request): 0 for request in PODS}
        self._exemptions: dict[Request, int] = dict.fromkeys(PODS + CONTROLLERS, 0)
        self._errors: dict[tuple[bool, Request], int] = {}

    def evaluated(self, operation: Operation, mode: Mode, level: LevelVersion, *, allowed: bool) -> None:
        key = (mode, level, allowed, (operation.verb, operation.storage.resource.group_resource, operation.subresource))
        self._evaluations[key] = self._evaluations.get(key, 0) + 1

    def exempted(self, operation: Operation) -> None:
        key = (operation.verb, operation.storage.resource.group_resource, operation.subresource)
        self._exemptions[key] = self._exemptions.get(key, 0) + 1

    def failed(self, operation: Operation, *, fatal: bool) -> None:
        key = (fatal, (operation.verb, operation.storage.resource.group_resource, operation.subresource))
        self._errors[key] = self._errors.get(key, 0) + 1

    def families(self) -> Iterator[Any]:
        """Metric families."""
        yield _family(
            "evaluations", "Number of policy evaluations that occurred, not counting ignored or exempt requests.",
            ("decision", "policy_level", "policy_version", "mode"),
            [(("allow" if allowed else "deny", level.level, _version(level), mode), request, count)
             for (mode, level, allowed, request), count in self._evaluations.items()],
        )
        yield _family("exemptions", "Number of exempt requests, not counting ignored or out of scope requests.", (),
                      [((), request, count) for request, count in self._exemptions.items()])
        yield _family(
            "errors", "Number of errors preventing normal evaluation. Non-fatal errors may result in the latest restricted profile being "
            "used for evaluation.", ("fatal",),
            [(("true" if fatal else "false",), request, count) for (fatal, request), count in self._errors.items()],
        )


def _version(level: LevelVersion) -> str:
    if level.level == "privileged" or level.version == LATEST:
        return LATEST
    return level.version if int(level.version.removeprefix("v1.")) <= MINOR else "future"


def _family(name: str, help_text: str, labels: tuple[str, ...], counts: list[tuple[tuple[str, ...], Request, int]]) -> Any:
    """A family; what has the same labels is counted together."""
    from prometheus_client.core import CounterMetricFamily

    sums: dict[tuple[str, ...], int] = {}
    for values, (verb, resource, subresource), count in counts:
        key = (*values, verb.lower(), KINDS.get(resource, "controller"), subresource)
        sums[key] = sums.get(key, 0) + count
    family = CounterMetricFamily(f"pod_security_{name}", help_text, labels=(*labels, *REQUEST))
    for key, count in sums.items():
        family.add_metric(key, count)
    return family
