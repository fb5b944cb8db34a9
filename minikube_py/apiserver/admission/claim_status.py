"""Who may write which part of a ResourceClaim's status: schedulers the allocation, drivers what they say of their own devices.

Whoever may write the status at all also needs a permission for what changes: "resourceclaims/binding" for allocation and reservations,
and, for each driver whose devices change, "resourceclaims/driver" with the driver's name. A driver that runs on the one node that the claim
is allocated on may do with less: the verb "associated-node:update" instead of "arbitrary-node:update". It waits, because what decides may
be another server.

Source: feature DRAResourceClaimGranularStatusAuthorization; pkg/registry/resource/resourceclaim/strategy.go,
pkg/dra/util (AuthorizedForBinding, AuthorizedForDeviceStatus)
"""

from __future__ import annotations

from minikube_py.apis.resource_v1 import AllocatedDeviceStatus, AllocationResult, ResourceClaim
from minikube_py.core.errors import Cause, invalid

from ..authentication.user import UserInfo, split_service_account
from ..authorization.attributes import Attributes, Authorizer, forbidden
from . import Operation, WaitingPlugin

NODE_NAME = "authentication.kubernetes.io/node-name"
GROUP, RESOURCE = "resource.k8s.io", "resourceclaims"


class ClaimStatusAuthorization(WaitingPlugin):
    """Refuses changes of a claim's status that need a permission which their writer has not."""

    name = "ResourceClaimStatusAuthorization"
    resources = frozenset({f"{RESOURCE}.{GROUP}"})

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def validate_waiting(self, operation: Operation) -> None:
        if operation.verb != "UPDATE" or operation.subresource != "status":
            return
        old: ResourceClaim = operation.old
        new: ResourceClaim = operation.obj
        causes: list[Cause] = []
        if (old.status.allocation, old.status.reserved_for) != (new.status.allocation, new.status.reserved_for):
            causes += await self._binding(operation)
        for driver in sorted(changed_drivers(old.status.devices, new.status.devices)):
            causes += await self._driver(operation, driver, new.status.allocation)
        if causes:
            raise invalid(GROUP, "ResourceClaim", operation.name, causes)

    async def _binding(self, operation: Operation) -> list[Cause]:
        context = operation.context
        wanted = Attributes(context.user, context.verb, GROUP, operation.storage.resource.version, RESOURCE, "binding")
        refused = await self._refusal(wanted)
        if not refused:
            return []
        needed = f'resource="resourceclaims/binding", verb="{context.verb}"'
        return [_cause("status", f"changing status.allocation or status.reservedFor requires {needed} permission: {refused}")]

    async def _driver(self, operation: Operation, driver: str, allocation: AllocationResult | None) -> list[Cause]:
        context = operation.context
        verbs = [f"arbitrary-node:{context.verb}"]
        if _runs_on(context.user, allocated_node(allocation)):
            verbs.insert(0, f"associated-node:{context.verb}")
        first = ""
        for verb in verbs:
            version = operation.storage.resource.version
            refused = await self._refusal(Attributes(context.user, verb, GROUP, version, RESOURCE, "driver", operation.namespace, driver))
            if not refused:
                return []
            first = first or refused
        needed = f'resource="resourceclaims/driver", verb="[{" ".join(verbs)}]"'
        return [_cause("status.devices", f"changing status.devices requires {needed} permission: {first}")]

    async def _refusal(self, wanted: Attributes) -> str:
        """Why something is not allowed; "" if it is."""
        decision = await self._authorizer.authorize(wanted)
        return "" if decision.allowed else forbidden(wanted, decision.explanation).message


def changed_drivers(old: list[AllocatedDeviceStatus], new: list[AllocatedDeviceStatus]) -> set[str]:
    """The drivers whose devices' status was added, removed or changed."""
    before, after = ({_key(device): device for device in devices} for devices in (old, new))
    return {key[0] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def allocated_node(allocation: AllocationResult | None) -> str:
    """The only node on which allocated devices are; "" if there may be several."""
    selector = allocation.node_selector if allocation is not None else None
    if selector is None or len(selector.node_selector_terms) != 1:
        return ""
    term = selector.node_selector_terms[0]
    if term.match_expressions or len(term.match_fields) != 1:
        return ""
    field = term.match_fields[0]
    return field.values[0] if (field.key, field.operator, len(field.values)) == ("metadata.name", "In", 1) else ""


def _runs_on(user: UserInfo, node: str) -> bool:
    """Whether a user is a service account whose token is bound to a pod, or to a node, by that name."""
    return bool(node) and split_service_account(user.name) is not None and tuple(user.extra.get(NODE_NAME, ())) == (node,)


def _key(device: AllocatedDeviceStatus) -> tuple[str, str, str, str]:
    return device.driver, device.pool, device.device, device.share_id or ""


def _cause(path: str, why: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {why}", path)
