"""The EndpointSlice mirroring controller: slices for Endpoints that people or programs write themselves.

Only Services without a selector are mirrored, and only Endpoints that do not ask to be left out. Readers of slices then need not know
Endpoints.
Source: pkg/controller/endpointslicemirroring; kubernetes.io/docs/concepts/services-networking/service/#custom-endpoints
"""

from __future__ import annotations

import asyncio

from minikube_py.apis.core_v1 import EndpointAddress, Endpoints, EndpointSubset, Service
from minikube_py.apis.discovery_v1 import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.scheme import deep_copy
from minikube_py.core.errors import NotFoundError

from .. import serving
from ..base import Context, Controller
from ..expectations import Expectations
from ..pod_control import first_failure, namespace_is_terminating
from ..refs import controller_ref
from .slices import MANAGED_BY, SERVICE_NAME

MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
# Source: kube-controller-manager's --mirroring-max-endpoints-per-subset.
ADDRESSES_MAX = 1000
_LEADER = "control-plane.alpha.kubernetes.io/leader"
_BY_SERVICE = "mirror"


class EndpointSliceMirroringController(Controller):
    """Slices of Endpoints that no controller made."""

    name = "endpoint_slice_mirroring"
    component = "endpoint-slice-mirroring-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.endpoints = self.informer(Endpoints)
        self.services = self.informer(Service)
        self.slices = self.informer(EndpointSlice)
        self.slices.add_index(_BY_SERVICE, _mirrored_keys)
        self.expectations = Expectations(self.slices)
        self.endpoints.add_handler(self.enqueue_changed)
        self.services.add_handler(self._service_changed)
        self.slices.add_handler(self._slice_changed)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        if old is None or new is None or serving.is_selecting(old) != serving.is_selecting(new):
            self.enqueue_changed(old, new)

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        for piece in (old, new):
            if piece is not None:
                for key in _mirrored_keys(piece):
                    self.queue.add(key)

    async def reconcile(self, key: str) -> float | None:
        if not self.expectations.satisfied(key):
            return self.expectations.remaining_s(key)
        endpoints, service = self.endpoints.get_key(key), self.services.get_key(key)
        wanted: list[EndpointSlice] = []
        if endpoints is not None and service is not None and _is_mirrored(endpoints, service):
            wanted = mirror(endpoints)
        existing = list(self.slices.by_index(_BY_SERVICE, key))
        requests = []
        for piece in wanted:
            match = next((row for row in existing if _kind_of(row) == _kind_of(piece)), None)
            if match is None:
                requests.append(self._create(key, piece))
                continue
            existing.remove(match)
            if _content(match) != _content(piece):
                copy = deep_copy(match)
                copy.endpoints, copy.metadata.labels = piece.endpoints, piece.metadata.labels
                copy.metadata.annotations = piece.metadata.annotations
                requests.append(self._update(copy))
        requests += [self._delete(piece) for piece in existing]
        failure = first_failure(await asyncio.gather(*requests, return_exceptions=True))
        if failure is not None and not namespace_is_terminating(failure):
            raise failure
        return None

    async def _create(self, key: str, piece: EndpointSlice) -> None:
        with self.expectations.creating():
            self.expectations.expect_created(key, await self.client.create(piece))

    async def _update(self, piece: EndpointSlice) -> None:
        await self.client.update(piece)

    async def _delete(self, piece: EndpointSlice) -> None:
        try:
            await self.client.delete(EndpointSlice, piece.metadata.name, piece.metadata.namespace, uid=piece.metadata.uid)
        except NotFoundError:
            return


def mirror(endpoints: Endpoints) -> list[EndpointSlice]:
    """The slices that show Endpoints: one for each subset and family of addresses."""
    made = []
    for subset in endpoints.subsets:
        for family in ("IPv4", "IPv6"):
            rows = _endpoints(subset, family)
            if rows:
                made.append(_slice(endpoints, subset, family, rows))
    return made


def _endpoints(subset: EndpointSubset, family: str) -> list[Endpoint]:
    rows = [(address, True) for address in subset.addresses] + [(address, False) for address in subset.not_ready_addresses]
    return [_endpoint(address, ready) for address, ready in rows[:ADDRESSES_MAX] if (":" in address.ip) == (family == "IPv6")]


def _endpoint(address: EndpointAddress, ready: bool) -> Endpoint:
    return Endpoint(
        addresses=[address.ip], conditions=EndpointConditions(ready=ready), hostname=address.hostname or None,
        node_name=address.node_name, target_ref=address.target_ref,
    )


def _slice(endpoints: Endpoints, subset: EndpointSubset, family: str, rows: list[Endpoint]) -> EndpointSlice:
    meta = endpoints.metadata
    labels = {key: value for key, value in meta.labels.items() if key not in (serving.HEADLESS, SKIP)}
    return EndpointSlice(
        api_version="discovery.k8s.io/v1", kind="EndpointSlice",
        metadata=ObjectMeta(
            generate_name=meta.name + "-", namespace=meta.namespace, labels={**labels, SERVICE_NAME: meta.name, MANAGED_BY: MANAGER},
            annotations={key: value for key, value in meta.annotations.items() if not key.startswith("kubectl.kubernetes.io/")},
            owner_references=[controller_ref(endpoints)],
        ),
        address_type=family, endpoints=rows,
        ports=[
            EndpointPort(name=port.name or "", protocol=port.protocol or "TCP", port=port.port, app_protocol=port.app_protocol)
            for port in subset.ports
        ],
    )


def _kind_of(piece: EndpointSlice) -> tuple[object, ...]:
    return piece.address_type, piece.ports or None


def _content(piece: EndpointSlice) -> tuple[object, ...]:
    return piece.endpoints or None, piece.metadata.labels, piece.metadata.annotations


def _is_mirrored(endpoints: Endpoints, service: Service) -> bool:
    if service.spec.selector or endpoints.metadata.deletion_timestamp:
        return False
    return endpoints.metadata.labels.get(SKIP) != "true" and _LEADER not in endpoints.metadata.annotations


def _mirrored_keys(piece: EndpointSlice) -> list[str]:
    labels = piece.metadata.labels
    if labels.get(MANAGED_BY) != MANAGER or not labels.get(SERVICE_NAME):
        return []
    return [f"{piece.metadata.namespace}/{labels[SERVICE_NAME]}"]
