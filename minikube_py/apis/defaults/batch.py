"""Defaults of jobs and cron jobs.

Source: pkg/apis/batch/v1/defaults.go
"""

from __future__ import annotations

from ..batch_v1 import CronJob, Job, JobSpec
from .pods import set_template_spec
from .table import Defaults

_BACKOFF_LIMIT = 6
_BACKOFF_LIMIT_PER_INDEX = 2**31 - 1  # an indexed job with limits per index has none of its own


def set_job(job: Job) -> None:
    spec = job.spec
    _set_job_template(spec)
    if spec.completions is None and spec.parallelism is None:
        spec.completions = 1
    if spec.parallelism is None:
        spec.parallelism = 1
    if spec.backoff_limit is None:
        spec.backoff_limit = _BACKOFF_LIMIT if spec.backoff_limit_per_index is None else _BACKOFF_LIMIT_PER_INDEX
    if not job.metadata.labels:
        job.metadata.labels = dict(spec.template.metadata.labels)
    if spec.completion_mode is None:
        spec.completion_mode = "NonIndexed"
    if spec.suspend is None:
        spec.suspend = False
    if spec.pod_replacement_policy is None:
        spec.pod_replacement_policy = "TerminatingOrFailed" if spec.pod_failure_policy is None else "Failed"
    if spec.manual_selector is None:
        spec.manual_selector = False


def set_cron_job(cron_job: CronJob) -> None:
    spec = cron_job.spec
    _set_job_template(spec.job_template.spec)
    if not spec.concurrency_policy:
        spec.concurrency_policy = "Allow"
    if spec.suspend is None:
        spec.suspend = False
    if spec.successful_jobs_history_limit is None:
        spec.successful_jobs_history_limit = 3
    if spec.failed_jobs_history_limit is None:
        spec.failed_jobs_history_limit = 1


def _set_job_template(spec: JobSpec) -> None:
    set_template_spec(spec.template)
    if spec.pod_failure_policy is not None:
        spec.pod_failure_policy.rules = spec.pod_failure_policy.rules or None
        for rule in spec.pod_failure_policy.rules or ():
            for pattern in rule.on_pod_conditions:
                if not pattern.status:
                    pattern.status = "True"


DEFAULTS: Defaults = {Job: set_job, CronJob: set_cron_job}
