"""Rules of pods and pod templates.

Owns what is true of a pod's spec at any time, and of its creation. What an update may change is in pod_updates and pod_statuses.

Source: pkg/apis/core/validation/validation.go (ValidatePodSpec, ValidatePodCreate, ValidatePodTemplateSpec)
"""

from __future__ import annotations

from .. import syntax
from ..core_v1 import Pod, PodDNSConfig, PodSpec, PodTemplate, PodTemplateSpec
from . import containers, resources, scheduling, security, volumes, windows
from .causes import WHOLE, Causes, duplicate, forbidden, invalid, not_supported, required, too_long
from .common import dns_label, ip_address, labels, matches, one_of, qualified, subdomain
from .environment import file_volumes
from .metadata import check_annotations
from .pod_annotations import MIRROR, match_fields, pod_annotations

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_DNS_SERVERS_MAX, _DNS_SEARCHES_MAX, _DNS_SEARCH_BYTES_MAX = 3, 32, 2048
DEADLINE_S_MAX = 2**31 - 1
_HOSTNAME_MAX = 64


def create(causes: Causes, pod: Pod) -> None:
    spec = pod.spec
    pod_itself(causes, pod)
    if spec.ephemeral_containers:
        causes.append(forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.node_name and spec.scheduling_gates:
        causes.append(forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"))
    if pod.metadata.annotations:
        match_fields(causes, "spec", pod.metadata.annotations, spec)


def pod_itself(causes: Causes, pod: Pod) -> None:
    """What holds for a pod whenever its spec is written; its metadata is checked before."""
    spec = pod.spec
    annotations_of(causes, pod)
    pod_spec(causes, "spec", spec, pod=pod)
    if not spec.service_account_name:
        for index, volume in enumerate(spec.volumes):
            for number, source in enumerate((volume.projected.sources if volume.projected is not None else ()) or ()):
                if source.service_account_token is not None:
                    causes.append(forbidden(f"spec.volumes[{index}].projected.sources[{number}].serviceAccountToken",
                                            "must not be specified when serviceAccountName is not set"))
    for index, container in enumerate(spec.containers):
        if container.image != container.image.strip():
            containers.pod_only(causes, f"spec.containers[{index}]", container)
    for index, container in enumerate(spec.init_containers):
        containers.pod_only(causes, f"spec.initContainers[{index}]", container)


def annotations_of(causes: Causes, pod: Pod) -> None:
    """What a pod's annotations say of its spec."""
    if pod.metadata.annotations:
        pod_annotations(causes, "metadata.annotations", pod.metadata.annotations, pod.spec)


def pod_spec(causes: Causes, path: str, spec: PodSpec, *, pod: Pod | None = None) -> None:
    """The spec of a pod, or that in a template if there is no pod."""
    if spec.termination_grace_period_seconds is None:
        causes.append(required(f"{path}.terminationGracePeriodSeconds"))
    named = volumes.volumes(causes, f"{path}.volumes", spec, pod.metadata.name if pod is not None else "") if spec.volumes else {}
    if spec.resource_claims:
        _resource_claims(causes, f"{path}.resourceClaims", spec, mirror=pod is not None and MIRROR in pod.metadata.annotations)
    scope = containers.PodScope(spec, named)
    containers.containers(causes, f"{path}.containers", spec, scope)
    if spec.init_containers:
        containers.init_containers(causes, f"{path}.initContainers", spec, scope)
    if spec.ephemeral_containers:
        containers.ephemeral_containers(causes, f"{path}.ephemeralContainers", spec, scope)
    if spec.resources is not None:
        resources.pod_level(causes, f"{path}.resources", spec, spec.resources, scope.claims)
    if spec.host_network:
        _host_ports(causes, f"{path}.containers", spec, is_pod=pod is not None)
    if spec.restart_policy not in _RESTART_POLICIES:
        one_of(causes, f"{path}.restartPolicy", spec.restart_policy, _RESTART_POLICIES)
    if spec.dns_policy not in _DNS_POLICIES:
        one_of(causes, f"{path}.dnsPolicy", spec.dns_policy, _DNS_POLICIES)
    if spec.node_selector:
        labels(causes, f"{path}.nodeSelector", spec.node_selector)
    context = spec.security_context
    if context is not None:
        security.pod(causes, f"{path}.securityContext", context, spec)
    if spec.affinity is not None:
        scheduling.affinity(causes, f"{path}.affinity", spec.affinity)
    if spec.dns_config is not None or spec.dns_policy == "None":
        _dns(causes, f"{path}.dnsConfig", spec)
    _gates(causes, path, spec)
    if spec.topology_spread_constraints:
        scheduling.topology_spread(causes, f"{path}.topologySpreadConstraints", spec.topology_spread_constraints)
    if scope.windows or (context is not None and context.windows_options is not None):
        windows.host_process(causes, path, spec)
    if spec.host_users is False:
        security.host_users(causes, path, spec)
    _names(causes, path, spec)
    _others(causes, path, spec)
    if scope.files:
        file_volumes(causes, path, spec)


def _host_ports(causes: Causes, path: str, spec: PodSpec, *, is_pod: bool) -> None:
    for index, container in enumerate(spec.containers):
        for number, port in enumerate(container.ports):
            host = port.host_port
            if (is_pod or host) and host != port.container_port:
                causes.append(invalid(f"{path}[{index}].ports[{number}].hostPort", host,
                                      "must match `containerPort` when `hostNetwork` is true"))


def _resource_claims(causes: Causes, path: str, spec: PodSpec, *, mirror: bool) -> None:
    if mirror:
        causes.append(forbidden(WHOLE, "static pods do not support resource claims"))
    seen: set[str] = set()
    for index, claim in enumerate(spec.resource_claims):
        where = f"{path}[{index}]"
        if not claim.name:
            causes.append(required(f"{where}.name"))
        elif claim.name in seen:
            causes.append(duplicate(f"{where}.name", claim.name))
        else:
            dns_label(causes, f"{where}.name", claim.name)
            seen.add(claim.name)
        name, template = claim.resource_claim_name, claim.resource_claim_template_name
        if name is not None and template is not None:
            causes.append(invalid(where, claim, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"))
        if name is None and template is None:
            causes.append(invalid(where, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
        for value, wire in ((name, "resourceClaimName"), (template, "resourceClaimTemplateName")):
            if value is not None:
                subdomain(causes, f"{where}.{wire}", value)


def _dns(causes: Causes, path: str, spec: PodSpec) -> None:
    config = spec.dns_config
    if config is None:
        causes.append(required(path, "must provide `dnsConfig` when `dnsPolicy` is None"))
    elif spec.dns_policy == "None" and not config.nameservers:
        causes.append(required(f"{path}.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None"))
    else:
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
            matches(causes, f"{path}.searches[{index}]", search.removesuffix("."), syntax.search_subdomain)
    for index, option in enumerate(config.options):
        if not option.name:
            causes.append(required(f"{path}.options[{index}]", "must not be empty"))


def _gates(causes: Causes, path: str, spec: PodSpec) -> None:
    for index, readiness in enumerate(spec.readiness_gates):
        qualified(causes, f"{path}.readinessGates[{index}].conditionType", readiness.condition_type)
    seen: set[str] = set()
    for index, gate in enumerate(spec.scheduling_gates):
        where = f"{path}.schedulingGates[{index}]"
        qualified(causes, where, gate.name)
        if gate.name in seen:
            causes.append(duplicate(where, gate.name))
        seen.add(gate.name)


def _names(causes: Causes, path: str, spec: PodSpec) -> None:
    if spec.hostname_override is not None:
        _hostname_override(causes, f"{path}.hostnameOverride", spec, spec.hostname_override)
    if spec.service_account_name:
        subdomain(causes, f"{path}.serviceAccountName", spec.service_account_name)
    if spec.node_name:
        subdomain(causes, f"{path}.nodeName", spec.node_name)
    deadline_s = spec.active_deadline_seconds
    if deadline_s is not None and not 1 <= deadline_s <= DEADLINE_S_MAX:
        causes.append(invalid(f"{path}.activeDeadlineSeconds", deadline_s, syntax.in_range(1, DEADLINE_S_MAX)))
    if spec.hostname:
        dns_label(causes, f"{path}.hostname", spec.hostname)
    if spec.subdomain:
        dns_label(causes, f"{path}.subdomain", spec.subdomain)


def _hostname_override(causes: Causes, path: str, spec: PodSpec, name: str) -> None:
    if spec.set_hostname_as_fqdn:
        causes.append(forbidden(path, "may not be specified when setHostnameAsFQDN is true"))
    if spec.host_network:
        causes.append(forbidden(path, "may not be specified when hostNetwork is true"))
    if len(name.encode()) > _HOSTNAME_MAX:
        causes.append(too_long(path, _HOSTNAME_MAX))
    subdomain(causes, path, name)


def _others(causes: Causes, path: str, spec: PodSpec) -> None:
    if spec.tolerations:
        scheduling.tolerations(causes, f"{path}.tolerations", spec.tolerations)
    for index, alias in enumerate(spec.host_aliases):
        ip_address(causes, f"{path}.hostAliases[{index}].ip", alias.ip)
        for number, name in enumerate(alias.hostnames):
            subdomain(causes, f"{path}.hostAliases[{index}].hostnames[{number}]", name)
    if spec.priority_class_name:
        subdomain(causes, f"{path}.priorityClassName", spec.priority_class_name)
    if spec.runtime_class_name is not None:
        subdomain(causes, f"{path}.runtimeClassName", spec.runtime_class_name)
    policy = spec.preemption_policy
    if policy is not None and policy not in ("PreemptLowerPriority", "Never"):
        causes.append(not_supported(f"{path}.preemptionPolicy", policy, ("PreemptLowerPriority", "Never")) if policy
                      else required(f"{path}.preemptionPolicy"))
    if spec.overhead:
        resources.resource_list(causes, f"{path}.overhead", spec.overhead)
    if spec.os is not None:
        windows.operating_system(causes, path, spec)
    if spec.scheduling_group is not None:
        subdomain(causes, f"{path}.schedulingGroup.podGroupName", spec.scheduling_group.pod_group_name or "")


def template_spec(causes: Causes, path: str, template: PodTemplateSpec) -> None:
    """The template of a workload."""
    meta, spec = template.metadata, template.spec
    if meta.labels:
        labels(causes, f"{path}.labels", meta.labels)
    if meta.annotations:
        check_annotations(causes, f"{path}.annotations", meta.annotations)
        pod_annotations(causes, f"{path}.annotations", meta.annotations, spec)
    pod_spec(causes, f"{path}.spec", spec)
    if meta.annotations:
        match_fields(causes, f"{path}.spec", meta.annotations, spec)
    if spec.ephemeral_containers:
        causes.append(forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template"))


def create_template(causes: Causes, template: PodTemplate) -> None:
    template_spec(causes, "template", template.template)
