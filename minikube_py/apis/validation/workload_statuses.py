"""Rules of what updates of workloads' statuses may say.

Source: pkg/apis/{apps,batch}/validation/validation.go, pkg/apis/core/validation/validation.go (ValidateReplicationControllerStatus),
pkg/registry/batch/job/strategy.go (getStatusValidationOptions)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...core.clock import parse_rfc3339
from ..apps_v1 import DaemonSet, Deployment, ReplicaSet, StatefulSet
from ..batch_v1 import Job, JobStatus
from ..core_v1 import ReplicationController
from . import indexes
from .causes import OMITTED, Causes, duplicate, invalid, required
from .common import non_negative

_NOT_MORE = "cannot be greater than status.replicas"


def _counts(causes: Causes, counts: Iterable[tuple[str, int | None]]) -> None:
    for wire, count in counts:
        non_negative(causes, f"status.{wire}", count)


def _within(causes: Causes, replicas: int, counts: Iterable[tuple[str, int | None]]) -> None:
    causes += [invalid(f"status.{wire}", count or 0, _NOT_MORE) for wire, count in counts if (count or 0) > replicas]


def _not_decremented(causes: Causes, new: int | None, old: int | None) -> None:
    """Collisions of names are counted up only."""
    if old is not None and (new is None or new < old):
        causes.append(invalid("status.collisionCount", new or 0, "cannot be decremented"))


def replicas(causes: Causes, new: ReplicaSet | ReplicationController, old: ReplicaSet | ReplicationController) -> None:
    """Statuses of replica sets and of replication controllers."""
    status = new.status
    parts = (("fullyLabeledReplicas", status.fully_labeled_replicas), ("readyReplicas", status.ready_replicas),
             ("availableReplicas", status.available_replicas))
    _counts(causes, (("replicas", status.replicas), *parts, ("observedGeneration", status.observed_generation)))
    if isinstance(new, ReplicaSet):
        non_negative(causes, "status.terminatingReplicas", new.status.terminating_replicas)
    _within(causes, status.replicas, parts)
    _available(causes, status.available_replicas, status.ready_replicas, "cannot be greater than readyReplicas")


def _available(causes: Causes, available: int | None, ready: int | None, detail: str) -> None:
    if (available or 0) > (ready or 0):
        causes.append(invalid("status.availableReplicas", available, detail))


def deployment(causes: Causes, new: Deployment, old: Deployment) -> None:
    status = new.status
    parts = (("updatedReplicas", status.updated_replicas), ("readyReplicas", status.ready_replicas),
             ("availableReplicas", status.available_replicas))
    _counts(causes, (("observedGeneration", status.observed_generation), ("replicas", status.replicas), *parts,
                     ("unavailableReplicas", status.unavailable_replicas), ("terminatingReplicas", status.terminating_replicas),
                     ("collisionCount", status.collision_count)))
    _within(causes, status.replicas, parts)
    _available(causes, status.available_replicas, status.ready_replicas, "cannot be greater than readyReplicas")
    _not_decremented(causes, status.collision_count, old.status.collision_count)


def stateful_set(causes: Causes, new: StatefulSet, old: StatefulSet) -> None:
    status = new.status
    parts = (("readyReplicas", status.ready_replicas), ("currentReplicas", status.current_replicas),
             ("updatedReplicas", status.updated_replicas), ("availableReplicas", status.available_replicas))
    _counts(causes, (("replicas", status.replicas), *parts, ("observedGeneration", status.observed_generation),
                     ("collisionCount", status.collision_count)))
    _within(causes, status.replicas, parts)
    _available(causes, status.available_replicas, status.ready_replicas, "cannot be greater than status.readyReplicas")
    _not_decremented(causes, status.collision_count, old.status.collision_count)


def daemon_set(causes: Causes, new: DaemonSet, old: DaemonSet) -> None:
    status = new.status
    _counts(causes, (
        ("currentNumberScheduled", status.current_number_scheduled), ("numberMisscheduled", status.number_misscheduled),
        ("desiredNumberScheduled", status.desired_number_scheduled), ("numberReady", status.number_ready),
        ("observedGeneration", status.observed_generation), ("updatedNumberScheduled", status.updated_number_scheduled),
        ("numberAvailable", status.number_available), ("numberUnavailable", status.number_unavailable),
        ("collisionCount", status.collision_count)))
    _not_decremented(causes, status.collision_count, old.status.collision_count)


def _is(status: JobStatus, kind: str) -> bool:
    return any(condition.type == kind and condition.status == "True" for condition in status.conditions)


def _finished(status: JobStatus) -> bool:
    return _is(status, "Complete") or _is(status, "Failed")


def job(causes: Causes, new: Job, old: Job) -> None:
    """A job's status is looked at where it changes: what was stored may have become wrong by a change of the spec."""
    own, was = new.status, old.status
    _counts(causes, (("active", own.active), ("succeeded", own.succeeded), ("failed", own.failed), ("ready", own.ready),
                     ("terminating", own.terminating)))
    _uncounted(causes, own)
    _completion(causes, own, was)
    _ended(causes, own, was)
    _indexes(causes, new, old)
    _criteria(causes, new)
    _never_back(causes, new, old)


