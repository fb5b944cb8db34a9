"""The DaemonSet controller: one pod on each node that should have one.

Source: pkg/controller/daemon/daemon_controller.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from minikube_py.apis.apps_v1 import ControllerRevision, DaemonSet
from minikube_py.apis.core_v1 import Node, Pod
from minikube_py.apis.scheme import deep_copy
from minikube_py.core.backoff import Backoff
from minikube_py.core.errors import StatusError

from .. import history
from .. import pods as pod_rules
from ..base import Context, Controller
from ..expectations import Expectations
from ..pod_control import PodControl, first_failure, namespace_is_terminating, slow_start
from ..refs import Claims, controlled_and_orphans, controller_of, index_by_controller
from ..selectors import is_everything, matcher, matches
from . import rules, update

# Seconds before a failed pod of a node is replaced. Source: cmd/kube-controller-manager/app/apps.go (1 s, 15 min).
_BACKOFF_S = (1.0, 900.0)
# Pods that one pass makes or deletes. Source: daemon_controller.go, BurstReplicas.
_BURST = 250


class DaemonSetController(Controller):
    """Pods of DaemonSets."""

    name = "daemonset"
    component = "daemonset-controller"
    workers = 2

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.sets = self.informer(DaemonSet)
        self.pods = self.informer(Pod)
        self.nodes = self.informer(Node)
        self.revisions = self.informer(ControllerRevision)
        index_by_controller(self.pods)
        index_by_controller(self.revisions)
        self.expectations = Expectations(self.pods)
        self.pod_control = PodControl(self.client, self.events, self.expectations)
        self._failed = Backoff(*_BACKOFF_S)
        self._retry_at_s: dict[tuple[str, str], float] = {}
        self.sets.add_handler(self.enqueue_changed)
        self.nodes.add_handler(self._node_changed)
        self.pods.add_handler(self._pod_changed)
        self.revisions.add_handler(self._revision_changed)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if old is not None and new is not None and (old.metadata.labels, old.spec) == (new.metadata.labels, new.spec):
            return
        for ds in self.sets.list():
            before, after = (rules.should_run(ds, node) if node is not None else (False, False) for node in (old, new))
            if before != after or old is None or new is None:
                self.enqueue(ds)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            ref = controller_of(pod) if pod is not None else None
            if pod is not None and ref is not None and ref.kind == "DaemonSet":
                ds = self.sets.get(ref.name, pod.metadata.namespace)
                if ds is not None and ds.metadata.uid == ref.uid:
                    self.enqueue(ds)
        if new is None or controller_of(new) is not None or new.metadata.deletion_timestamp:
            return
        if old is None or old.metadata.labels != new.metadata.labels:
            for ds in self.sets.list(new.metadata.namespace):
                if matches(ds.spec.selector, new.metadata.labels):
                    self.enqueue(ds)

    def _revision_changed(self, old: ControllerRevision | None, new: ControllerRevision | None) -> None:
        if new is None and old is not None:
            ref = controller_of(old)
            ds = self.sets.get(ref.name, old.metadata.namespace) if ref is not None and ref.kind == "DaemonSet" else None
            if ds is not None:
                self.enqueue(ds)

    async def reconcile(self, key: str) -> float | None:
        ds = self.sets.get_key(key)
        if ds is None:
            self._forget(key)
            return None
        if is_everything(ds.spec.selector):
            self.events.event(ds, "Warning", "SelectingAll", "This daemon set is selecting all pods. A non-empty selector is required.")
            return None
        if ds.metadata.deletion_timestamp:
            return None
        revision, known = await self._history(ds)
        if revision is None:
            return None
        hash_ = revision.metadata.labels.get(history.HASH_LABEL, "")
        claims = Claims(self.client, Pod, ds, matcher(ds.spec.selector))
        pods = await claims.claim(controlled_and_orphans(self.pods, ds))
        again_s, failure = None, None
        if self.expectations.satisfied(key):
            again_s, failure = await self._manage(key, ds, pods, hash_)
            used = {pod.metadata.labels.get(history.HASH_LABEL) for pod in pods}
            live = {row.metadata.name for row in known if row.metadata.labels.get(history.HASH_LABEL) in used} | {revision.metadata.name}
            limit = 10 if ds.spec.revision_history_limit is None else ds.spec.revision_history_limit
            await history.truncate(self.client, known, live, limit)
        await self._write_status(ds, pods, hash_)
        if failure is not None:
            raise failure
        waits = [again_s, pod_rules.next_available_s(pods, ds.spec.min_ready_seconds, self.clock.now())]
        return min((wait for wait in waits if wait is not None), default=None)

    def _forget(self, key: str) -> None:
        self.expectations.forget(key)
        for row in [row for row in self._retry_at_s if row[0] == key]:
            del self._retry_at_s[row]
            self._failed.forget(row)

    async def _history(self, ds: DaemonSet) -> tuple[ControllerRevision | None, list[ControllerRevision]]:
        """The revision of the present template and all that are known; None after a collision, which comes again with another hash."""
        claims = Claims(self.client, ControllerRevision, ds, matcher(ds.spec.selector))
        known = await claims.claim(controlled_and_orphans(self.revisions, ds))
        try:
            revision = await history.current_revision(
                self.client, ds, ds.spec.template, known, labels=ds.spec.template.metadata.labels, hash_label=history.HASH_LABEL,
                collision_count=ds.status.collision_count,
            )
        except history.CollisionError:
            copy = deep_copy(ds)
            copy.status.collision_count = (ds.status.collision_count or 0) + 1
            await self.client.update(copy, subresource="status")
            return None, known
        return revision, known

    async def _manage(self, key: str, ds: DaemonSet, pods: Sequence[Pod], hash_: str) -> tuple[float | None, StatusError | None]:
        """Make missing pods and delete those that should not be, then roll the update one step further."""
        by_node = _by_node(pods)
        create: list[str] = []
        delete: list[Pod] = [pod for pod in by_node.get("", ()) if not pod.metadata.deletion_timestamp]
        wanted: list[str] = []
        again_s: float | None = None
        for node in self.nodes.list():
            run, stay = rules.should_run(ds, node)
            name = node.metadata.name
            rows = by_node.get(name, [])
            if run:
                wanted.append(name)
            alive, failed_s = self._without_failed(key, ds, name, rows, delete)
            if failed_s is not None:
                again_s = failed_s if again_s is None else min(again_s, failed_s)
            elif run and not alive:
                create.append(name)
            fresh = [pod for pod in alive if not pod.metadata.deletion_timestamp and pod not in delete]
            delete += fresh if not stay else _duplicates(ds, fresh, hash_)
        if not create and not delete:
            step = update.step(ds, by_node, sorted(wanted), hash_, self.clock.now())
            create, delete = step.surge, step.delete
        failure = await self._apply(key, ds, create[:_BURST], delete[:_BURST], hash_)
        return again_s, failure

    def _without_failed(
        self, key: str, ds: DaemonSet, node: str, pods: Sequence[Pod], delete: list[Pod]
    ) -> tuple[list[Pod], float | None]:
        """Have failed pods deleted, after a delay that grows while they keep failing; returns the others and the rest of the delay."""
        alive = [pod for pod in pods if not pod_rules.is_terminal(pod) or pod.metadata.deletion_timestamp]
        ended = [pod for pod in pods if pod_rules.is_terminal(pod) and not pod.metadata.deletion_timestamp]
        if not ended:
            return alive, None
        loop_s = asyncio.get_running_loop().time()
        left_s = self._retry_at_s.get((key, node), 0.0) - loop_s
        if left_s > 0:
            return [*alive, *ended], left_s
        self._retry_at_s[(key, node)] = loop_s + self._failed.next_s((key, node))
        for pod in ended:
            failed = pod.status.phase == "Failed"
            found = f"Found {pod.status.phase.lower()} daemon pod {pod.metadata.namespace}/{pod.metadata.name} on node {node}"
            self.events.event(
                ds, "Warning" if failed else "Normal", f"{pod.status.phase}DaemonPod",
                f"{found}, will try to {'kill' if failed else 'delete'} it",
            )
        delete += ended
        return [*alive, *ended], None

    async def _apply(self, key: str, ds: DaemonSet, create: list[str], delete: list[Pod], hash_: str) -> StatusError | None:
        _, failure = await slow_start(
            len(create), lambda number: self.pod_control.create(key, ds, rules.make_pod(ds, create[number], hash_))
        )
        results = await asyncio.gather(*(self.pod_control.delete(key, ds, pod) for pod in delete), return_exceptions=True)
        if failure is not None and namespace_is_terminating(failure):
            failure = None
        return failure or first_failure(results)

    async def _write_status(self, ds: DaemonSet, pods: Sequence[Pod], hash_: str) -> None:
        status = deep_copy(ds.status)
        by_node = _by_node(pods)
        now, min_ready_s = self.clock.now(), ds.spec.min_ready_seconds
        desired = current = misscheduled = ready = available = updated = 0
        for node in self.nodes.list():
            run, _ = rules.should_run(ds, node)
            rows = sorted(by_node.get(node.metadata.name, ()), key=lambda pod: pod.metadata.creation_timestamp)
            if not run:
                misscheduled += bool(rows)
                continue
            desired += 1
            if rows:
                current += 1
                ready += any(pod_rules.is_ready(pod) for pod in rows)
                available += any(pod_rules.is_available(pod, min_ready_s, now) for pod in rows)
                updated += any(rules.is_updated(ds, pod, hash_) for pod in rows)
        status.observed_generation = ds.metadata.generation
        status.desired_number_scheduled, status.current_number_scheduled = desired, current
        status.number_misscheduled, status.number_ready = misscheduled, ready
        status.number_available, status.number_unavailable = available, desired - available
        status.updated_number_scheduled = updated
        if status != ds.status:
            copy = deep_copy(ds)
            copy.status = status
            await self.client.update(copy, subresource="status")


def _by_node(pods: Sequence[Pod]) -> dict[str, list[Pod]]:
    nodes: dict[str, list[Pod]] = {}
    for pod in pods:
        nodes.setdefault(rules.node_of(pod), []).append(pod)
    return nodes


def _duplicates(ds: DaemonSet, pods: Sequence[Pod], hash_: str) -> list[Pod]:
    """All but the oldest pod of each kind, old and updated, on one node."""
    doomed: list[Pod] = []
    for updated in (True, False):
        same = [pod for pod in pods if rules.is_updated(ds, pod, hash_) == updated]
        same.sort(key=lambda pod: (pod.metadata.creation_timestamp, pod.metadata.name))
        doomed += same[1:]
    return doomed
