"""Rules of resource slices: the devices that a driver offers.

Source: pkg/apis/resource/validation/validation.go (validateResourceSliceSpec)
"""

from __future__ import annotations

import re

from .. import syntax
from ..object import Quantity
from ..quantity import add, canonical, compare, value
from ..resource_v1 import (
    CapacityRequestPolicy,
    CapacityRequestPolicyRange,
    Counter,
    CounterSet,
    Device,
    DeviceAttribute,
    DeviceCapacity,
    DeviceCounterConsumption,
    ResourceSlice,
    ResourceSliceSpec,
)
from . import scheduling
from .causes import Causes, duplicate, forbidden, invalid, required, too_long, too_many
from .common import immutable, matches
from .device_names import Check, binding_conditions, keyed, label, limited, pool_name, qualified, taint, unique
from .names import driver_name
from .rules import Rules, cluster

_DEVICES_MAX, _DEVICES_MAX_RICH = 128, 64
_COUNTER_SETS_MAX, _COUNTERS_MAX, _CONSUMPTIONS_MAX = 8, 32, 2
_ATTRIBUTES_MAX, _ATTRIBUTE_BYTES_MAX = 32, 64
_TAINTS_MAX, _OPTIONS_MAX = 16, 10
_ONE_OF = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
_ONE_OF_DEVICE = ("exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in "
                  "the ResourceSlice spec")
_ONE_POLICY = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'
_NUMBER, _PRE, _BUILD = r"(0|[1-9]\d*)", r"(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)", "[0-9a-zA-Z-]+"
_match_semver = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRE}(\.{_PRE})*)?(\+{_BUILD}(\.{_BUILD})*)?", re.ASCII).fullmatch


def resource_slice(causes: Causes, obj: ResourceSlice) -> None:
    _slice(causes, "spec", obj.spec, None)


def update_resource_slice(causes: Causes, new: ResourceSlice, old: ResourceSlice) -> None:
    _slice(causes, "spec", new.spec, old.spec)


def _slice(causes: Causes, path: str, spec: ResourceSliceSpec, old: ResourceSliceSpec | None) -> None:
    pool = spec.pool
    driver_name(causes, f"{path}.driver", spec.driver)
    pool_name(causes, f"{path}.pool.name", pool.name)
    if pool.resource_slice_count <= 0:
        causes.append(invalid(f"{path}.pool.resourceSliceCount", pool.resource_slice_count, "must be greater than zero"))
    if pool.generation < 0:
        causes.append(invalid(f"{path}.pool.generation", pool.generation, "must be greater than or equal to zero"))
    if old is not None:
        immutable(causes, f"{path}.pool.name", pool.name, old.pool.name)
        immutable(causes, f"{path}.driver", spec.driver, old.driver)
        immutable(causes, f"{path}.nodeName", spec.node_name, old.node_name)
    _nodes(causes, path, spec)
    if spec.shared_counters and spec.devices:
        causes.append(invalid(path, "", "only one of `sharedCounters` or `devices` is allowed"))
    rich = any(device.taints or device.consumes_counters for device in spec.devices)
    known = {device.name: device for device in old.devices} if old is not None else {}

    def device(causes: Causes, path: str, item: Device) -> None:
        _device(causes, path, item, known.get(item.name), each=bool(spec.per_device_node_selection))

    unique(causes, f"{path}.devices", spec.devices, _DEVICES_MAX_RICH if rich else _DEVICES_MAX, device, lambda item: item.name)
    unique(causes, f"{path}.sharedCounters", spec.shared_counters, _COUNTER_SETS_MAX, _counter_set, lambda item: item.name)


def _nodes(causes: Causes, path: str, spec: ResourceSliceSpec) -> None:
    """From which nodes the devices can be used: said in one way."""
    chosen = []
    if spec.node_name:
        chosen.append("`nodeName`")
        matches(causes, f"{path}.nodeName", spec.node_name, syntax.dns_subdomain)
    elif spec.node_name is not None:
        causes.append(invalid(f"{path}.nodeName", "", "must be either unset or set to a non-empty string"))
    if spec.node_selector is not None:
        chosen.append("`nodeSelector`")
        scheduling.node_selector(causes, f"{path}.nodeSelector", spec.node_selector)
        terms = spec.node_selector.node_selector_terms
        if len(terms) != 1:
            causes.append(invalid(f"{path}.nodeSelector.nodeSelectorTerms", terms, "must have exactly one node selector term"))
    for flag, wire in ((spec.all_nodes, "allNodes"), (spec.per_device_node_selection, "perDeviceNodeSelection")):
        if flag:
            chosen.append(f"`{wire}`")
        elif flag is not None:
            causes.append(invalid(f"{path}.{wire}", False, "must be either unset or set to true"))
    if not chosen:
        causes.append(required(path, _ONE_OF))
    elif len(chosen) > 1:
        causes.append(invalid(path, f"{{{', '.join(chosen)}}}", f"{_ONE_OF}, but multiple fields are set"))


