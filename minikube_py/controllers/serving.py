"""What Services and pods mean for each other: which pods a Service selects, under which address and on which ports.

Pure rules, shared by the controllers of EndpointSlices and of Endpoints.
Source: staging/src/k8s.io/endpointslice/util, pkg/controller/endpoint/endpoints_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from minikube_py.apis.core_v1 import ObjectReference, Pod, Service, ServicePort
from minikube_py.client.informer import Informer
from minikube_py.core.clock import parse_rfc3339

from .pods import is_terminal
from .selectors import matches_labels
from .status import condition_of

HEADLESS = "service.kubernetes.io/headless"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"


def is_selecting(service: Service) -> bool:
    """Whether the endpoints of a Service are found by selector."""
    return bool(service.spec.selector) and service.spec.type != "ExternalName"


def is_headless(service: Service) -> bool:
    return service.spec.cluster_ip == "None"


def selecting_services(services: Informer[Service], old: Pod | None, new: Pod | None) -> Iterator[Service]:
    """The Services that select a pod as it was or as it is; none if nothing changed that they care for."""
    if old is not None and new is not None and _sight(old) == _sight(new):
        return
    seen = [pod for pod in (old, new) if pod is not None]
    for service in services.list(seen[0].metadata.namespace):
        if is_selecting(service) and any(matches_labels(service.spec.selector, pod.metadata.labels) for pod in seen):
            yield service


def _sight(pod: Pod) -> tuple[object, ...]:
    """What of a pod its endpoints show."""
    meta, status = pod.metadata, pod.status
    ready = condition_of(status.conditions, "Ready")
    return (
        meta.uid, meta.labels, bool(meta.deletion_timestamp), status.pod_ip, status.pod_ips, ready is not None and ready.status,
        is_terminal(pod), pod.spec.node_name,
    )


def selected_pods(pods: Informer[Pod], service: Service) -> list[Pod]:
    return [pod for pod in pods.list(service.metadata.namespace) if matches_labels(service.spec.selector, pod.metadata.labels)]


def belongs(pod: Pod, *, terminating: bool) -> bool:
    """Whether a selected pod is an endpoint at all; `terminating`: also one that is being deleted."""
    if is_terminal(pod) or not (pod.status.pod_ip or pod.status.pod_ips):
        return False
    return terminating or not pod.metadata.deletion_timestamp


def address_of(pod: Pod, family: str) -> str:
    """The pod's address of an IP family ("IPv4", "IPv6"), "" if it has none."""
    addresses = [row.ip for row in pod.status.pod_ips] or [pod.status.pod_ip]
    return next((ip for ip in addresses if ip and (":" in ip) == (family == "IPv6")), "")


def families(service: Service) -> list[str]:
    """The IP families of a Service, the first one first."""
    if service.spec.ip_families:
        return service.spec.ip_families
    return ["IPv6" if ":" in service.spec.cluster_ip else "IPv4"]


def port_of(pod: Pod, port: ServicePort) -> int | None:
    """The number of a Service's target port in a pod; None if no container has a port of that name and protocol."""
    target = port.target_port
    if isinstance(target, int):
        return target or port.port
    if target == "":
        return port.port
    restartable = [container for container in pod.spec.init_containers if container.restart_policy == "Always"]
    for container in [*pod.spec.containers, *restartable]:
        for row in container.ports:
            if row.name == target and (row.protocol or "TCP") == (port.protocol or "TCP"):
                return row.container_port
    return None


def hostname_of(pod: Pod, service: Service) -> str:
    """The name under which DNS finds this endpoint, if the pod asks for one in this Service."""
    return pod.spec.hostname if pod.spec.subdomain == service.metadata.name else ""


def reference_to(pod: Pod) -> ObjectReference:
    return ObjectReference(kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name, uid=pod.metadata.uid)


def trigger_time(service: Service, pods: list[Pod]) -> str:
    """When what the endpoints show was caused: the newest start of the Service or change of readiness."""
    times: list[str | None] = [service.metadata.creation_timestamp]
    for pod in pods:
        ready = condition_of(pod.status.conditions, "Ready")
        if ready is not None:
            times.append(ready.last_transition_time)
        if pod.metadata.deletion_timestamp:
            times.append(pod.metadata.deletion_timestamp)
    return max((time for time in times if time), key=parse_rfc3339, default="")
