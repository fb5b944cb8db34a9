"""Changing the size of a Deployment that is not being rolled out: the difference is shared among its ReplicaSets.

Source: pkg/controller/deployment/sync.go (scale, isScalingEvent).
"""

from __future__ import annotations

from minikube_py.apis.apps_v1 import ReplicaSet

from . import rules
from .rollout import Rollout


def was_scaled(rollout: Rollout) -> bool:
    """Whether the Deployment's size differs from the one that a set with pods remembers."""
    wanted = rules.desired(rollout.deployment)
    return any(size not in (None, wanted) for size in map(rules.desired_at_scaling, rules.sized(rollout.all)))


async def scale(rollout: Rollout) -> None:
    """Bring the sets to the Deployment's size.

    A single set gets it whole. With a saturated new set the old ones go to zero. In the midst of a rolling update each set gets its
    share, so that the proportion of old and new pods stays.
    """
    deployment = rollout.deployment
    only = rules.active_or_latest(rollout.new, rollout.old)
    if only is not None:
        if rules.desired(only) != rules.desired(deployment):
            await rollout.scale(only, rules.desired(deployment))
        return
    if rules.is_saturated(deployment, rollout.new):
        for rs in rules.sized(rollout.old):
            await rollout.scale(rs, 0)
        return
    if rules.is_rolling(deployment):
        for rs, size in proportional_sizes(rollout):
            await rollout.scale(rs, size)


def proportional_sizes(rollout: Rollout) -> list[tuple[ReplicaSet, int]]:
    """The size of each set that has pods; what rounding leaves over goes to the largest."""
    deployment = rollout.deployment
    sets = rules.sized([*rollout.old, rollout.new])
    wanted = rules.desired(deployment)
    allowed = wanted + rules.max_surge(deployment) if wanted > 0 else 0
    to_add = allowed - rules.total(sets)
    newer_first = to_add > 0
    sets.sort(key=lambda rs: rs.metadata.creation_timestamp, reverse=newer_first)
    sets.sort(key=rules.desired, reverse=True)
    sizes, added = [], 0
    for rs in sets:
        share = rules.proportion(rs, deployment, to_add, added)
        sizes.append(rules.desired(rs) + share)
        added += share
    if sizes and to_add:
        sizes[0] = max(0, sizes[0] + to_add - added)
    return list(zip(sets, sizes, strict=True))
