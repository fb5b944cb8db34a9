"""Rules of jobs.

Source: pkg/apis/batch/validation/validation.go (ValidateJob, ValidateJobUpdate), pkg/registry/batch/job/strategy.go
"""

from __future__ import annotations

import msgspec

from .. import syntax
from ..batch_v1 import Job, JobSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule, SuccessPolicyRule
from ..core_v1 import Affinity, Container, PodSpec, PodTemplateSpec
from . import indexes
from .apps import selects
from .causes import OMITTED, Causes, duplicate, invalid, not_supported, required, too_long, too_many
from .common import immutable, label_selector, non_negative, qualified
from .pods import template_spec

_INDEXED_PARALLELISM_MAX, _FAILED_INDEXES_MAX = 100_000, 100_000
_MANY_COMPLETIONS, _PARALLELISM_OF_MANY_MAX, _FAILED_OF_MANY_MAX = 100_000, 10_000, 10_000
_RULES_MAX, _EXIT_CODES_MAX, _CONDITIONS_MAX = 20, 255, 20
_MANAGED_BY_BYTES_MAX, _SUCCEEDED_INDEXES_BYTES_MAX = 63, 64 * 1024
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
CONTROLLER_UID, JOB_NAME = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"
# The names of these labels before 1.27, which are still set.
LEGACY_CONTROLLER_UID, LEGACY_JOB_NAME = "controller-uid", "job-name"


def job(causes: Causes, obj: Job) -> None:
    spec = obj.spec
    _generated_selector(causes, obj)
    _with_selector(causes, "spec", spec)
    if spec.completion_mode == "Indexed" and spec.completions is not None and spec.completions > 0:
        last = f"{obj.metadata.name}-{spec.completions - 1}"
        if syntax.dns_label(last):
            causes.append(invalid("metadata.name", obj.metadata.name, f"will not able to create pod with invalid DNS label: {last}"))


def _generated_selector(causes: Causes, obj: Job) -> None:
    """Unless the job brings its own selector, the selector is what was made of the job's uid."""
    meta, spec = obj.metadata, obj.spec
    if spec.manual_selector or spec.selector is None:
        return
    if not meta.uid:
        causes.append(required("metadata.uid"))
    expected = {LEGACY_CONTROLLER_UID: meta.uid, LEGACY_JOB_NAME: meta.name, CONTROLLER_UID: meta.uid, JOB_NAME: meta.name}
    labels = spec.template.metadata.labels
    for key, value in expected.items():
        if key not in labels:
            causes.append(required(f"spec.template.metadata.labels[{key}]", f"must be '{value}'"))
        elif labels[key] != value:
            causes.append(invalid(f"spec.template.metadata.labels[{key}]", labels, f"must be '{value}'"))
    if selects(spec.selector, expected) is False:
        causes.append(invalid("spec.selector", spec.selector, "`selector` not auto-generated"))


def _with_selector(causes: Causes, path: str, spec: JobSpec) -> None:
    job_spec(causes, path, spec)
    if spec.selector is None:
        causes.append(required(f"{path}.selector"))
    label_selector(causes, f"{path}.selector", spec.selector)
    labels = spec.template.metadata.labels
    if selects(spec.selector, labels) is False:
        causes.append(invalid(f"{path}.template.metadata.labels", labels, "`selector` does not match template `labels`"))


