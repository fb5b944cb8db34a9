"""Defaults of the core group other than pods and volumes.

Source: pkg/apis/core/v1/defaults.go
"""

from __future__ import annotations

from ..core_v1 import (
    ClientIPConfig,
    Endpoints,
    LimitRange,
    LimitRangeItem,
    Namespace,
    Node,
    ReplicationController,
    ResourceQuota,
    Secret,
    Service,
    ServiceSpec,
    SessionAffinityConfig,
)
from .pods import set_template_spec
from .quantities import resource_list
from .table import Defaults

METADATA_NAME_LABEL = "kubernetes.io/metadata.name"
SESSION_AFFINITY_S = 10800


def set_service(service: Service) -> None:
    spec = service.spec
    if not spec.session_affinity:
        spec.session_affinity = "None"
    _set_affinity(spec)
    if not spec.type:
        spec.type = "ClusterIP"
    for port in spec.ports:
        if not port.protocol:
            port.protocol = "TCP"
        if not port.target_port:
            port.target_port = port.port
    kind = spec.type
    if not spec.external_traffic_policy and (kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.external_ips)):
        spec.external_traffic_policy = "Cluster"
    if spec.internal_traffic_policy is None and kind in ("NodePort", "LoadBalancer", "ClusterIP"):
        spec.internal_traffic_policy = "Cluster"
    if kind == "LoadBalancer":
        if spec.allocate_load_balancer_node_ports is None:
            spec.allocate_load_balancer_node_ports = True
        for ingress in service.status.load_balancer.ingress:
            if ingress.ip and ingress.ip_mode is None:
                ingress.ip_mode = "VIP"


def _set_affinity(spec: ServiceSpec) -> None:
    if spec.session_affinity == "None":
        spec.session_affinity_config = None
    elif spec.session_affinity == "ClientIP":
        config = spec.session_affinity_config
        if config is None or config.client_ip is None or config.client_ip.timeout_seconds is None:
            spec.session_affinity_config = SessionAffinityConfig(client_ip=ClientIPConfig(timeout_seconds=SESSION_AFFINITY_S))


def set_namespace(namespace: Namespace) -> None:
    if namespace.metadata.name:
        namespace.metadata.labels[METADATA_NAME_LABEL] = namespace.metadata.name
    if not namespace.status.phase:
        namespace.status.phase = "Active"


def set_secret(secret: Secret) -> None:
    """Clear text is moved into `data`: it is write-only."""
    if not secret.type:
        secret.type = "Opaque"
    if secret.string_data:
        secret.data |= {key: value.encode() for key, value in secret.string_data.items()}
        secret.string_data = {}


def set_node(node: Node) -> None:
    status = node.status
    if status.capacity:
        resource_list(status.capacity)
    if status.allocatable:
        resource_list(status.allocatable)
    else:
        status.allocatable = dict(status.capacity)
    for image in status.images:
        image.names = image.names or None
    spec = node.spec
    if spec.pod_cidr and (not spec.pod_cidrs or spec.pod_cidrs[0] != spec.pod_cidr):
        spec.pod_cidrs = [spec.pod_cidr]
    elif spec.pod_cidrs:
        spec.pod_cidr = spec.pod_cidrs[0]


def set_limit_range(limit_range: LimitRange) -> None:
    limit_range.spec.limits = limit_range.spec.limits or None
    for item in limit_range.spec.limits or ():
        for resources in (item.max, item.min, item.default, item.default_request, item.max_limit_request_ratio):
            resource_list(resources)
        if item.type == "Container":
            _set_container_limits(item)


def _set_container_limits(item: LimitRangeItem) -> None:
    for name, amount in item.max.items():
        item.default.setdefault(name, amount)
    for name, amount in [*item.default.items(), *item.min.items()]:
        item.default_request.setdefault(name, amount)


def set_resource_quota(quota: ResourceQuota) -> None:
    for resources in (quota.spec.hard, quota.status.hard, quota.status.used):
        resource_list(resources)


def set_replication_controller(controller: ReplicationController) -> None:
    spec = controller.spec
    if spec.template is not None:
        set_template_spec(spec.template)
        labels = spec.template.metadata.labels
        if not spec.selector:
            spec.selector = dict(labels)
        if not controller.metadata.labels:
            controller.metadata.labels = dict(labels)
    if spec.replicas is None:
        spec.replicas = 1


def set_endpoints(endpoints: Endpoints) -> None:
    for subset in endpoints.subsets:
        for port in subset.ports:
            if not port.protocol:
                port.protocol = "TCP"


DEFAULTS: Defaults = {
    Service: set_service, Namespace: set_namespace, Secret: set_secret, Node: set_node, LimitRange: set_limit_range,
    ResourceQuota: set_resource_quota, ReplicationController: set_replication_controller, Endpoints: set_endpoints,
}
