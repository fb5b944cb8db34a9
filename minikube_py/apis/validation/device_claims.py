"""Rules of device classes, resource claims and their templates.

Source: pkg/apis/resource/validation/validation.go
"""

from __future__ import annotations

from functools import partial

from .. import meta_v1, syntax
from ..resource_v1 import (
    DeviceClaim,
    DeviceClaimConfiguration,
    DeviceClass,
    DeviceClassConfiguration,
    DeviceConstraint,
    DeviceRequest,
    DeviceSelector,
    DeviceSubRequest,
    ExactDeviceRequest,
    ResourceClaim,
    ResourceClaimSpec,
    ResourceClaimTemplate,
)
from . import resources
from .causes import Causes, invalid, not_supported, required, too_long
from .common import immutable, labels, matches, present
from .device_allocations import update_claim_status
from .device_names import fully_qualified, label, limited, opaque, toleration, unique
from .expressions import device_selector
from .metadata import check_annotations
from .rules import KindRules, Rules, SubresourceRules, cluster

ITEMS_MAX = 32
_ALTERNATIVES_MAX = 8
_EXPRESSION_BYTES_MAX = 10 * 1024
_ONE_REQUEST = "exactly one of `exactly` or `firstAvailable` is required"
_ONE_ATTRIBUTE = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
_NO_REQUEST = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"

# Names of requests, with those of their alternatives.
Requests = dict[str, set[str]]


def request_names(claim: DeviceClaim) -> Requests:
    return {request.name: {alternative.name for alternative in request.first_available} for request in claim.requests or ()}


def claim_spec(causes: Causes, path: str, spec: ResourceClaimSpec) -> None:
    devices = spec.devices
    where, names = f"{path}.devices", request_names(devices)
    unique(causes, f"{where}.requests", devices.requests or (), ITEMS_MAX, _request, lambda request: request.name)
    limited(causes, f"{where}.constraints", devices.constraints, ITEMS_MAX, partial(_constraint, names))
    limited(causes, f"{where}.config", devices.config, ITEMS_MAX, partial(_configuration, names))


def _request(causes: Causes, path: str, request: DeviceRequest) -> None:
    label(causes, f"{path}.name", request.name)
    if request.exactly is None and not request.first_available:
        causes.append(required(path, _ONE_REQUEST))
    elif request.exactly is not None and request.first_available:
        causes.append(invalid(path, None, f"{_ONE_REQUEST}, but multiple fields are set"))
    elif request.exactly is not None:
        _device_request(causes, f"{path}.exactly", request.exactly)
    else:
        unique(causes, f"{path}.firstAvailable", request.first_available, _ALTERNATIVES_MAX, _alternative, lambda part: part.name)


def _alternative(causes: Causes, path: str, request: DeviceSubRequest) -> None:
    label(causes, f"{path}.name", request.name)
    _device_request(causes, path, request)


def _device_request(causes: Causes, path: str, request: ExactDeviceRequest | DeviceSubRequest) -> None:
    present(causes, f"{path}.deviceClassName", request.device_class_name, syntax.dns_subdomain)
    limited(causes, f"{path}.selectors", request.selectors, ITEMS_MAX, selector)
    count = request.count or 0
    if request.allocation_mode == "All":
        if count:
            causes.append(invalid(f"{path}.count", count, "must not be specified when allocationMode is 'All'"))
    elif request.allocation_mode == "ExactCount":
        if count <= 0:
            causes.append(invalid(f"{path}.count", count, "must be greater than zero"))
    else:
        causes.append(not_supported(f"{path}.allocationMode", request.allocation_mode, ("All", "ExactCount")))
    for index, item in enumerate(request.tolerations):
        toleration(causes, f"{path}.tolerations[{index}]", item)


