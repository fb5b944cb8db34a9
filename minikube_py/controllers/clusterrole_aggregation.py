"""ClusterRole aggregation: writes into an aggregated ClusterRole the rules of the roles that its selectors match.

Source: pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go.
"""

from __future__ import annotations

from minikube_py.apis.cluster_role_aggregation import aggregated_rules
from minikube_py.apis.rbac_v1 import ClusterRole
from minikube_py.apis.scheme import deep_copy

from .base import Context, Controller


class ClusterRoleAggregation(Controller):
    """Keeps the rules of aggregated ClusterRoles."""

    name = "ClusterRoleAggregator"
    component = "clusterrole-aggregation-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.roles = self.informer(ClusterRole)
        self.roles.add_handler(self._changed)

    def _changed(self, old: ClusterRole | None, new: ClusterRole | None) -> None:
        if old is not None and new is not None and old.rules == new.rules and old.metadata.labels == new.metadata.labels and (
            old.aggregation_rule == new.aggregation_rule
        ):
            return
        for role in self.roles.list():
            if role.aggregation_rule is not None:
                self.enqueue(role)

    async def reconcile(self, key: str) -> float | None:
        role = self.roles.get_key(key)
        if role is None or role.aggregation_rule is None or role.metadata.deletion_timestamp:
            return None
        rules = aggregated_rules(role, {each.metadata.name: each for each in self.roles.list()})
        if rules == (role.rules or []):
            return None
        changed = deep_copy(role)
        changed.rules = rules
        await self.client.update(changed)
        return None
