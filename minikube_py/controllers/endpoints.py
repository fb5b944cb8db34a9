"""The Endpoints controller: the older form of EndpointSlices, one object a Service, for clients that still read it.

Source: pkg/controller/endpoint/endpoints_controller.go, pkg/api/v1/endpoints/util.go (RepackSubsets).
"""

from __future__ import annotations

from minikube_py.apis.core_v1 import EndpointAddress, EndpointPort, Endpoints, EndpointSubset, Pod, Service
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.informer import split_key
from minikube_py.core.errors import NotFoundError, StatusError

from . import serving
from .base import Context, Controller
from .pod_control import namespace_is_terminating
from .pods import is_ready

MANAGED_BY = "endpoints.kubernetes.io/managed-by"
MANAGER = "endpoint-controller"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
# Addresses that one Endpoints object holds. Source: endpoints_controller.go, maxCapacity.
ADDRESSES_MAX = 1000

_Port = tuple[str, str, int | None, str | None]


class EndpointsController(Controller):
    """Endpoints of Services with a selector."""

    name = "endpoint"
    component = "endpoint-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.services = self.informer(Service)
        self.pods = self.informer(Pod)
        self.endpoints = self.informer(Endpoints)
        self.services.add_handler(self.enqueue_changed)
        self.pods.add_handler(self._pod_changed)
        self.endpoints.add_handler(self._endpoints_changed)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for service in serving.selecting_services(self.services, old, new):
            self.enqueue(service)

    def _endpoints_changed(self, old: Endpoints | None, new: Endpoints | None) -> None:
        """Endpoints that someone changed or removed are mended; those whose Service went meanwhile are found at start."""
        gone = new is None and old is not None
        if gone or (new is not None and new.metadata.labels.get(MANAGED_BY) == MANAGER):
            self.enqueue_changed(old, new)

    async def reconcile(self, key: str) -> float | None:
        service = self.services.get_key(key)
        current = self.endpoints.get_key(key)
        if service is None:
            await self._remove(key, current)
            return None
        if not serving.is_selecting(service) or service.metadata.deletion_timestamp:
            return None
        pods = serving.selected_pods(self.pods, service)
        wanted = self._wanted(service, pods, current)
        try:
            if current is None:
                await self.client.create(wanted)
            elif (wanted.subsets, wanted.metadata.labels, _without_stamp(wanted)) != (
                current.subsets, current.metadata.labels, _without_stamp(current)
            ):
                await self.client.update(wanted)
        except StatusError as error:
            if namespace_is_terminating(error):
                return None
            if error.reason not in ("Conflict", "AlreadyExists"):
                verb, reason = ("create", "FailedToCreateEndpoint") if current is None else ("update", "FailedToUpdateEndpoint")
                self.events.event(wanted, "Warning", reason, f"Failed to {verb} endpoint {key}: {error}")
            raise
        return None

    async def _remove(self, key: str, current: Endpoints | None) -> None:
        if current is None or current.metadata.labels.get(MANAGED_BY) != MANAGER:
            return
        namespace, name = split_key(key)
        try:
            await self.client.delete(Endpoints, name, namespace, uid=current.metadata.uid)
        except NotFoundError:
            return

    def _wanted(self, service: Service, pods: list[Pod], current: Endpoints | None) -> Endpoints:
        meta = service.metadata
        wanted = deep_copy(current) if current is not None else Endpoints(
            api_version="v1", kind="Endpoints", metadata=ObjectMeta(name=meta.name, namespace=meta.namespace)
        )
        wanted.subsets = subsets(service, pods)
        labels = {key: value for key, value in meta.labels.items() if key != serving.HEADLESS}
        labels |= {MANAGED_BY: MANAGER} | ({serving.HEADLESS: ""} if serving.is_headless(service) else {})
        wanted.metadata.labels = labels
        annotations = {key: value for key, value in wanted.metadata.annotations.items() if key != OVER_CAPACITY}
        annotations[serving.TRIGGER_TIME] = serving.trigger_time(service, pods)
        if _truncate(wanted.subsets):
            annotations[OVER_CAPACITY] = "truncated"
        wanted.metadata.annotations = annotations
        return wanted


def subsets(service: Service, pods: list[Pod]) -> list[EndpointSubset]:
    """The addresses of pods, ready and not, grouped by ports: ports with the same addresses share a subset."""
    family = serving.families(service)[0]
    unready_too = bool(service.spec.publish_not_ready_addresses)
    addresses: dict[str, EndpointAddress] = {}
    by_port: dict[_Port | None, tuple[set[str], set[str]]] = {}
    for pod in pods:
        ip = serving.address_of(pod, family) if serving.belongs(pod, terminating=unready_too) else ""
        if not ip:
            continue
        addresses[ip] = EndpointAddress(
            ip=ip, node_name=pod.spec.node_name or None, target_ref=serving.reference_to(pod), hostname=serving.hostname_of(pod, service)
        )
        ready = is_ready(pod) or unready_too
        for port in _ports(service, pod):
            by_port.setdefault(port, (set(), set()))[0 if ready else 1].add(ip)
    groups: dict[tuple[frozenset[str], frozenset[str]], list[_Port]] = {}
    for port, (ready_ips, other_ips) in by_port.items():
        rows = groups.setdefault((frozenset(ready_ips), frozenset(other_ips)), [])
        if port is not None:
            rows.append(port)
    return [
        EndpointSubset(
            addresses=[addresses[ip] for ip in sorted(ready_ips)], not_ready_addresses=[addresses[ip] for ip in sorted(other_ips)],
            ports=[_port(row) for row in rows],
        )
        for (ready_ips, other_ips), rows in groups.items()
    ]


def _port(row: _Port) -> EndpointPort:
    name, protocol, number, app_protocol = row
    return EndpointPort(name=name or "", protocol=protocol, port=number or 0, app_protocol=app_protocol)


def _ports(service: Service, pod: Pod) -> list[_Port | None]:
    """The ports under which a pod serves; [None] for a headless Service without ports."""
    if not service.spec.ports:
        return [None] if serving.is_headless(service) else []
    numbers = [(port, serving.port_of(pod, port)) for port in service.spec.ports]
    return [(port.name, port.protocol or "TCP", number, port.app_protocol) for port, number in numbers if number is not None]


def _truncate(rows: list[EndpointSubset]) -> bool:
    """Cut to ADDRESSES_MAX addresses, ready ones first; returns whether any was cut."""
    room, cut = ADDRESSES_MAX, False
    for name in ("addresses", "not_ready_addresses"):
        for subset in rows:
            kept: list[EndpointAddress] = getattr(subset, name)
            cut = cut or len(kept) > room
            setattr(subset, name, kept[:room])
            room -= min(room, len(kept))
    return cut


def _without_stamp(endpoints: Endpoints) -> dict[str, str]:
    return {key: value for key, value in endpoints.metadata.annotations.items() if key != serving.TRIGGER_TIME}
