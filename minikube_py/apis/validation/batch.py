"""Rules of jobs and cron jobs.

Source: pkg/apis/batch/validation/validation.go
"""

from __future__ import annotations

import re
import zoneinfo

import msgspec

from .. import syntax
from ..batch_v1 import CronJob, Job, JobSpec, PodFailurePolicyRule
from ..core_v1 import PodTemplateSpec
from ..labels import from_label_selector
from .causes import IMMUTABLE, Causes, duplicate, invalid, not_supported, required, too_many
from .common import immutable, label_selector, matches, non_negative, one_of, positive
from .pods import template_spec

CRON_JOB_NAME_MAX = 52
_COMPLETIONS_MAX, _PARALLELISM_MAX = 1_000_000, 100_000
_RULES_MAX, _EXIT_CODES_MAX, _CONDITIONS_MAX = 20, 255, 20
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_CRON_FIELD = re.compile(r"(\*|\?|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?(,(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?)*")
_CRON_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_CRON_NAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


def job(causes: Causes, obj: Job) -> None:
    _spec(causes, "spec", obj.spec)
    _generated_selector(causes, obj)


def _generated_selector(causes: Causes, obj: Job) -> None:
    spec = obj.spec
    if spec.selector is None:
        causes.append(required("spec.selector"))
        return
    label_selector(causes, "spec.selector", spec.selector)
    labels = spec.template.metadata.labels
    if not from_label_selector(spec.selector).matches(labels):
        causes.append(invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"))


def _spec(causes: Causes, path: str, spec: JobSpec) -> None:
    for value, wire in ((spec.parallelism, "parallelism"), (spec.completions, "completions"), (spec.backoff_limit, "backoffLimit"),
                        (spec.backoff_limit_per_index, "backoffLimitPerIndex"), (spec.max_failed_indexes, "maxFailedIndexes"),
                        (spec.ttl_seconds_after_finished, "ttlSecondsAfterFinished"),
                        (spec.active_deadline_seconds, "activeDeadlineSeconds")):
        non_negative(causes, f"{path}.{wire}", value)
    _indexes(causes, path, spec)
    if spec.pod_failure_policy is not None:
        _failure_policy(causes, f"{path}.podFailurePolicy", spec, spec.pod_failure_policy.rules)
    if spec.success_policy is not None:
        _success_policy(causes, f"{path}.successPolicy", spec)
    if spec.pod_replacement_policy is not None and spec.pod_replacement_policy not in ("Failed", "TerminatingOrFailed"):
        causes.append(not_supported(f"{path}.podReplacementPolicy", spec.pod_replacement_policy, ("Failed", "TerminatingOrFailed")))
    if spec.managed_by is not None and "/" not in spec.managed_by:
        causes.append(invalid(f"{path}.managedBy", spec.managed_by, 'must be a domain-prefixed path (such as "acme.io/foo")'))
    template_spec(causes, f"{path}.template", spec.template)
    policy = spec.template.spec.restart_policy
    if policy not in ("OnFailure", "Never"):
        where = f"{path}.template.spec.restartPolicy"
        if policy == "Always":
            causes.append(required(where, 'valid values: "OnFailure", "Never"'))
        elif policy:
            causes.append(not_supported(where, policy, ("OnFailure", "Never")))
    if spec.pod_failure_policy is not None and policy != "Never":
        causes.append(invalid(f"{path}.template.spec.restartPolicy", policy,
                              'only "Never" is supported when podFailurePolicy is specified'))


def _indexes(causes: Causes, path: str, spec: JobSpec) -> None:
    mode = spec.completion_mode
    if mode is not None and mode not in ("Indexed", "NonIndexed"):
        causes.append(not_supported(f"{path}.completionMode", mode, ("Indexed", "NonIndexed")))
    if mode == "Indexed":
        if spec.completions is None:
            causes.append(required(f"{path}.completions", "when completion mode is Indexed"))
        elif spec.completions > _COMPLETIONS_MAX and spec.backoff_limit_per_index is not None:
            causes.append(invalid(f"{path}.completions", spec.completions, f"must be less than or equal to {_COMPLETIONS_MAX}"))
        if (spec.parallelism or 0) > _PARALLELISM_MAX:
            causes.append(invalid(f"{path}.parallelism", spec.parallelism,
                                  f"must be less than or equal to {_PARALLELISM_MAX} when completion mode is Indexed"))
    elif spec.backoff_limit_per_index is not None:
        causes.append(invalid(f"{path}.backoffLimitPerIndex", spec.backoff_limit_per_index, "requires indexed completion mode"))
    if spec.max_failed_indexes is not None and spec.backoff_limit_per_index is None:
        causes.append(required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))


