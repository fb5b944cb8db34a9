"""The CronJob controller: makes a Job at each moment of a schedule.

Each CronJob has one timer, set to its next moment. Moments missed while the controller was away are made up for by the last of them alone.
Source: pkg/controller/cronjob/cronjob_controllerv2.go.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from minikube_py.apis.batch_v1 import CronJob, Job
from minikube_py.apis.core_v1 import ObjectReference
from minikube_py.apis.cron import Schedule, parse
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.events import object_reference
from minikube_py.core.clock import duration, parse_rfc3339, rfc3339
from minikube_py.core.errors import AlreadyExistsError, NotFoundError, StatusError

from ..base import Context, Controller
from ..pod_control import namespace_is_terminating
from ..refs import INDEX, controller_of, controller_ref, index_by_controller
from ..status import condition_of

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
# Missed moments beyond which a warning is due. Source: cronjob/utils.go.
_MISSED_MAX = 100
# A timer must not fire before its moment. Source: cronjob_controllerv2.go, nextScheduleDelta.
_SLACK_S = 0.1


class CronJobController(Controller):
    """Jobs of CronJobs."""

    name = "cronjob"
    component = "cronjob-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.cron_jobs = self.informer(CronJob)
        self.jobs = self.informer(Job)
        index_by_controller(self.jobs)
        self.cron_jobs.add_handler(self.enqueue_changed)
        self.jobs.add_handler(self._job_changed)

    def _job_changed(self, old: Job | None, new: Job | None) -> None:
        for job in (old, new):
            ref = controller_of(job) if job is not None else None
            if job is not None and ref is not None and ref.kind == "CronJob":
                self.queue.add(f"{job.metadata.namespace}/{ref.name}")

    async def reconcile(self, key: str) -> float | None:
        cron = self.cron_jobs.get_key(key)
        if cron is None:
            return None
        jobs = [*self.jobs.by_index(INDEX, cron.metadata.uid)]
        copy = deep_copy(cron)
        self._note_ended(copy, jobs)
        await self._clean_up(copy, jobs)
        try:
            return await self._start_due(copy, jobs)
        finally:
            if copy.status != cron.status:
                await self.client.update(copy, subresource="status")

    def _note_ended(self, cron: CronJob, jobs: list[Job]) -> None:
        """Take ended and lost Jobs from the list of active ones."""
        by_uid = {job.metadata.uid: job for job in jobs}
        active: list[ObjectReference] = []
        for ref in cron.status.active:
            job = by_uid.get(ref.uid)
            end = _end_of(job) if job is not None else None
            if job is None:
                if self.jobs.get(ref.name, cron.metadata.namespace) is None and _is_old(ref, cron):
                    self.events.event(cron, "Normal", "MissingJob", f"Active job went missing: {ref.name}")
                    continue
                active.append(ref)
            elif end is None:
                active.append(ref)
            else:
                self.events.event(cron, "Normal", "SawCompletedJob", f"Saw completed job: {ref.name}, condition: {end}")
        known = {ref.uid for ref in active}
        for job in jobs:
            end = _end_of(job)
            if end is None and job.metadata.uid not in known and not job.metadata.deletion_timestamp:
                message = f"Saw a job that the controller did not create or forgot: {job.metadata.name}"
                self.events.event(cron, "Warning", "UnexpectedJob", message)
            if end == "Complete" and job.status.completion_time > cron.status.last_successful_time:
                cron.status.last_successful_time = job.status.completion_time
        cron.status.active = active

    async def _clean_up(self, cron: CronJob, jobs: list[Job]) -> None:
        """Delete the oldest ended Jobs beyond the limits of the history."""
        spec = cron.spec
        for end, limit in (("Complete", spec.successful_jobs_history_limit), ("Failed", spec.failed_jobs_history_limit)):
            if limit is None:
                continue
            ended = [job for job in jobs if _end_of(job) == end and not job.metadata.deletion_timestamp]
            ended.sort(key=lambda job: (job.status.start_time, job.metadata.name))
            for job in ended[: max(0, len(ended) - limit)]:
                await self._delete(cron, job)

    async def _start_due(self, cron: CronJob, jobs: list[Job]) -> float | None:
        """Make the Job that is due, if any; returns the seconds until the next moment."""
        if cron.metadata.deletion_timestamp or cron.spec.suspend:
            return None
        plan = self._read_schedule(cron)
        if plan is None:
            return None
        times, zone = plan
        now = self.clock.now()
        if self._is_never(cron, times, zone, now):
            message = f"invalid schedule: {cron.spec.schedule} : time difference between two schedules is less than 1 second"
            self.events.event(cron, "Warning", "InvalidSchedule", message)
            return None
        due = self._last_due(cron, times, zone, now)
        if due is not None and not self._is_done(cron, jobs, due) and self._may_start(cron, due, now):
            await self._start(cron, jobs, due, zone)
        following = times.after(now, zone)
        return None if following is None else (following - now).total_seconds() + _SLACK_S

    def _read_schedule(self, cron: CronJob) -> tuple[Schedule, tzinfo] | None:
        try:
            times = parse(cron.spec.schedule)
        except ValueError as error:
            message = f'unparseable schedule: "{cron.spec.schedule}" : {error}'
            self.events.event(cron, "Warning", "UnparseableSchedule", message)
            return None
        try:
            return times, ZoneInfo(cron.spec.time_zone) if cron.spec.time_zone else UTC
        except (ZoneInfoNotFoundError, ValueError) as error:
            self.events.event(cron, "Warning", "UnknownTimeZone", f'invalid timeZone: "{cron.spec.time_zone}": {error}')
            return None

    def _is_never(self, cron: CronJob, times: Schedule, zone: tzinfo, now: datetime) -> bool:
        """Whether the schedule is of moments that do not come, such as the 31st of February."""
        following = times.after(_unserved_since(cron, now), zone)
        return following is None or (following <= now and times.after(following, zone) is None)

    def _last_due(self, cron: CronJob, times: Schedule, zone: tzinfo, now: datetime) -> datetime | None:
        """The last moment up to now that was not served."""
        since = _unserved_since(cron, now)
        if _count(times, since, now, zone) > _MISSED_MAX:
            self.events.event(
                cron, "Warning", "TooManyMissedTimes",
                "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
            )
        return times.last(since, now, zone)

    def _is_done(self, cron: CronJob, jobs: list[Job], due: datetime) -> bool:
        if cron.status.last_schedule_time and parse_rfc3339(cron.status.last_schedule_time) >= due:
            return True
        return any(job.metadata.name == _job_name(cron, due) for job in jobs)

    def _may_start(self, cron: CronJob, due: datetime, now: datetime) -> bool:
        deadline_s = cron.spec.starting_deadline_seconds
        if deadline_s is not None and due + duration(deadline_s) < now:
            stamp = due.strftime("%a, %d %b %Y %H:%M:%S +0000")
            self.events.event(cron, "Warning", "MissSchedule", f"Missed scheduled time to start a job: {stamp}")
            return False
        if cron.spec.concurrency_policy == "Forbid" and cron.status.active:
            self.events.event(
                cron, "Normal", "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid"
            )
            return False
        return True

    async def _start(self, cron: CronJob, jobs: list[Job], due: datetime, zone: tzinfo) -> None:
        if cron.spec.concurrency_policy == "Replace":
            running = {ref.uid for ref in cron.status.active}
            for job in jobs:
                if job.metadata.uid in running:
                    await self._delete(cron, job)
            cron.status.active = []
        try:
            made = await self.client.create(_make_job(cron, due, zone))
        except AlreadyExistsError:
            return
        except StatusError as error:
            if not namespace_is_terminating(error):
                self.events.event(cron, "Warning", "FailedCreate", f"Error creating job: {error}")
            raise
        self.events.event(cron, "Normal", "SuccessfulCreate", f"Created job {made.metadata.name}")
        cron.status.active = [*cron.status.active, object_reference(made)]
        cron.status.last_schedule_time = rfc3339(due)

    async def _delete(self, cron: CronJob, job: Job) -> None:
        meta = job.metadata
        try:
            await self.client.delete(Job, meta.name, meta.namespace, uid=meta.uid, propagation_policy="Background")
        except NotFoundError:
            return
        self.events.event(cron, "Normal", "SuccessfulDelete", f"Deleted job {meta.name}")


def _unserved_since(cron: CronJob, now: datetime) -> datetime:
    """From when on moments count that were not served."""
    since = parse_rfc3339(cron.status.last_schedule_time or cron.metadata.creation_timestamp)
    deadline_s = cron.spec.starting_deadline_seconds
    return since if deadline_s is None else max(since, now - duration(deadline_s))


def _count(times: Schedule, since: datetime, now: datetime, zone: tzinfo) -> int:
    """How many moments there were, counted to just beyond _MISSED_MAX."""
    count, following = 0, times.after(since, zone)
    while following is not None and following <= now and count <= _MISSED_MAX:
        count, following = count + 1, times.after(following, zone)
    return count


def _job_name(cron: CronJob, due: datetime) -> str:
    """One name a moment, so that no Job is made twice."""
    return f"{cron.metadata.name}-{int(due.timestamp()) // 60}"


def _make_job(cron: CronJob, due: datetime, zone: tzinfo) -> Job:
    template = deep_copy(cron.spec.job_template)
    local = due.astimezone(zone)
    stamp = local.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Job(
        api_version="batch/v1", kind="Job",
        metadata=ObjectMeta(
            name=_job_name(cron, due), namespace=cron.metadata.namespace, labels=template.metadata.labels,
            annotations={**template.metadata.annotations, SCHEDULED: stamp}, owner_references=[controller_ref(cron)],
        ),
        spec=template.spec,
    )


def _end_of(job: Job) -> str | None:
    """ "Complete" or "Failed", None while the Job runs."""
    for kind in ("Complete", "Failed"):
        row = condition_of(job.status.conditions, kind)
        if row is not None and row.status == "True":
            return kind
    return None


def _is_old(ref: ObjectReference, cron: CronJob) -> bool:
    """Whether a reference is older than the last write of the CronJob: a younger one may not be in the cache yet."""
    return bool(ref.resource_version) and int(ref.resource_version) < int(cron.metadata.resource_version)
