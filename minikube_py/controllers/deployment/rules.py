"""Pure rules of Deployments: which ReplicaSet is the new one, how many pods each may have, when a rollout is complete.

Knows no client: every function reads objects and returns a decision.
Source: pkg/controller/deployment/util/deployment_util.go.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence

from minikube_py.apis.apps_v1 import Deployment, DeploymentStatus, ReplicaSet
from minikube_py.apis.core_v1 import PodTemplateSpec

from ..status import scaled

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_UNLIMITED = 2**31 - 1


def desired(obj: Deployment | ReplicaSet) -> int:
    """spec.replicas, 1 if unset."""
    return 1 if obj.spec.replicas is None else obj.spec.replicas


def total(sets: Iterable[ReplicaSet]) -> int:
    return sum(desired(rs) for rs in sets)


def actual(sets: Iterable[ReplicaSet]) -> int:
    return sum(rs.status.replicas for rs in sets)


def ready(sets: Iterable[ReplicaSet]) -> int:
    return sum(rs.status.ready_replicas for rs in sets)


def available(sets: Iterable[ReplicaSet]) -> int:
    return sum(rs.status.available_replicas for rs in sets)


def terminating(sets: Iterable[ReplicaSet]) -> int:
    return sum(rs.status.terminating_replicas or 0 for rs in sets)


def is_rolling(deployment: Deployment) -> bool:
    return deployment.spec.strategy.type in ("", "RollingUpdate")


def _fenceposts(deployment: Deployment) -> tuple[int, int]:
    """maxSurge rounded up and maxUnavailable rounded down; never both zero, as nothing could move."""
    rolling = deployment.spec.strategy.rolling_update
    replicas = desired(deployment)
    surge = scaled(rolling.max_surge if rolling else "25%", replicas, round_up=True)
    unavailable = scaled(rolling.max_unavailable if rolling else "25%", replicas, round_up=False)
    return (surge, 1) if not surge and not unavailable else (surge, unavailable)


def max_surge(deployment: Deployment) -> int:
    return _fenceposts(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Deployment) -> int:
    if not is_rolling(deployment) or desired(deployment) == 0:
        return 0
    return min(_fenceposts(deployment)[1], desired(deployment))


def revision_of(obj: Deployment | ReplicaSet) -> int:
    """The revision annotation, 0 if it is missing or no number."""
    text = obj.metadata.annotations.get(REVISION, "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def _count_annotation(rs: ReplicaSet, name: str) -> int | None:
    text = rs.metadata.annotations.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def desired_at_scaling(rs: ReplicaSet) -> int | None:
    """The Deployment's size when the set was last scaled."""
    return _count_annotation(rs, DESIRED_REPLICAS)


def same_template(left: PodTemplateSpec, right: PodTemplateSpec) -> bool:
    """Whether two templates are equal but for the hash label."""
    return _without_hash(left) == _without_hash(right)


def _without_hash(template: PodTemplateSpec) -> PodTemplateSpec:
    if HASH_LABEL not in template.metadata.labels:
        return template
    bare = copy.copy(template)
    bare.metadata = copy.copy(template.metadata)
    bare.metadata.labels = {key: value for key, value in template.metadata.labels.items() if key != HASH_LABEL}
    return bare


def oldest_first(sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    return sorted(sets, key=lambda rs: (rs.metadata.creation_timestamp, rs.metadata.name))


def find_new(deployment: Deployment, sets: Iterable[ReplicaSet]) -> ReplicaSet | None:
    """The set that has the Deployment's template: the oldest, if there are several."""
    return next((rs for rs in oldest_first(sets) if same_template(rs.spec.template, deployment.spec.template)), None)


def sized(sets: Iterable[ReplicaSet | None]) -> list[ReplicaSet]:
    """The sets that should have pods."""
    return [rs for rs in sets if rs is not None and desired(rs) > 0]


def active_or_latest(new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> ReplicaSet | None:
    """The only set with pods, or the newest of those without; None if several have pods."""
    active = sized([*old, new])
    if len(active) == 1:
        return active[0]
    if active:
        return None
    return new if new is not None else (oldest_first(old)[-1] if old else None)


def is_saturated(deployment: Deployment, rs: ReplicaSet | None) -> bool:
    """Whether the new set has all the pods of its Deployment, and all of them are available."""
    if rs is None:
        return False
    wanted = desired(deployment)
    return desired_at_scaling(rs) == wanted and desired(rs) == wanted and rs.status.available_replicas == wanted


def new_set_size(deployment: Deployment, all_sets: Sequence[ReplicaSet], new: ReplicaSet) -> int:
    """How many pods the new set may have now."""
    wanted = desired(deployment)
    if not is_rolling(deployment):
        return wanted
    room = wanted + max_surge(deployment) - total(all_sets)
    return desired(new) if room <= 0 else desired(new) + min(room, wanted - desired(new))


def proportion(rs: ReplicaSet, deployment: Deployment, to_add: int, added: int) -> int:
    """The share of `to_add` pods (negative: to remove) that falls to a set, if `added` are given out already."""
    if desired(rs) == 0 or to_add == 0 or to_add == added:
        return 0
    share, allowed = _fraction(rs, deployment), to_add - added
    return min(share, allowed) if to_add > 0 else max(share, allowed)


def _fraction(rs: ReplicaSet, deployment: Deployment) -> int:
    if desired(deployment) == 0:
        return -desired(rs)
    now = desired(deployment) + max_surge(deployment)
    before = _count_annotation(rs, MAX_REPLICAS) or deployment.status.replicas or now
    return round_half_away(desired(rs) * now / before) - desired(rs)


def round_half_away(value: float) -> int:
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)


def has_progress_deadline(deployment: Deployment) -> bool:
    seconds = deployment.spec.progress_deadline_seconds
    return seconds is not None and seconds != _UNLIMITED


def has_history_limit(deployment: Deployment) -> bool:
    limit = deployment.spec.revision_history_limit
    return limit is not None and limit != _UNLIMITED


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    """Whether all pods are new and available, and no old one is left."""
    wanted = desired(deployment)
    return (
        status.updated_replicas == wanted
        and status.replicas == wanted
        and status.available_replicas == wanted
        and status.observed_generation >= deployment.metadata.generation
    )


def has_progressed(deployment: Deployment, new: DeploymentStatus) -> bool:
    """Whether `new` is closer to the goal than the status that the Deployment has."""
    old = deployment.status
    return (
        new.updated_replicas > old.updated_replicas
        or new.replicas - new.updated_replicas < old.replicas - old.updated_replicas
        or new.ready_replicas > old.ready_replicas
        or new.available_replicas > old.available_replicas
    )
