"""Rules of pods and pod templates, on creation, update, status update, resize and for ephemeral containers.

Source: pkg/apis/core/validation/validation.go (ValidatePodSpec, ValidatePodUpdate and others)
"""

from __future__ import annotations

import msgspec

from .. import syntax
from ..core_v1 import Affinity, ContainerStatus, Pod, PodDNSConfig, PodSpec, PodTemplate, PodTemplateSpec
from ..object import Quantity
from ..quantity import nano_value
from . import containers, resources, scheduling, security, volumes
from .causes import Causes, duplicate, forbidden, invalid, required
from .common import ip_address, labels, matches, one_of
from .metadata import check_annotations

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_DNS_SERVERS_MAX, _DNS_SEARCHES_MAX, _DNS_SEARCH_BYTES_MAX = 3, 32, 2048
_DEADLINE_S_MAX = 2**31 - 1
_HOSTNAME_MAX = 64
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
_UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def create(causes: Causes, pod: Pod) -> None:
    _metadata_and_spec(causes, pod)
    spec = pod.spec
    if spec.ephemeral_containers:
        causes.append(forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.node_name and spec.scheduling_gates:
        causes.append(forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"))


def _metadata_and_spec(causes: Causes, pod: Pod) -> None:
    spec = pod.spec
    if pod.metadata.annotations:
        pod_annotations(causes, "metadata.annotations", pod.metadata.annotations)
    pod_spec(causes, "spec", spec, is_pod=True)
    for field, items in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(items):
            containers.pod_only(causes, f"spec.{field}[{index}]", container)


def pod_annotations(causes: Causes, path: str, values: dict[str, str]) -> None:
    cost = values.get(_DELETION_COST)
    if cost is not None and (not cost.lstrip("-").isdigit() or (cost.lstrip("-").startswith("0") and cost != "0")):
        causes.append(invalid(f"{path}[{_DELETION_COST}]", cost, "must be a 32bit integer"))


def pod_spec(causes: Causes, path: str, spec: PodSpec, *, is_pod: bool) -> None:
    """The spec of a pod, or that in a template."""
    if spec.termination_grace_period_seconds is None:
        causes.append(required(f"{path}.terminationGracePeriodSeconds"))
    named = volumes.volumes(causes, f"{path}.volumes", spec) if spec.volumes else {}
    if spec.resource_claims:
        _resource_claims(causes, f"{path}.resourceClaims", spec)
    scope = containers.PodScope(spec, named)
    containers.containers(causes, f"{path}.containers", spec, scope)
    if spec.init_containers:
        containers.init_containers(causes, f"{path}.initContainers", spec, scope)
    if spec.ephemeral_containers:
        containers.ephemeral_containers(causes, f"{path}.ephemeralContainers", spec, scope)
    if spec.resources is not None:
        resources.pod_level(causes, f"{path}.resources", spec, spec.resources)
    if spec.host_network:
        _host_ports(causes, f"{path}.containers", spec, is_pod=is_pod)
    if spec.restart_policy not in _RESTART_POLICIES:
        one_of(causes, f"{path}.restartPolicy", spec.restart_policy, _RESTART_POLICIES)
    if spec.dns_policy not in _DNS_POLICIES:
        one_of(causes, f"{path}.dnsPolicy", spec.dns_policy, _DNS_POLICIES)
    if spec.node_selector:
        labels(causes, f"{path}.nodeSelector", spec.node_selector)
    if spec.security_context is not None:
        security.pod(causes, f"{path}.securityContext", spec.security_context, spec)
    security.host_users(causes, path, spec)
    _scheduling(causes, path, spec)
    _dns(causes, f"{path}.dnsConfig", spec)
    _names(causes, path, spec)


def _scheduling(causes: Causes, path: str, spec: PodSpec) -> None:
    if spec.affinity is not None:
        scheduling.affinity(causes, f"{path}.affinity", spec.affinity)
    if spec.tolerations:
        scheduling.tolerations(causes, f"{path}.tolerations", spec.tolerations)
    if spec.topology_spread_constraints:
        scheduling.topology_spread(causes, f"{path}.topologySpreadConstraints", spec.topology_spread_constraints)
    for index, readiness in enumerate(spec.readiness_gates):
        matches(causes, f"{path}.readinessGates[{index}].conditionType", readiness.condition_type, syntax.label_key)
    seen: set[str] = set()
    for index, gate in enumerate(spec.scheduling_gates):
        where = f"{path}.schedulingGates[{index}]"
        matches(causes, where, gate.name, syntax.label_key)
        if gate.name in seen:
            causes.append(duplicate(where, gate.name))
        seen.add(gate.name)
    if spec.overhead:
        resources.resource_list(causes, f"{path}.overhead", spec.overhead)


def _names(causes: Causes, path: str, spec: PodSpec) -> None:
    for value, wire, rule in (
        (spec.service_account_name, "serviceAccountName", syntax.dns_subdomain), (spec.node_name, "nodeName", syntax.dns_subdomain),
        (spec.hostname, "hostname", syntax.dns_label), (spec.subdomain, "subdomain", syntax.dns_label),
        (spec.priority_class_name, "priorityClassName", syntax.dns_subdomain),
    ):
        if value and (complaints := rule(value)):
            causes += [invalid(f"{path}.{wire}", value, complaint) for complaint in complaints]
    if spec.runtime_class_name is not None:
        matches(causes, f"{path}.runtimeClassName", spec.runtime_class_name, syntax.dns_subdomain)
    if spec.preemption_policy is not None:
        one_of(causes, f"{path}.preemptionPolicy", spec.preemption_policy, ("Never", "PreemptLowerPriority"))
    deadline_s = spec.active_deadline_seconds
    if deadline_s is not None and not 1 <= deadline_s <= _DEADLINE_S_MAX:
        causes.append(invalid(f"{path}.activeDeadlineSeconds", deadline_s, syntax.in_range(1, _DEADLINE_S_MAX)))
    if spec.hostname_override is not None:
        where = f"{path}.hostnameOverride"
        matches(causes, where, spec.hostname_override, syntax.dns_subdomain)
        if len(spec.hostname_override) > _HOSTNAME_MAX:
            causes.append(invalid(where, spec.hostname_override, syntax.too_long(_HOSTNAME_MAX)))
    for index, alias in enumerate(spec.host_aliases):
        ip_address(causes, f"{path}.hostAliases[{index}].ip", alias.ip)
        for number, name in enumerate(alias.hostnames):
            matches(causes, f"{path}.hostAliases[{index}].hostnames[{number}]", name, syntax.dns_subdomain)
    if spec.os is not None:
        one_of(causes, f"{path}.os.name", spec.os.name, ("linux", "windows"))


def _host_ports(causes: Causes, path: str, spec: PodSpec, *, is_pod: bool) -> None:
    for index, container in enumerate(spec.containers):
        for number, port in enumerate(container.ports):
            host = port.host_port or 0
            if (is_pod or host) and host != port.container_port:
                causes.append(invalid(f"{path}[{index}].ports[{number}].hostPort", host,
                                      "must match `containerPort` when `hostNetwork` is true"))


def _resource_claims(causes: Causes, path: str, spec: PodSpec) -> None:
    seen: set[str] = set()
    for index, claim in enumerate(spec.resource_claims):
        where = f"{path}[{index}]"
        if not claim.name:
            causes.append(required(f"{where}.name"))
        elif claim.name in seen:
            causes.append(duplicate(f"{where}.name", claim.name))
        else:
            matches(causes, f"{where}.name", claim.name, syntax.dns_label)
        seen.add(claim.name)
        name, template = claim.resource_claim_name, claim.resource_claim_template_name
        if name is not None and template is not None:
            causes.append(invalid(where, claim, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"))
        if name is None and template is None:
            causes.append(invalid(where, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
        for value, wire in ((name, "resourceClaimName"), (template, "resourceClaimTemplateName")):
            if value is not None:
                matches(causes, f"{where}.{wire}", value, syntax.dns_subdomain)


def _dns(causes: Causes, path: str, spec: PodSpec) -> None:
    config = spec.dns_config
    if config is None:
        if spec.dns_policy == "None":
            causes.append(required(path, "must provide `dnsConfig` when `dnsPolicy` is None"))
        return
    if spec.dns_policy == "None" and not config.nameservers:
        causes.append(required(f"{path}.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None"))
        return
    _dns_config(causes, path, config)


def _dns_config(causes: Causes, path: str, config: PodDNSConfig) -> None:
    if len(config.nameservers) > _DNS_SERVERS_MAX:
        causes.append(invalid(f"{path}.nameservers", config.nameservers, f"must not have more than {_DNS_SERVERS_MAX} nameservers"))
    for index, server in enumerate(config.nameservers):
        ip_address(causes, f"{path}.nameservers[{index}]", server)
    if len(config.searches) > _DNS_SEARCHES_MAX:
        causes.append(invalid(f"{path}.searches", config.searches, f"must not have more than {_DNS_SEARCHES_MAX} search paths"))
    if len(" ".join(config.searches)) > _DNS_SEARCH_BYTES_MAX:
        causes.append(invalid(f"{path}.searches", config.searches,
                              f"must not have more than {_DNS_SEARCH_BYTES_MAX} characters (including spaces) in the search list"))
    for index, search in enumerate(config.searches):
        if search != ".":
            matches(causes, f"{path}.searches[{index}]", search.removesuffix(".").replace("_", "a"), syntax.dns_subdomain)
    for index, option in enumerate(config.options):
        if not option.name:
            causes.append(required(f"{path}.options[{index}]", "must not be empty"))


def template_spec(causes: Causes, path: str, template: PodTemplateSpec) -> None:
    """The template of a workload."""
    if template.metadata.labels:
        labels(causes, f"{path}.labels", template.metadata.labels)
    if template.metadata.annotations:
        check_annotations(causes, f"{path}.annotations", template.metadata.annotations)
        pod_annotations(causes, f"{path}.annotations", template.metadata.annotations)
    pod_spec(causes, f"{path}.spec", template.spec, is_pod=False)
    if template.spec.ephemeral_containers:
        causes.append(forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template"))


def create_template(causes: Causes, template: PodTemplate) -> None:
    template_spec(causes, "template", template.template)


def update(causes: Causes, new: Pod, old: Pod) -> None:
    """A pod is made once: little of its spec may change."""
    _metadata_and_spec(causes, new)
    for field, own, was in (("containers", new.spec.containers, old.spec.containers),
                            ("initContainers", new.spec.init_containers, old.spec.init_containers)):
        if len(own) != len(was):
            causes.append(forbidden(f"spec.{field}", "pod updates may not add or remove containers"))
            return
    if new.spec == old.spec:
        return
    if not _deadline(causes, new.spec.active_deadline_seconds, old.spec.active_deadline_seconds):
        return
    _tolerations(causes, new.spec, old.spec)
    known = {gate.name for gate in old.spec.scheduling_gates}
    for index, gate in enumerate(new.spec.scheduling_gates):
        if gate.name not in known:
            causes.append(forbidden(f"spec.schedulingGates[{index}].name",
                                    f"only deletion is allowed, but found new scheduling gate '{gate.name}'"))
    if _with_updatable_fields_of(causes, new.spec, old.spec) != old.spec:
        causes.append(forbidden("spec", f"pod updates may not change fields other than {_UPDATABLE}\n{_difference(new.spec, old.spec)}"))


def _deadline(causes: Causes, new: int | None, old: int | None) -> bool:
    """The deadline may be set, and become sooner. Returns: whether it is worth to look further."""
    path = "spec.activeDeadlineSeconds"
    if new is None:
        if old is not None:
            causes.append(invalid(path, None, "must not update from a positive integer to nil value"))
        return True
    if not 0 <= new <= _DEADLINE_S_MAX:
        causes.append(invalid(path, new, syntax.in_range(0, _DEADLINE_S_MAX)))
        return False
    if old is not None and old < new:
        causes.append(invalid(path, new, "must be less than or equal to previous value"))
        return False
    return True


def _tolerations(causes: Causes, new: PodSpec, old: PodSpec) -> None:
    have = {(t.key, t.operator, t.value, t.effect) for t in new.tolerations}
    if any((t.key, t.operator, t.value, t.effect) not in have for t in old.tolerations):
        causes.append(forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"))


def _with_updatable_fields_of(causes: Causes, new: PodSpec, old: PodSpec) -> PodSpec:
    """The new spec with the old values in every field that may change. Neither spec is changed."""
    grace_s = new.termination_grace_period_seconds
    if grace_s == 1 and (old.termination_grace_period_seconds or 0) < 0:
        grace_s = old.termination_grace_period_seconds
    munged = msgspec.structs.replace(
        new,
        containers=[msgspec.structs.replace(c, image=was.image) for c, was in zip(new.containers, old.containers, strict=True)],
        init_containers=[
            msgspec.structs.replace(c, image=was.image) for c, was in zip(new.init_containers, old.init_containers, strict=True)
        ],
        active_deadline_seconds=old.active_deadline_seconds, scheduling_gates=old.scheduling_gates, tolerations=old.tolerations,
        termination_grace_period_seconds=grace_s,
    )
    if old.scheduling_gates:  # what guides the scheduler may become stricter until it is asked
        _gated(causes, munged, old)
    return munged


def _gated(causes: Causes, munged: PodSpec, old: PodSpec) -> None:
    if munged.node_selector != old.node_selector:
        if any(munged.node_selector.get(key) != value for key, value in old.node_selector.items()):
            causes.append(invalid("spec.nodeSelector", munged.node_selector,
                                  "only additions to spec.nodeSelector are allowed (no mutations or deletions)"))
        munged.node_selector = old.node_selector
    new_node = munged.affinity.node_affinity if munged.affinity is not None else None
    old_node = old.affinity.node_affinity if old.affinity is not None else None
    if new_node == old_node:
        return
    terms = old_node.required_during_scheduling_ignored_during_execution if old_node is not None else None
    new_terms = new_node.required_during_scheduling_ignored_during_execution if new_node is not None else None
    if terms is not None and (new_terms is None or len(new_terms.node_selector_terms) != len(terms.node_selector_terms)):
        causes.append(invalid("spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
                              [] if new_terms is None else new_terms.node_selector_terms, "no additions/deletions to non-empty "
                                                                                          "NodeSelectorTerms list are allowed"))
    replaced = msgspec.structs.replace(munged.affinity or Affinity(), node_affinity=old_node)
    munged.affinity = None if replaced == Affinity() and old.affinity is None else replaced


def _difference(new: PodSpec, old: PodSpec) -> str:
    """The fields that differ, as "-" and "+" lines."""
    lines = []
    for name, wire in zip(PodSpec.__struct_fields__, PodSpec.__struct_encode_fields__, strict=True):
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            lines += [f"- {wire}: {msgspec.json.encode(was).decode()}", f"+ {wire}: {msgspec.json.encode(now).decode()}"]
    return "\n".join(["", *lines, ""])


def update_status(causes: Causes, new: Pod, old: Pod) -> None:
    if new.spec.node_name != old.spec.node_name:
        causes.append(forbidden("status.nodeName", "may not be changed directly"))
    nominated = new.status.nominated_node_name
    if nominated and nominated != old.status.nominated_node_name:
        matches(causes, "status.nominatedNodeName", nominated, syntax.dns_subdomain)
    if old.status.qos_class and new.status.qos_class != old.status.qos_class:
        causes.append(invalid("status.qosClass", new.status.qos_class, "field is immutable"))
    policy = old.spec.restart_policy
    sidecars = {c.name for c in old.spec.init_containers if c.restart_policy == "Always"}
    _transitions(causes, "status.containerStatuses", new.status.container_statuses, old.status.container_statuses, policy, set())
    _transitions(causes, "status.initContainerStatuses", new.status.init_container_statuses, old.status.init_container_statuses, policy,
                 sidecars)
    _transitions(causes, "status.ephemeralContainerStatuses", new.status.ephemeral_container_statuses,
                 old.status.ephemeral_container_statuses, "Never", set())
    for index, address in enumerate(new.status.pod_ips):
        ip_address(causes, f"status.podIPs[{index}]", address.ip)


def _transitions(
    causes: Causes, path: str, new: list[ContainerStatus], old: list[ContainerStatus], policy: str, restartable: set[str]
) -> None:
    """What has ended and is not to be restarted stays ended."""
    if policy == "Always":
        return
    running = {status.name for status in new if status.state is None or status.state.terminated is None}
    for index, status in enumerate(old):
        ended = status.state.terminated if status.state is not None else None
        if ended is None or status.name in restartable or (ended.exit_code != 0 and policy == "OnFailure"):
            continue
        if status.name in running:
            causes.append(forbidden(f"{path}[{index}].state", "may not be transitioned to non-terminated state"))


def update_ephemeral(causes: Causes, new: Pod, old: Pod) -> None:
    """The ephemeralcontainers subresource: containers may be added."""
    if MIRROR_ANNOTATION in old.metadata.annotations:
        causes.append(forbidden("", "static pods do not support ephemeral containers"))
        return
    _metadata_and_spec(causes, new)
    path = "spec.ephemeralContainers"
    by_name = {container.name: container for container in new.spec.ephemeral_containers}
    for container in old.spec.ephemeral_containers:
        now = by_name.get(container.name)
        if now is None:
            causes.append(forbidden(path, f"existing ephemeral containers {syntax.quote(container.name)} may not be removed\n"))
        elif now != container:
            causes.append(forbidden(path, f"existing ephemeral containers {syntax.quote(container.name)} may not be changed\n"))


def update_resize(causes: Causes, new: Pod, old: Pod) -> None:
    """The resize subresource: cpu and memory of containers and sidecars may change."""
    if MIRROR_ANNOTATION in old.metadata.annotations:
        causes.append(forbidden("", "static pods cannot be resized"))
        return
    _metadata_and_spec(causes, new)
    for field, own, was in (("containers", new.spec.containers, old.spec.containers),
                            ("initContainers", new.spec.init_containers, old.spec.init_containers)):
        if [c.name for c in own] != [c.name for c in was]:
            causes.append(forbidden("spec", "only cpu and memory resources are mutable"))
            return
        for index, (container, before) in enumerate(zip(own, was, strict=True)):
            if container == before:
                continue
            if field == "initContainers" and before.restart_policy != "Always":
                causes.append(forbidden("spec", "resources for non-sidecar init containers are immutable"))
                continue
            _resized(causes, f"spec.{field}[{index}].resources", container.resources, before.resources)
            if msgspec.structs.replace(container, resources=before.resources, resize_policy=before.resize_policy) != before:
                causes.append(forbidden("spec", "only cpu and memory resources are mutable"))


def _resized(causes: Causes, path: str, new: object, old: object) -> None:
    for side in ("requests", "limits"):
        own: dict[str, Quantity] = getattr(new, side, {})
        was: dict[str, Quantity] = getattr(old, side, {})
        if any(name not in own for name in was):
            causes.append(forbidden(f"{path}.{side}", f"resource {side} cannot be removed"))
        for name, amount in own.items():
            if name not in ("cpu", "memory") and nano_value(amount) != nano_value(was.get(name, "0")):
                causes.append(forbidden("spec", "only cpu and memory resources are mutable"))
