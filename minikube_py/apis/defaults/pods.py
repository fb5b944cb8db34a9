"""Defaults of pods and of the pod templates in workloads.

Pods get a few defaults that templates do not (requests from limits, service links, host ports), so that a template is stored as its
author wrote it.

Source: pkg/apis/core/v1/defaults.go
"""

from __future__ import annotations

from .. import core_v1
from ..core_v1 import (
    Container,
    ContainerPort,
    EphemeralContainer,
    HTTPGetAction,
    LifecycleHandler,
    Pod,
    PodSecurityContext,
    PodSpec,
    PodStatus,
    PodTemplate,
    PodTemplateSpec,
    Probe,
    ResourceRequirements,
)
from ..meta_v1 import ObjectMeta
from ..pod_resources import aggregate
from . import quantities
from .images import image_pull_policy
from .table import Defaults
from .volumes import set_volume

TERMINATION_GRACE_PERIOD_S = 30
_POD_LEVEL = ("cpu", "memory")
_HUGE_PAGES = "hugepages-"
# Forms of init containers from before they had a field: never stored. Source: pkg/apis/core/v1/conversion.go
_OLD_ANNOTATIONS = frozenset(
    f"pod.{stage}.kubernetes.io/init-{what}" for stage in ("alpha", "beta") for what in ("containers", "container-statuses")
)


def set_pod(pod: Pod) -> None:
    spec = pod.spec
    _drop_old_annotations(pod.metadata)
    set_pod_spec(spec)
    for container in spec.containers:
        _requests_from_limits(container)
    for container in spec.init_containers:
        _requests_from_limits(container)
    if spec.resources is not None:
        _pod_level_resources(spec, spec.resources)
    if spec.enable_service_links is None:
        spec.enable_service_links = True
    if spec.host_network:
        for container in [*spec.containers, *spec.init_containers]:
            for port in container.ports:
                port.host_port = port.host_port or port.container_port
    _set_status(pod.status)


def _set_status(status: PodStatus) -> None:
    for container in (*status.container_statuses, *status.init_container_statuses, *status.ephemeral_container_statuses):
        if container.allocated_resources:
            quantities.resource_list(container.allocated_resources)
        if container.resources is not None:
            quantities.requirements(container.resources)
    if status.allocated_resources:
        quantities.resource_list(status.allocated_resources)
    if status.resources is not None:
        quantities.requirements(status.resources)
    for claim in status.node_allocatable_resource_claim_statuses:
        quantities.resource_list(claim.resources)


def set_pod_template(template: PodTemplate) -> None:
    set_template_spec(template.template)


def _drop_old_annotations(meta: ObjectMeta) -> None:
    if not _OLD_ANNOTATIONS.isdisjoint(meta.annotations):
        meta.annotations = {name: text for name, text in meta.annotations.items() if name not in _OLD_ANNOTATIONS}


def set_template_spec(template: PodTemplateSpec) -> None:
    _drop_old_annotations(template.metadata)
    set_pod_spec(template.spec)


def set_pod_spec(spec: PodSpec) -> None:
    """The defaults that pods and templates share."""
    if not spec.dns_policy:
        spec.dns_policy = "ClusterFirst"
    if not spec.restart_policy:
        spec.restart_policy = "Always"
    if spec.security_context is None:
        spec.security_context = PodSecurityContext()
    if spec.termination_grace_period_seconds is None:
        spec.termination_grace_period_seconds = TERMINATION_GRACE_PERIOD_S
    if not spec.scheduler_name:
        spec.scheduler_name = "default-scheduler"
    if spec.service_account_name:
        spec.service_account = spec.service_account_name
    elif spec.service_account:
        spec.service_account_name = spec.service_account
    for container in spec.containers:
        set_container(container)
    for container in spec.init_containers:
        set_container(container)
    for ephemeral in spec.ephemeral_containers:
        set_container(ephemeral)
    for volume in spec.volumes:
        set_volume(volume)
    if spec.overhead:
        quantities.resource_list(spec.overhead)
    if spec.resources is not None:
        quantities.requirements(spec.resources)


def set_container(container: Container | EphemeralContainer) -> None:
    if not container.image_pull_policy:
        container.image_pull_policy = image_pull_policy(container.image)
    if not container.termination_message_path:
        container.termination_message_path = "/dev/termination-log"
    if not container.termination_message_policy:
        container.termination_message_policy = "File"
    quantities.requirements(container.resources)
    if container.ports:
        _set_ports(container.ports)
    if container.env:
        _set_env(container.env)
    for probe in (container.liveness_probe, container.readiness_probe, container.startup_probe):
        if probe is not None:
            set_probe(probe)
    if container.lifecycle is not None:
        _set_handler(container.lifecycle.post_start)
        _set_handler(container.lifecycle.pre_stop)


def set_probe(probe: Probe) -> None:
    if not probe.timeout_seconds:
        probe.timeout_seconds = 1
    if not probe.period_seconds:
        probe.period_seconds = 10
    if not probe.success_threshold:
        probe.success_threshold = 1
    if not probe.failure_threshold:
        probe.failure_threshold = 3
    if probe.http_get is not None:
        _set_http_get(probe.http_get)
    elif probe.grpc is not None and probe.grpc.service is None:
        probe.grpc.service = ""


def _set_http_get(action: HTTPGetAction) -> None:
    if not action.path:
        action.path = "/"
    if not action.scheme:
        action.scheme = "HTTP"


def _set_handler(handler: LifecycleHandler | None) -> None:
    if handler is not None and handler.http_get is not None:
        _set_http_get(handler.http_get)


def _set_ports(ports: list[ContainerPort]) -> None:
    for port in ports:
        if not port.protocol:
            port.protocol = "TCP"


def _set_env(env: list[core_v1.EnvVar]) -> None:
    for variable in env:
        source = variable.value_from
        if source is None:
            continue
        if source.field_ref is not None and not source.field_ref.api_version:
            source.field_ref.api_version = "v1"
        if source.resource_field_ref is not None:
            source.resource_field_ref.divisor = quantities.single(source.resource_field_ref.divisor) or "0"
        if source.file_key_ref is not None and source.file_key_ref.optional is None:
            source.file_key_ref.optional = False


def _requests_from_limits(container: Container) -> None:
    resources = container.resources
    if resources.limits:
        requests = resources.requests
        for name, amount in resources.limits.items():
            requests.setdefault(name, amount)


def _pod_level_resources(spec: PodSpec, resources: ResourceRequirements) -> None:
    """Complete requests and limits that are set for the pod as a whole from those of its containers.

    Source: KEP-2837, defaulting rules
    """
    if not resources.limits and not resources.requests:
        return
    for name, amount in aggregate(spec, "limits").items():
        if name.startswith(_HUGE_PAGES) and name not in resources.requests:
            resources.limits.setdefault(name, amount)
    if resources.limits:
        for name, amount in aggregate(spec, "requests").items():
            if name in _POD_LEVEL:
                resources.requests.setdefault(name, amount)
        for name, amount in resources.limits.items():
            if name in _POD_LEVEL or name.startswith(_HUGE_PAGES):
                resources.requests.setdefault(name, amount)
    else:
        everyone = [c.resources.limits for c in (*spec.containers, *spec.init_containers)]
        for name, amount in aggregate(spec, "limits").items():
            if name in _POD_LEVEL and all(name in limits for limits in everyone):
                resources.limits[name] = amount


DEFAULTS: Defaults = {Pod: set_pod, PodTemplate: set_pod_template}