def selector(causes: Causes, path: str, item: DeviceSelector) -> None:
    if item.cel is None:
        causes.append(required(f"{path}.cel"))
    elif len(item.cel.expression.encode()) > _EXPRESSION_BYTES_MAX:
        causes.append(too_long(f"{path}.cel.expression", _EXPRESSION_BYTES_MAX))
    else:
        device_selector(causes, f"{path}.cel.expression", item.cel.expression)


def _constraint(names: Requests, causes: Causes, path: str, item: DeviceConstraint) -> None:
    unique(causes, f"{path}.requests", item.requests, ITEMS_MAX, partial(request_reference, names), str)
    if item.match_attribute is not None:
        fully_qualified(causes, f"{path}.matchAttribute", item.match_attribute)
    elif item.distinct_attribute is not None:
        fully_qualified(causes, f"{path}.distinctAttribute", item.distinct_attribute)
    else:
        causes.append(required(path, _ONE_ATTRIBUTE))


def _configuration(names: Requests, causes: Causes, path: str, item: DeviceClaimConfiguration) -> None:
    unique(causes, f"{path}.requests", item.requests, ITEMS_MAX, partial(request_reference, names), str)
    opaque(causes, path, item.opaque)


def request_reference(names: Requests, causes: Causes, path: str, name: str) -> None:
    """The name of a request, or of one of its alternatives behind a slash."""
    parts = name.split("/")
    if len(parts) > 2:
        causes.append(invalid(path, name, _NO_REQUEST))
        return
    for part in parts:
        label(causes, path, part)
    if parts[0] not in names or (len(parts) == 2 and parts[1] not in names[parts[0]]):
        causes.append(invalid(path, name, _NO_REQUEST))


def resource_claim(causes: Causes, obj: ResourceClaim) -> None:
    claim_spec(causes, "spec", obj.spec)


def update_resource_claim(causes: Causes, new: ResourceClaim, old: ResourceClaim) -> None:
    immutable(causes, "spec", new.spec, old.spec)


def update_status(causes: Causes, new: ResourceClaim, old: ResourceClaim) -> None:
    names = request_names(new.spec.devices)
    update_claim_status(causes, new, old, partial(request_reference, names))


def claim_template(causes: Causes, obj: ResourceClaimTemplate) -> None:
    meta: meta_v1.ObjectMeta = obj.spec.metadata
    check_annotations(causes, "spec.metadata.annotations", meta.annotations)
    labels(causes, "spec.metadata.labels", meta.labels)
    claim_spec(causes, "spec.spec", obj.spec.spec)


def update_claim_template(causes: Causes, new: ResourceClaimTemplate, old: ResourceClaimTemplate) -> None:
    immutable(causes, "spec", new.spec, old.spec)


def device_class(causes: Causes, obj: DeviceClass) -> None:
    _device_class(causes, obj, None)


def update_device_class(causes: Causes, new: DeviceClass, old: DeviceClass) -> None:
    _device_class(causes, new, old)


def _device_class(causes: Causes, obj: DeviceClass, old: DeviceClass | None) -> None:
    spec = obj.spec
    limited(causes, "spec.selectors", spec.selectors, ITEMS_MAX, selector)
    limit = old is None or old.spec.config != spec.config

    def configuration(causes: Causes, path: str, item: DeviceClassConfiguration) -> None:
        opaque(causes, path, item.opaque, limit=limit)

    limited(causes, "spec.config", spec.config, ITEMS_MAX, configuration)
    name = spec.extended_resource_name
    if name is not None and not _is_extended(name):
        causes.append(invalid("spec.extendedResourceName", name, "must be a valid extended resource name"))


def _is_extended(name: str) -> bool:
    wrong: Causes = []
    matches(wrong, "", f"requests.{name}", syntax.label_key)
    return resources.is_extended(name) and not wrong


RULES: Rules = {
    DeviceClass: cluster(device_class, update_device_class), ResourceClaim: KindRules(resource_claim, update_resource_claim),
    ResourceClaimTemplate: KindRules(claim_template, update_claim_template),
}
SUBRESOURCES: SubresourceRules = {(ResourceClaim, "status"): update_status}
