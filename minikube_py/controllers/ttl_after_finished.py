"""TTL-after-finished: Jobs with ttlSecondsAfterFinished go that long after their end, with all that they own.

Source: pkg/controller/ttlafterfinished/ttlafterfinished_controller.go.
"""

from __future__ import annotations

from minikube_py.apis.batch_v1 import Job
from minikube_py.core.errors import NotFoundError

from .base import Context, Controller
from .status import age_s, condition_of


class TtlAfterFinishedController(Controller):
    """Deletes finished Jobs."""

    name = "ttl_jobs_to_delete"
    component = "ttl-after-finished-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.jobs = self.informer(Job)
        self.jobs.add_handler(self._changed)

    def _changed(self, old: Job | None, new: Job | None) -> None:
        if new is not None and not new.metadata.deletion_timestamp and _finished_at(new) is not None:
            self.enqueue(new)

    async def reconcile(self, key: str) -> float | None:
        job = self.jobs.get_key(key)
        end = _finished_at(job) if job is not None else None
        if job is None or end is None or job.metadata.deletion_timestamp:
            return None
        left_s = (job.spec.ttl_seconds_after_finished or 0) - age_s(self.clock.now(), end)
        if left_s > 0:
            return left_s
        meta = job.metadata
        try:
            await self.client.delete(
                Job, meta.name, meta.namespace, uid=meta.uid, resource_version=meta.resource_version, propagation_policy="Foreground"
            )
        except NotFoundError:
            return None
        return None


def _finished_at(job: Job) -> str | None:
    """When a Job with a TTL ended, None if it runs or has no TTL."""
    if job.spec.ttl_seconds_after_finished is None:
        return None
    for kind in ("Complete", "Failed"):
        row = condition_of(job.status.conditions, kind)
        if row is not None and row.status == "True":
            return row.last_transition_time
    return None
