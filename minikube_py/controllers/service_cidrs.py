"""ServiceCIDRs and IPAddresses: the ranges of cluster IPs as objects, and which service holds which address.

Owns the default ServiceCIDR, the finalizer and the condition of all of them, and puts right IPAddresses of services that are not as they
should be. Does not give out addresses: the API server does, from the ranges that are ready here, and makes their IPAddresses.
Source: pkg/controlplane/controller/defaultservicecidr, pkg/controller/servicecidrs,
pkg/registry/core/service/ipallocator/controller/repairip.go
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from minikube_py.apis.core_v1 import Service
from minikube_py.apis.meta_v1 import Condition, ObjectMeta
from minikube_py.apis.networking_v1 import IPAddress, ServiceCIDR, ServiceCIDRSpec
from minikube_py.apis.scheme import deep_copy
from minikube_py.apis.service_addresses import ALLOCATOR, MANAGED_BY, allocated, cluster_ips
from minikube_py.client.informer import key_of
from minikube_py.core.clock import rfc3339
from minikube_py.core.errors import AlreadyExistsError, ConflictError, NotFoundError

from .base import Context, Controller
from .status import age_s, with_condition

DEFAULT = "kubernetes"
FINALIZER = "networking.k8s.io/service-cidr-finalizer"
# How long a range that nothing holds stays, so that all who give out addresses have seen that it goes.
# Source: pkg/controller/servicecidrs/servicecidrs_controller.go (deletionGracePeriod)
_DELETION_GRACE_S = 10.0
_READY = "Kubernetes Service CIDR is ready"
_IN_USE = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class DefaultServiceCidr(Controller):
    """Makes the ServiceCIDR of the options, and tells if another range stands there."""

    name = "default-service-cidr"
    component = "kubernetes-service-cidr-controller"
    workers = 1

    def __init__(self, context: Context, service_cidr: str) -> None:
        super().__init__(context)
        self._cidrs = [str(ipaddress.ip_network(service_cidr))]
        self._told = False
        self.cidrs = self.informer(ServiceCIDR)
        self.cidrs.add_handler(self._changed)

    def _changed(self, old: ServiceCIDR | None, new: ServiceCIDR | None) -> None:
        obj = new if new is not None else old
        if obj is not None and obj.metadata.name == DEFAULT:
            self.queue.add(DEFAULT)

    async def background(self) -> None:
        self.queue.add(DEFAULT)

    async def reconcile(self, key: str) -> float | None:
        found = self.cidrs.get(key)
        if found is None:
            await self.client.create(ServiceCIDR(
                api_version="networking.k8s.io/v1", kind="ServiceCIDR", metadata=ObjectMeta(name=DEFAULT),
                spec=ServiceCIDRSpec(cidrs=self._cidrs),
            ))
        elif found.spec.cidrs != self._cidrs and not found.metadata.deletion_timestamp and not self._told:
            self._told = True
            self.events.event(
                found, "Warning", "KubernetesDefaultServiceCIDRInconsistent",
                f"The default ServiceCIDR [{' '.join(found.spec.cidrs)}] does not match the controller flag configurations "
                f"[{' '.join(self._cidrs)}]",
            )
        return None


class ServiceCidrController(Controller):
    """Ranges are ready from their first moment on, and go when no address depends on them."""

    name = "service-cidr-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.cidrs = self.informer(ServiceCIDR)
        self.addresses = self.informer(IPAddress)
        self.cidrs.add_handler(self._cidr_changed)
        self.addresses.add_handler(self._address_changed)

    def _cidr_changed(self, old: ServiceCIDR | None, new: ServiceCIDR | None) -> None:
        """A range that comes or goes matters to all that overlap with it."""
        obj = new if new is not None else old
        if obj is None:
            return
        self.enqueue(obj)
        networks = _networks(obj)
        for other in self.cidrs.list():
            if any(_overlap(one, two) for one in networks for two in _networks(other)):
                self.enqueue(other)

    def _address_changed(self, old: IPAddress | None, new: IPAddress | None) -> None:
        obj = new if new is not None else old
        if obj is not None and (old is None or new is None) and obj.metadata.labels.get(MANAGED_BY) == ALLOCATOR:
            for cidr in self._containing(obj):
                self.enqueue(cidr)

    def _containing(self, address: IPAddress) -> list[ServiceCIDR]:
        number = ipaddress.ip_address(address.metadata.name)
        return [cidr for cidr in self.cidrs.list() if any(number in network for network in _networks(cidr))]

    async def reconcile(self, key: str) -> float | None:
        cidr = self.cidrs.get(key)
        if cidr is None:
            return None
        try:
            return await (self._release(cidr) if cidr.metadata.deletion_timestamp else self._keep(cidr))
        except (NotFoundError, ConflictError):
            # What has changed comes by the watch.
            return None

    async def _keep(self, cidr: ServiceCIDR) -> None:
        if FINALIZER not in cidr.metadata.finalizers:
            copy = deep_copy(cidr)
            copy.metadata.finalizers = [*copy.metadata.finalizers, FINALIZER]
            cidr = await self.client.update(copy)
        await self._say(cidr, "True", "", _READY)

    async def _release(self, cidr: ServiceCIDR) -> float | None:
        if FINALIZER not in cidr.metadata.finalizers:
            return None
        if not self._can_go(cidr):
            await self._say(cidr, "False", "Terminating", _IN_USE)
            return None
        left_s = _DELETION_GRACE_S - age_s(self.clock.now(), cidr.metadata.deletion_timestamp)
        if left_s > 0:
            return left_s
        copy = deep_copy(cidr)
        copy.metadata.finalizers = [each for each in copy.metadata.finalizers if each != FINALIZER]
        await self.client.update(copy)
        return None

    def _can_go(self, cidr: ServiceCIDR) -> bool:
        """Whether other ranges contain this one, or at least every address of a service in it."""
        others = [network for other in self.cidrs.list() if other.metadata.name != cidr.metadata.name for network in _networks(other)]
        if all(any(_contains(other, network) for other in others) for network in _networks(cidr)):
            return True
        return not any(
            [other.metadata.name for other in self._containing(address)] == [cidr.metadata.name]
            for address in self.addresses.list() if address.metadata.labels.get(MANAGED_BY) == ALLOCATOR
        )

    async def _say(self, cidr: ServiceCIDR, status: str, reason: str, message: str) -> None:
        row = Condition(type="Ready", status=status, reason=reason, message=message, last_transition_time=rfc3339(self.clock.now()))
        conditions = with_condition(cidr.status.conditions, row)
        if conditions != cidr.status.conditions:
            copy = deep_copy(cidr)
            copy.status.conditions = conditions
            await self.client.update(copy, subresource="status")


class ServiceAddresses(Controller):
    """Every cluster IP of a service has its IPAddress, and those that say so without being one go."""

    name = "service-addresses"
    component = "ipallocator-repair-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.services = self.informer(Service)
        self.addresses = self.informer(IPAddress)
        self._holders: dict[str, str] = {}
        self.services.add_handler(self._service_changed)
        self.addresses.add_handler(self.enqueue_changed)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        before, after = ([] if service is None else cluster_ips(service) for service in (old, new))
        for address in before:
            if address not in after and old is not None and self._holders.get(address) == key_of(old):
                del self._holders[address]
                self.queue.add(address)
        for address in after:
            if new is not None and address not in before:
                self._holders[address] = key_of(new)
                self.queue.add(address)

    async def reconcile(self, key: str) -> float | None:
        found, holder = self.addresses.get(key), self._holders.get(key)
        if found is not None and holder is None and found.metadata.labels.get(MANAGED_BY) != ALLOCATOR:
            return None
        wanted = None if holder is None else allocated(key, holder)
        if found is not None:
            if wanted is not None and (found.spec, found.metadata.labels) == (wanted.spec, wanted.metadata.labels):
                return None
            try:
                await self.client.delete(IPAddress, key, uid=found.metadata.uid)
            except (NotFoundError, ConflictError):
                return None
        if wanted is not None:
            try:
                await self.client.create(wanted)
            except AlreadyExistsError:
                # The cache does not show it yet; its event brings it here again.
                return None
        return None


def _networks(cidr: ServiceCIDR) -> Sequence[Network]:
    return [ipaddress.ip_network(text, strict=False) for text in cidr.spec.cidrs]


def _overlap(one: Network, two: Network) -> bool:
    return one.version == two.version and (one[0] in two or two[0] in one)


def _contains(outer: Network, inner: Network) -> bool:
    return outer.version == inner.version and inner[0] in outer and outer.prefixlen <= inner.prefixlen
