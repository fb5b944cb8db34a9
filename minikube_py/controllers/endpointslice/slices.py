"""Pure rules of EndpointSlices: what a Service's slices should hold, and the least changes that lead there.

Endpoints stay in the slice in which they are; free room in slices that change anyway is filled before another slice is touched or made.
A slice holds at most ENDPOINTS_MAX endpoints, all with the same ports and address type.
Source: staging/src/k8s.io/endpointslice/reconciler.go (reconcileByPortMapping, finalize).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from minikube_py.apis.core_v1 import Pod, Service
from minikube_py.apis.discovery_v1 import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.scheme import deep_copy

from .. import serving
from ..pods import is_ready
from ..refs import controller_ref

# Source: kube-controller-manager's --max-endpoints-per-slice.
ENDPOINTS_MAX = 100
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"

Ports = tuple[tuple[str, str, int | None, str | None], ...]


@dataclass(slots=True)
class Plan:
    """Slices to create, update and delete."""

    create: list[EndpointSlice] = field(default_factory=list)
    update: list[EndpointSlice] = field(default_factory=list)
    delete: list[EndpointSlice] = field(default_factory=list)


def plan(
    service: Service, pods: Sequence[Pod], existing: Sequence[EndpointSlice], zone_of: Callable[[str], str | None]
) -> Plan:
    """The changes that make `existing` show `pods`.

    Args:
        pods: the pods that the Service selects.
        existing: the slices of this Service that the controller manages.
        zone_of: the zone of a node, None if unknown.
    """
    result = Plan()
    families = serving.families(service)
    for family in families:
        own = [piece for piece in existing if piece.address_type == family and not piece.metadata.deletion_timestamp]
        _plan_family(service, pods, own, family, zone_of, result)
    result.delete += [piece for piece in existing if piece.address_type not in families]
    return result


def _plan_family(
    service: Service, pods: Sequence[Pod], existing: list[EndpointSlice], family: str, zone_of: Callable[[str], str | None], result: Plan
) -> None:
    desired: dict[Ports, dict[str, Endpoint]] = {}
    for pod in pods:
        address = serving.address_of(pod, family) if serving.belongs(pod, terminating=True) else ""
        if address:
            ports = tuple(_ports(service, pod))
            desired.setdefault(ports, {})[pod.metadata.uid] = _endpoint(service, pod, address, zone_of)
    by_ports: dict[Ports, list[EndpointSlice]] = {}
    for piece in existing:
        by_ports.setdefault(_ports_of(piece), []).append(piece)
    if not desired:
        _keep_placeholder(service, existing, family, result)
        return
    for ports, endpoints in desired.items():
        _plan_ports(service, endpoints, by_ports.pop(ports, []), ports, family, result)
    leftover = [piece for pieces in by_ports.values() for piece in pieces]
    _reuse(leftover, result)


def _plan_ports(
    service: Service, desired: dict[str, Endpoint], existing: list[EndpointSlice], ports: Ports, family: str, result: Plan
) -> None:
    missing = dict(desired)
    changed: list[EndpointSlice] = []
    kept: list[EndpointSlice] = []
    for piece in sorted(existing, key=lambda piece: piece.metadata.name):
        endpoints = []
        for endpoint in piece.endpoints or ():
            wanted = missing.pop(endpoint.target_ref.uid if endpoint.target_ref else "", None)
            if wanted is not None:
                endpoints.append(wanted)
        copy = _refreshed(service, piece, endpoints)
        if not endpoints:
            changed.append(copy)
        elif copy == piece:
            kept.append(piece)
        else:
            changed.append(copy)
    waiting = list(missing.values())
    if waiting and not changed and kept:
        roomy = next((piece for piece in kept if len(piece.endpoints or ()) + len(waiting) <= ENDPOINTS_MAX), None)
        if roomy is not None:
            changed.append(_refreshed(service, roomy, list(roomy.endpoints or ())))
    for piece in changed:
        room = ENDPOINTS_MAX - len(piece.endpoints or ())
        piece.endpoints = [*(piece.endpoints or ()), *waiting[:room]]
        waiting = waiting[room:]
        (result.update if piece.endpoints else result.delete).append(piece)
    while waiting:
        result.create.append(_new_slice(service, waiting[:ENDPOINTS_MAX], ports, family))
        waiting = waiting[ENDPOINTS_MAX:]


def _reuse(leftover: list[EndpointSlice], result: Plan) -> None:
    """Slices that nothing needs take the place of those that would be created, so that a change of ports is one update."""
    while leftover and result.create:
        old, new = leftover.pop(), result.create.pop()
        if old.address_type != new.address_type:
            result.create.append(new)
            break
        wanted = new.metadata
        new.metadata = deep_copy(old.metadata)
        new.metadata.labels, new.metadata.owner_references = wanted.labels, wanted.owner_references
        result.update.append(new)
    result.delete += leftover


def _keep_placeholder(service: Service, existing: list[EndpointSlice], family: str, result: Plan) -> None:
    """A Service without endpoints has one empty slice, so that clients can tell it from one not looked at yet."""
    empty = next((piece for piece in existing if not piece.endpoints and not piece.ports), None)
    if empty is None and existing:
        copy = _refreshed(service, existing[0], [])
        copy.ports = None
        result.update.append(copy)
        result.delete += existing[1:]
        return
    if empty is None:
        result.create.append(_new_slice(service, [], (), family))
        return
    copy = _refreshed(service, empty, [])
    if copy != empty:
        result.update.append(copy)
    result.delete += [piece for piece in existing if piece is not empty]


def wanted_labels(service: Service) -> dict[str, str]:
    """The Service's labels, and those that tie the slice to it."""
    reserved = {SERVICE_NAME, MANAGED_BY, serving.HEADLESS}
    own = {key: value for key, value in service.metadata.labels.items() if key not in reserved}
    own |= {SERVICE_NAME: service.metadata.name, MANAGED_BY: MANAGER}
    return own | ({serving.HEADLESS: ""} if serving.is_headless(service) else {})


