"""Strategy of services: cluster IPs and node ports are given out here, and nowhere else.

What is taken is known from the services in the store, read once, and from what was given out since. A number that a service gives up
is free from the moment that the change is safe and visible, not when it is asked for: a write that fails frees nothing that is in use.
Source: pkg/registry/core/service/storage/alloc.go, kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
"""

from __future__ import annotations

import ipaddress
import random
from typing import Any

import msgspec

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import decoder
from minikube_py.apis.validation.services import needs_health_check
from minikube_py.core.errors import Cause, internal
from minikube_py.store.interface import Entry, Store, WatchEvent

from ..context import Context
from ..strategy import Strategy
from .service_families import settle_families
from .service_ranges import ServiceRanges

_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


class NodePorts:
    """The ports of a range, each given out once. A free one is found by trying at random, then in order."""

    def __init__(self, first: int, last: int) -> None:
        self._first = first
        self._last = last
        self._taken: set[int] = set()

    def take(self, number: int) -> bool:
        """Take one number; False if it is taken or outside of the range."""
        if not self._first <= number <= self._last or number in self._taken:
            return False
        self._taken.add(number)
        return True

    def take_any(self) -> int:
        """Take any free number.

        Raises: InternalError when all are taken.
        """
        for _ in range(16):
            number: int = random.randint(self._first, self._last)
            if self.take(number):
                return number
        for number in range(self._first, self._last + 1):
            if self.take(number):
                return number
        raise internal("failed to allocate a nodePort: range is full")

    def free(self, number: int) -> None:
        self._taken.discard(number)


