"""Pure rules of Jobs: which pods count as what, when a Job is over, and the pods that it makes.

Source: pkg/controller/job/job_controller.go, pkg/controller/job/util.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from minikube_py.apis.batch_v1 import Job, JobCondition
from minikube_py.apis.core_v1 import Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod
from minikube_py.core.clock import rfc3339

from .. import pods as pod_rules
from ..pod_control import pod_from_template
from ..status import age_s, condition_of, is_true
from . import indexes

FINALIZER = "batch.kubernetes.io/job-tracking"
CONTROLLER = "kubernetes.io/job-controller"
_INDEX_ENV = "JOB_COMPLETION_INDEX"
# Longest generated prefix: name limit less the random suffix. Source: job's podGenerateNameWithIndex.
_PREFIX_MAX = 58


def is_finished(job: Job) -> bool:
    return is_true(job.status.conditions, "Complete") or is_true(job.status.conditions, "Failed")


def is_indexed(job: Job) -> bool:
    return job.spec.completion_mode == "Indexed"


def is_per_index(job: Job) -> bool:
    return is_indexed(job) and job.spec.backoff_limit_per_index is not None


def is_tracked(pod: Pod) -> bool:
    return FINALIZER in pod.metadata.finalizers


def replaces_failed_only(job: Job) -> bool:
    return job.spec.pod_replacement_policy == "Failed"


def has_failed(pod: Pod, job: Job) -> bool:
    """Whether a pod counts as failed: a pod that is being deleted does, unless only failed pods are replaced."""
    if pod.status.phase == "Failed":
        return True
    return not replaces_failed_only(job) and bool(pod.metadata.deletion_timestamp) and pod.status.phase != "Succeeded"


def condition(condition_type: str, reason: str, message: str, now: datetime, status: str = "True") -> JobCondition:
    moment = rfc3339(now)
    return JobCondition(
        type=condition_type, status=status, reason=reason, message=message, last_probe_time=moment, last_transition_time=moment
    )


def with_status(job: Job, new: JobCondition) -> bool:
    """Put a condition into the status of `job` unless it says the same already.

    Returns: whether the status changed.
    """
    current = condition_of(job.status.conditions, new.type)
    if current is None:
        if new.status == "False":
            return False
        job.status.conditions = [*job.status.conditions, new]
        return True
    if (current.status, current.reason, current.message) == (new.status, new.reason, new.message):
        return False
    job.status.conditions = [new if row.type == new.type else row for row in job.status.conditions]
    return True


def deadline_left_s(job: Job, now: datetime) -> float | None:
    """Seconds until activeDeadlineSeconds is over; None without one, or while suspended."""
    deadline_s = job.spec.active_deadline_seconds
    if deadline_s is None or not job.status.start_time or job.spec.suspend:
        return None
    return deadline_s - age_s(now, job.status.start_time)


def restarts_exceeded(job: Job, pods: Sequence[Pod]) -> bool:
    """Whether containers restarted more often in place than backoffLimit allows (restartPolicy OnFailure)."""
    if job.spec.template.spec.restart_policy != "OnFailure":
        return False
    restarts = sum(
        status.restart_count
        for pod in pods if pod.status.phase in ("Running", "Pending")
        for status in [*pod.status.init_container_statuses, *pod.status.container_statuses]
    )
    limit = _backoff_limit(job)
    return restarts > 0 if limit == 0 else restarts >= limit


def failures_exceeded(job: Job, failed: int) -> bool:
    return failed > _backoff_limit(job)


def _backoff_limit(job: Job) -> int:
    return 6 if job.spec.backoff_limit is None else job.spec.backoff_limit


def wanted_active(job: Job, active: int, succeeded: int) -> int:
    """How many pods should run now."""
    parallelism = 1 if job.spec.parallelism is None else job.spec.parallelism
    if job.spec.suspend:
        return 0
    if job.spec.completions is None:
        return active if succeeded > 0 else parallelism
    return max(0, min(parallelism, job.spec.completions - succeeded))


def is_complete(job: Job, active: int, succeeded: int) -> bool:
    if job.spec.completions is None:
        return succeeded > 0 and active == 0
    return succeeded >= job.spec.completions and active == 0


def to_remove(job: Job, active: Sequence[Pod], surplus: int, done: set[int], now: datetime) -> list[Pod]:
    """The running pods to delete: of an Indexed Job those without a valid index, or a second one for it; then the least advanced."""
    doomed: list[Pod] = []
    rest: list[Pod] = list(active)
    if is_indexed(job):
        doomed, rest = _split_duplicates(job, active, done)
    if len(doomed) < surplus:
        ordered = pod_rules.order_for_deletion([pod_rules.Ranked(pod, 0) for pod in rest], now)
        doomed += ordered[: surplus - len(doomed)]
    return doomed


def _split_duplicates(job: Job, active: Sequence[Pod], done: set[int]) -> tuple[list[Pod], list[Pod]]:
    doomed, rest, seen = [], [], set(done)
    completions = job.spec.completions or 0
    for pod in sorted(active, key=lambda pod: (pod.metadata.creation_timestamp, pod.metadata.uid)):
        index = indexes.index_of(pod)
        if index is None or index >= completions or index in seen:
            doomed.append(pod)
        else:
            seen.add(index)
            rest.append(pod)
    return doomed, rest


def make_pod(job: Job, index: int | None = None, failures: int = 0, ignored: int = 0) -> Pod:
    """A pod of the Job, for `index` if the Job is Indexed."""
    pod = pod_from_template(job.spec.template, job)
    meta = pod.metadata
    if FINALIZER not in meta.finalizers:
        meta.finalizers = [*meta.finalizers, FINALIZER]
    if index is None:
        return pod
    meta.annotations = {**meta.annotations, indexes.INDEX: str(index)}
    meta.labels = {**meta.labels, indexes.INDEX: str(index)}
    if is_per_index(job):
        meta.annotations[indexes.FAILURE_COUNT] = str(failures)
        if ignored:
            meta.annotations[indexes.IGNORED_FAILURE_COUNT] = str(ignored)
    suffix = f"-{index}"
    meta.generate_name = job.metadata.name[: _PREFIX_MAX - len(suffix)] + suffix + "-"
    pod.spec.hostname = job.metadata.name[: 63 - len(suffix)] + suffix
    for container in [*pod.spec.init_containers, *pod.spec.containers]:
        _add_index_variable(container)
    return pod


def _add_index_variable(container: Container) -> None:
    if all(variable.name != _INDEX_ENV for variable in container.env):
        source = EnvVarSource(field_ref=ObjectFieldSelector(field_path=f"metadata.annotations['{indexes.INDEX}']"))
        container.env = [*container.env, EnvVar(name=_INDEX_ENV, value_from=source)]
