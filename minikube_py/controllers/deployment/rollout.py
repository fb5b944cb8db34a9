"""One pass over one Deployment: its ReplicaSets, and every write that the pass makes.

Owns finding and creating the new ReplicaSet, revisions, scaling one set, clean-up of history and the writing of status. Which set gets how
many pods is decided in `rolling` and `scaling`.

Invariants: `deployment` is the pass's own copy; `sets` holds the newest known state of each ReplicaSet, also after own writes. Changes
of the Deployment's status and revision gather in `deployment` and are written once, by `save`.
Source: pkg/controller/deployment/sync.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from minikube_py.apis.apps_v1 import Deployment, DeploymentCondition, ReplicaSet, ReplicaSetSpec
from minikube_py.apis.meta_v1 import LabelSelector, ObjectMeta
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.events import EventRecorder
from minikube_py.client.interface import Client
from minikube_py.core.clock import Clock, rfc3339
from minikube_py.core.errors import AlreadyExistsError, NotFoundError, StatusError

from ..hashing import template_hash
from ..pod_control import namespace_is_terminating
from ..refs import controller_ref, is_controlled_by
from ..status import condition_of, with_condition
from . import rules

# Characters of the history annotation; older revisions are dropped. Source: deployment_util.go, maxRevHistoryLengthInChars.
_HISTORY_CHARS_MAX = 2000
_NOT_COPIED = {
    rules.LAST_APPLIED, rules.REVISION, rules.REVISION_HISTORY, rules.DESIRED_REPLICAS, rules.MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
}


class Rollout:
    """State and writes of one pass."""

    def __init__(
        self, client: Client, events: EventRecorder, clock: Clock, deployment: Deployment, sets: Sequence[ReplicaSet]
    ) -> None:
        self.client = client
        self.events = events
        self.clock = clock
        self.before = deployment
        self.deployment = deep_copy(deployment)
        self.sets = {rs.metadata.uid: rs for rs in sets}
        self.new_uid = ""

    @property
    def new(self) -> ReplicaSet | None:
        """The set with the Deployment's template, once `find_sets` found or made it."""
        return self.sets.get(self.new_uid)

    @property
    def old(self) -> list[ReplicaSet]:
        return [rs for uid, rs in self.sets.items() if uid != self.new_uid]

    @property
    def all(self) -> list[ReplicaSet]:
        return [*self.sets.values()]

    def set_condition(self, condition_type: str, status: str, reason: str, message: str) -> None:
        self.deployment.status.conditions = with_condition(
            self.deployment.status.conditions, self.condition(condition_type, status, reason, message)
        )

    def condition(self, condition_type: str, status: str, reason: str, message: str) -> DeploymentCondition:
        now = rfc3339(self.clock.now())
        return DeploymentCondition(
            type=condition_type, status=status, reason=reason, message=message, last_update_time=now, last_transition_time=now
        )

    async def save(self) -> None:
        """Write status and revision if they changed in this pass.

        Raises: ConflictError if the Deployment changed meanwhile.
        """
        mine = self.deployment
        if mine.status == self.before.status and mine.metadata.annotations == self.before.metadata.annotations:
            return
        stored = await self.client.update(mine, subresource="status")
        self.before, self.deployment = stored, deep_copy(stored)

    async def find_sets(self, *, create: bool) -> None:
        """Find the new set, bring its annotations and the revision up to date, and create it if there is none and `create` says so."""
        found = rules.find_new(self.deployment, self.all)
        if found is not None:
            self.new_uid = found.metadata.uid
            await self._sync_new(found)
        elif create:
            await self._create_new()

    async def scale(self, rs: ReplicaSet, size: int) -> bool:
        """Set the size of a ReplicaSet and the annotations that remember the Deployment's size.

        Returns: whether the size changed.
        """
        was = rules.desired(rs)
        copy = deep_copy(rs)
        copy.spec.replicas = size
        changed = self._annotate_sizes(copy)
        if was == size and not changed:
            return False
        stored = await self.client.update(copy)
        self.sets[stored.metadata.uid] = stored
        if was == size:
            return False
        word = "up" if size > was else "down"
        self.events.event(
            self.deployment, "Normal", "ScalingReplicaSet", f"Scaled {word} replica set {rs.metadata.name} from {was} to {size}"
        )
        return True

    async def clean_up(self) -> None:
        """Delete the oldest sets without pods beyond the history limit."""
        if not rules.has_history_limit(self.deployment):
            return
        alive = [rs for rs in self.old if not rs.metadata.deletion_timestamp]
        surplus = len(alive) - (self.deployment.spec.revision_history_limit or 0)
        if surplus <= 0:
            return
        by_age = sorted(alive, key=lambda rs: (rules.revision_of(rs), rs.metadata.creation_timestamp, rs.metadata.name))
        doomed = [rs for rs in by_age[:surplus] if self._is_idle(rs)]
        await asyncio.gather(*(self._delete(rs) for rs in doomed))

    @staticmethod
    def _is_idle(rs: ReplicaSet) -> bool:
        observed = rs.metadata.generation <= rs.status.observed_generation
        return observed and not rs.status.replicas and rules.desired(rs) == 0

    async def _delete(self, rs: ReplicaSet) -> None:
        try:
            await self.client.delete(ReplicaSet, rs.metadata.name, rs.metadata.namespace, uid=rs.metadata.uid)
        except NotFoundError:
            pass
        self.sets.pop(rs.metadata.uid, None)

    def _next_revision(self) -> int:
        return max((rules.revision_of(rs) for rs in self.old), default=0) + 1

    async def _sync_new(self, found: ReplicaSet) -> None:
        copy = deep_copy(found)
        self._annotate_new(copy, self._next_revision(), exists=True)
        copy.spec.min_ready_seconds = self.deployment.spec.min_ready_seconds
        if copy.metadata.annotations != found.metadata.annotations or copy.spec.min_ready_seconds != found.spec.min_ready_seconds:
            copy = await self.client.update(copy)
            self.sets[copy.metadata.uid] = copy
        self._set_revision(copy)
        if rules.has_progress_deadline(self.deployment) and condition_of(self.deployment.status.conditions, "Progressing") is None:
            self.set_condition("Progressing", "True", "FoundNewReplicaSet", f'Found new replica set "{found.metadata.name}"')

    async def _create_new(self) -> None:
        wanted = self._new_set()
        size = rules.new_set_size(self.deployment, [*self.all, wanted], wanted)
        wanted.spec.replicas = size
        self._annotate_new(wanted, self._next_revision(), exists=False)
        try:
            stored = await self.client.create(wanted)
        except AlreadyExistsError:
            await self._resolve_collision(wanted)
            return
        except StatusError as error:
            await self._report_failure(wanted, error)
            raise
        self._take_new(stored)
        if size > 0:
            self.events.event(
                self.deployment, "Normal", "ScalingReplicaSet", f"Scaled up replica set {stored.metadata.name} from 0 to {size}"
            )
        if rules.has_progress_deadline(self.deployment):
            self.set_condition("Progressing", "True", "NewReplicaSetCreated", f'Created new replica set "{stored.metadata.name}"')

    def _take_new(self, rs: ReplicaSet) -> None:
        self.sets[rs.metadata.uid] = rs
        self.new_uid = rs.metadata.uid
        self._set_revision(rs)

    def _new_set(self) -> ReplicaSet:
        deployment = self.deployment
        template = deep_copy(deployment.spec.template)
        hash_ = template_hash(template, deployment.status.collision_count)
        template.metadata.labels = {**template.metadata.labels, rules.HASH_LABEL: hash_}
        selector = deep_copy(deployment.spec.selector) if deployment.spec.selector else LabelSelector()
        selector.match_labels = {**selector.match_labels, rules.HASH_LABEL: hash_}
        return ReplicaSet(
            api_version="apps/v1", kind="ReplicaSet",
            metadata=ObjectMeta(
                name=f"{deployment.metadata.name}-{hash_}", namespace=deployment.metadata.namespace,
                labels=dict(template.metadata.labels), owner_references=[controller_ref(deployment)],
            ),
            spec=ReplicaSetSpec(
                replicas=0, min_ready_seconds=deployment.spec.min_ready_seconds, selector=selector, template=template
            ),
        )

    async def _resolve_collision(self, wanted: ReplicaSet) -> None:
        """The name is taken: by this Deployment's own set, which the cache did not show yet, or by another, so the hash must change.

        Raises: AlreadyExistsError in the second case; the pass comes again with the higher collision count.
        """
        found = await self.client.get(ReplicaSet, wanted.metadata.name, wanted.metadata.namespace)
        if is_controlled_by(found, self.deployment) and rules.same_template(found.spec.template, wanted.spec.template):
            self._take_new(found)
            return
        self.deployment.status.collision_count = (self.deployment.status.collision_count or 0) + 1
        await self.save()
        raise AlreadyExistsError(f'replicasets.apps "{wanted.metadata.name}" already exists')

    async def _report_failure(self, wanted: ReplicaSet, error: StatusError) -> None:
        if namespace_is_terminating(error):
            return
        message = f'Failed to create new replica set "{wanted.metadata.name}": {error}'
        if rules.has_progress_deadline(self.deployment):
            self.set_condition("Progressing", "False", "ReplicaSetCreateError", message)
            await self.save()
        self.events.event(self.deployment, "Warning", "ReplicaSetCreateError", message)

    def _set_revision(self, rs: ReplicaSet) -> None:
        revision = rs.metadata.annotations.get(rules.REVISION, "")
        if revision:
            self.deployment.metadata.annotations = {**self.deployment.metadata.annotations, rules.REVISION: revision}

    def _annotate_new(self, rs: ReplicaSet, revision: int, *, exists: bool) -> None:
        mine = {key: value for key, value in self.deployment.metadata.annotations.items() if key not in _NOT_COPIED}
        annotations = {**rs.metadata.annotations, **mine}
        was = rules.revision_of(rs)
        if was < revision:
            annotations[rules.REVISION] = str(revision)
            if was:
                annotations[rules.REVISION_HISTORY] = _with_history(annotations.get(rules.REVISION_HISTORY, ""), was)
        rs.metadata.annotations = annotations
        if not exists:
            self._annotate_sizes(rs)

    def _annotate_sizes(self, rs: ReplicaSet) -> bool:
        wanted = rules.desired(self.deployment)
        sizes = {rules.DESIRED_REPLICAS: str(wanted), rules.MAX_REPLICAS: str(wanted + rules.max_surge(self.deployment))}
        annotations = {**rs.metadata.annotations, **sizes}
        if annotations == rs.metadata.annotations:
            return False
        rs.metadata.annotations = annotations
        return True


def _with_history(history: str, revision: int) -> str:
    """Append a revision; the oldest go when the text grows too long."""
    revisions = [part for part in history.split(",") if part] + [str(revision)]
    while len(",".join(revisions)) > _HISTORY_CHARS_MAX:
        revisions.pop(0)
    return ",".join(revisions)