def _failure_policy(causes: Causes, path: str, spec: JobSpec, rules: list[PodFailurePolicyRule]) -> None:
    if len(rules) > _RULES_MAX:
        causes.append(too_many(f"{path}.rules", len(rules), _RULES_MAX))
    names = {c.name for c in (*spec.template.spec.containers, *spec.template.spec.init_containers)}
    for index, rule in enumerate(rules):
        where = f"{path}.rules[{index}]"
        one_of(causes, f"{where}.action", rule.action, _ACTIONS)
        if rule.action == "FailIndex" and spec.backoff_limit_per_index is None:
            causes.append(invalid(f"{where}.action", rule.action, "requires the backoffLimitPerIndex to be set"))
        codes = rule.on_exit_codes
        if codes is not None and rule.on_pod_conditions:
            causes.append(invalid(where, "", "specifying both OnExitCodes and OnPodConditions is not supported"))
        if codes is None and not rule.on_pod_conditions:
            causes.append(invalid(where, "", "specifying one of OnExitCodes and OnPodConditions is required"))
        if codes is not None:
            one_of(causes, f"{where}.onExitCodes.operator", codes.operator, ("In", "NotIn"))
            if codes.container_name is not None and codes.container_name not in names:
                causes.append(invalid(f"{where}.onExitCodes.containerName", codes.container_name,
                                      "must be one of the container or initContainer names in the pod template"))
            if not codes.values:
                causes.append(invalid(f"{where}.onExitCodes.values", codes.values, "at least one value is required"))
            elif len(codes.values) > _EXIT_CODES_MAX:
                causes.append(too_many(f"{where}.onExitCodes.values", len(codes.values), _EXIT_CODES_MAX))
            for number, value in enumerate(codes.values):
                if codes.operator == "In" and value == 0:
                    causes.append(invalid(f"{where}.onExitCodes.values[{number}]", value, "must not be 0 for the In operator"))
                if value in codes.values[:number]:
                    causes.append(duplicate(f"{where}.onExitCodes.values[{number}]", value))
        if len(rule.on_pod_conditions) > _CONDITIONS_MAX:
            causes.append(too_many(f"{where}.onPodConditions", len(rule.on_pod_conditions), _CONDITIONS_MAX))
        for number, pattern in enumerate(rule.on_pod_conditions):
            matches(causes, f"{where}.onPodConditions[{number}].type", pattern.type, syntax.label_key)
            one_of(causes, f"{where}.onPodConditions[{number}].status", pattern.status, ("False", "True", "Unknown"))


def _success_policy(causes: Causes, path: str, spec: JobSpec) -> None:
    if spec.completion_mode != "Indexed":
        causes.append(invalid(path, spec.success_policy, "requires indexed completion mode"))
    rules = spec.success_policy.rules if spec.success_policy is not None else []
    if not rules:
        causes.append(required(f"{path}.rules", "at least one rules must be specified when the successPolicy is specified"))
    if len(rules) > _RULES_MAX:
        causes.append(too_many(f"{path}.rules", len(rules), _RULES_MAX))
    for index, rule in enumerate(rules):
        if rule.succeeded_count is None and rule.succeeded_indexes is None:
            causes.append(required(f"{path}.rules[{index}]", "at least one of succeededCount or succeededIndexes must be specified"))
        positive(causes, f"{path}.rules[{index}].succeededCount", rule.succeeded_count)


def update_job(causes: Causes, new: Job, old: Job) -> None:
    """A job's template and completions stay as they are, but for what a suspended job may have changed before it starts."""
    own, was = new.spec, old.spec
    job(causes, new)
    indexed_scaling = own.completion_mode == "Indexed" and own.completions == own.parallelism and own.completions is not None
    if own.completions != was.completions and not indexed_scaling:
        causes.append(invalid("spec.completions", own.completions, IMMUTABLE))
    immutable(causes, "spec.selector", own.selector, was.selector)
    immutable(causes, "spec.completionMode", own.completion_mode, was.completion_mode)
    immutable(causes, "spec.podFailurePolicy", own.pod_failure_policy, was.pod_failure_policy)
    immutable(causes, "spec.backoffLimitPerIndex", own.backoff_limit_per_index, was.backoff_limit_per_index)
    immutable(causes, "spec.managedBy", own.managed_by, was.managed_by)
    immutable(causes, "spec.successPolicy", own.success_policy, was.success_policy)
    template = own.template
    if was.suspend and not old.status.start_time:
        template = _with_scheduling_of(own, was)
    if template != was.template:
        causes.append(invalid("spec.template", own.template, IMMUTABLE))


