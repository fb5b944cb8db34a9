"""One pass over one StatefulSet: the next pods to make, delete or replace, in the order of ordinals.

With OrderedReady one pod changes at a time, and only while all before it are ready; with Parallel none waits for another, except in
updates.
Source: pkg/controller/statefulset/stateful_set_control.go (updateStatefulSet).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from minikube_py.apis.apps_v1 import ControllerRevision, StatefulSet, StatefulSetStatus
from minikube_py.apis.core_v1 import Pod
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.events import EventRecorder
from minikube_py.client.interface import Client
from minikube_py.core.errors import AlreadyExistsError, NotFoundError, StatusError

from .. import pods as pod_rules
from ..history import template_of
from ..status import scaled
from . import identity
from .claims import ClaimControl


@dataclass
class Pass:
    """One set with its pods by ordinal, and the revisions of old and new pods.

    Attributes:
        replaced: pods of the old revision that were deleted in this pass, which `pods` still has.
    """

    owner: StatefulSet
    pods: dict[int, Pod]
    current: ControllerRevision
    update: ControllerRevision
    now: datetime
    replaced: int = 0

    def __post_init__(self) -> None:
        first = identity.first_ordinal(self.owner)
        replicas = 1 if self.owner.spec.replicas is None else self.owner.spec.replicas
        self.wanted: Sequence[int] = range(first, first + replicas)
        self.condemned = sorted((ordinal for ordinal in self.pods if ordinal not in self.wanted), reverse=True)
        self.is_ordered = self.owner.spec.pod_management_policy != "Parallel"

    def is_healthy(self, pod: Pod) -> bool:
        """Running, ready and not being deleted."""
        return pod.status.phase == "Running" and pod_rules.is_ready(pod) and not pod.metadata.deletion_timestamp

    def is_available(self, pod: Pod) -> bool:
        return pod.status.phase == "Running" and pod_rules.is_available(pod, self.owner.spec.min_ready_seconds, self.now)


class SetControl:
    """The writes of passes."""

    def __init__(self, client: Client, events: EventRecorder, claims: ClaimControl) -> None:
        self._client = client
        self._events = events
        self._claims = claims

    async def run(self, state: Pass) -> None:
        """Do what may be done now.

        Raises: StatusError if the server refuses.
        """
        if state.owner.metadata.deletion_timestamp:
            return
        if not await self._fill(state):
            return
        if not await self._shrink(state):
            return
        await self._replace(state)

    async def _fill(self, state: Pass) -> bool:
        """Make missing pods, remove ended ones; returns whether the pass may go on."""
        may_go_on = True
        for ordinal in state.wanted:
            pod = state.pods.get(ordinal)
            if pod is not None and pod_rules.is_terminal(pod):
                if not pod.metadata.deletion_timestamp:
                    await self._delete(state.owner, pod)
                may_go_on = False
            elif pod is None:
                await self._create(state, ordinal)
                may_go_on = False
            else:
                may_go_on &= await self._keep(state, ordinal, pod)
            if not may_go_on and state.is_ordered:
                return False
        # Without order, new pods do not hold up the removal of surplus ones.
        return may_go_on or not state.is_ordered

    async def _keep(self, state: Pass, ordinal: int, pod: Pod) -> bool:
        """Mend what drifted; returns whether later ordinals may be looked at."""
        if pod.status.phase == "Pending" and not pod.metadata.deletion_timestamp:
            await self._claims.ensure(state.owner, ordinal)
        if state.is_ordered and not (state.is_healthy(pod) and state.is_available(pod)):
            return False
        if not pod.metadata.deletion_timestamp and not identity.has_identity(state.owner, pod):
            copy = deep_copy(pod)
            labels = {identity.POD_NAME: pod.metadata.name, identity.POD_INDEX: str(ordinal)}
            copy.metadata.labels = {**copy.metadata.labels, **labels}
            await self._client.update(copy)
        await self._claims.apply_retention(state.owner, ordinal, pod, condemned=False)
        return True

    async def _shrink(self, state: Pass) -> bool:
        """Delete pods beyond the wanted ordinals, the highest first; returns whether the pass may go on."""
        unhealthy = [ordinal for ordinal, pod in sorted(state.pods.items()) if not state.is_healthy(pod)]
        for ordinal in state.condemned:
            pod = state.pods[ordinal]
            if pod.metadata.deletion_timestamp:
                if state.is_ordered:
                    return False
                continue
            if state.is_ordered and not (state.is_healthy(pod) and state.is_available(pod)) and unhealthy[:1] != [ordinal]:
                return False
            await self._claims.apply_retention(state.owner, ordinal, pod, condemned=True)
            await self._delete(state.owner, pod)
            if state.is_ordered:
                return False
        return True

    async def _replace(self, state: Pass) -> None:
        """Delete pods of the old revision, the highest ordinal first, while enough others are available."""
        strategy = state.owner.spec.update_strategy
        if strategy.type == "OnDelete":
            return
        rolling = strategy.rolling_update
        lowest = identity.first_ordinal(state.owner) + ((rolling.partition or 0) if rolling is not None else 0)
        spare = 1
        if rolling is not None and rolling.max_unavailable is not None:
            spare = max(1, scaled(rolling.max_unavailable, len(state.wanted), round_up=True))
        missing = sum(
            ordinal not in state.pods or not (state.is_healthy(state.pods[ordinal]) and state.is_available(state.pods[ordinal]))
            for ordinal in state.wanted
        )
        for ordinal in reversed([ordinal for ordinal in state.wanted if ordinal >= lowest]):
            pod = state.pods.get(ordinal)
            healthy = pod is not None and state.is_healthy(pod) and state.is_available(pod)
            if pod is None or pod.metadata.deletion_timestamp:
                pass
            elif identity.revision_of(pod) != state.update.metadata.name:
                if healthy and missing >= spare:
                    return
                await self._delete(state.owner, pod)
                state.replaced += 1
                missing += healthy
            if missing >= spare:
                return

    async def _create(self, state: Pass, ordinal: int) -> None:
        owner = state.owner
        revision = state.current if _is_current_needed(state, ordinal) else state.update
        await self._claims.ensure(owner, ordinal)
        name = identity.pod_name(owner, ordinal)
        done = f"create Pod {name} in StatefulSet {owner.metadata.name}"
        try:
            created = await self._client.create(identity.make_pod(owner, template_of(revision), revision.metadata.name, ordinal))
        except AlreadyExistsError:
            # The cache does not show it yet; its event brings the set back.
            return
        except StatusError as error:
            self._events.event(owner, "Warning", "FailedCreate", f"{done} failed error: {error}")
            raise
        self._events.event(owner, "Normal", "SuccessfulCreate", f"{done} successful")
        state.pods[ordinal] = created

    async def _delete(self, owner: StatefulSet, pod: Pod) -> None:
        meta = pod.metadata
        done = f"delete Pod {meta.name} in StatefulSet {owner.metadata.name}"
        try:
            await self._client.delete(Pod, meta.name, meta.namespace, uid=meta.uid)
        except NotFoundError:
            return
        except StatusError as error:
            self._events.event(owner, "Warning", "FailedDelete", f"{done} failed error: {error}")
            raise
        self._events.event(owner, "Normal", "SuccessfulDelete", f"{done} successful")


def _is_current_needed(state: Pass, ordinal: int) -> bool:
    """Whether a missing pod is to be made from the old revision: below the partition, or still outside of a running update."""
    if state.current.metadata.name == state.update.metadata.name:
        return False
    strategy = state.owner.spec.update_strategy
    if strategy.type == "OnDelete":
        return False
    rolling = strategy.rolling_update
    kept = state.owner.status.current_replicas if rolling is None else rolling.partition or 0
    return ordinal < identity.first_ordinal(state.owner) + kept


def status_of(state: Pass) -> StatefulSetStatus:
    """The status that the pods imply; a finished update makes the new revision the current one."""
    owner, pods = state.owner, list(state.pods.values())
    alive = [pod for pod in pods if not pod.metadata.deletion_timestamp]
    current = sum(identity.revision_of(pod) == state.current.metadata.name for pod in alive)
    updated = sum(identity.revision_of(pod) == state.update.metadata.name for pod in alive)
    ready = sum(pod.status.phase == "Running" and pod_rules.is_ready(pod) for pod in pods)
    status = StatefulSetStatus(
        observed_generation=owner.metadata.generation, replicas=len(pods), ready_replicas=ready,
        available_replicas=sum(state.is_available(pod) for pod in pods), current_replicas=current - state.replaced,
        updated_replicas=updated, current_revision=state.current.metadata.name, update_revision=state.update.metadata.name,
        collision_count=owner.status.collision_count or 0, conditions=owner.status.conditions,
    )
    strategy = owner.spec.update_strategy
    is_rolling = strategy.type in ("", "RollingUpdate")
    if is_rolling and updated == len(pods) == ready == len(state.wanted):
        status.current_revision, status.current_replicas = state.update.metadata.name, status.updated_replicas
    return status
