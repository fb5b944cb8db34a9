"""Rules of the status of resource claims: what was allocated, for whom, and how the devices are.

Source: pkg/apis/resource/validation/validation.go (validateResourceClaimStatusUpdate)
"""

from __future__ import annotations

import ipaddress

from .. import addresses
from ..resource_v1 import (
    AllocatedDeviceStatus,
    AllocationResult,
    DeviceAllocationConfiguration,
    DeviceRequestAllocationResult,
    NetworkDeviceData,
    ResourceClaim,
    ResourceClaimConsumerReference,
)
from . import scheduling
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required, too_long, too_many
from .common import immutable
from .conditions import conditions
from .device_names import Check, binding_conditions, label, limited, opaque, pool_name, raw_object, uid, unique
from .names import driver_name

_RESULTS_MAX = 32
_CONFIG_MAX = 2 * 32  # those of the class and those of the claim
_CONSUMERS_MAX = 256
_CONDITIONS_MAX = 8
_INTERFACE_BYTES_MAX, _HARDWARE_BYTES_MAX, _IPS_MAX = 256, 128, 16

DeviceID = tuple[str, str, str, str | None]


def update_claim_status(causes: Causes, new: ResourceClaim, old: ResourceClaim, reference: Check[str]) -> None:
    """Args: `reference` checks the name of a request of the claim."""
    status, was = new.status, old.status
    unique(causes, "status.reservedFor", status.reserved_for, _CONSUMERS_MAX, _consumer, lambda consumer: consumer.uid)
    allocated = _allocated(status.allocation)
    _devices(causes, "status.devices", status.devices, allocated)
    if status.reserved_for and status.allocation is None:
        causes.append(forbidden("status.reservedFor", "may not be specified when `allocated` is not set"))
    elif new.metadata.deletion_timestamp and any(consumer not in was.reserved_for for consumer in status.reserved_for):
        causes.append(forbidden("status.reservedFor", "new entries may not be added while `deallocationRequested` or `deletionTimestamp` "
                                                      "are set"))
    if status.allocation is not None and was.allocation is not None:
        immutable(causes, "status.allocation", status.allocation, was.allocation)
    elif status.allocation is not None:
        _allocation(causes, "status.allocation", status.allocation, reference)


def _allocated(allocation: AllocationResult | None) -> set[DeviceID]:
    results = allocation.devices.results if allocation is not None else ()
    return {(result.driver, result.pool, result.device, result.share_id) for result in results}


def _consumer(causes: Causes, path: str, consumer: ResourceClaimConsumerReference) -> None:
    for value, wire in ((consumer.resource, "resource"), (consumer.name, "name"), (consumer.uid, "uid")):
        if not value:
            causes.append(required(f"{path}.{wire}"))


def _devices(causes: Causes, path: str, devices: list[AllocatedDeviceStatus], allocated: set[DeviceID]) -> None:
    seen: set[DeviceID] = set()
    twice: Causes = []
    for index, device in enumerate(devices):
        where, key = f"{path}[{index}]", (device.driver, device.pool, device.device, device.share_id)
        _device(causes, where, device, allocated=key in allocated)
        if key in seen:
            twice.append(duplicate(where, _show(key)))
        seen.add(key)
    causes += twice


def _show(key: DeviceID) -> str:
    return "/".join(part for part in key if part)


def _device(causes: Causes, path: str, device: AllocatedDeviceStatus, *, allocated: bool) -> None:
    driver_name(causes, f"{path}.driver", device.driver)
    pool_name(causes, f"{path}.pool", device.pool)
    label(causes, f"{path}.device", device.device)
    if device.share_id is not None:
        uid(causes, f"{path}.shareID", device.share_id)
    if not allocated:
        key = (device.driver, device.pool, device.device, device.share_id)
        causes.append(invalid(path, _show(key), "must be an allocated device in the claim"))
    states = device.conditions or []
    if len(states) > _CONDITIONS_MAX:
        causes.append(too_many(f"{path}.conditions", len(states), _CONDITIONS_MAX))
    conditions(causes, f"{path}.conditions", states)
    if device.data is not None:
        raw_object(causes, f"{path}.data", device.data)
    if device.network_data is not None:
        _network(causes, f"{path}.networkData", device.network_data)


def _network(causes: Causes, path: str, data: NetworkDeviceData) -> None:
    if len(data.interface_name.encode()) > _INTERFACE_BYTES_MAX:
        causes.append(too_long(f"{path}.interfaceName", _INTERFACE_BYTES_MAX))
    if len(data.hardware_address.encode()) > _HARDWARE_BYTES_MAX:
        causes.append(too_long(f"{path}.hardwareAddress", _HARDWARE_BYTES_MAX))
    unique(causes, f"{path}.ips", data.ips, _IPS_MAX, _interface_address, str)


def _interface_address(causes: Causes, path: str, text: str) -> None:
    """An address with the length of its network's prefix, in canonical form."""
    interface = addresses.sloppy_interface(text)
    if interface is None:
        causes.append(invalid(path, text, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"))
        return
    host, prefix = addresses.unmapped(interface.ip), interface.network.prefixlen
    if isinstance(host, ipaddress.IPv4Address) and prefix > host.max_prefixlen:
        prefix -= 128 - host.max_prefixlen
    if text != f"{host}/{prefix}":
        causes.append(invalid(path, text, f'must be in canonical form ("{host}/{prefix}")'))


def _allocation(causes: Causes, path: str, allocation: AllocationResult, reference: Check[str]) -> None:
    devices = allocation.devices

    def result(causes: Causes, path: str, item: DeviceRequestAllocationResult) -> None:
        reference(causes, f"{path}.request", item.request)
        driver_name(causes, f"{path}.driver", item.driver)
        pool_name(causes, f"{path}.pool", item.pool)
        label(causes, f"{path}.device", item.device)
        binding_conditions(causes, path, item.binding_conditions, item.binding_failure_conditions)
        if item.share_id is not None:
            uid(causes, f"{path}.shareID", item.share_id)

    def configuration(causes: Causes, path: str, item: DeviceAllocationConfiguration) -> None:
        if item.source not in ("FromClaim", "FromClass"):
            where = f"{path}.source"
            causes.append(not_supported(where, item.source, ("FromClaim", "FromClass")) if item.source else required(where))
        unique(causes, f"{path}.requests", item.requests, _RESULTS_MAX, reference, str)
        opaque(causes, path, item.opaque)

    limited(causes, f"{path}.devices.results", devices.results, _RESULTS_MAX, result)
    limited(causes, f"{path}.devices.config", devices.config, _CONFIG_MAX, configuration)
    if allocation.node_selector is not None:
        scheduling.node_selector(causes, f"{path}.nodeSelector", allocation.node_selector)