def _with_scheduling_of(own: JobSpec, was: JobSpec) -> PodTemplateSpec:
    """The new template with the old scheduling directives, which may change while a job is suspended."""
    spec, old = own.template.spec, was.template.spec
    before = was.template.metadata
    metadata = msgspec.structs.replace(own.template.metadata, labels=before.labels, annotations=before.annotations)
    affinity = spec.affinity
    if affinity != old.affinity and (affinity is None or old.affinity is None or (
            affinity.pod_affinity == old.affinity.pod_affinity and affinity.pod_anti_affinity == old.affinity.pod_anti_affinity)):
        affinity = old.affinity
    spec = msgspec.structs.replace(spec, node_selector=old.node_selector, tolerations=old.tolerations, affinity=affinity,
                                   scheduling_gates=old.scheduling_gates)
    return msgspec.structs.replace(own.template, metadata=metadata, spec=spec)


def cron_job(causes: Causes, obj: CronJob) -> None:
    spec = obj.spec
    if len(obj.metadata.name) > CRON_JOB_NAME_MAX:
        causes.append(invalid("metadata.name", obj.metadata.name, f"must be no more than {CRON_JOB_NAME_MAX} characters"))
    _schedule(causes, spec.schedule)
    if spec.time_zone is not None:
        _time_zone(causes, spec.time_zone)
    non_negative(causes, "spec.startingDeadlineSeconds", spec.starting_deadline_seconds)
    one_of(causes, "spec.concurrencyPolicy", spec.concurrency_policy, ("Allow", "Forbid", "Replace"))
    template = spec.job_template.spec
    if template.selector is not None:
        causes.append(invalid("spec.jobTemplate.spec.selector", template.selector, "`selector` will be auto-generated"))
    if template.manual_selector:
        causes.append(not_supported("spec.jobTemplate.spec.manualSelector", True, ("nil", "false")))
    _spec(causes, "spec.jobTemplate.spec", template)
    non_negative(causes, "spec.successfulJobsHistoryLimit", spec.successful_jobs_history_limit)
    non_negative(causes, "spec.failedJobsHistoryLimit", spec.failed_jobs_history_limit)


def _schedule(causes: Causes, schedule: str) -> None:
    path = "spec.schedule"
    if not schedule:
        causes.append(required(path))
        return
    if "TZ" in schedule:
        causes.append(invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"))
        return
    if schedule.startswith("@"):
        if schedule not in _CRON_NAMES and not re.fullmatch(r"@every ([0-9.]+(h|m|s|ms|us|ns))+", schedule):
            causes.append(invalid(path, schedule, f"unrecognized descriptor: {schedule}"))
        return
    fields = schedule.split()
    if len(fields) != 5:
        shown = " ".join(fields)
        causes.append(invalid(path, schedule, f"expected exactly 5 fields, found {len(fields)}: [{shown}]"))
        return
    for text, (low, high) in zip(fields, _CRON_BOUNDS, strict=True):
        numbers = [int(number) for number in re.findall(r"(?<![/0-9])[0-9]+", text)]
        if not _CRON_FIELD.fullmatch(text):
            causes.append(invalid(path, schedule, f"failed to parse int from {text}"))
        elif numbers and max(numbers) > high:
            causes.append(invalid(path, schedule, f"end of range ({max(numbers)}) above maximum ({high}): {text}"))
        elif numbers and min(numbers) < low:
            causes.append(invalid(path, schedule, f"beginning of range ({min(numbers)}) below minimum ({low}): {text}"))


def _time_zone(causes: Causes, name: str) -> None:
    path = "spec.timeZone"
    if not name:
        causes.append(invalid(path, name, "timeZone must be nil or non-empty string"))
    elif name.lower() == "local":
        causes.append(invalid(path, name, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"))
    else:
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            causes.append(invalid(path, name, f"unknown time zone {name}"))