def _refreshed(service: Service, piece: EndpointSlice, endpoints: list[Endpoint]) -> EndpointSlice:
    copy = deep_copy(piece)
    copy.endpoints = endpoints or None
    copy.metadata.labels = wanted_labels(service)
    copy.metadata.owner_references = [controller_ref(service)]
    return copy


def _new_slice(service: Service, endpoints: list[Endpoint], ports: Ports, family: str) -> EndpointSlice:
    meta = service.metadata
    return EndpointSlice(
        api_version="discovery.k8s.io/v1", kind="EndpointSlice",
        metadata=ObjectMeta(
            generate_name=meta.name + "-", namespace=meta.namespace, labels=wanted_labels(service),
            owner_references=[controller_ref(service)],
        ),
        address_type=family, endpoints=endpoints,
        ports=[EndpointPort(name=name, protocol=protocol, port=port, app_protocol=app) for name, protocol, port, app in ports],
    )


def _ports(service: Service, pod: Pod) -> list[tuple[str, str, int | None, str | None]]:
    rows: list[tuple[str, str, int | None, str | None]] = []
    for port in service.spec.ports:
        number = serving.port_of(pod, port)
        if number is not None:
            rows.append((port.name, port.protocol or "TCP", number, port.app_protocol))
    return rows


def _ports_of(piece: EndpointSlice) -> Ports:
    return tuple((port.name or "", port.protocol or "TCP", port.port, port.app_protocol) for port in piece.ports or ())


def _endpoint(service: Service, pod: Pod, address: str, zone_of: Callable[[str], str | None]) -> Endpoint:
    ready, terminating = is_ready(pod), bool(pod.metadata.deletion_timestamp)
    return Endpoint(
        addresses=[address],
        conditions=EndpointConditions(
            ready=bool(service.spec.publish_not_ready_addresses) or (ready and not terminating), serving=ready, terminating=terminating
        ),
        hostname=serving.hostname_of(pod, service) or None, node_name=pod.spec.node_name or None, target_ref=serving.reference_to(pod),
        zone=zone_of(pod.spec.node_name),
    )
