"""Rules of the apps group.

Source: pkg/apis/apps/validation/validation.go
"""

from __future__ import annotations

import msgspec

from ...core.errors import BadRequestError
from ..apps_v1 import (
    ControllerRevision,
    DaemonSet,
    DaemonSetUpdateStrategy,
    Deployment,
    DeploymentStrategy,
    ReplicaSet,
    StatefulSet,
    StatefulSetSpec,
    StatefulSetUpdateStrategy,
)
from ..core_v1 import PodTemplateSpec
from ..labels import from_label_selector
from ..meta_v1 import LabelSelector
from ..object import IntOrString
from . import claims
from .causes import Causes, forbidden, invalid, not_supported, required
from .common import at_most_whole, dns_label, immutable, int_or_percent, label_selector, non_negative
from .pods import template_spec

_STATEFUL_MUTABLE = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
    "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_NO_MATCH = "`selector` does not match template `labels`"


def selects(selector: LabelSelector | None, labels: dict[str, str]) -> bool | None:
    """Whether a selector selects labels; None if it is no selector at all. No selector selects nothing."""
    try:
        return from_label_selector(selector).matches(labels)
    except BadRequestError:
        return None


def _selector(causes: Causes, path: str, selector: LabelSelector | None, kind: str) -> None:
    if selector is None:
        causes.append(required(path))
        return
    label_selector(causes, path, selector)
    _not_empty(causes, path, selector, kind)


def _not_empty(causes: Causes, path: str, selector: LabelSelector, kind: str) -> None:
    if not selector.match_labels and not selector.match_expressions:
        causes.append(invalid(path, selector, f"empty selector is invalid for {kind}"))


def _restarts_always(causes: Causes, path: str, template: PodTemplateSpec, kind: str) -> None:
    if template.spec.restart_policy != "Always":
        causes.append(not_supported(f"{path}.spec.restartPolicy", template.spec.restart_policy, ("Always",)))
    if template.spec.active_deadline_seconds is not None:
        causes.append(forbidden(f"{path}.spec.activeDeadlineSeconds", f"activeDeadlineSeconds in {kind} is not Supported"))


def _replicated_template(causes: Causes, selector: LabelSelector | None, template: PodTemplateSpec) -> None:
    """The template of deployments and replica sets."""
    selected = selects(selector, template.metadata.labels)
    if selected is None:
        causes.append(invalid("spec.selector", selector, "invalid label selector"))
        return
    if not selected:
        causes.append(invalid("spec.template.metadata.labels", template.metadata.labels, _NO_MATCH))
    template_spec(causes, "spec.template", template)
    _restarts_always(causes, "spec.template", template, "ReplicaSet")


def _whole(value: IntOrString | None) -> int:
    """The number of a count or a percentage; other text is none."""
    if isinstance(value, str):
        digits = value.removesuffix("%")
        return int(digits) if digits.isascii() and digits.isdigit() else 0
    return value or 0


def deployment(causes: Causes, obj: Deployment) -> None:
    spec = obj.spec
    non_negative(causes, "spec.replicas", spec.replicas)
    _selector(causes, "spec.selector", spec.selector, "deployment")
    _replicated_template(causes, spec.selector, spec.template)
    _deployment_strategy(causes, "spec.strategy", spec.strategy)
    non_negative(causes, "spec.minReadySeconds", spec.min_ready_seconds)
    non_negative(causes, "spec.revisionHistoryLimit", spec.revision_history_limit)
    deadline_s = spec.progress_deadline_seconds
    if deadline_s is not None:
        non_negative(causes, "spec.progressDeadlineSeconds", deadline_s)
        if deadline_s <= spec.min_ready_seconds:
            causes.append(invalid("spec.progressDeadlineSeconds", deadline_s, "must be greater than minReadySeconds"))


def _deployment_strategy(causes: Causes, path: str, strategy: DeploymentStrategy) -> None:
    rolling = strategy.rolling_update
    where = f"{path}.rollingUpdate"
    if strategy.type == "Recreate":
        if rolling is not None:
            causes.append(forbidden(where, "may not be specified when strategy `type` is 'Recreate'"))
    elif strategy.type != "RollingUpdate":
        causes.append(not_supported(path, strategy, ("Recreate", "RollingUpdate")))
    elif rolling is None:
        causes.append(required(where, "this should be defaulted and never be nil"))
    else:
        unavailable, surge = rolling.max_unavailable or 0, rolling.max_surge or 0
        int_or_percent(causes, f"{where}.maxUnavailable", unavailable)
        int_or_percent(causes, f"{where}.maxSurge", surge)
        if not _whole(unavailable) and not _whole(surge):
            causes.append(invalid(f"{where}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"))
        at_most_whole(causes, f"{where}.maxUnavailable", unavailable)


def update_deployment(causes: Causes, new: Deployment, old: Deployment) -> None:
    deployment(causes, new)
    immutable(causes, "spec.selector", new.spec.selector, old.spec.selector)


def replica_set(causes: Causes, obj: ReplicaSet) -> None:
    spec = obj.spec
    non_negative(causes, "spec.replicas", spec.replicas)
    non_negative(causes, "spec.minReadySeconds", spec.min_ready_seconds)
    _selector(causes, "spec.selector", spec.selector, "deployment")  # upstream's word
    _replicated_template(causes, spec.selector, spec.template)


def update_replica_set(causes: Causes, new: ReplicaSet, old: ReplicaSet) -> None:
    replica_set(causes, new)
    immutable(causes, "spec.selector", new.spec.selector, old.spec.selector)