def _device(causes: Causes, path: str, device: Device, old: Device | None, *, each: bool) -> None:
    label(causes, f"{path}.name", device.name)
    count = len(device.attributes) + len(device.capacity)
    if count > _ATTRIBUTES_MAX:
        causes.append(invalid(path, count, f"the total number of attributes and capacities must not exceed {_ATTRIBUTES_MAX}"))
    keyed(causes, f"{path}.attributes", device.attributes, None, qualified, _attribute)
    capacity: Check[DeviceCapacity] = _shared_capacity if device.allow_multiple_allocations else _single_capacity
    keyed(causes, f"{path}.capacity", device.capacity, None, qualified, capacity)
    if old is None or old.taints != device.taints:
        limited(causes, f"{path}.taints", device.taints, _TAINTS_MAX, taint)
    unique(causes, f"{path}.consumesCounters", device.consumes_counters, _CONSUMPTIONS_MAX, _consumption, lambda item: item.counter_set)
    if each:
        _device_nodes(causes, path, device)
    elif device.node_name is not None or device.node_selector is not None or device.all_nodes is not None:
        causes.append(invalid(path, None, "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set "
                                          "to true in the ResourceSlice spec"))
    binding_conditions(causes, path, device.binding_conditions, device.binding_failure_conditions)


def _device_nodes(causes: Causes, path: str, device: Device) -> None:
    chosen = []
    if device.node_name:
        chosen.append("`nodeName`")
        matches(causes, f"{path}.nodeName", device.node_name, syntax.dns_subdomain)
    elif device.node_name is not None:
        causes.append(invalid(f"{path}.nodeName", "", "must not be empty"))
    if device.node_selector is not None:
        chosen.append("`nodeSelector`")
        scheduling.node_selector(causes, f"{path}.nodeSelector", device.node_selector)
    if device.all_nodes:
        chosen.append("`allNodes`")
    elif device.all_nodes is not None:
        causes.append(invalid(f"{path}.allNodes", False, "must be either unset or set to true"))
    if not chosen:
        causes.append(required(path, _ONE_OF_DEVICE))
    elif len(chosen) > 1:
        causes.append(invalid(path, f"{{{', '.join(chosen)}}}", _ONE_OF_DEVICE))


def _attribute(causes: Causes, path: str, item: DeviceAttribute) -> None:
    if item.string is not None and len(item.string.encode()) > _ATTRIBUTE_BYTES_MAX:
        causes.append(too_long(f"{path}.string", _ATTRIBUTE_BYTES_MAX))
    if item.version is not None:
        if not _match_semver(item.version):
            causes.append(invalid(f"{path}.version", item.version, "must be a string compatible with semver.org spec 2.0.0"))
        if len(item.version.encode()) > _ATTRIBUTE_BYTES_MAX:
            causes.append(too_long(f"{path}.version", _ATTRIBUTE_BYTES_MAX))
    values = [item.int_, item.bool_, item.string, item.version]
    count = sum(part is not None for part in values)
    if count != 1:
        shown = dict(zip(("IntValue", "BoolValue", "StringValue", "VersionValue"), values, strict=True)) if count else ""
        causes.append(invalid(path, shown, "exactly one value must be specified"))


def _single_capacity(causes: Causes, path: str, item: DeviceCapacity) -> None:
    if item.request_policy is not None:
        causes.append(forbidden(f"{path}.requestPolicy", "allowMultipleAllocations must be true"))


def _shared_capacity(causes: Causes, path: str, item: DeviceCapacity) -> None:
    if item.request_policy is not None:
        _policy(causes, f"{path}.requestPolicy", item.value, item.request_policy)


