"""The status of a pod: phase, conditions, addresses, from spec, containers and probes. Pure computation.

Conditions that are not the node agent's are left to their owners.
Source: kubernetes pkg/kubelet/kubelet_pods.go (getPhase, generateAPIPodStatus), pkg/kubelet/status/generate.go;
kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

from collections.abc import Sequence

from minikube_py.apis import core_v1

from .container_status import StatusInput, container_statuses, end_containers
from .qos import is_sidecar, qos_class
from .restart_policy import should_restart

# Of a resize, which are there only as long as it lasts.
RESIZE_CONDITIONS = ("PodResizePending", "PodResizeInProgress")
OWNED_CONDITIONS = frozenset({"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled", *RESIZE_CONDITIONS})


def pod_status(given: StatusInput, *, node_ip: str, start_time: str, now: str, failure: tuple[str, str] | None = None) -> core_v1.PodStatus:
    """The whole status of a pod, with the conditions of others as the pod in hand has them.

    Args:
        start_time: when the agent first saw the pod, RFC 3339.
        now: stamp of conditions that change.
        failure: (reason, message) of a pod that the node has failed: refused, evicted or out of time.
    """
    pod, previous = given.pod, given.pod.status
    status = core_v1.PodStatus(
        init_container_statuses=container_statuses(given, pod.spec.init_containers, previous.init_container_statuses, init=True),
        container_statuses=container_statuses(given, pod.spec.containers, previous.container_statuses, init=False),
        ephemeral_container_statuses=_ephemeral(given),
        qos_class=qos_class(pod), start_time=previous.start_time or start_time, host_ip=node_ip, host_ips=[core_v1.HostIP(ip=node_ip)],
        observed_generation=pod.metadata.generation, nominated_node_name=previous.nominated_node_name,
        resource_claim_statuses=previous.resource_claim_statuses,
    )
    _addresses(given, status, node_ip)
    status.phase = phase(pod, status, terminal=given.terminal)
    if given.terminal:
        end_containers(pod, status.init_container_statuses, status.container_statuses)
    if failure is not None:
        status.phase = "Failed"
        status.reason, status.message = failure
    elif previous.phase in ("Succeeded", "Failed"):
        status.phase, status.reason, status.message = previous.phase, previous.reason, previous.message
    status.conditions = conditions(pod, status, given, now)
    return status


def refused_status(pod: core_v1.Pod, start_time: str, failure: tuple[str, str]) -> core_v1.PodStatus:
    """The status of a pod that the node has refused: why, and nothing of containers, for there never were any.

    Source: kubernetes pkg/kubelet/kubelet.go (rejectPod)
    """
    reason, message = failure
    return core_v1.PodStatus(
        phase="Failed", reason=reason, message=message, qos_class=qos_class(pod), start_time=pod.status.start_time or start_time,
        observed_generation=pod.metadata.generation, nominated_node_name=pod.status.nominated_node_name,
        resource_claim_statuses=pod.status.resource_claim_statuses,
        conditions=[condition for condition in pod.status.conditions if condition.type not in OWNED_CONDITIONS],
    )


def _ephemeral(given: StatusInput) -> list[core_v1.ContainerStatus]:
    return container_statuses(given, given.pod.spec.ephemeral_containers, given.pod.status.ephemeral_container_statuses, init=False)


def _addresses(given: StatusInput, status: core_v1.PodStatus, node_ip: str) -> None:
    sandbox = given.runtime.sandbox
    if given.pod.spec.host_network:
        ips = [node_ip]
    elif sandbox is not None and sandbox.ips:
        ips = list(sandbox.ips)
    else:
        ips = [item.ip for item in given.pod.status.pod_ips]
    if ips:
        status.pod_ip = ips[0]
        status.pod_ips = [core_v1.PodIP(ip=ip) for ip in ips]


def phase(pod: core_v1.Pod, status: core_v1.PodStatus, *, terminal: bool = False) -> str:
    """The phase that containers' states amount to."""
    pending, pending_sidecars, failed, ended = _init_counts(pod, status)
    running = waiting = stopped = succeeded = restarting = 0
    for container, shown in zip(pod.spec.containers, status.container_statuses, strict=True):
        state, last = shown.state, shown.last_state
        if state.running is not None:
            running += 1
        elif state.terminated is not None:
            stopped += 1
            succeeded += state.terminated.exit_code == 0
            restarting += should_restart(pod, container, state.terminated.exit_code)
        elif last.terminated is not None:
            stopped += 1
            restarting += 1
        else:
            waiting += 1
    if ended:
        return "Failed"
    if pending and not terminal:
        return "Pending"
    if pending_sidecars and not terminal and running + stopped == 0:
        return "Pending"
    if waiting and not terminal:
        return "Pending"
    if running:
        return "Running"
    if terminal:
        return "Succeeded" if not failed and not waiting and not pending and stopped == succeeded else "Failed"
    if restarting:
        return "Running"
    if stopped:
        return "Succeeded" if stopped == succeeded else "Failed"
    return "Pending"


