"""The status of a Deployment: counts, and the conditions Available, Progressing and ReplicaFailure.

Source: pkg/controller/deployment/progress.go, sync.go (calculateStatus).
"""

from __future__ import annotations

from minikube_py.apis.apps_v1 import DeploymentCondition, DeploymentStatus

from ..status import age_s, condition_of, with_condition, without_condition
from . import rules
from .rollout import Rollout

COMPLETE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"


def calculate(rollout: Rollout) -> DeploymentStatus:
    """Counts and Available from the ReplicaSets; other conditions as they are."""
    deployment, sets = rollout.deployment, rollout.all
    new = [rollout.new] if rollout.new is not None else []
    available = rules.available(sets)
    if available >= rules.desired(deployment) - rules.max_unavailable(deployment):
        row = rollout.condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        row = rollout.condition("Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    return DeploymentStatus(
        observed_generation=deployment.metadata.generation,
        replicas=rules.actual(sets),
        updated_replicas=rules.actual(new),
        ready_replicas=rules.ready(sets),
        available_replicas=available,
        unavailable_replicas=max(0, rules.total(sets) - available),
        terminating_replicas=rules.terminating(sets),
        collision_count=deployment.status.collision_count,
        conditions=with_condition(deployment.status.conditions, row),
    )


def update_counts(rollout: Rollout) -> None:
    """Status of a Deployment that is not rolled out now (paused, scaled, or being deleted)."""
    rollout.deployment.status = calculate(rollout)


def update_progress(rollout: Rollout) -> float | None:
    """Status in a rollout.

    Returns: seconds until the progress deadline, None if none is running.
    """
    deployment = rollout.deployment
    status = calculate(rollout)
    if not rules.has_progress_deadline(deployment):
        status.conditions = without_condition(status.conditions, "Progressing")
    elif not _was_complete(rollout, status):
        status.conditions = _progressing(rollout, status)
    failure = _replica_failure(rollout)
    status.conditions = without_condition(status.conditions, "ReplicaFailure") if failure is None else (
        with_condition(status.conditions, failure)
    )
    deployment.status = status
    return _deadline_s(rollout)


def update_paused(rollout: Rollout) -> None:
    """Note pausing and resuming in Progressing, so that the deadline does not run while paused."""
    deployment = rollout.deployment
    if not rules.has_progress_deadline(deployment):
        return
    current = condition_of(deployment.status.conditions, "Progressing")
    if current is not None and current.reason == TIMED_OUT:
        return
    noted = current is not None and current.reason == PAUSED
    if deployment.spec.paused and not noted:
        rollout.set_condition("Progressing", "Unknown", PAUSED, "Deployment is paused")
    elif not deployment.spec.paused and noted:
        rollout.set_condition("Progressing", "Unknown", RESUMED, "Deployment is resumed")


def _was_complete(rollout: Rollout, status: DeploymentStatus) -> bool:
    current = condition_of(rollout.deployment.status.conditions, "Progressing")
    return status.replicas == status.updated_replicas and current is not None and current.reason == COMPLETE


def _progressing(rollout: Rollout, status: DeploymentStatus) -> list[DeploymentCondition]:
    deployment, new = rollout.deployment, rollout.new
    subject = f'ReplicaSet "{new.metadata.name}"' if new is not None else f'Deployment "{deployment.metadata.name}"'
    current = condition_of(deployment.status.conditions, "Progressing")
    if rules.is_complete(deployment, status):
        row = rollout.condition("Progressing", "True", COMPLETE, f"{subject} has successfully progressed.")
        return with_condition(status.conditions, row)
    if rules.has_progressed(deployment, status):
        row = rollout.condition("Progressing", "True", "ReplicaSetUpdated", f"{subject} is progressing.")
        if current is not None and current.status == "True":
            row.last_transition_time = current.last_transition_time
        return [*without_condition(status.conditions, "Progressing"), row]
    if _timed_out(rollout, status):
        row = rollout.condition("Progressing", "False", TIMED_OUT, f"{subject} has timed out progressing.")
        return with_condition(status.conditions, row)
    return status.conditions


def _timed_out(rollout: Rollout, status: DeploymentStatus) -> bool:
    current = condition_of(status.conditions, "Progressing")
    if current is None or current.reason == COMPLETE:
        return False
    if current.reason == TIMED_OUT:
        return True
    deadline_s = rollout.deployment.spec.progress_deadline_seconds or 0
    return age_s(rollout.clock.now(), current.last_update_time) > deadline_s


def _replica_failure(rollout: Rollout) -> DeploymentCondition | None:
    """The ReplicaFailure of the new set, else of an old one."""
    ordered = ([rollout.new] if rollout.new is not None else []) + rollout.old
    for rs in ordered:
        failure = condition_of(rs.status.conditions, "ReplicaFailure")
        if failure is not None:
            return DeploymentCondition(
                type="ReplicaFailure", status=failure.status, reason=failure.reason, message=failure.message,
                last_transition_time=failure.last_transition_time, last_update_time=failure.last_transition_time,
            )
    return None


def _deadline_s(rollout: Rollout) -> float | None:
    deployment = rollout.deployment
    current = condition_of(deployment.status.conditions, "Progressing")
    if not rules.has_progress_deadline(deployment) or current is None:
        return None
    if rules.is_complete(deployment, deployment.status) or current.reason in (TIMED_OUT, COMPLETE):
        return None
    # One second more than the deadline, as times in objects are whole seconds.
    left_s = (deployment.spec.progress_deadline_seconds or 0) - age_s(rollout.clock.now(), current.last_update_time) + 1
    return max(left_s, 1.0)
