"""The resource quota controller: gives quotas their first status, and keeps it to what is wanted.

Usage itself is kept by the API server with the writes that change it, and so is its place in the status. What is left to do: the status of
a new quota or of one that is to limit something else, names that came to count or ceased to as a definition came or went, and a look from
time to time, which undoes what others have written into the status.

Source: pkg/controller/resourcequota/resource_quota_controller.go
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition
from minikube_py.apis.core_v1 import ResourceQuota
from minikube_py.apis.object import Object, Quantity
from minikube_py.apis.scheme import resource_of

from .base import Context, Controller
from .custom_kinds import CustomKinds

# (namespace, name) -> what is used of a quota, None if there is no such quota any more.
Used = Callable[[str, str], dict[str, Quantity] | None]


class ResourceQuotaController(Controller):
    """Keeps the status of quotas."""

    name = "resourcequota"
    component = "resourcequota-controller"

    def __init__(self, context: Context, used: Used, sync_period: timedelta = timedelta(minutes=5)) -> None:
        """
        Args:
            sync_period: how often each quota is looked at although nothing has changed.
        """
        super().__init__(context)
        self._used = used
        self._sync_s = sync_period.total_seconds()
        self.quotas = self.informer(ResourceQuota)
        self.quotas.add_handler(self._changed)
        CustomKinds(self.informer(CustomResourceDefinition)).follow(self._custom_kind_changed)

    def _changed(self, old: ResourceQuota | None, new: ResourceQuota | None) -> None:
        """What is used changes the status only."""
        if new is not None and (old is None or old.spec != new.spec):
            self.enqueue(new)

    def _custom_kind_changed(self, kind: type[Object], came: bool) -> None:
        name = f"count/{resource_of(kind).group_resource}"
        for quota in self.quotas.list():
            if name in quota.spec.hard:
                self.enqueue(quota)

    async def reconcile(self, key: str) -> float | None:
        quota = self.quotas.get_key(key)
        used = self._used(quota.metadata.namespace, quota.metadata.name) if quota is not None else None
        if quota is None or used is None:
            return None
        hard, status = quota.spec.hard, quota.status
        # What nobody can count any more stays as it was.
        told = {name: amount for name, amount in (status.used | used).items() if name in hard}
        if status.hard != hard or status.used != told:
            # A patch of the newest version, as its usage is of now.
            patch = [{"op": "add", "path": "/status", "value": {"hard": hard, "used": told}}]
            await self.client.patch(
                ResourceQuota, quota.metadata.name, quota.metadata.namespace, patch, patch_type="application/json-patch+json",
                subresource="status",
            )
            if self._used(quota.metadata.namespace, quota.metadata.name) != used:
                return 0.0  # Admission has waited for somebody, and what was written is what was used before.
        return self._sync_s
