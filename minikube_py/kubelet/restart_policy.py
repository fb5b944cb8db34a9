"""Whether a container that has ended is started again: by its own rules, by its own policy, or else by its pod's.

Source: kubernetes pkg/api/v1/pod/util.go (ContainerShouldRestart, IsContainerRestartable);
kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#individual-container-restart-policy-and-rules
"""

from __future__ import annotations

from minikube_py.apis import core_v1


def should_restart(pod: core_v1.Pod, container: core_v1.Container, exit_code: int) -> bool:
    """Whether a container that has ended with this code is started again."""
    if container.restart_policy is not None:
        rule = next((rule for rule in container.restart_policy_rules if _matches(rule, exit_code)), None)
        if rule is not None and rule.action == "Restart":
            return True
    policy = container.restart_policy or pod.spec.restart_policy
    return policy != "Never" and (policy != "OnFailure" or exit_code != 0)


def is_restartable(pod: core_v1.Pod, container: core_v1.Container) -> bool:
    """Whether there is an end after which a container is started again."""
    if container.restart_policy is not None and any(rule.action == "Restart" for rule in container.restart_policy_rules):
        return True
    return (container.restart_policy or pod.spec.restart_policy) != "Never"


def _matches(rule: core_v1.ContainerRestartRule, exit_code: int) -> bool:
    codes = rule.exit_codes
    if codes is None:
        return False
    return (exit_code in codes.values) == (codes.operator == "In") and codes.operator in ("In", "NotIn")
