"""Rules of the apps group.

Source: pkg/apis/apps/validation/validation.go
"""

from __future__ import annotations

import msgspec

from ...core.errors import BadRequestError
from ..apps_v1 import (
    ControllerRevision,
    DaemonSet,
    DaemonSetSpec,
    Deployment,
    DeploymentStrategy,
    ReplicaSet,
    StatefulSet,
    StatefulSetSpec,
)
from ..core_v1 import PodTemplateSpec
from ..labels import from_label_selector
from ..meta_v1 import LabelSelector
from ..object import IntOrString
from . import claims
from .causes import Causes, forbidden, invalid, not_supported, required
from .common import at_most_whole, immutable, int_or_percent, label_selector, non_negative
from .pods import template_spec

_STATEFUL_MUTABLE = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
    "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


def selector_and_template(
    causes: Causes, selector: LabelSelector | None, template: PodTemplateSpec, kind: str, *, restart: tuple[str, ...] = ("Always",)
) -> None:
    """The selector is there and matches the template, which is right and restarts as the kind needs."""
    if selector is None:
        causes.append(required("spec.selector"))
    else:
        label_selector(causes, "spec.selector", selector)
        if not selector.match_labels and not selector.match_expressions:
            causes.append(invalid("spec.selector", selector, f"empty selector is invalid for {kind}"))
        elif not _selects(selector, template):
            causes.append(invalid("spec.template.metadata.labels", template.metadata.labels, "`selector` does not match template `labels`"))
    template_spec(causes, "spec.template", template)
    if template.spec.restart_policy not in restart:
        causes.append(not_supported("spec.template.spec.restartPolicy", template.spec.restart_policy, restart))
    if "Always" in restart and template.spec.active_deadline_seconds is not None:
        causes.append(forbidden("spec.template.spec.activeDeadlineSeconds", f"activeDeadlineSeconds in {_KINDS[kind]} is not Supported"))


_KINDS = {"deployment": "ReplicaSet", "replicaset": "ReplicaSet", "daemonset": "DaemonSet", "statefulset": "StatefulSet"}


def _selects(selector: LabelSelector, template: PodTemplateSpec) -> bool:
    try:
        return from_label_selector(selector).matches(template.metadata.labels)
    except BadRequestError:
        return True  # the selector itself is wrong, which has been said


def _both_zero(causes: Causes, path: str, unavailable: IntOrString | None, surge: IntOrString | None) -> None:
    if unavailable in (0, "0%", None) and surge in (0, "0%", None):
        causes.append(invalid(f"{path}.maxUnavailable", unavailable if unavailable is not None else 0, "may not be 0 when `maxSurge` is 0"))


def deployment(causes: Causes, obj: Deployment) -> None:
    spec = obj.spec
    non_negative(causes, "spec.replicas", spec.replicas)
    selector_and_template(causes, spec.selector, spec.template, "deployment")
    _deployment_strategy(causes, spec.strategy or DeploymentStrategy())
    non_negative(causes, "spec.minReadySeconds", spec.min_ready_seconds)
    non_negative(causes, "spec.revisionHistoryLimit", spec.revision_history_limit)
    if spec.progress_deadline_seconds is not None:
        non_negative(causes, "spec.progressDeadlineSeconds", spec.progress_deadline_seconds)
        if spec.progress_deadline_seconds <= (spec.min_ready_seconds or 0):
            causes.append(invalid("spec.progressDeadlineSeconds", spec.progress_deadline_seconds, "must be greater than minReadySeconds"))


def _deployment_strategy(causes: Causes, strategy: DeploymentStrategy) -> None:
    path = "spec.strategy.rollingUpdate"
    rolling = strategy.rolling_update
    if strategy.type == "Recreate":
        if rolling is not None:
            causes.append(forbidden(path, "may not be specified when strategy `type` is 'Recreate'"))
    elif strategy.type != "RollingUpdate":
        causes.append(not_supported("spec.strategy.type", strategy.type, ("Recreate", "RollingUpdate")))
    elif rolling is None:
        causes.append(required(path, "this should be defaulted and never be nil"))
    else:
        for value, wire in ((rolling.max_unavailable, "maxUnavailable"), (rolling.max_surge, "maxSurge")):
            if value is not None:
                int_or_percent(causes, f"{path}.{wire}", value)
        _both_zero(causes, path, rolling.max_unavailable, rolling.max_surge)
        if rolling.max_unavailable is not None:
            at_most_whole(causes, f"{path}.maxUnavailable", rolling.max_unavailable)


def update_deployment(causes: Causes, new: Deployment, old: Deployment) -> None:
    deployment(causes, new)
    immutable(causes, "spec.selector", new.spec.selector, old.spec.selector)


def replica_set(causes: Causes, obj: ReplicaSet) -> None:
    spec = obj.spec
    non_negative(causes, "spec.replicas", spec.replicas)
    non_negative(causes, "spec.minReadySeconds", spec.min_ready_seconds)
    selector_and_template(causes, spec.selector, spec.template, "replicaset")


def update_replica_set(causes: Causes, new: ReplicaSet, old: ReplicaSet) -> None:
    replica_set(causes, new)
    immutable(causes, "spec.selector", new.spec.selector, old.spec.selector)


