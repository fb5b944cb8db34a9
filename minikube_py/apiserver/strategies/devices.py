"""Strategies of claims and templates of devices.

Access for administrators is for namespaces that are labelled for it.

Source: pkg/registry/resource/{resourceclaim,resourceclaimtemplate}/strategy.go, pkg/dra/util (AuthorizedForAdmin)
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from minikube_py.apis.core_v1 import Namespace
from minikube_py.apis.resource_v1 import (
    AllocatedDeviceStatus,
    DeviceRequestAllocationResult,
    ResourceClaim,
    ResourceClaimSpec,
    ResourceClaimTemplate,
)
from minikube_py.apis.scheme import decoder
from minikube_py.core.errors import Cause
from minikube_py.store.interface import Store

from ..context import Context
from ..strategy import Strategy

ADMIN_ACCESS_LABEL = "resource.kubernetes.io/admin-access"


class AdministratorAccess:
    """Which namespaces may ask for devices that are in use.

    Args:
        store: where namespaces are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_requests(self, spec: ResourceClaimSpec, namespace: str) -> list[Cause]:
        """Why a namespace may not ask for what a claim wants; the first request that does so tells."""
        for index, request in enumerate(spec.devices.requests or ()):
            if request.exactly is not None and request.exactly.admin_access:
                return self._causes(f"spec.devices.requests[{index}].exactly.adminAccess", namespace)
        return []

    def of_results(self, results: list[DeviceRequestAllocationResult], namespace: str) -> list[Cause]:
        """Why a claim of a namespace may not get what was allocated to it."""
        for index, result in enumerate(results):
            if result.admin_access:
                return self._causes(f"status.allocation.devices.results[{index}].adminAccess", namespace)
        return []

    def _causes(self, path: str, namespace: str) -> list[Cause]:
        entry = self._store.get("namespaces", namespace)
        if entry is not None:
            found: Namespace = entry.obj if entry.obj is not None else decoder(Namespace).decode(entry.data)
            if found.metadata.labels.get(ADMIN_ACCESS_LABEL) == "true":
                return []
        why = f"Forbidden: admin access to devices requires the `{ADMIN_ACCESS_LABEL}: true` label on the containing namespace"
        return [Cause("FieldValueForbidden", why, path)]


class ResourceClaimStrategy(Strategy):
    """What is wanted never changes; the status says which devices it got."""

    status_keeps_metadata = True

    def __init__(self, store: Store) -> None:
        self._access = AdministratorAccess(store)

    def prepare_status_update(self, new: ResourceClaim, old: ResourceClaim, context: Context) -> None:
        super().prepare_status_update(new, old, context)
        gone = _devices(_results(old)) - _devices(_results(new))
        if gone and any(_device(device) in gone for device in new.status.devices):
            kept = [device for device in new.status.devices if _device(device) not in gone]
            new.status = msgspec.structs.replace(new.status, devices=kept)

    def causes_of_create(self, obj: ResourceClaim, context: Context) -> list[Cause]:
        return self._access.of_requests(obj.spec, obj.metadata.namespace) + super().causes_of_create(obj, context)

    def causes_of_update(self, new: ResourceClaim, old: ResourceClaim, subresource: str, context: Context) -> list[Cause]:
        refused: list[Cause] = []
        if subresource == "status" and not any(result.admin_access for result in _results(old)):
            refused = self._access.of_results(_results(new), new.metadata.namespace)
        return refused + super().causes_of_update(new, old, subresource, context)


class ResourceClaimTemplateStrategy(Strategy):
    """A template never changes."""

    status = False

    def __init__(self, store: Store) -> None:
        self._access = AdministratorAccess(store)

    def causes_of_create(self, obj: ResourceClaimTemplate, context: Context) -> list[Cause]:
        return self._access.of_requests(obj.spec.spec, obj.metadata.namespace) + super().causes_of_create(obj, context)


def _results(claim: ResourceClaim) -> list[DeviceRequestAllocationResult]:
    allocation = claim.status.allocation
    return allocation.devices.results if allocation is not None else []


def _device(device: DeviceRequestAllocationResult | AllocatedDeviceStatus) -> tuple[str, str, str, str]:
    return device.driver, device.pool, device.device, device.share_id or ""


def _devices(results: Iterable[DeviceRequestAllocationResult]) -> set[tuple[str, str, str, str]]:
    return {_device(result) for result in results}
