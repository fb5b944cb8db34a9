"""What claims of devices count for: the devices of each class that they may get, also as the extended resource that the class stands for.

A claim that was made for a pod that requests an extended resource counts only for what the pod does not count for already.
Source: pkg/quota/v1/evaluator/core/resource_claims.go
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from ..core_v1 import Pod
from ..quantity import add, from_value, nano_value, subtract
from ..resource_v1 import DeviceSubRequest, ExactDeviceRequest, ResourceClaim
from .evaluator import COUNT_PREFIX, Evaluator, ResourceList
from .pods import DEVICE_CLASS_PREFIX, PodEvaluator, is_extended_for_quota

_COUNT = f"{COUNT_PREFIX}resourceclaims.resource.k8s.io"
_BY_CLASS = ".deviceclass.resource.k8s.io/devices"
_IMPLICIT = f"requests.{DEVICE_CLASS_PREFIX}"
_EXTENDED_ANNOTATION = "resource.kubernetes.io/extended-resource-claim"
# What a request for all devices may get. Source: k8s.io/api/resource/v1/types.go (AllocationResultsMaxSize)
_DEVICES_MAX = 32


class Devices(Protocol):
    """What the evaluator has to look up."""

    def extended_resource(self, device_class: str) -> str:
        """The extended resource that a class stands for, "" if there is none."""

    def has_device_class(self, extended_resource: str) -> bool:
        """Whether a class stands for an extended resource."""

    def pod(self, namespace: str, name: str) -> Pod | None: ...

    def claims(self, namespace: str) -> Iterable[ResourceClaim]: ...


class ResourceClaimEvaluator(Evaluator):
    """Of alternatives the worst counts, class by class."""

    def __init__(self, devices: Devices) -> None:
        super().__init__("resourceclaims.resource.k8s.io")
        self._devices = devices
        self._pods = PodEvaluator()

    def matching(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name == _COUNT or name.endswith(_BY_CLASS) or self._is_extended(name)]

    def _is_extended(self, name: str) -> bool:
        if name.startswith(_IMPLICIT):
            return bool(self._devices.extended_resource(name.removeprefix(_IMPLICIT)))
        return is_extended_for_quota(name) and self._devices.has_device_class(name.removeprefix("requests."))

    def usage(self, obj: ResourceClaim, now: datetime) -> ResourceList:
        devices: dict[str, int] = {}
        for request in obj.spec.devices.requests or ():
            if request.first_available:
                worst: dict[str, int] = {}
                for alternative in request.first_available:
                    name = alternative.device_class_name
                    worst[name] = max(worst.get(name, 0), _number(alternative))
            elif request.exactly is not None:
                worst = {request.exactly.device_class_name: _number(request.exactly)}
            else:
                continue
            for name, number in worst.items():
                devices[name] = devices.get(name, 0) + number
        found: ResourceList = {_COUNT: "1", **{f"{name}{_BY_CLASS}": from_value(number) for name, number in devices.items()}}
        extended: ResourceList = {}
        for name, number in devices.items():
            extended[_IMPLICIT + name] = from_value(number)
            if resource := self._devices.extended_resource(name):
                extended[f"requests.{resource}"] = add(extended.get(f"requests.{resource}", 0), from_value(number))
        return found | self._beyond_pod(obj, extended, now)

    def _beyond_pod(self, claim: ResourceClaim, extended: ResourceList, now: datetime) -> ResourceList:
        pod = self._pod_of(claim)
        counted = self._pods.usage(pod, now) if pod is not None else {}
        left = {name: subtract(amount, counted.get(name, 0)) for name, amount in extended.items()}
        return {name: amount for name, amount in left.items() if nano_value(amount) > 0}

    def _pod_of(self, claim: ResourceClaim) -> Pod | None:
        """The pod for whose extended resources a claim was made, if they belong to each other."""
        meta = claim.metadata
        uid, name = _pod_owner(claim)
        pod = self._devices.pod(meta.namespace, name) if uid else None
        if pod is None or pod.metadata.uid != uid:
            return None
        status = pod.status.extended_resource_claim_status
        if status is not None:
            return pod if status.resource_claim_name == meta.name else None
        age = (meta.creation_timestamp or "~", meta.name)
        others = (other.metadata for other in self._devices.claims(meta.namespace) if _pod_owner(other)[0] == uid)
        return None if any((other.creation_timestamp or "~", other.name) < age for other in others) else pod

    def handles(self, verb: str, subresource: str, new: Any, old: Any) -> bool:
        return verb in ("CREATE", "UPDATE") and not subresource


def _pod_owner(claim: ResourceClaim) -> tuple[str, str]:
    """Uid and name of the pod that a claim for extended resources was made for."""
    if claim.metadata.annotations.get(_EXTENDED_ANNOTATION) == "true":
        for owner in claim.metadata.owner_references:
            if owner.controller:
                return (owner.uid, owner.name) if (owner.kind, owner.api_version) == ("Pod", "v1") else ("", "")
    return "", ""


def _number(request: ExactDeviceRequest | DeviceSubRequest) -> int:
    match request.allocation_mode:
        case "ExactCount":
            return request.count
        case "All":
            return _DEVICES_MAX
        case _:
            return 0