def _policy(causes: Causes, path: str, capacity: Quantity, policy: CapacityRequestPolicy) -> None:
    if policy.valid_values and policy.valid_range is not None:
        causes.append(forbidden(path, _ONE_POLICY))
    elif policy.valid_values:
        if policy.default is None:
            causes.append(required(f"{path}.default", "required when validValues is defined"))
        else:
            _values(causes, f"{path}.validValues", policy.default, capacity, policy.valid_values)
    elif policy.valid_range is not None:
        if policy.default is None:
            causes.append(required(f"{path}.default", "required when validRange is defined"))
        else:
            _range(causes, f"{path}.validRange", policy.default, capacity, policy.valid_range)


def _values(causes: Causes, path: str, default: Quantity, capacity: Quantity, options: list[Quantity]) -> None:
    for index in range(len(options) - 1):
        if compare(options[index], options[index + 1]) > 0:
            causes.append(invalid(f"{path}[{index + 1}]", canonical(options[index + 1]), "values must be sorted in ascending order"))
    if len(options) > _OPTIONS_MAX:
        causes.append(too_many(path, len(options), _OPTIONS_MAX))
        found = False
    else:
        for index, option in enumerate(options):
            if compare(option, capacity) > 0:
                size = canonical(capacity)
                causes.append(invalid(f"{path}[{index}]", canonical(option), f"option is larger than capacity value: {size}"))
        whole = [str(value(option)) for option in options]
        causes += [duplicate(f"{path}[{index}]", text) for index, text in enumerate(whole) if text in whole[:index]]
        found = any(compare(option, default) == 0 for option in options)
    if not found:
        causes.append(invalid(path, canonical(default), "default value is not valid according to the requestPolicy"))


def _range(causes: Causes, path: str, default: Quantity, capacity: Quantity, limits: CapacityRequestPolicyRange) -> None:
    low, high, step = limits.min, limits.max, limits.step
    if low is None:
        causes.append(required(f"{path}.min", "required when validRange is defined"))
        return
    size, least, usual = canonical(capacity), canonical(low), canonical(default)
    if compare(low, capacity) > 0:
        causes.append(invalid(f"{path}.min", least, f"min is larger than capacity value: {size}"))
    if compare(default, low) < 0:
        causes.append(invalid(f"{path}.min", usual, f"default is less than min: {least}"))
    if high is not None:
        most = canonical(high)
        if compare(low, high) > 0:
            causes.append(invalid(f"{path}.max", least, f"min is larger than max: {most}"))
        if compare(high, capacity) > 0:
            causes.append(invalid(f"{path}.max", most, f"max is larger than capacity value: {size}"))
        if compare(default, high) > 0:
            causes.append(invalid(f"{path}.max", usual, f"default is more than max: {most}"))
    if step is not None:
        if compare(add(low, step), capacity) > 0:
            causes.append(invalid(f"{path}.step", canonical(step), f"one step {add(low, step)} is larger than capacity value: {size}"))
        for amount in (default, high):
            if amount is not None:
                _steps(causes, f"{path}.step", amount, low, step)


def _steps(causes: Causes, path: str, amount: Quantity, low: Quantity, step: Quantity) -> None:
    if value(step) == 0 or (value(amount) - value(low)) % value(step):
        causes.append(invalid(path, canonical(amount),
                              f"value is not a multiple of a given step ({canonical(step)}) from ({canonical(low)})"))


def _any_counter(causes: Causes, path: str, item: Counter) -> None:
    """Every amount will do."""


def _counter_set(causes: Causes, path: str, item: CounterSet) -> None:
    _named_counters(causes, path, "name", item.name, item.counters)


def _consumption(causes: Causes, path: str, item: DeviceCounterConsumption) -> None:
    _named_counters(causes, path, "counterSet", item.counter_set, item.counters)


def _named_counters(causes: Causes, path: str, wire: str, name: str, counters: dict[str, Counter]) -> None:
    if not name:
        causes.append(required(f"{path}.{wire}"))
    else:
        label(causes, f"{path}.{wire}", name)
    if not counters:
        causes.append(required(f"{path}.counters"))
    else:
        keyed(causes, f"{path}.counters", counters, _COUNTERS_MAX, label, _any_counter)


RULES: Rules = {ResourceSlice: cluster(resource_slice, update_resource_slice)}
