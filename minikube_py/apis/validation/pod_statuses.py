"""Rules of what updates of a pod's status may change.

Source: pkg/apis/core/validation/validation.go (ValidatePodStatusUpdate), pkg/api/pod/util.go (ContainerShouldRestart)
"""

from __future__ import annotations

from typing import Any

from .. import addresses, syntax
from ..core_v1 import Container, ContainerStatus, Pod, PodCondition, PodExtendedResourceClaimStatus, PodSpec, PodStatus, ResourceStatus
from .causes import Causes, duplicate, forbidden, internal, invalid, not_supported, required, too_long
from .common import dns_label, ip_address, qualified, subdomain, user_id
from .pod_annotations import updated as annotations_updated

_SYSTEM_CONDITIONS = frozenset(("PodScheduled", "Ready", "Initialized"))
_HEALTH = ("Healthy", "Unhealthy", "Unknown")
_HEALTH_MESSAGE_BYTES_MAX = 1024
_NEGATIVE = "must be a non-negative integer"
_CLAIM_FORM = ("must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' "
               "if request is empty")


def update(causes: Causes, new: Pod, old: Pod) -> None:
    own, was, spec = new.status, old.status, old.spec
    if new.metadata.annotations or old.metadata.annotations:
        annotations_updated(causes, "metadata.annotations", new.metadata.annotations, old.metadata.annotations, new.spec)
    if own.conditions:
        _conditions(causes, own.conditions)
    if new.spec.node_name != spec.node_name:
        causes.append(forbidden("status.nodeName", "may not be changed directly"))
    if own.nominated_node_name and own.nominated_node_name != was.nominated_node_name:
        subdomain(causes, "status.nominatedNodeName", own.nominated_node_name)
        if spec.node_name:
            causes.append(forbidden("status.nominatedNodeName", "may not be set on pods that are already bound to a node"))
    if own.observed_generation < 0:
        causes.append(invalid("status.observedGeneration", own.observed_generation, _NEGATIVE))
    if own.qos_class != was.qos_class:
        causes.append(invalid("status.qosClass", own.qos_class, "field is immutable"))
    _containers(causes, own, was, spec)
    if own.resource_claim_statuses:
        _claims(causes, own, new.spec)
    if own.extended_resource_claim_status is not None:
        _extended(causes, "status.extendedResourceClaimStatus", own.extended_resource_claim_status, new.spec)
    _addresses(causes, own, was)
    _facts_of_containers(causes, own, new.spec)


def _conditions(causes: Causes, conditions: list[PodCondition]) -> None:
    for index, condition in enumerate(conditions):
        if condition.observed_generation < 0:
            causes.append(invalid(f"status.conditions[{index}].observedGeneration", condition.observed_generation, _NEGATIVE))
        if condition.type not in _SYSTEM_CONDITIONS and syntax.label_key(condition.type):
            qualified(causes, f"status.conditions[{index}].Type", condition.type)


def _containers(causes: Causes, own: PodStatus, was: PodStatus, spec: PodSpec) -> None:
    """What has ended and is not to be restarted stays ended."""
    if not _all_could_restart(spec):
        _transitions(causes, "status.containerStatuses", own.container_statuses, was.container_statuses, spec.containers, spec)
        _transitions(causes, "status.initContainerStatuses", own.init_container_statuses, was.init_container_statuses, spec.init_containers,
                     spec)
    if was.ephemeral_container_statuses:
        _transitions(causes, "status.ephemeralContainerStatuses", own.ephemeral_container_statuses, was.ephemeral_container_statuses, [],
                     spec)


def _all_could_restart(spec: PodSpec) -> bool:
    return any(rule.action == "RestartAllContainers"
               for items in (spec.containers, spec.init_containers) for container in items for rule in container.restart_policy_rules)


def _transitions(
    causes: Causes, path: str, new: list[ContainerStatus], old: list[ContainerStatus], containers: list[Container], spec: PodSpec
) -> None:
    for index, status in enumerate(old):
        ended = status.state.terminated
        if ended is None:
            continue
        now = next((other for other in new if other.name == status.name and other.state.terminated is None), None)
        if now is None:
            continue
        container = next((item for item in containers if item.name == status.name), None)
        if container is None or not _should_restart(container, spec, ended.exit_code):
            causes.append(forbidden(f"{path}[{index}].state", "may not be transitioned to non-terminated state"))


def _should_restart(container: Container, spec: PodSpec, exit_code: int) -> bool:
    """By the first of the container's rules that is about the exit code, or else by its policy, or else by that of the pod."""
    policy = spec.restart_policy
    if container.restart_policy is not None:
        for rule in container.restart_policy_rules:
            codes = rule.exit_codes
            if codes is not None and (exit_code in codes.values) == (codes.operator == "In"):
                return rule.action in ("Restart", "RestartAllContainers")
        policy = container.restart_policy
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _claims(causes: Causes, own: PodStatus, spec: PodSpec) -> None:
    known = {claim.name for claim in spec.resource_claims}
    seen: set[str] = set()
    for index, status in enumerate(own.resource_claim_statuses):
        where = f"status.resourceClaimStatuses[{index}]"
        if status.name not in known:
            causes.append(invalid(f"{where}.name", status.name, "must match the name of an entry in `spec.resourceClaims`"))
        if status.name in seen:
            causes.append(duplicate(f"{where}.name", status.name))
        seen.add(status.name)
        if status.resource_claim_name is not None:
            subdomain(causes, f"{where}.resourceClaimName", status.resource_claim_name)