def _uncounted(causes: Causes, status: JobStatus) -> None:
    pods = status.uncounted_terminated_pods
    if pods is None:
        return
    seen: set[str] = set()
    for wire, uids in (("succeeded", pods.succeeded), ("failed", pods.failed)):
        for index, uid in enumerate(uids):
            where = f"status.uncountedTerminatedPods.{wire}[{index}]"
            if not uid:
                causes.append(invalid(where, uid, "must not be empty"))
            elif uid in seen:
                causes.append(duplicate(where, uid))
            seen.add(uid)


def _completion(causes: Causes, own: JobStatus, was: JobStatus) -> None:
    complete, failed = _is(own, "Complete"), _is(own, "Failed")
    complete_changed = complete != _is(was, "Complete")
    if complete and failed and (complete_changed or not _is(was, "Failed")):
        causes.append(invalid("status.conditions", OMITTED, "cannot set Complete=True and Failed=true conditions"))
    if complete and _is(own, "FailureTarget") and (complete_changed or not _is(was, "FailureTarget")):
        causes.append(invalid("status.conditions", OMITTED, "cannot set Complete=True and FailureTarget=true conditions"))
    time, time_changed = own.completion_time, own.completion_time != was.completion_time
    if (complete_changed or time_changed) and time and not complete:
        causes.append(invalid("status.completionTime", time, "cannot set completionTime when there is no Complete=True condition"))
    if (complete_changed or time_changed) and not time and complete:
        causes.append(required("status.completionTime", "completionTime is required for Complete jobs"))
    if time and own.start_time and (time_changed or own.start_time != was.start_time) \
            and parse_rfc3339(time) < parse_rfc3339(own.start_time):
        causes.append(invalid("status.completionTime", time, "completionTime cannot be set before startTime"))
    failed_changed = failed != _is(was, "Failed")
    if failed and not _is(own, "FailureTarget") and failed_changed:
        causes.append(invalid("status.conditions", OMITTED, "cannot set Failed=True condition without the FailureTarget=true condition"))
    if complete and not _is(own, "SuccessCriteriaMet") and complete_changed:
        causes.append(invalid("status.conditions", OMITTED,
                              "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"))


def _ended(causes: Causes, own: JobStatus, was: JobStatus) -> None:
    """A job that has ended has no pods that run, or that are still to be counted."""
    finished = _finished(own)
    changed = finished != _finished(was)
    if finished and (own.active or 0) > 0 and (changed or own.active != was.active):
        causes.append(invalid("status.active", own.active, "active>0 is invalid for finished job"))
    if finished and not own.start_time and (changed or own.start_time != was.start_time):
        causes.append(required("status.startTime", "startTime is required for finished job"))
    pods = own.uncounted_terminated_pods
    if finished and pods is not None and (pods.failed or pods.succeeded) and (changed or pods != was.uncounted_terminated_pods):
        causes.append(invalid("status.uncountedTerminatedPods", pods, "uncountedTerminatedPods needs to be empty for finished job"))