def job_spec(causes: Causes, path: str, spec: JobSpec) -> None:
    """The spec of a job, or that in the template of a cron job."""
    for value, wire in ((spec.parallelism, "parallelism"), (spec.completions, "completions"),
                        (spec.active_deadline_seconds, "activeDeadlineSeconds"), (spec.backoff_limit, "backoffLimit"),
                        (spec.ttl_seconds_after_finished, "ttlSecondsAfterFinished"),
                        (spec.backoff_limit_per_index, "backoffLimitPerIndex"), (spec.max_failed_indexes, "maxFailedIndexes")):
        non_negative(causes, f"{path}.{wire}", value)
    if spec.max_failed_indexes is not None and spec.backoff_limit_per_index is None:
        causes.append(required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    if spec.managed_by is not None:
        _managed_by(causes, f"{path}.managedBy", spec.managed_by)
    _completion_mode(causes, path, spec)
    if spec.pod_failure_policy is not None:
        _failure_policy(causes, f"{path}.podFailurePolicy.rules", spec, spec.pod_failure_policy.rules or [])
    if spec.success_policy is not None:
        if spec.completion_mode != "Indexed":
            causes.append(invalid(f"{path}.successPolicy", spec.success_policy, "requires indexed completion mode"))
        else:
            _success_policy(causes, f"{path}.successPolicy.rules", spec, spec.success_policy.rules)
    replacement = spec.pod_replacement_policy
    allowed = ("Failed",) if spec.pod_failure_policy is not None else ("Failed", "TerminatingOrFailed")
    if replacement is not None and replacement not in allowed:
        causes.append(not_supported(f"{path}.podReplacementPolicy", replacement, allowed))
    template_spec(causes, f"{path}.template", spec.template)
    _restart_policy(causes, f"{path}.template.spec.restartPolicy", spec)


def _managed_by(causes: Causes, path: str, text: str) -> None:
    """A path after a domain, as "acme.io/foo"."""
    domain, _, rest = text.partition("/")
    if not text:
        causes.append(required(path))
    elif not domain or not rest:
        causes.append(invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")'))
    else:
        causes += [invalid(path, domain, complaint) for complaint in syntax.dns_subdomain(domain)]
        causes += [invalid(path, rest, complaint) for complaint in syntax.http_path(rest)]
    if len(text.encode()) > _MANAGED_BY_BYTES_MAX:
        causes.append(too_long(path, _MANAGED_BY_BYTES_MAX))


def _completion_mode(causes: Causes, path: str, spec: JobSpec) -> None:
    mode = spec.completion_mode
    if mode is not None and mode not in ("NonIndexed", "Indexed"):
        causes.append(not_supported(f"{path}.completionMode", mode, ("NonIndexed", "Indexed")))
    if mode == "Indexed":
        _indexed(causes, path, spec)
    elif mode in (None, "NonIndexed"):
        for value, wire in ((spec.backoff_limit_per_index, "backoffLimitPerIndex"), (spec.max_failed_indexes, "maxFailedIndexes")):
            if value is not None:
                causes.append(invalid(f"{path}.{wire}", value, "requires indexed completion mode"))


def _indexed(causes: Causes, path: str, spec: JobSpec) -> None:
    completions, parallelism, failed = spec.completions, spec.parallelism, spec.max_failed_indexes
    if completions is None:
        causes.append(required(f"{path}.completions", "when completion mode is Indexed"))
    if parallelism is not None and parallelism > _INDEXED_PARALLELISM_MAX:
        causes.append(invalid(f"{path}.parallelism", parallelism,
                              f"must be less than or equal to {_INDEXED_PARALLELISM_MAX} when completion mode is Indexed"))
    if completions is not None and failed is not None and failed > completions:
        causes.append(invalid(f"{path}.maxFailedIndexes", failed, "must be less than or equal to completions"))
    if failed is not None and failed > _FAILED_INDEXES_MAX:
        causes.append(invalid(f"{path}.maxFailedIndexes", failed, f"must be less than or equal to {_FAILED_INDEXES_MAX}"))
    if completions is None or completions <= _MANY_COMPLETIONS or spec.backoff_limit_per_index is None:
        return
    when = f"when completions are above {_MANY_COMPLETIONS} and used with backoff limit per index"
    if failed is None:
        causes.append(required(f"{path}.maxFailedIndexes", f"must be specified when completions is above {_MANY_COMPLETIONS}"))
    if parallelism is not None and parallelism > _PARALLELISM_OF_MANY_MAX:
        causes.append(invalid(f"{path}.parallelism", parallelism, f"must be less than or equal to {_PARALLELISM_OF_MANY_MAX} {when}"))
    if failed is not None and failed > _FAILED_OF_MANY_MAX:
        causes.append(invalid(f"{path}.maxFailedIndexes", failed, f"must be less than or equal to {_FAILED_OF_MANY_MAX} {when}"))


def _restart_policy(causes: Causes, path: str, spec: JobSpec) -> None:
    policy = spec.template.spec.restart_policy
    if policy in ("Always", ""):
        causes.append(required(path, 'valid values: "OnFailure", "Never"'))
    elif policy not in ("OnFailure", "Never"):
        causes.append(not_supported(path, policy, ("OnFailure", "Never")))
    elif spec.pod_failure_policy is not None and policy != "Never":
        causes.append(invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified'))


def _needed_choice(causes: Causes, path: str, value: str, supported: tuple[str, ...]) -> None:
    if not value:
        listed = " ".join(syntax.quote(choice) for choice in supported)
        causes.append(required(path, f"valid values: [{listed}]"))
    elif value not in supported:
        causes.append(not_supported(path, value, supported))


def _failure_policy(causes: Causes, path: str, spec: JobSpec, rules: list[PodFailurePolicyRule]) -> None:
    if len(rules) > _RULES_MAX:
        causes.append(too_many(path, len(rules), _RULES_MAX))
    names = {c.name for c in (*spec.template.spec.containers, *spec.template.spec.init_containers)}
    for index, rule in enumerate(rules):
        where = f"{path}[{index}]"
        if rule.action == "FailIndex":
            if spec.backoff_limit_per_index is None:
                causes.append(invalid(f"{where}.action", rule.action, "requires the backoffLimitPerIndex to be set"))
        else:
            _needed_choice(causes, f"{where}.action", rule.action, _ACTIONS)
        codes, conditions = rule.on_exit_codes, rule.on_pod_conditions
        if codes is not None:
            _exit_codes(causes, f"{where}.onExitCodes", codes, names)
        if len(conditions) > _CONDITIONS_MAX:
            causes.append(too_many(f"{where}.onPodConditions", len(conditions), _CONDITIONS_MAX))
        for number, pattern in enumerate(conditions):
            qualified(causes, f"{where}.onPodConditions[{number}].type", pattern.type)
            _needed_choice(causes, f"{where}.onPodConditions[{number}].status", pattern.status, ("False", "True", "Unknown"))
        if codes is not None and conditions:
            causes.append(invalid(where, OMITTED, "specifying both OnExitCodes and OnPodConditions is not supported"))
        if codes is None and not conditions:
            causes.append(invalid(where, OMITTED, "specifying one of OnExitCodes and OnPodConditions is required"))


def _exit_codes(causes: Causes, path: str, codes: PodFailurePolicyOnExitCodesRequirement, containers: set[str]) -> None:
    _needed_choice(causes, f"{path}.operator", codes.operator, ("In", "NotIn"))
    if codes.container_name is not None and codes.container_name not in containers:
        causes.append(invalid(f"{path}.containerName", codes.container_name,
                              "must be one of the container or initContainer names in the pod template"))
    values = codes.values
    if not values:
        causes.append(invalid(f"{path}.values", values, "at least one value is required"))
    elif len(values) > _EXIT_CODES_MAX:
        causes.append(too_many(f"{path}.values", len(values), _EXIT_CODES_MAX))
    seen: set[int] = set()
    for index, value in enumerate(values):
        if codes.operator == "In" and value == 0:
            causes.append(invalid(f"{path}.values[{index}]", value, "must not be 0 for the In operator"))
        if value in seen:
            causes.append(duplicate(f"{path}.values[{index}]", value))
        seen.add(value)
    if values != sorted(values):
        causes.append(invalid(f"{path}.values", values, "must be ordered"))


def _success_policy(causes: Causes, path: str, spec: JobSpec, rules: list[SuccessPolicyRule]) -> None:
    if not rules:
        causes.append(required(path, "at least one rules must be specified when the successPolicy is specified"))
    if len(rules) > _RULES_MAX:
        causes.append(too_many(path, len(rules), _RULES_MAX))
    for index, rule in enumerate(rules):
        _success_rule(causes, f"{path}[{index}]", rule, spec.completions or 0)


def _success_rule(causes: Causes, path: str, rule: SuccessPolicyRule, completions: int) -> None:
    named, count = rule.succeeded_indexes, rule.succeeded_count
    if count is None and named is None:
        causes.append(required(path, "at least one of succeededCount or succeededIndexes must be specified"))
    total = 0
    if named is not None:
        where = f"{path}.succeededIndexes"
        if len(named) > _SUCCEEDED_INDEXES_BYTES_MAX:
            causes.append(too_long(where, _SUCCEEDED_INDEXES_BYTES_MAX))
        try:
            total = indexes.count(named, completions)
        except ValueError as error:
            causes.append(invalid(where, named, f"error parsing succeededIndexes: {error}"))
    if count is not None:
        where = f"{path}.succeededCount"
        non_negative(causes, where, count)
        if count > completions:
            causes.append(invalid(where, count, f"must be less than or equal to {completions} (the number of specified completions)"))
        if named is not None and count > total:
            causes.append(invalid(where, count, f"must be less than or equal to {total} (the number of indexes in the specified "
                                                "succeededIndexes field)"))


def update_job(causes: Causes, new: Job, old: Job) -> None:
    """A job's template and completions stay as they are, but for what a job may change that does not run."""
    own, was = new.spec, old.spec
    _with_selector(causes, "spec", own)
    if own.completion_mode != "Indexed":
        immutable(causes, "spec.completions", own.completions, was.completions)
    elif own.completions != was.completions and own.completions is not None and own.completions != own.parallelism:
        causes.append(invalid("spec.completions", own.completions, "can only be modified in tandem with spec.parallelism"))
    immutable(causes, "spec.selector", own.selector, was.selector)
    template = was.template
    if was.suspend and (not old.status.start_time or _condition(old, "Suspended")):
        template = _suspended(own.template, template)
    immutable(causes, "spec.template", own.template, template)
    immutable(causes, "spec.completionMode", own.completion_mode, was.completion_mode)
    immutable(causes, "spec.podFailurePolicy", own.pod_failure_policy, was.pod_failure_policy)
    immutable(causes, "spec.backoffLimitPerIndex", own.backoff_limit_per_index, was.backoff_limit_per_index)
    immutable(causes, "spec.managedBy", own.managed_by, was.managed_by)
    immutable(causes, "spec.successPolicy", own.success_policy, was.success_policy)


def _condition(obj: Job, kind: str) -> bool:
    return any(condition.type == kind and condition.status == "True" for condition in obj.status.conditions)


def _suspended(new: PodTemplateSpec, old: PodTemplateSpec) -> PodTemplateSpec:
    """The old template with what may change while a job does not run: where its pods go, and what they are given."""
    own, was = new.spec, old.spec
    metadata = msgspec.structs.replace(old.metadata, labels=new.metadata.labels, annotations=new.metadata.annotations)
    spec = msgspec.structs.replace(
        was, node_selector=own.node_selector, tolerations=own.tolerations, affinity=_affinity(own, was),
        scheduling_gates=own.scheduling_gates, containers=_given(own.containers, was.containers),
        init_containers=_given(own.init_containers, was.init_containers),
    )
    return msgspec.structs.replace(old, metadata=metadata, spec=spec)


def _given(new: list[Container], old: list[Container]) -> list[Container]:
    """The old containers with the new resources."""
    if len(new) != len(old):
        return old
    return [msgspec.structs.replace(was, resources=own.resources) if own.name == was.name else was
            for own, was in zip(new, old, strict=True)]


def _affinity(new: PodSpec, old: PodSpec) -> Affinity | None:
    """The old affinity with the new preferences of nodes."""
    nodes = new.affinity.node_affinity if new.affinity is not None else None
    replaced = msgspec.structs.replace(old.affinity or Affinity(), node_affinity=nodes)
    return None if new.affinity is None and replaced == Affinity() else replaced
