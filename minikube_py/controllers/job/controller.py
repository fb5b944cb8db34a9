"""The Job controller: which Job to look at when, and releasing pods whose Job is gone or over.

Source: pkg/controller/job/job_controller.go.
"""

from __future__ import annotations

from minikube_py.apis.batch_v1 import Job
from minikube_py.apis.core_v1 import Pod
from minikube_py.client.informer import key_of
from minikube_py.core.workqueue import WorkQueue

from ..base import Context, Controller
from ..expectations import Expectations
from ..pod_control import PodControl
from ..refs import Claims, controlled_and_orphans, controller_of, index_by_controller
from ..selectors import matcher, matches
from . import rules, sync
from .backoff import Record
from .tracking import Released, release


class JobController(Controller):
    """Pods of Jobs."""

    name = "job"
    component = "job-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.jobs = self.informer(Job)
        self.pods = self.informer(Pod)
        index_by_controller(self.pods)
        self.expectations = Expectations(self.pods)
        self.released = Released(self.pods)
        pod_control = PodControl(self.client, self.events, self.expectations)
        self._services = sync.Services(self.client, self.events, pod_control, self.released)
        self._records: dict[str, Record] = {}
        self._written: dict[str, Job] = {}
        self._orphans: WorkQueue[str] = WorkQueue("job-orphans")
        self.jobs.add_handler(self._job_changed)
        self.pods.add_handler(self._pod_changed)

    async def background(self) -> None:
        """Release orphans beside the Jobs."""
        try:
            await self._orphans.work(self._release_orphan)
        finally:
            self._orphans.close()

    def _job_changed(self, old: Job | None, new: Job | None) -> None:
        self.enqueue_changed(old, new)
        if new is None and old is not None:
            for pod in self.pods.by_index("controller", old.metadata.uid):
                self._orphans.add(key_of(pod))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            ref = controller_of(pod) if pod is not None else None
            if pod is None or ref is None or ref.kind != "Job":
                continue
            job = self.jobs.get(ref.name, pod.metadata.namespace)
            if job is not None and job.metadata.uid == ref.uid:
                self.enqueue(job)
            elif pod is new and rules.is_tracked(pod):
                self._orphans.add(key_of(pod))
        if new is None or controller_of(new) is not None or new.metadata.deletion_timestamp:
            return
        if rules.is_tracked(new):
            self._orphans.add(key_of(new))
        if old is not None and old.metadata.labels == new.metadata.labels and controller_of(old) is None:
            return
        for job in self.jobs.list(new.metadata.namespace):
            if matches(job.spec.selector, new.metadata.labels):
                self.enqueue(job)

    async def reconcile(self, key: str) -> float | None:
        job = self._newest(key)
        if job is None:
            self.expectations.forget(key)
            self._records.pop(key, None)
            return None
        if job.spec.managed_by not in (None, "", rules.CONTROLLER):
            return None
        if rules.is_finished(job):
            self._records.pop(key, None)
            await release(self.client, self.released, [pod for pod in self._pods_of(job) if rules.is_tracked(pod)])
            return None
        may_manage = self.expectations.satisfied(key)
        claims = Claims(self.client, Pod, job, matcher(job.spec.selector), (rules.FINALIZER,))
        pods = await claims.claim(controlled_and_orphans(self.pods, job))
        record = self._records.get(key, Record())
        state = sync.Pass(key, job, pods, self.clock.now(), may_manage, record)
        try:
            await sync.run(self._services, state)
        finally:
            if state.before is not job:
                self._written[key] = state.before
        self._records[key] = state.record
        if not may_manage:
            state.again_s.append(self.expectations.remaining_s(key))
        return min(state.again_s, default=None)

    def _newest(self, key: str) -> Job | None:
        """The Job as cached or as last written here, whichever is newer: counts must never be taken from an older state."""
        cached, written = self.jobs.get_key(key), self._written.get(key)
        if cached is None or written is None:
            self._written.pop(key, None)
            return cached
        if cached.metadata.uid == written.metadata.uid and int(cached.metadata.resource_version) < int(written.metadata.resource_version):
            return written
        del self._written[key]
        return cached

    def _pods_of(self, job: Job) -> list[Pod]:
        return [*self.pods.by_index("controller", job.metadata.uid)]

    async def _release_orphan(self, key: str) -> float | None:
        """Let go of a pod whose Job does not exist any more."""
        pod = self.pods.get_key(key)
        if pod is None or not rules.is_tracked(pod):
            return None
        ref = controller_of(pod)
        if ref is not None:
            job = self.jobs.get(ref.name, pod.metadata.namespace)
            if job is not None and job.metadata.uid == ref.uid:
                return None
        elif any(matches(job.spec.selector, pod.metadata.labels) for job in self.jobs.list(pod.metadata.namespace)):
            return None
        await release(self.client, self.released, [pod])
        return None