def _indexes(causes: Causes, new: Job, old: Job) -> None:
    spec, own, was = new.spec, new.status, old.status
    completed, failed = own.completed_indexes or "", own.failed_indexes
    completed_changed, failed_changed = completed != (was.completed_indexes or ""), failed != was.failed_indexes
    if completed_changed and spec.completions is not None:
        _readable(causes, "completedIndexes", completed, spec.completions)
    if failed_changed and spec.completions is not None and spec.backoff_limit_per_index is not None and failed is not None:
        _readable(causes, "failedIndexes", failed, spec.completions)
    if completed_changed and completed and spec.completion_mode != "Indexed":
        causes.append(invalid("status.completedIndexes", completed,
                              "cannot set non-empty completedIndexes when non-indexed completion mode"))
    if failed_changed and failed is not None and spec.backoff_limit_per_index is None:
        causes.append(invalid("status.failedIndexes", failed, "cannot set non-null failedIndexes when backoffLimitPerIndex is null"))
    if (completed_changed or failed_changed) and spec.completions is not None and failed is not None:
        both = indexes.overlap(completed, failed, spec.completions)
        if both is not None:
            causes.append(invalid("status.failedIndexes", failed, f"failedIndexes and completedIndexes overlap at index: {both}"))
    terminating, ready = own.terminating, own.ready
    finished = _finished(own)
    if finished and (terminating or 0) > 0 and (finished != _finished(was) or terminating != was.terminating):
        causes.append(invalid("status.terminating", terminating, "terminating>0 is invalid for finished job"))
    if ready is not None and ready > (own.active or 0) and (ready != was.ready or own.active != was.active):
        causes.append(invalid("status.ready", ready, "cannot set more ready pods than active"))


def _readable(causes: Causes, wire: str, text: str, completions: int) -> None:
    try:
        indexes.count(text, completions)
    except ValueError as error:
        causes.append(invalid(f"status.{wire}", text, f"error parsing {wire}: {error}"))


def _criteria(causes: Causes, new: Job) -> None:
    status = new.status
    met = _is(status, "SuccessCriteriaMet")
    if met and _is(status, "Failed"):
        causes.append(invalid("status.conditions", OMITTED, "cannot set SuccessCriteriaMet=True and Failed=true conditions"))
    if met and _is(status, "FailureTarget"):
        causes.append(invalid("status.conditions", OMITTED, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"))
    if new.spec.success_policy is not None and not met and _is(status, "Complete"):
        causes.append(invalid("status.conditions", OMITTED,
                              "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"))


def _never_back(causes: Causes, new: Job, old: Job) -> None:
    """What has been reached is not taken back."""
    spec, own, was = new.spec, new.status, old.status
    causes += [invalid("status.conditions", OMITTED, f"cannot disable the terminal {kind}=True condition")
               for kind in ("Failed", "Complete", "FailureTarget") if _is(was, kind) and not _is(own, kind)]
    if own.failed < was.failed:
        causes.append(invalid("status.failed", own.failed, "cannot decrease the failed counter"))
    scaled = spec.completion_mode == "Indexed" and spec.completions == spec.parallelism
    if not scaled and own.succeeded < was.succeeded:
        causes.append(invalid("status.succeeded", own.succeeded, "cannot decrease the succeeded counter"))
    if own.completion_time and was.completion_time and own.completion_time != was.completion_time:
        causes.append(invalid("status.completionTime", own.completion_time, "completionTime cannot be mutated"))
    if was.start_time and own.start_time != was.start_time and not spec.suspend:
        causes.append(required("status.startTime", "startTime cannot be removed for unsuspended job"))
    met, was_met = _is(own, "SuccessCriteriaMet"), _is(was, "SuccessCriteriaMet")
    if was_met and not met:
        causes.append(invalid("status.conditions", OMITTED, "cannot disable the SuccessCriteriaMet=True condition"))
    if _is(was, "Complete") and not was_met and met:
        causes.append(invalid("status.conditions", OMITTED,
                              "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"))