class ServiceStrategy(Strategy):
    """Services.

    Args:
        service_cidr: range of cluster IPs while no ServiceCIDR says another.
        node_ports: first and last node port.
        store: where services are kept; read before the first allocation, followed from then on.
    """

    COLLECTION = "services"
    create_on_update = True
    # Source: pkg/registry/core/service/storage/storage.go (afterDelete)
    companion = core_v1.Endpoints

    def __init__(self, service_cidr: str, node_ports: tuple[int, int], store: Store) -> None:
        self._ips = ServiceRanges(service_cidr, store)
        self._ports = NodePorts(*node_ports)
        self._node_ports = node_ports
        self._store = store
        self._loaded = False

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        self._ips.load()
        listing = self._store.list(self.COLLECTION)
        for entry in listing.entries:
            spec = _spec(entry)
            for ip in addresses_of(spec):
                self._ips.hold(ip)
            for port in node_ports_of(spec):
                self._ports.take(port)
        self._store.watch(self.COLLECTION, listing.revision, self._changed)

    def _changed(self, event: WatchEvent) -> None:
        """Free what a service gave up by a change that is now visible."""
        if event.previous is not None:
            self._free(_spec(event.previous), None if event.type == "DELETED" else _spec(event.entry))

    def prepare_create(self, obj: Any, context: Context) -> None:
        super().prepare_create(obj, context)
        self._load()
        spec = obj.spec
        if spec.cluster_ip and not spec.cluster_ips:
            spec.cluster_ips = [spec.cluster_ip]
        _drop_inner_policy(spec)

    def causes_of_create(self, obj: Any, context: Context) -> list[Cause]:
        return settle_families(obj.spec, None, self._ips.family) or super().causes_of_create(obj, context)

    def causes_of_update(self, new: Any, old: Any, subresource: str, context: Context) -> list[Cause]:
        causes = [] if subresource else settle_families(new.spec, old.spec, self._ips.family)
        return causes or super().causes_of_update(new, old, subresource, context)

    def validate_create(self, obj: Any, context: Context) -> list[Cause]:
        return self._allocate(obj, None)

    def prepare_update(self, new: Any, old: Any, context: Context) -> None:
        super().prepare_update(new, old, context)
        self._load()
        spec, known = new.spec, old.spec
        _keep_allocated(spec, known)
        _agree_addresses(spec, known)
        _drop_unneeded(spec, known)
        balancer = new.status.load_balancer
        if spec.type != "LoadBalancer" and balancer is not None and balancer.ingress:
            new.status = msgspec.structs.replace(new.status, load_balancer=core_v1.LoadBalancerStatus())
        _drop_inner_policy(spec)

    def validate_update(self, new: Any, old: Any, context: Context) -> list[Cause]:
        return self._allocate(new, old)

    def abandon(self, new: Any, old: Any) -> None:
        self._free(new.spec, old.spec if old is not None else None)

    def _allocate(self, new: core_v1.Service, old: core_v1.Service | None) -> list[Cause]:
        """Take what `new` (found valid) wants and does not have from `old`; on a cause nothing stays taken.

        Raises: InternalError when all are taken; nothing stays taken then either.
        """
        taken_ips: list[int] = []
        taken_ports: list[int] = []
        all_taken = False
        try:
            causes = self._take_all(new.spec, old.spec if old else None, taken_ips, taken_ports)
            all_taken = not causes
            return causes
        finally:
            if not all_taken:
                for ip in taken_ips:
                    self._ips.free(ip)
                for port in taken_ports:
                    self._ports.free(port)

    def _take_all(
        self, spec: core_v1.ServiceSpec, known: core_v1.ServiceSpec | None, taken_ips: list[int], taken_ports: list[int]
    ) -> list[Cause]:
        causes: list[Cause] = []
        if spec.type != "ExternalName":
            causes = self._allocate_ips(spec, addresses_of(known) if known else [], taken_ips)
        if not causes and spec.type in ("NodePort", "LoadBalancer"):
            had = node_ports_of(known) if known else []
            causes = self._allocate_ports(spec, had, taken_ports) if known else self._allocate_new_ports(spec, taken_ports)
            causes = causes or self._allocate_health_check(spec, had, taken_ports)
        return causes

    def _allocate_ips(self, spec: core_v1.ServiceSpec, had: list[int], taken: list[int]) -> list[Cause]:
        if spec.cluster_ip == "None":
            spec.cluster_ips = ["None"]
            return []
        if not spec.cluster_ip:
            address = self._ips.take_any()
            taken.append(int(address))
            spec.cluster_ip = str(address)
            spec.cluster_ips = [spec.cluster_ip]
            return []
        if not spec.cluster_ips:
            spec.cluster_ips = [spec.cluster_ip]
        for index, number in enumerate(addresses_of(spec)):
            if number in had:
                continue
            why = self._ips.take(ipaddress.ip_address(spec.cluster_ips[index]))
            if why:
                value = f'Invalid value: ["{spec.cluster_ips[index]}"]: failed to allocate IP {spec.cluster_ips[index]}: '
                return [Cause("FieldValueInvalid", value + why, "spec.clusterIPs")]
            taken.append(number)
        return []

    def _allocate_new_ports(self, spec: core_v1.ServiceSpec, taken: list[int]) -> list[Cause]:
        """Give the ports of a new service their node ports: those with one number, of several protocols, share one.

        Source: pkg/registry/core/service/storage/alloc.go (initNodePorts)
        """
        shared: dict[int, int] = {}
        for index, port in enumerate(spec.ports):
            if not port.node_port and not _gets_node_ports(spec):
                continue
            if port.port in shared:
                port.node_port = port.node_port or shared[port.port]
                wanted = port.node_port if port.node_port != shared[port.port] else 0
            else:
                wanted = next((other.node_port for other in spec.ports if other.port == port.port and other.node_port), 0)
                port.node_port = shared[port.port] = wanted or self._ports.take_any()
                if not wanted:
                    taken.append(port.node_port)
            if wanted:
                if not self._ports.take(wanted):
                    return [self._why_not_port(wanted, f"spec.ports[{index}].nodePort")]
                taken.append(wanted)
        return []

    def _allocate_ports(self, spec: core_v1.ServiceSpec, had: list[int], taken: list[int]) -> list[Cause]:
        for index, port in enumerate(spec.ports):
            if port.node_port:
                causes = self._take_port(port.node_port, f"spec.ports[{index}].nodePort", had, taken)
                if causes:
                    return causes
            elif _gets_node_ports(spec):
                port.node_port = self._ports.take_any()
                taken.append(port.node_port)
        return []

    def _allocate_health_check(self, spec: core_v1.ServiceSpec, had: list[int], taken: list[int]) -> list[Cause]:
        if not needs_health_check(spec):
            spec.health_check_node_port = 0
        elif spec.health_check_node_port:
            return self._take_port(spec.health_check_node_port, "spec.healthCheckNodePort", had, taken)
        else:
            spec.health_check_node_port = self._ports.take_any()
            taken.append(spec.health_check_node_port)
        return []

    def _take_port(self, wanted: int, field: str, had: list[int], taken: list[int]) -> list[Cause]:
        """Take a node port that a client chose; ports of several protocols share it."""
        if wanted in had or wanted in taken or self._ports.take(wanted):
            if wanted not in had and wanted not in taken:
                taken.append(wanted)
            return []
        return [self._why_not_port(wanted, field)]

    def _why_not_port(self, wanted: int, field: str) -> Cause:
        first, last = self._node_ports
        why = "provided port is already allocated" if first <= wanted <= last else \
            f"provided port is not in the valid range. The range of valid ports is {first}-{last}"
        return Cause("FieldValueInvalid", f"Invalid value: {wanted}: {why}", field)

    def _free(self, spec: core_v1.ServiceSpec, keep: core_v1.ServiceSpec | None) -> None:
        """Give back what `spec` holds and `keep` does not."""
        kept_ips = addresses_of(keep) if keep else ()
        kept_ports = node_ports_of(keep) if keep else ()
        for ip in addresses_of(spec):
            if ip not in kept_ips:
                self._ips.free(ip)
        for port in node_ports_of(spec):
            if port not in kept_ports:
                self._ports.free(port)


