"""The two strategies: RollingUpdate moves pods from old sets to the new one within surge and unavailability; Recreate stops all first.

Source: pkg/controller/deployment/rolling.go and recreate.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from minikube_py.apis.apps_v1 import ReplicaSet
from minikube_py.apis.core_v1 import Pod

from ..pods import is_terminal
from . import rules
from .rollout import Rollout


async def roll(rollout: Rollout) -> None:
    """One step of a rolling update: scale the new set up, or else old sets down."""
    await rollout.find_sets(create=True)
    if not await _grow_new(rollout) and not await _shrink_old(rollout) and rules.is_complete(rollout.deployment, rollout.deployment.status):
        await rollout.clean_up()


async def recreate(rollout: Rollout, pods_by_set: dict[str, list[Pod]]) -> None:
    """One step of Recreate: old sets to zero; when their pods are gone, the new set to its size.

    Args:
        pods_by_set: the Deployment's pods by the uid of their ReplicaSet.
    """
    await rollout.find_sets(create=False)
    old = rules.sized(rollout.old)
    for rs in old:
        await rollout.scale(rs, 0)
    if old or _old_pods_run(rollout, pods_by_set):
        return
    await rollout.find_sets(create=True)
    if rollout.new is not None:
        await rollout.scale(rollout.new, rules.desired(rollout.deployment))
    if rules.is_complete(rollout.deployment, rollout.deployment.status):
        await rollout.clean_up()


def _old_pods_run(rollout: Rollout, pods_by_set: dict[str, list[Pod]]) -> bool:
    if rules.actual(rollout.old) > 0:
        return True
    return any(not is_terminal(pod) for uid, pods in pods_by_set.items() if uid != rollout.new_uid for pod in pods)


async def _grow_new(rollout: Rollout) -> bool:
    new, wanted = rollout.new, rules.desired(rollout.deployment)
    if new is None or rules.desired(new) == wanted:
        return False
    if rules.desired(new) > wanted:
        return await rollout.scale(new, wanted)
    return await rollout.scale(new, rules.new_set_size(rollout.deployment, rollout.all, new))


async def _shrink_old(rollout: Rollout) -> bool:
    """Take pods from old sets: first those that are not available anyway, then as many as the others can spare."""
    new = rollout.new
    if new is None or rules.total(rollout.old) == 0:
        return False
    available_min = rules.desired(rollout.deployment) - rules.max_unavailable(rollout.deployment)
    new_unavailable = rules.desired(new) - new.status.available_replicas
    spare = rules.total(rollout.all) - available_min - new_unavailable
    if spare <= 0:
        return False
    removed = await _shrink(rollout, rules.oldest_first(rules.sized(rollout.old)), spare, unhealthy_only=True)
    # A set that was scaled down just now still reports its former pods: those beyond its size do not count.
    available = sum(min(rules.desired(rs), rs.status.available_replicas) for rs in rollout.all)
    surplus = min(available - available_min, spare - removed)
    removed += await _shrink(rollout, rules.oldest_first(rules.sized(rollout.old)), surplus, unhealthy_only=False)
    return removed > 0


async def _shrink(rollout: Rollout, sets: Sequence[ReplicaSet], count: int, *, unhealthy_only: bool) -> int:
    removed = 0
    for rs in sets:
        if removed >= count:
            break
        size = rules.desired(rs)
        removable = size - rs.status.available_replicas if unhealthy_only else size
        step = min(count - removed, removable)
        if step > 0:
            await rollout.scale(rs, size - step)
            removed += step
    return removed