def _init_counts(pod: core_v1.Pod, status: core_v1.PodStatus) -> tuple[int, int, int, int]:
    """Ordinary init containers that have yet to succeed, sidecars that have not started, ordinary ones that failed, and of these those
    that are not started again.
    """
    pending = sidecars = failed = ended = 0
    for container, shown in zip(pod.spec.init_containers, status.init_container_statuses, strict=True):
        state = shown.state
        if is_sidecar(container):
            sidecars += not shown.started
        elif state.terminated is not None:
            code = state.terminated.exit_code
            failed += code != 0
            ended += code != 0 and not should_restart(pod, container, code)
        else:
            last = shown.last_state.terminated
            if state.waiting is not None and last is not None and last.exit_code != 0:
                failed += 1
            else:
                pending += 1
    return pending, sidecars, failed, ended


def conditions(pod: core_v1.Pod, status: core_v1.PodStatus, given: StatusInput, now: str) -> list[core_v1.PodCondition]:
    """The agent's own conditions, then those of others; a transition time changes only with the condition's status."""
    sandbox = given.runtime.sandbox
    network = sandbox is not None and sandbox.ready and (bool(sandbox.ips) or bool(pod.spec.host_network))
    own = [
        *given.resize,
        core_v1.PodCondition(type="PodReadyToStartContainers", status="True" if network else "False"),
        _initialized(pod, status),
        _ready(pod, status),
        _containers_ready(pod, status, "ContainersReady"),
        core_v1.PodCondition(type="PodScheduled", status="True"),
    ]
    before = {condition.type: condition for condition in pod.status.conditions}
    for condition in own:
        old = before.get(condition.type)
        same = old is not None and old.status == condition.status and old.last_transition_time
        condition.last_transition_time = old.last_transition_time if old is not None and same else now
        condition.observed_generation = condition.observed_generation or pod.metadata.generation
    return own + [condition for condition in pod.status.conditions if condition.type not in OWNED_CONDITIONS]


def keep_transition_times(status: core_v1.PodStatus, before: core_v1.PodStatus) -> None:
    """Take over the times of conditions that are as they were in a status that may not have been written yet."""
    times = {condition.type: condition for condition in before.conditions}
    for condition in status.conditions:
        old = times.get(condition.type)
        if old is not None and old.status == condition.status and condition.type in OWNED_CONDITIONS:
            condition.last_transition_time = old.last_transition_time


def _initialized(pod: core_v1.Pod, status: core_v1.PodStatus) -> core_v1.PodCondition:
    incomplete = []
    started = any(
        container.state.running is not None or container.state.terminated is not None
        or container.last_state.terminated is not None
        for container in status.container_statuses
    )
    for container, shown in zip(pod.spec.init_containers, status.init_container_statuses, strict=True):
        done = shown.started if is_sidecar(container) else shown.ready
        if not done and not started:
            incomplete.append(container.name)
    if status.phase == "Succeeded":
        return core_v1.PodCondition(type="Initialized", status="True", reason="PodCompleted")
    if incomplete:
        return core_v1.PodCondition(
            type="Initialized", status="False", reason="ContainersNotInitialized",
            message=f"containers with incomplete status: [{' '.join(incomplete)}]",
        )
    return core_v1.PodCondition(type="Initialized", status="True")


def _containers_ready(pod: core_v1.Pod, status: core_v1.PodStatus, kind: str) -> core_v1.PodCondition:
    if status.phase == "Succeeded":
        return core_v1.PodCondition(type=kind, status="False", reason="PodCompleted")
    if status.phase == "Failed":
        return core_v1.PodCondition(type=kind, status="False", reason="PodFailed")
    shown = {item.name: item for item in [*status.init_container_statuses, *status.container_statuses]}
    unknown, unready = [], []
    sidecars: Sequence[core_v1.Container] = [container for container in pod.spec.init_containers if is_sidecar(container)]
    for container in [*sidecars, *pod.spec.containers]:
        item = shown.get(container.name)
        if item is None:
            unknown.append(container.name)
        elif not item.ready:
            unready.append(container.name)
    texts = []
    if unknown:
        texts.append(f"containers with unknown status: [{' '.join(unknown)}]")
    if unready:
        texts.append(f"containers with unready status: [{' '.join(unready)}]")
    if texts:
        return core_v1.PodCondition(type=kind, status="False", reason="ContainersNotReady", message=", ".join(texts))
    return core_v1.PodCondition(type=kind, status="True")


def _ready(pod: core_v1.Pod, status: core_v1.PodStatus) -> core_v1.PodCondition:
    containers = _containers_ready(pod, status, "Ready")
    if containers.status != "True":
        return containers
    found = {condition.type: condition for condition in pod.status.conditions}
    texts = []
    for gate in pod.spec.readiness_gates:
        condition = found.get(gate.condition_type)
        if condition is None:
            texts.append(f'corresponding condition of pod readiness gate "{gate.condition_type}" does not exist.')
        elif condition.status != "True":
            texts.append(f'the status of pod readiness gate "{gate.condition_type}" is not "True", but {condition.status}')
    if texts:
        return core_v1.PodCondition(type="Ready", status="False", reason="ReadinessGatesNotReady", message=", ".join(texts))
    return containers
