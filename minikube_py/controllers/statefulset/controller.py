"""The StatefulSet controller: which set to look at when, its revisions, and its status.

Source: pkg/controller/statefulset/stateful_set.go.
"""

from __future__ import annotations

from minikube_py.apis.apps_v1 import ControllerRevision, StatefulSet
from minikube_py.apis.core_v1 import PersistentVolumeClaim, Pod
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.informer import key_of
from minikube_py.core.errors import StatusError

from .. import history
from .. import pods as pod_rules
from ..base import Context, Controller
from ..pod_control import namespace_is_terminating
from ..refs import Claims, controlled_and_orphans, controller_of, index_by_controller
from ..selectors import matcher, matches
from . import identity, sync
from .claims import ClaimControl

_HASH = "controller.kubernetes.io/hash"


class StatefulSetController(Controller):
    """Pods of StatefulSets."""

    name = "statefulset"
    component = "statefulset-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.sets = self.informer(StatefulSet)
        self.pods = self.informer(Pod)
        self.claims = self.informer(PersistentVolumeClaim)
        self.revisions = self.informer(ControllerRevision)
        index_by_controller(self.pods)
        index_by_controller(self.revisions)
        self._control = sync.SetControl(self.client, self.events, ClaimControl(self.client, self.events, self.claims))
        self._written: dict[str, StatefulSet] = {}
        self.sets.add_handler(self.enqueue_changed)
        self.pods.add_handler(self._pod_changed)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            ref = controller_of(pod) if pod is not None else None
            if pod is not None and ref is not None and ref.kind == "StatefulSet":
                owner = self.sets.get(ref.name, pod.metadata.namespace)
                if owner is not None and owner.metadata.uid == ref.uid:
                    self.enqueue(owner)
        if new is None or controller_of(new) is not None or new.metadata.deletion_timestamp:
            return
        if old is None or old.metadata.labels != new.metadata.labels:
            for owner in self.sets.list(new.metadata.namespace):
                if matches(owner.spec.selector, new.metadata.labels):
                    self.enqueue(owner)

    async def reconcile(self, key: str) -> float | None:
        owner = self._newest(key)
        if owner is None:
            return None
        claims = Claims(self.client, ControllerRevision, owner, matcher(owner.spec.selector))
        known = await claims.claim(controlled_and_orphans(self.revisions, owner))
        try:
            update = await history.current_revision(
                self.client, owner, owner.spec.template, known, labels=owner.spec.selector.match_labels if owner.spec.selector else {},
                hash_label=_HASH, collision_count=owner.status.collision_count or 0,
            )
        except history.CollisionError:
            await self._count_collision(owner)
            return None
        current = next((row for row in known if row.metadata.name == owner.status.current_revision), update)
        state = sync.Pass(owner, await self._pods_of(owner), current, update, self.clock.now())
        failure: StatusError | None = None
        try:
            await self._control.run(state)
        except StatusError as error:
            failure = None if namespace_is_terminating(error) else error
        await self._write_status(key, state)
        if failure is not None:
            raise failure
        live = {identity.revision_of(pod) for pod in state.pods.values()} | {current.metadata.name, update.metadata.name}
        limit = 10 if owner.spec.revision_history_limit is None else owner.spec.revision_history_limit
        await history.truncate(self.client, known, live, limit)
        return pod_rules.next_available_s(state.pods.values(), owner.spec.min_ready_seconds, self.clock.now())

    def _newest(self, key: str) -> StatefulSet | None:
        """The set as cached or as last written here: the current revision in its status must not go back."""
        cached, written = self.sets.get_key(key), self._written.pop(key, None)
        if cached is None or written is None or cached.metadata.uid != written.metadata.uid:
            return cached
        if int(cached.metadata.resource_version) >= int(written.metadata.resource_version):
            return cached
        self._written[key] = written
        return written

    async def _pods_of(self, owner: StatefulSet) -> dict[int, Pod]:
        """The set's pods by ordinal."""
        named = [pod for pod in controlled_and_orphans(self.pods, owner) if identity.ordinal_of(pod, owner) is not None]
        claimed = await Claims(self.client, Pod, owner, matcher(owner.spec.selector)).claim(named)
        return {ordinal: pod for pod in claimed if (ordinal := identity.ordinal_of(pod, owner)) is not None}

    async def _count_collision(self, owner: StatefulSet) -> None:
        copy = deep_copy(owner)
        copy.status.collision_count = (owner.status.collision_count or 0) + 1
        self._written[key_of(owner)] = await self.client.update(copy, subresource="status")

    async def _write_status(self, key: str, state: sync.Pass) -> None:
        status = sync.status_of(state)
        if status == state.owner.status:
            return
        copy = deep_copy(state.owner)
        copy.status = status
        self._written[key] = await self.client.update(copy, subresource="status")