def _extended(causes: Causes, path: str, status: PodExtendedResourceClaimStatus, spec: PodSpec) -> None:
    by_name = {container.name: container for container in (*spec.init_containers, *spec.containers)}
    if not status.request_mappings:
        causes.append(required(f"{path}.requestMappings", "at least one request mapping is required"))
    seen: set[tuple[str, str, str]] = set()
    for index, mapping in enumerate(status.request_mappings):
        where = f"{path}.requestMappings[{index}]"
        container = by_name.get(mapping.container_name)
        if container is None:
            causes.append(invalid(f"{where}.containerName", mapping.container_name,
                                  "must match the name of an entry in spec.initContainers.name or spec.containers.name"))
        elif mapping.resource_name not in container.resources.requests:
            causes.append(invalid(f"{where}.resourceName", mapping.resource_name,
                                  "must match the extended resource name of an entry in spec.initContainers.resources.requests or "
                                  "spec.containers.resources.requests"))
        dns_label(causes, f"{path}.requestName", mapping.request_name)
        key = (mapping.container_name, mapping.resource_name, mapping.request_name)
        if key in seen:
            causes += [duplicate(f"{where}.{wire}", value)
                       for wire, value in zip(("containerName", "resourceName", "requestName"), key, strict=True)]
        seen.add(key)
    if not status.resource_claim_name:
        causes.append(required(f"{path}.resourceClaimName"))
    else:
        subdomain(causes, f"{path}.resourceClaimName", status.resource_claim_name)


def _addresses(causes: Causes, own: PodStatus, was: PodStatus) -> None:
    if own.pod_ips and own.pod_ips != was.pod_ips:
        _ips(causes, "status.podIPs", own.pod_ips, was.pod_ips)
    if own.host_ips and (own.host_ips != was.host_ips or own.host_ip != was.host_ip):
        if own.host_ip != own.host_ips[0].ip:
            causes.append(invalid("status.hostIPs[0].ip", own.host_ips[0].ip, "must be equal to `hostIP`"))
        _ips(causes, "status.hostIPs", own.host_ips, was.host_ips)


def _ips(causes: Causes, path: str, new: list[Any], old: list[Any]) -> None:
    """One address, or one of each family."""
    texts = [item.ip for item in new]
    known = {item.ip for item in old}
    for index, text in enumerate(texts):
        if text not in known:
            ip_address(causes, f"{path}[{index}]", text)
    if len(texts) < 2:
        return
    unclear = next((index for index, text in enumerate(texts) if addresses.sloppy(text) is None), None)
    if unclear is not None:
        causes.append(internal(path, f"failed to check for dual stack with error:invalid IP[{unclear}]: <nil>"))
    if unclear is not None or len(texts) > 2 or not addresses.dual_stack(texts):
        causes.append(invalid(path, new, "may specify no more than one IP for each IP family"))


def _facts_of_containers(causes: Causes, own: PodStatus, spec: PodSpec) -> None:
    windows = spec.os is not None and spec.os.name == "windows"
    kinds = (("containerStatuses", own.container_statuses), ("initContainerStatuses", own.init_container_statuses),
             ("ephemeralContainerStatuses", own.ephemeral_container_statuses))
    for wire, statuses in kinds:
        for index, status in enumerate(statuses):
            if status.user is not None and status.user.linux is not None:
                _user(causes, f"status.{wire}[{index}].user.linux", status.user.linux, windows=windows)
    for wire, statuses, containers in ((*kinds[0], spec.containers), (*kinds[1], spec.init_containers)):
        for index, status in enumerate(statuses):
            if status.allocated_resources_status:
                container = next((item for item in containers if item.name == status.name), None)
                _health(causes, f"status.{wire}[{index}].allocatedResourcesStatus", status.allocated_resources_status, container)
    where, _ = kinds[2]
    causes += [forbidden(f"status.{where}[{index}].allocatedResourcesStatus", "must not be specified in container status")
               for index, status in enumerate(own.ephemeral_container_statuses) if status.allocated_resources_status]


def _user(causes: Causes, path: str, user: Any, *, windows: bool) -> None:
    if windows:
        causes.append(forbidden(path, "cannot be set for a windows pod"))
        return
    user_id(causes, f"{path}.uid", user.uid)
    user_id(causes, f"{path}.gid", user.gid)
    for index, group in enumerate(user.supplemental_groups):
        user_id(causes, f"{path}.supplementalGroups[{index}]", group)


def _health(causes: Causes, path: str, statuses: list[ResourceStatus], container: Container | None) -> None:
    """How the devices are that a container was given."""
    for index, status in enumerate(statuses):
        if container is not None:
            _allocated(causes, f"{path}[{index}].name", status.name, container)
        seen: set[str] = set()
        for number, device in enumerate(status.resources):
            where = f"{path}[{index}].resources[{number}]"
            if device.health not in _HEALTH:
                causes.append(not_supported(f"{where}.health", device.health, _HEALTH))
            if len((device.message or "").encode()) > _HEALTH_MESSAGE_BYTES_MAX:
                causes.append(too_long(f"{where}.message", _HEALTH_MESSAGE_BYTES_MAX))
            if device.resource_id in seen:
                causes.append(duplicate(f"{where}.resourceID", device.resource_id))
            seen.add(device.resource_id)


def _allocated(causes: Causes, path: str, name: str, container: Container) -> None:
    """The name is that of a resource, or of a claim, that the container asks for."""
    given = container.resources
    if name.startswith("claim:"):
        names = {f"claim:{claim.name}" + (f"/{claim.request}" if claim.request else "") for claim in given.claims}
        if name not in names:
            causes.append(invalid(path, name, _CLAIM_FORM))
    elif name not in given.requests:
        causes.append(invalid(path, name, "must match one of the container's resource requests"))
