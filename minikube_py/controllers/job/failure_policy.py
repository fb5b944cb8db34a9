"""What a Job's podFailurePolicy says of a failed pod.

Source: pkg/controller/job/pod_failure_policy.go.
"""

from __future__ import annotations

from dataclasses import dataclass

from minikube_py.apis.batch_v1 import PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule
from minikube_py.apis.core_v1 import ContainerStatus, Pod


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a failure: "Count", "Ignore", "FailJob" or "FailIndex", and why if the Job fails."""

    action: str = "Count"
    message: str = ""

    @property
    def counts(self) -> bool:
        return self.action != "Ignore"


def judge(policy: PodFailurePolicy | None, pod: Pod) -> Verdict:
    """The verdict of the first rule that matches; a failure that no rule matches counts."""
    for number, rule in enumerate((policy.rules if policy is not None else ()) or ()):
        why = _match(rule, pod)
        if why:
            return Verdict(rule.action, f"{why} matching {rule.action} rule at index {number}")
    return Verdict()


def _match(rule: PodFailurePolicyRule, pod: Pod) -> str:
    if rule.on_exit_codes is not None:
        return _match_exit_codes(rule.on_exit_codes, pod)
    for pattern in rule.on_pod_conditions:
        for condition in pod.status.conditions:
            if condition.type == pattern.type and condition.status == (pattern.status or "True"):
                return f"Pod {pod.metadata.namespace}/{pod.metadata.name} has condition {condition.type}"
    return ""


def _match_exit_codes(wanted: PodFailurePolicyOnExitCodesRequirement, pod: Pod) -> str:
    for status in [*pod.status.container_statuses, *pod.status.init_container_statuses]:
        code = _exit_code(status)
        if code is None or wanted.container_name not in (None, status.name):
            continue
        if (code in wanted.values) == (wanted.operator == "In"):
            return f"Container {status.name} for pod {pod.metadata.namespace}/{pod.metadata.name} failed with exit code {code}"
    return ""


def _exit_code(status: ContainerStatus) -> int | None:
    """The code of a container that failed, None for one that runs or succeeded."""
    if status.state.terminated is None:
        return None
    return status.state.terminated.exit_code or None