def _gets_node_ports(spec: core_v1.ServiceSpec) -> bool:
    return spec.type == "NodePort" or spec.allocate_load_balancer_node_ports is not False


def _drop_inner_policy(spec: core_v1.ServiceSpec) -> None:
    """Nothing inside goes to a service that is a name only; upstream takes the policy and never shows it.

    Source: pkg/registry/core/service/storage/storage.go (defaultOnReadInternalTrafficPolicy)
    """
    if spec.type == "ExternalName":
        spec.internal_traffic_policy = None


def _keep_allocated(spec: core_v1.ServiceSpec, known: core_v1.ServiceSpec) -> None:
    """Fill in what was given out before and the client left out, so that who sends the first form again changes nothing.

    Node ports go by the port's name: a port that has another number, and no longer its node port, gets that back.
    Source: pkg/registry/core/service/storage/storage.go (patchAllocatedValues)
    """
    if spec.type != "ExternalName" and known.type != "ExternalName":
        spec.cluster_ip = spec.cluster_ip or known.cluster_ip
        spec.cluster_ips = spec.cluster_ips or known.cluster_ips
    if spec.type in _WITH_NODE_PORTS and known.type in _WITH_NODE_PORTS:
        in_use = {port.node_port for port in spec.ports} & {port.node_port for port in known.ports}
        had = {port.name: port.node_port for port in known.ports}
        for port in spec.ports:
            if not port.node_port and (number := had.get(port.name, 0)) not in in_use:
                port.node_port = number
    if needs_health_check(spec) and needs_health_check(known):
        spec.health_check_node_port = spec.health_check_node_port or known.health_check_node_port


def _agree_addresses(spec: core_v1.ServiceSpec, known: core_v1.ServiceSpec) -> None:
    """Let `clusterIPs` follow a `clusterIP` that the client changed alone.

    Source: pkg/registry/core/service/storage/storage.go (normalizeClusterIPs)
    """
    if not spec.cluster_ips and spec.cluster_ip == known.cluster_ip:
        spec.cluster_ips = known.cluster_ips
    if spec.cluster_ip != known.cluster_ip and spec.cluster_ips == known.cluster_ips:
        spec.cluster_ips = [spec.cluster_ip] if spec.cluster_ip else []


def _drop_unneeded(spec: core_v1.ServiceSpec, known: core_v1.ServiceSpec) -> None:
    """Clear what belongs to the old type only and was left as it is: the client that changed the type need not know of it.

    Source: pkg/registry/core/service/strategy.go (dropTypeDependentFields)
    """
    if known.type != "ExternalName" and spec.type == "ExternalName":
        if (spec.cluster_ip, spec.cluster_ips) == (known.cluster_ip, known.cluster_ips):
            spec.cluster_ip, spec.cluster_ips = "", []
        if spec.ip_families == known.ip_families:
            spec.ip_families = []
        if spec.ip_family_policy == known.ip_family_policy:
            spec.ip_family_policy = None
    if known.type in _WITH_NODE_PORTS and spec.type not in _WITH_NODE_PORTS:
        had = {port.node_port for port in known.ports}
        if all(port.node_port in had for port in spec.ports if port.node_port):
            for port in spec.ports:
                port.node_port = 0
    if needs_health_check(known) and not needs_health_check(spec) and spec.health_check_node_port == known.health_check_node_port:
        spec.health_check_node_port = 0
    if known.type == "LoadBalancer" and spec.type != "LoadBalancer":
        if spec.allocate_load_balancer_node_ports == known.allocate_load_balancer_node_ports:
            spec.allocate_load_balancer_node_ports = None
        if spec.load_balancer_class == known.load_balancer_class:
            spec.load_balancer_class = None
    if _reached_from_outside(known) and not _reached_from_outside(spec) and spec.external_traffic_policy == known.external_traffic_policy:
        spec.external_traffic_policy = ""


def _reached_from_outside(spec: core_v1.ServiceSpec) -> bool:
    return spec.type in _WITH_NODE_PORTS or (spec.type == "ClusterIP" and bool(spec.external_ips))


def _spec(entry: Entry) -> core_v1.ServiceSpec:
    service: core_v1.Service = entry.obj if entry.obj is not None else decoder(core_v1.Service).decode(entry.data)
    return service.spec


def addresses_of(spec: core_v1.ServiceSpec) -> list[int]:
    """The cluster IPs that a service holds, as numbers."""
    if spec.type == "ExternalName":
        return []
    return [int(ipaddress.ip_address(ip)) for ip in spec.cluster_ips or [spec.cluster_ip] if ip and ip != "None"]


def node_ports_of(spec: core_v1.ServiceSpec) -> list[int]:
    """The node ports that a service holds; services of other types may name some, but hold none."""
    if spec.type not in ("NodePort", "LoadBalancer"):
        return []
    ports = [port.node_port for port in spec.ports if port.node_port]
    if spec.health_check_node_port:
        ports.append(spec.health_check_node_port)
    return ports
