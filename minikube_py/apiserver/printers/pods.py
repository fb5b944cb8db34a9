"""Printers of pods and of the workloads that make them.

Source: pkg/printers/internalversion/printers.go (printPod and the workloads' functions)
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from minikube_py.apis import apps_v1, autoscaling_v1, batch_v1, core_v1
from minikube_py.core.clock import parse_rfc3339

from .form import (
    AGE,
    NAME,
    NONE,
    TEMPLATE,
    Column,
    Printer,
    age,
    boolean,
    containers,
    duration,
    integers,
    labels,
    selector,
    selector_text,
    since,
    strings,
    wide,
)


class _Restarts:
    """Counts restarts and remembers the last."""

    def __init__(self) -> None:
        self.count = 0
        self.last = ""

    def add(self, status: core_v1.ContainerStatus) -> None:
        self.count += status.restart_count
        ended = status.last_state.terminated
        if ended is not None and ended.finished_at is not None and ended.finished_at > self.last:
            self.last = ended.finished_at

    def text(self, now: datetime) -> str:
        return f"{self.count} ({since(self.last, now)} ago)" if self.count and self.last else str(self.count)


def _ended(state: core_v1.ContainerStateTerminated) -> str:
    return state.reason or (f"Signal:{state.signal}" if state.signal else f"ExitCode:{state.exit_code}")


def _condition(pod: core_v1.Pod, kind: str) -> bool:
    return any(c.type == kind and c.status == "True" for c in pod.status.conditions)


class _PodSummary:
    """What the table says of a pod: how many containers are ready, one word for its state, and its restarts."""

    def __init__(self, pod: core_v1.Pod) -> None:
        self.pod = pod
        self.sidecars = {c.name for c in pod.spec.init_containers if c.restart_policy == "Always"}
        self.total = len(pod.spec.containers) + len(self.sidecars)
        self.ready = 0
        self.reason = pod.status.reason or pod.status.phase
        self.restarts = _Restarts()
        if any(c.type == "PodScheduled" and c.reason == "SchedulingGated" for c in pod.status.conditions):
            self.reason = "SchedulingGated"
        if not self._initializing() or _condition(pod, "Initialized"):
            self._main()
        self._ending()

    def _initializing(self) -> bool:
        """Look at init containers; say by `reason` which of them is at work."""
        sidecar_restarts = _Restarts()
        for index, status in enumerate(self.pod.status.init_container_statuses):
            self.restarts.add(status)
            state = status.state
            if status.name in self.sidecars:
                sidecar_restarts.add(status)
            if state.terminated is not None and not state.terminated.exit_code:
                continue
            if status.name in self.sidecars and status.started:
                self.ready += bool(status.ready)
                continue
            if state.terminated is not None:
                self.reason = f"Init:{_ended(state.terminated)}"
            elif state.waiting is not None and state.waiting.reason not in ("", "PodInitializing"):
                self.reason = f"Init:{state.waiting.reason}"
            else:
                self.reason = f"Init:{index}/{len(self.pod.spec.init_containers)}"
            self._sidecar_restarts = sidecar_restarts
            return True
        self._sidecar_restarts = sidecar_restarts
        return False

    def _main(self) -> None:
        self.restarts = self._sidecar_restarts
        running, failure = False, ""
        for status in reversed(self.pod.status.container_statuses):
            self.restarts.add(status)
            state = status.state
            if state.waiting is not None and state.waiting.reason:
                self.reason = state.waiting.reason
            elif state.terminated is not None:
                self.reason = _ended(state.terminated)
                if state.terminated.exit_code:
                    failure = self.reason
            elif status.ready and state.running is not None:
                running = True
                self.ready += 1
        if self.reason == "Completed":
            if running and _condition(self.pod, "Ready"):
                self.reason = "Running"
            elif failure or running:
                self.reason = failure or "NotReady"

    def _ending(self) -> None:
        if not self.pod.metadata.deletion_timestamp:
            return
        if self.pod.status.reason == "NodeLost":
            self.reason = "Unknown"
        elif self.pod.status.phase not in ("Succeeded", "Failed"):
            self.reason = "Terminating"


def pod_cells(pod: core_v1.Pod, now: datetime) -> list[Any]:
    summary = _PodSummary(pod)
    gates = [gate.condition_type for gate in pod.spec.readiness_gates]
    passed = sum(_condition(pod, gate) for gate in gates)
    ip = pod.status.pod_ips[0].ip if pod.status.pod_ips else pod.status.pod_ip
    return [
        pod.metadata.name, f"{summary.ready}/{summary.total}", summary.reason, summary.restarts.text(now), age(pod, now), ip or NONE,
        pod.spec.node_name or NONE, pod.status.nominated_node_name or NONE, f"{passed}/{len(gates)}" if gates else NONE,
    ]


def pod_conditions(pod: core_v1.Pod) -> list[dict[str, str]]:
    if pod.status.phase == "Succeeded":
        return [{"type": "Completed", "status": "True", "reason": "Succeeded", "message": "The pod has completed successfully."}]
    if pod.status.phase == "Failed":
        return [{"type": "Completed", "status": "True", "reason": "Failed", "message": "The pod failed."}]
    return []


def _deployment(obj: apps_v1.Deployment, now: datetime) -> list[Any]:
    status = obj.status
    return [
        obj.metadata.name, f"{status.ready_replicas}/{obj.spec.replicas or 0}", status.updated_replicas,
        status.available_replicas, age(obj, now), *containers(obj.spec.template.spec), selector_text(obj.spec.selector),
    ]


def _replica_set(obj: apps_v1.ReplicaSet, now: datetime) -> list[Any]:
    return [
        obj.metadata.name, obj.spec.replicas or 0, obj.status.replicas, obj.status.ready_replicas, age(obj, now),
        *containers(obj.spec.template.spec), selector(obj.spec.selector),
    ]


def _replication_controller(obj: core_v1.ReplicationController, now: datetime) -> list[Any]:
    spec = obj.spec.template.spec if obj.spec.template is not None else core_v1.PodSpec()
    return [
        obj.metadata.name, obj.spec.replicas or 0, obj.status.replicas, obj.status.ready_replicas, age(obj, now),
        *containers(spec), labels(obj.spec.selector),
    ]


def _daemon_set(obj: apps_v1.DaemonSet, now: datetime) -> list[Any]:
    status = obj.status
    return [
        obj.metadata.name, status.desired_number_scheduled, status.current_number_scheduled, status.number_ready,
        status.updated_number_scheduled, status.number_available, labels(obj.spec.template.spec.node_selector), age(obj, now),
        *containers(obj.spec.template.spec), selector(obj.spec.selector),
    ]


def _stateful_set(obj: apps_v1.StatefulSet, now: datetime) -> list[Any]:
    ready = f"{obj.status.ready_replicas}/{obj.spec.replicas or 0}"
    return [obj.metadata.name, ready, age(obj, now), *containers(obj.spec.template.spec)]


_JOB_STATES = (
    ("Complete", "Complete"), ("Failed", "Failed"), ("", "Terminating"), ("Suspended", "Suspended"), ("FailureTarget", "FailureTarget"),
    ("SuccessCriteriaMet", "SuccessCriteriaMet"),
)


def job_state(obj: batch_v1.Job) -> str:
    """One word for the state of a job."""
    true = {condition.type for condition in obj.status.conditions if condition.status == "True"}
    for kind, word in _JOB_STATES:
        if kind in true or (not kind and obj.metadata.deletion_timestamp):
            return word
    return "Running"


def _job(obj: batch_v1.Job, now: datetime) -> list[Any]:
    spec, status = obj.spec, obj.status
    done = status.succeeded
    if spec.completions is not None:
        completions = f"{done}/{spec.completions}"
    else:
        completions = f"{done}/1 of {spec.parallelism}" if (spec.parallelism or 0) > 1 else f"{done}/1"
    took = ""
    if status.start_time:
        end = parse_rfc3339(status.completion_time) if status.completion_time else now
        took = duration((end - parse_rfc3339(status.start_time)).total_seconds())
    return [obj.metadata.name, job_state(obj), completions, took, age(obj, now), *containers(spec.template.spec), selector(spec.selector)]


def _cron_job(obj: batch_v1.CronJob, now: datetime) -> list[Any]:
    spec = obj.spec
    template = spec.job_template.spec
    return [
        obj.metadata.name, spec.schedule, NONE if spec.time_zone is None else spec.time_zone, boolean(spec.suspend), len(obj.status.active),
        since(obj.status.last_schedule_time, now, NONE), age(obj, now), *containers(template.template.spec), selector(template.selector),
    ]


def _pod_template(obj: core_v1.PodTemplate, now: datetime) -> list[Any]:
    return [obj.metadata.name, *containers(obj.template.spec), labels(obj.template.metadata.labels)]


def _controller_revision(obj: apps_v1.ControllerRevision, now: datetime) -> list[Any]:
    owner = next((ref for ref in obj.metadata.owner_references if ref.controller), None)
    controller = NONE
    if owner is not None:
        group, slash, _ = owner.api_version.partition("/")
        controller = f"{owner.kind.lower()}{'.' + group if slash else ''}/{owner.name}"
    return [obj.metadata.name, controller, obj.revision, age(obj, now)]


def _scale(obj: autoscaling_v1.Scale, now: datetime) -> list[Any]:
    return [obj.metadata.name, obj.spec.replicas or 0, obj.status.replicas, age(obj, now)]


SCALE = Printer((Column("Name"), *integers("Desired", "Available"), AGE), _scale)
_REPLICAS = (NAME, *integers("Desired", "Current", "Ready"), AGE, *TEMPLATE)

KINDS: dict[str, Printer] = {
    "pods": Printer(
        (NAME, *strings("Ready", "Status", "Restarts"), AGE, *wide("IP", "Node", "Nominated Node", "Readiness Gates")),
        pod_cells, pod_conditions,
    ),
    "podtemplates": Printer((NAME, *strings("Containers", "Images", "Pod Labels")), _pod_template),
    "replicationcontrollers": Printer(_REPLICAS, _replication_controller),
    "replicasets.apps": Printer(_REPLICAS, _replica_set),
    "deployments.apps": Printer((NAME, *strings("Ready", "Up-to-date", "Available"), AGE, *TEMPLATE), _deployment),
    "daemonsets.apps": Printer(
        (NAME, *integers("Desired", "Current", "Ready", "Up-to-date", "Available"), Column("Node Selector"), AGE, *TEMPLATE), _daemon_set
    ),
    "statefulsets.apps": Printer((NAME, Column("Ready"), AGE, *wide("Containers", "Images")), _stateful_set),
    "controllerrevisions.apps": Printer((NAME, Column("Controller"), Column("Revision"), AGE), _controller_revision),
    "jobs.batch": Printer((NAME, *strings("Status", "Completions", "Duration"), AGE, *TEMPLATE), _job),
    "cronjobs.batch": Printer(
        (NAME, *strings("Schedule", "Timezone"), Column("Suspend", "boolean"), Column("Active", "integer"), Column("Last Schedule"), AGE,
         *TEMPLATE), _cron_job
    ),
}
