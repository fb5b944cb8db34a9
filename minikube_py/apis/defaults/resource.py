"""Defaults of dynamic resource allocation.

Source: pkg/apis/resource/v1/defaults.go
"""

from __future__ import annotations

from ...core.clock import SYSTEM_CLOCK, rfc3339
from ..object import Quantity
from ..quantity import canonical
from ..resource_v1 import (
    CapacityRequestPolicy,
    CapacityRequirements,
    Device,
    DeviceSubRequest,
    DeviceToleration,
    ExactDeviceRequest,
    ResourceClaim,
    ResourceClaimSpec,
    ResourceClaimTemplate,
    ResourceSlice,
)
from .quantities import single
from .table import Defaults


def set_claim(claim: ResourceClaim) -> None:
    set_claim_spec(claim.spec)
    if claim.status.allocation is not None:
        for result in claim.status.allocation.devices.results:
            result.consumed_capacity = _canonical(result.consumed_capacity)
    for device in claim.status.devices:
        device.conditions = device.conditions or None


def set_claim_template(template: ResourceClaimTemplate) -> None:
    set_claim_spec(template.spec.spec)


def set_claim_spec(spec: ResourceClaimSpec) -> None:
    spec.devices.requests = spec.devices.requests or None
    for request in spec.devices.requests or ():
        if request.exactly is not None:
            _set_request(request.exactly)
        for alternative in request.first_available:
            _set_request(alternative)


def _set_request(request: ExactDeviceRequest | DeviceSubRequest) -> None:
    if not request.allocation_mode:
        request.allocation_mode = "ExactCount"
    if request.allocation_mode == "ExactCount" and not request.count:
        request.count = 1
    _set_tolerations(request.tolerations)
    _set_capacity(request.capacity)


def _set_tolerations(tolerations: list[DeviceToleration]) -> None:
    for toleration in tolerations:
        if not toleration.operator:
            toleration.operator = "Equal"


def _set_capacity(capacity: CapacityRequirements | None) -> None:
    if capacity is not None:
        capacity.requests = _canonical(capacity.requests)


def _canonical(amounts: dict[str, Quantity]) -> dict[str, Quantity]:
    return {name: canonical(amount) for name, amount in amounts.items()}


def set_slice(resource_slice: ResourceSlice) -> None:
    for device in resource_slice.spec.devices:
        _set_device(device)
    for counters in resource_slice.spec.shared_counters:
        for counter in counters.counters.values():
            counter.value = canonical(counter.value)


def _set_device(device: Device) -> None:
    for capacity in device.capacity.values():
        capacity.value = canonical(capacity.value)
        if capacity.request_policy is not None:
            _set_policy(capacity.request_policy)
    for consumption in device.consumes_counters:
        for counter in consumption.counters.values():
            counter.value = canonical(counter.value)
    for mapping in device.node_allocatable_resource_mappings.values():
        mapping.allocation_multiplier = single(mapping.allocation_multiplier) or "1"
    for taint in device.taints:
        if not taint.time_added:
            taint.time_added = rfc3339(SYSTEM_CLOCK.now())


def _set_policy(policy: CapacityRequestPolicy) -> None:
    policy.default = single(policy.default)
    policy.valid_values = [canonical(amount) for amount in policy.valid_values]
    bounds = policy.valid_range
    if bounds is not None:
        bounds.min, bounds.max, bounds.step = single(bounds.min), single(bounds.max), single(bounds.step)


DEFAULTS: Defaults = {ResourceClaim: set_claim, ResourceClaimTemplate: set_claim_template, ResourceSlice: set_slice}