def daemon_set(causes: Causes, obj: DaemonSet) -> None:
    spec = obj.spec
    label_selector(causes, "spec.selector", spec.selector)
    if selects(spec.selector, spec.template.metadata.labels) is False:
        causes.append(invalid("spec.template.metadata.labels", spec.template.metadata.labels, _NO_MATCH))
    if spec.selector is not None:
        _not_empty(causes, "spec.selector", spec.selector, "daemonset")
    template_spec(causes, "spec.template", spec.template)
    _restarts_always(causes, "spec.template", spec.template, "DaemonSet")
    non_negative(causes, "spec.minReadySeconds", spec.min_ready_seconds)
    _daemon_strategy(causes, "spec.updateStrategy", spec.update_strategy)
    non_negative(causes, "spec.revisionHistoryLimit", spec.revision_history_limit)


def _daemon_strategy(causes: Causes, path: str, strategy: DaemonSetUpdateStrategy) -> None:
    rolling = strategy.rolling_update
    if strategy.type == "OnDelete":
        return
    if strategy.type != "RollingUpdate":
        causes.append(not_supported(path, strategy, ("RollingUpdate", "OnDelete")))
        return
    path = f"{path}.rollingUpdate"
    if rolling is None:
        causes.append(required(path))
        return
    unavailable, surge = rolling.max_unavailable or 0, rolling.max_surge or 0
    for rule in (int_or_percent, at_most_whole):
        rule(causes, f"{path}.maxUnavailable", unavailable)
        rule(causes, f"{path}.maxSurge", surge)
    if _whole(unavailable) and _whole(surge):
        causes.append(invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero"))
    elif not _whole(unavailable) and not _whole(surge):
        causes.append(required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0"))


def update_daemon_set(causes: Causes, new: DaemonSet, old: DaemonSet) -> None:
    daemon_set(causes, new)
    immutable(causes, "spec.selector", new.spec.selector, old.spec.selector)


def stateful_set(causes: Causes, obj: StatefulSet) -> None:
    spec = obj.spec
    policy = spec.pod_management_policy
    if not policy:
        causes.append(required("spec.podManagementPolicy"))
    elif policy not in ("OrderedReady", "Parallel"):
        causes.append(invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'"))
    _stateful_strategy(causes, "spec.updateStrategy", spec.update_strategy)
    retention = spec.persistent_volume_claim_retention_policy
    for value, wire in ((retention.when_deleted, "whenDeleted"), (retention.when_scaled, "whenScaled")) if retention is not None else ():
        if value not in ("Retain", "Delete"):
            causes.append(not_supported(f"spec.persistentVolumeClaimRetentionPolicy.{wire}", value, ("Retain", "Delete")))
    non_negative(causes, "spec.replicas", spec.replicas)
    non_negative(causes, "spec.minReadySeconds", spec.min_ready_seconds)
    if spec.ordinals is not None:
        non_negative(causes, "spec.ordinals.start", spec.ordinals.start)
    if spec.service_name:
        dns_label(causes, "spec.serviceName", spec.service_name)
    _selector(causes, "spec.selector", spec.selector, "statefulset")
    _stateful_template(causes, spec)
    _restarts_always(causes, "spec.template", spec.template, "StatefulSet")
    for index, claim in enumerate(spec.volume_claim_templates):
        claims.claim_spec(causes, f"spec.volumeClaimTemplates[{index}].spec", claim.spec)


def _stateful_template(causes: Causes, spec: StatefulSetSpec) -> None:
    """The template may mount the volumes that its claim templates will give it."""
    selected = selects(spec.selector, spec.template.metadata.labels)
    if selected is None:
        causes.append(invalid("spec.selector", spec.selector, ""))
        return
    if not selected:
        causes.append(invalid("spec.template.metadata.labels", spec.template.metadata.labels, _NO_MATCH))
    found: Causes = []
    template_spec(found, "spec.template", spec.template)
    if found:
        templates = {f'Not found: "{claim.metadata.name}"' for claim in spec.volume_claim_templates}
        causes += [cause for cause in found if cause.message not in templates]


def _stateful_strategy(causes: Causes, path: str, strategy: StatefulSetUpdateStrategy) -> None:
    rolling = strategy.rolling_update
    if not strategy.type:
        causes.append(required(path))
    elif strategy.type == "OnDelete":
        if rolling is not None:
            causes.append(invalid(f"{path}.rollingUpdate", rolling, "only allowed for updateStrategy 'RollingUpdate'"))
    elif strategy.type != "RollingUpdate":
        causes.append(invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'"))
    elif rolling is not None:
        non_negative(causes, f"{path}.rollingUpdate.partition", rolling.partition)
        unavailable = rolling.max_unavailable
        if unavailable is not None:
            where = f"{path}.rollingUpdate.maxUnavailable"
            int_or_percent(causes, where, unavailable)
            if not _whole(unavailable):
                causes.append(invalid(where, unavailable, "cannot be 0"))
            at_most_whole(causes, where, unavailable)


def update_stateful_set(causes: Causes, new: StatefulSet, old: StatefulSet) -> None:
    stateful_set(causes, new)
    was = old.spec
    frozen = msgspec.structs.replace(
        new.spec, replicas=was.replicas, ordinals=was.ordinals, template=was.template, update_strategy=was.update_strategy,
        revision_history_limit=was.revision_history_limit, min_ready_seconds=was.min_ready_seconds,
        persistent_volume_claim_retention_policy=was.persistent_volume_claim_retention_policy,
    )
    if frozen != was:
        causes.append(forbidden("spec", _STATEFUL_MUTABLE))


def controller_revision(causes: Causes, obj: ControllerRevision) -> None:
    if obj.data is None:
        causes.append(required("data", "data is mandatory"))
    non_negative(causes, "revision", obj.revision)


def update_controller_revision(causes: Causes, new: ControllerRevision, old: ControllerRevision) -> None:
    controller_revision(causes, new)
    immutable(causes, "data", new.data, old.data)
