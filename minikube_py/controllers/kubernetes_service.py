"""The Service `kubernetes` in `default`: the way of pods to the API server.

Owns the Service (the first address of the service range, without selector), its Endpoints and its EndpointSlice, which name the
addresses of the API servers. A single server names itself.
Source: pkg/controlplane/controller/kubernetesservice, pkg/controlplane/reconcilers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from minikube_py.apis.core_v1 import (
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    Namespace,
    Service,
    ServicePort,
    ServiceSpec,
)
from minikube_py.apis.discovery_v1 import Endpoint, EndpointConditions, EndpointSlice
from minikube_py.apis.discovery_v1 import EndpointPort as SlicePort
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.scheme import deep_copy

from .base import Context, Controller

NAME, NAMESPACE = "kubernetes", "default"
_KEY = f"{NAMESPACE}/{NAME}"
_PORT = "https"


@dataclass(frozen=True, slots=True)
class ApiServerAddress:
    """Where the API servers are: their addresses and port, and the range of service addresses."""

    addresses: Sequence[str]
    port: int = 6443
    service_cidr: str = "10.43.0.0/16"

    @property
    def cluster_ip(self) -> str:
        """The first address of the range."""
        return str(ipaddress.ip_network(self.service_cidr)[1])


class KubernetesService(Controller):
    """Keeps the Service and what is behind it."""

    name = "kubernetes-service"
    workers = 1

    def __init__(self, context: Context, address: ApiServerAddress) -> None:
        super().__init__(context)
        self._address = address
        self.namespaces = self.informer(Namespace)
        self.services = self.informer(Service)
        self.endpoints = self.informer(Endpoints)
        self.slices = self.informer(EndpointSlice)
        self.namespaces.add_handler(self._namespace_changed)
        for informer in (self.services, self.endpoints, self.slices):
            informer.add_handler(self._changed)

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if new is not None and old is None and new.metadata.name == NAMESPACE:
            self.queue.add(_KEY)

    def _changed(self, old: Service | Endpoints | EndpointSlice | None, new: Service | Endpoints | EndpointSlice | None) -> None:
        obj = new or old
        if obj is not None and obj.metadata.name == NAME and obj.metadata.namespace == NAMESPACE:
            self.queue.add(_KEY)

    async def reconcile(self, key: str) -> float | None:
        if self.namespaces.get(NAMESPACE) is None:
            return None
        await self._keep_service()
        await self._keep_endpoints()
        await self._keep_slice()
        return None

    async def _keep_service(self) -> None:
        ports = [ServicePort(name=_PORT, protocol="TCP", port=443, target_port=self._address.port)]
        current = self.services.get(NAME, NAMESPACE)
        if current is None:
            ip = self._address.cluster_ip
            await self.client.create(Service(
                api_version="v1", kind="Service",
                metadata=ObjectMeta(name=NAME, namespace=NAMESPACE, labels={"component": "apiserver", "provider": "kubernetes"}),
                spec=ServiceSpec(
                    cluster_ip=ip, cluster_ips=[ip], ip_family_policy="SingleStack", ip_families=[_family(ip)], ports=ports,
                    session_affinity="None", type="ClusterIP",
                ),
            ))
        elif current.spec.ports != ports:
            copy = deep_copy(current)
            copy.spec.ports = ports
            await self.client.update(copy)

    async def _keep_endpoints(self) -> None:
        subsets = [EndpointSubset(
            addresses=[EndpointAddress(ip=ip) for ip in self._address.addresses],
            ports=[EndpointPort(name=_PORT, port=self._address.port, protocol="TCP")],
        )]
        labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
        current = self.endpoints.get(NAME, NAMESPACE)
        if current is None:
            meta = ObjectMeta(name=NAME, namespace=NAMESPACE, labels=labels)
            await self.client.create(Endpoints(api_version="v1", kind="Endpoints", metadata=meta, subsets=subsets))
        elif current.subsets != subsets or current.metadata.labels != labels:
            copy = deep_copy(current)
            copy.subsets, copy.metadata.labels = subsets, labels
            await self.client.update(copy)

    async def _keep_slice(self) -> None:
        addresses = list(self._address.addresses)
        endpoints = [Endpoint(addresses=[ip], conditions=EndpointConditions(ready=True)) for ip in addresses]
        ports = [SlicePort(name=_PORT, port=self._address.port, protocol="TCP")]
        labels = {"kubernetes.io/service-name": NAME}
        current = self.slices.get(NAME, NAMESPACE)
        if current is None:
            await self.client.create(EndpointSlice(
                api_version="discovery.k8s.io/v1", kind="EndpointSlice",
                metadata=ObjectMeta(name=NAME, namespace=NAMESPACE, labels=labels), address_type=_family(addresses[0]),
                endpoints=endpoints, ports=ports,
            ))
        elif (current.endpoints, current.ports, current.metadata.labels) != (endpoints, ports, labels):
            copy = deep_copy(current)
            copy.endpoints, copy.ports, copy.metadata.labels = endpoints, ports, labels
            await self.client.update(copy)


def _family(ip: str) -> str:
    return "IPv6" if ":" in ip else "IPv4"