def daemon_set(causes: Causes, obj: DaemonSet) -> None:
    spec = obj.spec
    selector_and_template(causes, spec.selector, spec.template, "daemonset")
    non_negative(causes, "spec.minReadySeconds", spec.min_ready_seconds)
    non_negative(causes, "spec.revisionHistoryLimit", spec.revision_history_limit)
    _daemon_strategy(causes, spec)


def _daemon_strategy(causes: Causes, spec: DaemonSetSpec) -> None:
    kind = spec.update_strategy.type if spec.update_strategy is not None else ""
    if kind not in ("OnDelete", "RollingUpdate"):
        causes.append(not_supported("spec.updateStrategy.type", kind, ("RollingUpdate", "OnDelete")))
    rolling = spec.update_strategy.rolling_update if spec.update_strategy is not None else None
    path = "spec.updateStrategy.rollingUpdate"
    if kind != "RollingUpdate":
        return
    if rolling is None:
        causes.append(required(path))
        return
    for value, wire in ((rolling.max_unavailable, "maxUnavailable"), (rolling.max_surge, "maxSurge")):
        if value is not None:
            int_or_percent(causes, f"{path}.{wire}", value)
            at_most_whole(causes, f"{path}.{wire}", value)
    unavailable, surge = rolling.max_unavailable not in (0, "0%", None), rolling.max_surge not in (0, "0%", None)
    if unavailable and surge:
        causes.append(invalid(f"{path}.maxSurge", rolling.max_surge, "may not be set when maxUnavailable is non-zero"))
    elif not unavailable and not surge:
        causes.append(required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0"))


def update_daemon_set(causes: Causes, new: DaemonSet, old: DaemonSet) -> None:
    daemon_set(causes, new)
    immutable(causes, "spec.selector", new.spec.selector, old.spec.selector)


def stateful_set(causes: Causes, obj: StatefulSet) -> None:
    spec = obj.spec
    if spec.pod_management_policy not in ("OrderedReady", "Parallel"):
        causes.append(invalid("spec.podManagementPolicy", spec.pod_management_policy, "must be 'OrderedReady' or 'Parallel'"))
    _stateful_strategy(causes, spec)
    retention = spec.persistent_volume_claim_retention_policy
    for value, wire in ((retention.when_deleted, "whenDeleted"), (retention.when_scaled, "whenScaled")) if retention is not None else ():
        if value not in ("Delete", "Retain"):
            causes.append(not_supported(f"spec.persistentVolumeClaimRetentionPolicy.{wire}", value, ("Delete", "Retain")))
    non_negative(causes, "spec.replicas", spec.replicas)
    non_negative(causes, "spec.minReadySeconds", spec.min_ready_seconds)
    if spec.ordinals is not None:
        non_negative(causes, "spec.ordinals.start", spec.ordinals.start)
    _stateful_template(causes, spec)
    for index, claim in enumerate(spec.volume_claim_templates):
        claims.claim_spec(causes, f"spec.volumeClaimTemplates[{index}].spec", claim.spec)


def _stateful_template(causes: Causes, spec: StatefulSetSpec) -> None:
    """The template may mount the volumes that its claim templates will give it."""
    found: Causes = []
    selector_and_template(found, spec.selector, spec.template, "statefulset")
    templates = {f'Not found: "{claim.metadata.name}"' for claim in spec.volume_claim_templates}
    causes += [cause for cause in found if cause.message not in templates]


def _stateful_strategy(causes: Causes, spec: StatefulSetSpec) -> None:
    strategy = spec.update_strategy
    kind = strategy.type if strategy is not None else ""
    rolling = strategy.rolling_update if strategy is not None else None
    path = "spec.updateStrategy"
    if not kind:
        causes.append(required(path))
    elif kind == "OnDelete":
        if rolling is not None:
            causes.append(invalid(f"{path}.rollingUpdate", rolling, "only allowed for updateStrategy 'RollingUpdate'"))
    elif kind != "RollingUpdate":
        causes.append(invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'"))
    elif rolling is not None:
        non_negative(causes, f"{path}.rollingUpdate.partition", rolling.partition)
        unavailable = rolling.max_unavailable
        if unavailable is not None:
            int_or_percent(causes, f"{path}.rollingUpdate.maxUnavailable", unavailable)
            at_most_whole(causes, f"{path}.rollingUpdate.maxUnavailable", unavailable)
            if unavailable in (0, "0%"):
                causes.append(invalid(f"{path}.rollingUpdate.maxUnavailable", unavailable, "cannot be 0"))


def update_stateful_set(causes: Causes, new: StatefulSet, old: StatefulSet) -> None:
    was = old.spec
    frozen = msgspec.structs.replace(
        new.spec, replicas=was.replicas, ordinals=was.ordinals, template=was.template, update_strategy=was.update_strategy,
        revision_history_limit=was.revision_history_limit, min_ready_seconds=was.min_ready_seconds,
        persistent_volume_claim_retention_policy=was.persistent_volume_claim_retention_policy,
    )
    if frozen != was:
        causes.append(forbidden("spec", _STATEFUL_MUTABLE))
    stateful_set(causes, new)


def controller_revision(causes: Causes, obj: ControllerRevision) -> None:
    if obj.data is None:
        causes.append(required("data", "data is mandatory"))
    non_negative(causes, "revision", obj.revision)


def update_controller_revision(causes: Causes, new: ControllerRevision, old: ControllerRevision) -> None:
    controller_revision(causes, new)
    immutable(causes, "data", new.data, old.data)
