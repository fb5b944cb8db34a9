"""The EndpointSlice controller: keeps the slices of each Service with a selector.

Deleting the slices of a deleted Service is the garbage collector's work: they are owned by it.
Source: pkg/controller/endpointslice/endpointslice_controller.go.
"""

from __future__ import annotations

import asyncio

from minikube_py.apis.core_v1 import Node, Pod, Service
from minikube_py.apis.discovery_v1 import EndpointSlice
from minikube_py.client.informer import key_of
from minikube_py.core.errors import NotFoundError, StatusError

from .. import serving
from ..base import Context, Controller
from ..expectations import Expectations
from ..pod_control import first_failure, namespace_is_terminating
from . import slices

_ZONE = "topology.kubernetes.io/zone"
_BY_SERVICE = "service"


class EndpointSliceController(Controller):
    """Slices of Services with a selector."""

    name = "endpoint_slice"
    component = "endpoint-slice-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.services = self.informer(Service)
        self.pods = self.informer(Pod)
        self.slices = self.informer(EndpointSlice)
        self.nodes = self.informer(Node)
        self.slices.add_index(_BY_SERVICE, _service_keys)
        self.expectations = Expectations(self.slices)
        self.services.add_handler(self.enqueue_changed)
        self.pods.add_handler(self._pod_changed)
        self.slices.add_handler(self._slice_changed)
        self.nodes.add_handler(self._node_changed)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for service in serving.selecting_services(self.services, old, new):
            self.enqueue(service)

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        for piece in (old, new):
            if piece is not None:
                for key in _service_keys(piece):
                    self.queue.add(key)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        """A node's zone is copied into its endpoints."""
        zones = {node.metadata.labels.get(_ZONE) for node in (old, new) if node is not None}
        if len(zones) == 1 and (zones == {None} or (old is not None and new is not None)):
            return
        for service in self.services.list():
            self.enqueue(service)

    async def reconcile(self, key: str) -> float | None:
        service = self.services.get_key(key)
        if service is None:
            self.expectations.forget(key)
            return None
        if not serving.is_selecting(service) or service.metadata.deletion_timestamp:
            return None
        if not self.expectations.satisfied(key):
            return self.expectations.remaining_s(key)
        pods = serving.selected_pods(self.pods, service)
        plan = slices.plan(service, pods, self.slices.by_index(_BY_SERVICE, key), self._zone_of)
        stamp = serving.trigger_time(service, pods)
        for piece in [*plan.create, *plan.update]:
            piece.metadata.annotations = {**piece.metadata.annotations, serving.TRIGGER_TIME: stamp}
        results = await asyncio.gather(
            *(self._create(key, piece) for piece in plan.create),
            *(self._update(piece) for piece in plan.update),
            *(self._delete(key, piece) for piece in plan.delete),
            return_exceptions=True,
        )
        self._raise(service, first_failure(results))
        return None

    def _raise(self, service: Service, failure: StatusError | None) -> None:
        if failure is None or namespace_is_terminating(failure):
            return
        if failure.reason != "Conflict":
            self.events.event(
                service, "Warning", "FailedToUpdateEndpointSlices",
                f"Error updating Endpoint Slices for Service {key_of(service)}: {failure}",
            )
        raise failure

    def _zone_of(self, node_name: str) -> str | None:
        node = self.nodes.get(node_name) if node_name else None
        return node.metadata.labels.get(_ZONE) if node is not None else None

    async def _create(self, key: str, piece: EndpointSlice) -> None:
        with self.expectations.creating():
            self.expectations.expect_created(key, await self.client.create(piece))

    async def _update(self, piece: EndpointSlice) -> None:
        await self.client.update(piece)

    async def _delete(self, key: str, piece: EndpointSlice) -> None:
        self.expectations.expect_deleted(key, piece)
        try:
            await self.client.delete(EndpointSlice, piece.metadata.name, piece.metadata.namespace, uid=piece.metadata.uid)
        except StatusError as error:
            self.expectations.unexpect_deleted(piece.metadata.uid)
            if not isinstance(error, NotFoundError):
                raise


def _service_keys(piece: EndpointSlice) -> list[str]:
    """The key of the Service that a slice belongs to, if this controller manages the slice."""
    labels = piece.metadata.labels
    if labels.get(slices.MANAGED_BY) != slices.MANAGER or not labels.get(slices.SERVICE_NAME):
        return []
    return [f"{piece.metadata.namespace}/{labels[slices.SERVICE_NAME]}"]
