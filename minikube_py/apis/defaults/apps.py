"""Defaults of the apps group.

Source: pkg/apis/apps/v1/defaults.go, conversion.go (kinds of claim templates)
"""

from __future__ import annotations

from ..apps_v1 import (
    DaemonSet,
    Deployment,
    ReplicaSet,
    RollingUpdateDaemonSet,
    RollingUpdateDeployment,
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetPersistentVolumeClaimRetentionPolicy,
    StatefulSetSpec,
)
from .pods import set_template_spec
from .storage import set_claim
from .table import Defaults

# Of a DaemonSet: how often its template has changed.
TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
_HISTORY = 10
_PROGRESS_DEADLINE_S = 600
_ROLLING = "RollingUpdate"


def set_deployment(deployment: Deployment) -> None:
    spec = deployment.spec
    set_template_spec(spec.template)
    if spec.replicas is None:
        spec.replicas = 1
    strategy = spec.strategy
    if not strategy.type:
        strategy.type = _ROLLING
    if strategy.type == _ROLLING:
        if strategy.rolling_update is None:
            strategy.rolling_update = RollingUpdateDeployment()
        if strategy.rolling_update.max_unavailable is None:
            strategy.rolling_update.max_unavailable = "25%"
        if strategy.rolling_update.max_surge is None:
            strategy.rolling_update.max_surge = "25%"
    if spec.revision_history_limit is None:
        spec.revision_history_limit = _HISTORY
    if spec.progress_deadline_seconds is None:
        spec.progress_deadline_seconds = _PROGRESS_DEADLINE_S


def set_replica_set(replica_set: ReplicaSet) -> None:
    set_template_spec(replica_set.spec.template)
    if replica_set.spec.replicas is None:
        replica_set.spec.replicas = 1


def set_daemon_set(daemon_set: DaemonSet) -> None:
    spec = daemon_set.spec
    set_template_spec(spec.template)
    strategy = spec.update_strategy
    if not strategy.type:
        strategy.type = _ROLLING
    if strategy.type == _ROLLING:
        if strategy.rolling_update is None:
            strategy.rolling_update = RollingUpdateDaemonSet()
        if strategy.rolling_update.max_unavailable is None:
            strategy.rolling_update.max_unavailable = 1
        if strategy.rolling_update.max_surge is None:
            strategy.rolling_update.max_surge = 0
    if spec.revision_history_limit is None:
        spec.revision_history_limit = _HISTORY
    if TEMPLATE_GENERATION not in daemon_set.metadata.annotations:
        # Whoever leaves it out sets it back, and is its manager; what it counts is the strategy's.
        # Source: pkg/apis/apps/v1/conversion.go (Convert_apps_DaemonSet_To_v1_DaemonSet)
        daemon_set.metadata.annotations = {**daemon_set.metadata.annotations, TEMPLATE_GENERATION: "0"}


def set_stateful_set(stateful_set: StatefulSet) -> None:
    spec = stateful_set.spec
    set_template_spec(spec.template)
    if not spec.pod_management_policy:
        spec.pod_management_policy = "OrderedReady"
    _set_update_strategy(spec)
    if spec.persistent_volume_claim_retention_policy is None:
        spec.persistent_volume_claim_retention_policy = StatefulSetPersistentVolumeClaimRetentionPolicy()
    retention = spec.persistent_volume_claim_retention_policy
    retention.when_deleted = retention.when_deleted or "Retain"
    retention.when_scaled = retention.when_scaled or "Retain"
    if spec.replicas is None:
        spec.replicas = 1
    if spec.revision_history_limit is None:
        spec.revision_history_limit = _HISTORY
    for claim in spec.volume_claim_templates:
        claim.kind, claim.api_version = claim.kind or "PersistentVolumeClaim", claim.api_version or "v1"
        set_claim(claim)


def _set_update_strategy(spec: StatefulSetSpec) -> None:
    strategy = spec.update_strategy
    if not strategy.type:
        strategy.type = _ROLLING
        if strategy.rolling_update is None:
            strategy.rolling_update = RollingUpdateStatefulSetStrategy()
    if strategy.type == _ROLLING and strategy.rolling_update is not None and strategy.rolling_update.partition is None:
        strategy.rolling_update.partition = 0


DEFAULTS: Defaults = {
    Deployment: set_deployment, ReplicaSet: set_replica_set, DaemonSet: set_daemon_set, StatefulSet: set_stateful_set,
}
