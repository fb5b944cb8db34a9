"""The Deployment controller: which Deployment to look at when, and the order of one pass.

Source: pkg/controller/deployment/deployment_controller.go (syncDeployment).
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis.apps_v1 import Deployment, ReplicaSet
from minikube_py.apis.core_v1 import Pod

from ..base import Context, Controller
from ..pods import is_terminal
from ..refs import INDEX, Claims, controlled_and_orphans, controller_of, index_by_controller
from ..selectors import is_everything, matcher, matches
from . import progress, rolling, rules, scaling
from .rollout import Rollout


class DeploymentController(Controller):
    """ReplicaSets of Deployments."""

    name = "deployment"
    component = "deployment-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.deployments = self.informer(Deployment)
        self.sets = self.informer(ReplicaSet)
        self.pods = self.informer(Pod)
        index_by_controller(self.sets)
        index_by_controller(self.pods)
        self.deployments.add_handler(self.enqueue_changed)
        self.sets.add_handler(self._set_changed)
        self.pods.add_handler(self._pod_changed)

    def _set_changed(self, old: ReplicaSet | None, new: ReplicaSet | None) -> None:
        for rs in (old, new):
            owner = self._owner_of(rs)
            if owner is not None:
                self.enqueue(owner)
        if new is None or controller_of(new) is not None or new.metadata.deletion_timestamp:
            return
        if old is not None and old.metadata.labels == new.metadata.labels and controller_of(old) is None:
            return
        for deployment in self.deployments.list(new.metadata.namespace):
            if matches(deployment.spec.selector, new.metadata.labels):
                self.enqueue(deployment)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """A Deployment with strategy Recreate waits for the end of its last old pod."""
        if new is not None and (old is None or is_terminal(old) or not is_terminal(new)):
            return
        ref = controller_of(old) if old is not None else None
        if old is None or ref is None or ref.kind != "ReplicaSet":
            return
        owner = self._owner_of(self.sets.get(ref.name, old.metadata.namespace))
        if owner is not None and not rules.is_rolling(owner):
            self.enqueue(owner)

    def _owner_of(self, rs: ReplicaSet | None) -> Deployment | None:
        ref = controller_of(rs) if rs is not None else None
        if rs is None or ref is None or ref.kind != "Deployment":
            return None
        owner = self.deployments.get(ref.name, rs.metadata.namespace)
        return owner if owner is not None and owner.metadata.uid == ref.uid else None

    async def reconcile(self, key: str) -> float | None:
        deployment = self.deployments.get_key(key)
        if deployment is None:
            return None
        if is_everything(deployment.spec.selector):
            await self._refuse(deployment)
            return None
        claims = Claims(self.client, ReplicaSet, deployment, matcher(deployment.spec.selector))
        sets = await claims.claim(controlled_and_orphans(self.sets, deployment))
        rollout = Rollout(self.client, self.events, self.clock, deployment, sets)
        again_s = await self._pass(rollout)
        await rollout.save()
        return again_s

    async def _pass(self, rollout: Rollout) -> float | None:
        deployment = rollout.deployment
        if deployment.metadata.deletion_timestamp:
            await rollout.find_sets(create=False)
            progress.update_counts(rollout)
            return None
        progress.update_paused(rollout)
        if deployment.spec.paused or scaling.was_scaled(rollout):
            await rollout.find_sets(create=False)
            await scaling.scale(rollout)
            if deployment.spec.paused:
                await rollout.clean_up()
            progress.update_counts(rollout)
            return None
        if rules.is_rolling(deployment):
            await rolling.roll(rollout)
        else:
            await rolling.recreate(rollout, self._pods_by_set(rollout))
        return progress.update_progress(rollout)

    def _pods_by_set(self, rollout: Rollout) -> dict[str, list[Pod]]:
        return {uid: list(self.pods.by_index(INDEX, uid)) for uid in rollout.sets}

    async def _refuse(self, deployment: Deployment) -> None:
        self.events.event(
            deployment, "Warning", "SelectingAll", "This deployment is selecting all pods. A non-empty selector is required."
        )
        if deployment.status.observed_generation < deployment.metadata.generation:
            rollout: Any = Rollout(self.client, self.events, self.clock, deployment, ())
            rollout.deployment.status.observed_generation = deployment.metadata.generation
            await rollout.save()
