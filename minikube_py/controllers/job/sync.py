"""One pass over one Job: count, create or delete pods, and write the status.

Invariants: `job` is the pass's own copy. An end (Complete, Failed) is announced first by its criterion (SuccessCriteriaMet,
FailureTarget) and written only when every ended pod is counted and none is terminating.
Source: pkg/controller/job/job_controller.go (syncJob, manageJob, enactJobFinished).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from minikube_py.apis.batch_v1 import Job, JobCondition, UncountedTerminatedPods
from minikube_py.apis.core_v1 import Pod
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.events import EventRecorder
from minikube_py.client.interface import Client
from minikube_py.core.clock import rfc3339

from .. import pods as pod_rules
from ..pod_control import PodControl, first_failure, namespace_is_terminating, slow_start
from ..status import condition_of
from . import backoff, indexes, rules, success
from .failure_policy import judge
from .tracking import UNCOUNTED_MAX, Released, release

# Pods that one pass creates or deletes. Source: job_controller.go, MaxPodCreateDeletePerSync.
_BURST = 500


@dataclass(slots=True)
class Services:
    """What a pass works with."""

    client: Client
    events: EventRecorder
    pod_control: PodControl
    released: Released


@dataclass(slots=True)
class Pass:
    """Counts and decisions of one pass."""

    key: str
    job: Job
    pods: list[Pod]
    now: datetime
    may_manage: bool
    record: backoff.Record
    before: Job = field(init=False)
    active: list[Pod] = field(init=False)
    terminating: int = field(init=False)
    succeeded: int = 0
    failed: int = 0
    done: set[int] = field(default_factory=set)
    failed_indexes: set[int] = field(default_factory=set)
    verdict: JobCondition | None = None
    again_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.before = self.job
        self.job = deep_copy(self.job)
        self.active = [pod for pod in self.pods if pod_rules.is_active(pod)]
        self.terminating = sum(pod_rules.is_terminating(pod) for pod in self.pods)
        if self.job.status.uncounted_terminated_pods is None:
            self.job.status.uncounted_terminated_pods = UncountedTerminatedPods()

    @property
    def uncounted(self) -> UncountedTerminatedPods:
        return self.job.status.uncounted_terminated_pods or UncountedTerminatedPods()

    @property
    def fails(self) -> bool:
        return self.verdict is not None and self.verdict.type == "FailureTarget"


async def run(services: Services, state: Pass) -> Job:
    """Do the pass.

    Returns: the Job as last written (or as it was).
    Raises: StatusError if a request failed; what was counted before is written nonetheless.
    """
    job = state.job
    if not job.status.start_time and not job.spec.suspend:
        job.status.start_time = rfc3339(state.now)
    tracked = [pod for pod in state.pods if rules.is_tracked(pod) and pod not in services.released]
    _count(state, tracked)
    state.verdict = _verdict(state, tracked)
    error: Exception | None = None
    if state.verdict is not None:
        state.active = await _delete_rest(services, state)
    else:
        error = await _manage(services, state)
        if rules.is_complete(job, len(state.active), state.succeeded) and error is None:
            message = "Reached expected number of succeeded pods"
            state.verdict = rules.condition("SuccessCriteriaMet", "CompletionsReached", message, state.now)
        else:
            _note_suspension(services, state)
    job.status.active = len(state.active)
    job.status.ready = sum(pod_rules.is_ready(pod) for pod in state.active)
    job.status.terminating = state.terminating
    await _track(services, state, tracked)
    if error is not None:
        raise error
    return state.before


def _count(state: Pass, tracked: list[Pod]) -> None:
    job, uncounted = state.job, state.uncounted
    counted_failed, counted_succeeded = set(uncounted.failed), set(uncounted.succeeded)
    new_succeeded = [pod for pod in tracked if pod.status.phase == "Succeeded" and pod.metadata.uid not in counted_succeeded]
    new_failed = [
        pod for pod in tracked
        if rules.has_failed(pod, job) and pod.metadata.uid not in counted_failed and judge(job.spec.pod_failure_policy, pod).counts
    ]
    state.failed = job.status.failed + len(uncounted.failed) + len(new_failed)
    if rules.is_indexed(job):
        completions = job.spec.completions or 0
        ended = {index for pod in new_succeeded if (index := indexes.index_of(pod)) is not None and index < completions}
        state.done = indexes.parse(job.status.completed_indexes, completions) | ended
        state.succeeded = len(state.done)
        _count_failed_indexes(state, tracked)
    else:
        state.succeeded = job.status.succeeded + len(uncounted.succeeded) + len(new_succeeded)
    state.record = state.record.count(new_succeeded, new_failed, state.now)


def _count_failed_indexes(state: Pass, tracked: list[Pod]) -> None:
    job = state.job
    if not rules.is_per_index(job):
        return
    limit = job.spec.backoff_limit_per_index or 0
    state.failed_indexes = indexes.parse(job.status.failed_indexes, job.spec.completions or 0)
    for pod in tracked:
        index = indexes.index_of(pod)
        if index is None or not rules.has_failed(pod, job) or index in state.done:
            continue
        verdict = judge(job.spec.pod_failure_policy, pod)
        if verdict.action == "FailIndex" or (verdict.counts and indexes.count_annotation(pod, indexes.FAILURE_COUNT) >= limit):
            state.failed_indexes.add(index)


def _verdict(state: Pass, tracked: list[Pod]) -> JobCondition | None:
    """How the Job ends, if it is decided: as decided before, else by the first rule that holds."""
    job, now = state.job, state.now
    for decided in ("FailureTarget", "SuccessCriteriaMet"):
        row = condition_of(job.status.conditions, decided)
        if row is not None and row.status == "True":
            return rules.condition(decided, row.reason, row.message, now)
    for pod in tracked:
        verdict = judge(job.spec.pod_failure_policy, pod) if rules.has_failed(pod, job) else None
        if verdict is not None and verdict.action == "FailJob":
            return rules.condition("FailureTarget", "PodFailurePolicy", verdict.message, now)
    if rules.failures_exceeded(job, state.failed) or rules.restarts_exceeded(job, state.pods):
        return rules.condition("FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit", now)
    left_s = rules.deadline_left_s(job, now)
    if left_s is not None:
        if left_s <= 0:
            return rules.condition("FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline", now)
        state.again_s.append(left_s)
    return _index_verdict(state)


def _index_verdict(state: Pass) -> JobCondition | None:
    job, now = state.job, state.now
    if rules.is_per_index(job):
        limit = job.spec.max_failed_indexes
        if limit is not None and len(state.failed_indexes) > limit:
            message = "Job has exceeded the specified maximal number of failed indexes"
            return rules.condition("FailureTarget", "MaxFailedIndexesExceeded", message, now)
        if state.failed_indexes and len(state.failed_indexes | state.done) >= (job.spec.completions or 0):
            return rules.condition("FailureTarget", "FailedIndexes", "Job has failed indexes", now)
    message = success.met(job, state.done) if rules.is_indexed(job) else ""
    return rules.condition("SuccessCriteriaMet", "SuccessPolicy", message, now) if message else None


async def _delete_rest(services: Services, state: Pass) -> list[Pod]:
    """Delete the running pods of a Job whose end is decided; they count as terminating until they are gone."""
    doomed = state.active
    results = await asyncio.gather(
        *(services.pod_control.delete(state.key, state.job, pod) for pod in doomed), return_exceptions=True
    )
    failure = first_failure(results)
    if failure is not None:
        raise failure
    state.terminating += len(doomed)
    return []


async def _manage(services: Services, state: Pass) -> Exception | None:
    """Create or delete pods until as many run as should. The error, if any, is raised after the status was written."""
    job = state.job
    if not state.may_manage or job.metadata.deletion_timestamp:
        return None
    wanted = rules.wanted_active(job, len(state.active), state.succeeded)
    if rules.is_per_index(job):
        wanted = min(wanted, max(0, (job.spec.completions or 0) - len(state.done | state.failed_indexes)))
    surplus = max(0, len(state.active) - wanted)
    doomed = rules.to_remove(job, state.active, surplus, state.done, state.now)[:_BURST]
    if doomed:
        results = await asyncio.gather(*(services.pod_control.delete(state.key, job, pod) for pod in doomed), return_exceptions=True)
        gone = {pod.metadata.uid for pod, result in zip(doomed, results, strict=True) if not isinstance(result, BaseException)}
        state.active = [pod for pod in state.active if pod.metadata.uid not in gone]
        state.terminating += len(gone)
        return first_failure(results)
    missing = wanted - len(state.active) - (state.terminating if rules.replaces_failed_only(job) else 0)
    return await _create(services, state, min(missing, _BURST)) if missing > 0 else None


async def _create(services: Services, state: Pass, count: int) -> Exception | None:
    job = state.job
    if not rules.is_per_index(job):
        wait_s = state.record.remaining_s(state.now)
        if wait_s > 0:
            state.again_s.append(wait_s)
            return None
    pods = [rules.make_pod(job) for _ in range(count)] if not rules.is_indexed(job) else _indexed_pods(state, count)
    created: list[Pod] = []

    async def create(number: int) -> None:
        created.append(await services.pod_control.create(state.key, job, pods[number]))

    _, error = await slow_start(len(pods), create)
    state.active = [*state.active, *created]
    return None if error is not None and namespace_is_terminating(error) else error


def _indexed_pods(state: Pass, count: int) -> list[Pod]:
    job = state.job
    busy = {index for pod in state.active if (index := indexes.index_of(pod)) is not None}
    if rules.replaces_failed_only(job):
        busy |= {index for pod in state.pods if pod_rules.is_terminating(pod) and (index := indexes.index_of(pod)) is not None}
    pending = indexes.pending(job.spec.completions or 0, state.done | busy | state.failed_indexes)
    if not rules.is_per_index(job):
        return [rules.make_pod(job, index) for index in islice(pending, count)]
    pods: list[Pod] = []
    for index in pending:
        if len(pods) == count:
            break
        failures, ignored, wait_s = _index_backoff(state, index)
        if wait_s > 0:
            state.again_s.append(wait_s)
        else:
            pods.append(rules.make_pod(job, index, failures, ignored))
    return pods


def _index_backoff(state: Pass, index: int) -> tuple[int, int, float]:
    """Failures of an index that count, those that do not, and the seconds until it may be tried again."""
    ended = [pod for pod in state.pods if indexes.index_of(pod) == index and rules.has_failed(pod, state.job)]
    if not ended:
        return 0, 0, 0.0
    last = max(ended, key=lambda pod: backoff.finish_time(pod, state.now))
    failures = indexes.count_annotation(last, indexes.FAILURE_COUNT)
    ignored = indexes.count_annotation(last, indexes.IGNORED_FAILURE_COUNT)
    if judge(state.job.spec.pod_failure_policy, last).counts:
        failures += 1
    else:
        ignored += 1
    return failures, ignored, backoff.delay_after(failures + ignored, backoff.finish_time(last, state.now), state.now)


def _note_suspension(services: Services, state: Pass) -> None:
    job = state.job
    if not state.may_manage or job.metadata.deletion_timestamp:
        return
    if job.spec.suspend:
        if rules.with_status(job, rules.condition("Suspended", "JobSuspended", "Job suspended", state.now)):
            job.status.start_time = ""
            services.events.event(job, "Normal", "Suspended", "Job suspended")
    elif rules.with_status(job, rules.condition("Suspended", "JobResumed", "Job resumed", state.now, "False")):
        job.status.start_time = rfc3339(state.now)
        services.events.event(job, "Normal", "Resumed", "Job resumed")


async def _track(services: Services, state: Pass, tracked: list[Pod]) -> None:
    """Count ended pods, release them, and write the end of the Job once nothing is left to count."""
    job = state.job
    doomed = _mark_uncounted(state, tracked)
    if state.verdict is not None:
        rules.with_status(job, state.verdict)
    if doomed:
        await _save(services, state)
        await release(services.client, services.released, doomed)
    pending = {pod.metadata.uid for pod in tracked} - {pod.metadata.uid for pod in doomed}
    _fold(state, pending)
    finished = _finish(state)
    await _save(services, state)
    if finished is not None:
        _announce(services, state, finished)


def _mark_uncounted(state: Pass, tracked: list[Pod]) -> list[Pod]:
    """Name ended pods in the status; returns those whose finalizer may then go."""
    job, uncounted = state.job, state.uncounted
    doomed: list[Pod] = []
    for pod in tracked:
        failed = rules.has_failed(pod, job)
        succeeded = pod.status.phase == "Succeeded"
        if not (failed or succeeded or state.fails or job.metadata.deletion_timestamp):
            continue
        if len(doomed) == UNCOUNTED_MAX:
            state.again_s.append(0.0)
            break
        if rules.is_per_index(job) and failed and not state.verdict and _is_latest_failure(state, pod):
            continue
        doomed.append(pod)
        uid = pod.metadata.uid
        if succeeded and uid not in uncounted.failed:
            if not rules.is_indexed(job) and uid not in uncounted.succeeded:
                uncounted.succeeded = [*uncounted.succeeded, uid]
        elif (failed or state.fails) and uid not in uncounted.failed and judge(job.spec.pod_failure_policy, pod).counts:
            uncounted.failed = [*uncounted.failed, uid]
    if rules.is_indexed(job):
        job.status.completed_indexes = indexes.render(state.done)
        job.status.succeeded = len(state.done)
    if rules.is_per_index(job):
        job.status.failed_indexes = indexes.render(state.failed_indexes)
    return doomed


def _is_latest_failure(state: Pass, pod: Pod) -> bool:
    """Whether a failed pod still carries the failure count of its index, as no newer pod took it over."""
    index = indexes.index_of(pod)
    if index is None or index in state.failed_indexes or index in state.done:
        return False
    mine = indexes.count_annotation(pod, indexes.FAILURE_COUNT)
    others = [other for other in state.pods if other is not pod and indexes.index_of(other) == index]
    return not any(indexes.count_annotation(other, indexes.FAILURE_COUNT) > mine or pod_rules.is_active(other) for other in others)


def _fold(state: Pass, pending: set[str]) -> None:
    """Turn named uids whose pod has no finalizer any more into numbers."""
    status, uncounted = state.job.status, state.uncounted
    succeeded = [uid for uid in uncounted.succeeded if uid not in pending]
    failed = [uid for uid in uncounted.failed if uid not in pending]
    if succeeded:
        status.succeeded = status.succeeded + len(succeeded)
        uncounted.succeeded = [uid for uid in uncounted.succeeded if uid in pending]
    if failed:
        status.failed = status.failed + len(failed)
        uncounted.failed = [uid for uid in uncounted.failed if uid in pending]


def _finish(state: Pass) -> JobCondition | None:
    """Add Complete or Failed if the end is decided and nothing is in the way; returns what was added."""
    verdict, uncounted = state.verdict, state.uncounted
    if verdict is None or uncounted.succeeded or uncounted.failed or state.terminating or state.active:
        return None
    decided = condition_of(state.job.status.conditions, verdict.type) or verdict
    final = rules.condition("Failed" if state.fails else "Complete", decided.reason, decided.message, state.now)
    rules.with_status(state.job, final)
    if final.type == "Complete":
        state.job.status.completion_time = final.last_transition_time or ""
    return final


def _announce(services: Services, state: Pass, final: JobCondition) -> None:
    job = state.job
    if final.type == "Failed":
        services.events.event(job, "Warning", final.reason, final.message)
        return
    if job.spec.completions is not None and state.succeeded > job.spec.completions:
        services.events.event(
            job, "Warning", "TooManySucceededPods", "Too many succeeded pods running after completion count reached"
        )
    services.events.event(job, "Normal", "Completed", "Job completed")


async def _save(services: Services, state: Pass) -> None:
    if state.job.status == state.before.status:
        return
    stored = await services.client.update(state.job, subresource="status")
    state.before, state.job = stored, deep_copy(stored)
    if state.job.status.uncounted_terminated_pods is None:
        state.job.status.uncounted_terminated_pods = UncountedTerminatedPods()
