"""Rules of cron jobs.

Source: pkg/apis/batch/validation/validation.go (ValidateCronJobCreate, ValidateCronJobUpdate)
"""

from __future__ import annotations

import re
import zoneinfo

from .. import cron
from ..batch_v1 import CronJob, CronJobSpec
from .batch import job_spec
from .causes import Causes, invalid, not_supported, required
from .common import non_negative

NAME_MAX = 52  # the controller adds eleven characters, and a job's name is a label of its pods
_POLICIES = ("Allow", "Forbid", "Replace")
_ZONE_PART = re.compile(r"[A-Za-z.\-_0-9+]{1,14}")


def cron_job(causes: Causes, obj: CronJob) -> None:
    _spec(causes, obj.spec, None)
    if len(obj.metadata.name) > NAME_MAX:
        causes.append(invalid("metadata.name", obj.metadata.name, f"must be no more than {NAME_MAX} characters"))


def update_cron_job(causes: Causes, new: CronJob, old: CronJob) -> None:
    """An old object may keep a name that is too long today."""
    _spec(causes, new.spec, old.spec)


def _spec(causes: Causes, spec: CronJobSpec, old: CronJobSpec | None) -> None:
    if not spec.schedule:
        causes.append(required("spec.schedule"))
    else:
        _schedule(causes, "spec.schedule", spec, zone_was_there=old is not None and "TZ" in old.schedule)
    non_negative(causes, "spec.startingDeadlineSeconds", spec.starting_deadline_seconds)
    if spec.time_zone is not None and (old is None or old.time_zone != spec.time_zone):
        _time_zone(causes, "spec.timeZone", spec.time_zone)
    if spec.concurrency_policy not in _POLICIES:
        causes.append(not_supported("spec.concurrencyPolicy", spec.concurrency_policy, _POLICIES) if spec.concurrency_policy
                      else required("spec.concurrencyPolicy"))
    path, template = "spec.jobTemplate.spec", spec.job_template.spec
    job_spec(causes, path, template)
    if template.selector is not None:
        causes.append(invalid(f"{path}.selector", template.selector, "`selector` will be auto-generated"))
    if template.manual_selector:
        causes.append(not_supported(f"{path}.manualSelector", True, ("nil", "false")))
    non_negative(causes, "spec.successfulJobsHistoryLimit", spec.successful_jobs_history_limit)
    non_negative(causes, "spec.failedJobsHistoryLimit", spec.failed_jobs_history_limit)


def _schedule(causes: Causes, path: str, spec: CronJobSpec, *, zone_was_there: bool) -> None:
    text = spec.schedule
    try:
        cron.parse(_without_zone(text))
    except ValueError as error:
        causes.append(invalid(path, text, str(error)))
    if "TZ" not in text:
        return
    if not zone_was_there:
        causes.append(invalid(path, text, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"))
    elif spec.time_zone is not None:
        causes.append(invalid(path, text, "cannot use both timeZone field and TZ or CRON_TZ in schedule"))


def _without_zone(text: str) -> str:
    """The schedule without the time zone that it begins with. Raises: ValueError if there is no such zone."""
    if not text.startswith(("TZ=", "CRON_TZ=")):
        return text
    zone, _, rest = text.partition(" ")
    name = zone.partition("=")[2]
    if not is_time_zone(name):
        raise ValueError(f"provided bad location {name}: unknown time zone {name}")
    return rest.strip()


def is_time_zone(name: str) -> bool:
    """Whether Go knows a time zone of that name; the empty one is UTC there."""
    if name in ("", "UTC", "Local"):
        return True
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _time_zone(causes: Causes, path: str, name: str) -> None:
    if not name:
        causes.append(invalid(path, name, "timeZone must be nil or non-empty string"))
        return
    if any(part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part) for part in name.split("/")):
        causes.append(invalid(path, name, f"unknown time zone {name}"))
        return
    if name.lower() == "local":
        causes.append(invalid(path, name, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"))
    if not is_time_zone(name):
        causes.append(invalid(path, name, f"unknown time zone {name}"))
